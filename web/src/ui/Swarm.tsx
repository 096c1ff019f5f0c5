// SPDX-License-Identifier: MIT
//
// Swarm: who else has a torrent and what moves between them and the server: pieces, peers, files, trackers. Loaded when somebody looks.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type File, type SwarmPeer, type Torrent, type Tracker, api } from '../api';
import { fileName } from '../film';
import { isGuest } from '../grants';
import { bytes, language, percent, rate, t } from '../i18n';
import { type PieceMap, type Priority, cells, kindOf, kinds, priorityOf, rarest, readMap, selectionWith, shares } from '../swarm';
import { Failure, Progress } from './parts';
import { usePoll } from './poll';

const PEERS_SHOWN = 50, FILES_SHOWN = 200;
const CELL = 9, GAP = 2; // of the map, in pixels of the page
const PLENTY = 5; // so many have it: more need not be seen
const MAP_CELLS = 1024;

interface Swarm { torrent: Torrent; peers: SwarmPeer[]; peerCount: number; trackers: Tracker[]; map: PieceMap | undefined }

async function look(hash: string): Promise<Swarm> {
  // Who that is, and the trackers, guests are not told.
  const nobody = { peers: [], peerCount: 0, trackers: [] };
  const [torrent, { peers, peerCount, trackers }, pieces] = await Promise.all([api.torrent(hash), isGuest.peek() ? nobody : api.peers(hash), api.pieces(hash, MAP_CELLS)]);
  const traffic = ({ downloadRate = 0, uploadRate = 0 }: SwarmPeer) => downloadRate + uploadRate;
  return { torrent, peerCount, trackers, map: pieces.pieceCount > 0 ? readMap(pieces) : undefined,
    peers: [...peers].sort((a, b) => kinds.indexOf(kindOf(a)) - kinds.indexOf(kindOf(b)) || traffic(b) - traffic(a)) };
}

export default function SwarmView({ hash }: { hash: string }) {
  const { value: swarm, error, refresh } = usePoll(() => look(hash), [hash]);
  if (!swarm) return error !== undefined ? <Failure error={error} /> : <div class="row"><span class="spinner" role="status"><span class="unseen">{t('loading')}</span></span></div>;
  return (
    <div class="swarm stack wide">
      {error !== undefined && <Failure error={error} />}
      <Figures torrent={swarm.torrent} />
      {swarm.map && <Pieces map={swarm.map} />}
      {!isGuest.value && <Peers {...swarm} />}
      {swarm.torrent.files.length > 0 && <Files torrent={swarm.torrent} onChange={refresh} />}
      {!isGuest.value && <Trackers trackers={swarm.trackers} />}
    </div>
  );
}

function Figures({ torrent }: { torrent: Torrent }) {
  const { progress, downloadRate, uploadRate, downloadedBytes = 0, uploadedBytes = 0 } = torrent;
  const figures = [[t('swarm.has'), percent(progress)], [t('download'), rate(downloadRate)], [t('upload'), rate(uploadRate)],
    [t('swarm.ratio'), downloadedBytes > 0 ? (uploadedBytes / downloadedBytes).toLocaleString(language.value, { maximumFractionDigits: 2 }) : bytes(uploadedBytes)]];
  return <dl class="figures card">{figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

// ---- pieces

function draw(canvas: HTMLCanvasElement, { ready, states, peers, readers }: PieceMap): void {
  const style = getComputedStyle(canvas), colour = (name: string) => style.getPropertyValue(`--${name}`).trim(), step = CELL + GAP;
  const columns = Math.max(1, Math.floor((canvas.clientWidth + GAP) / step)), rows = Math.ceil(ready.length / columns), dense = devicePixelRatio || 1, pen = canvas.getContext('2d');
  canvas.width = Math.round(canvas.clientWidth * dense);
  canvas.height = Math.round(rows * step * dense);
  if (!pen) return;
  pen.scale(dense, dense);
  const fills: Record<typeof cells[number], string> = { here: colour('good'), skipped: colour('line'), missing: colour('edge'), soon: colour('warn'), coming: colour('accent') };
  const paint = (fill: string, strength: number, [x, y, width, height]: [number, number, number, number]) => {
    pen.globalAlpha = strength;
    pen.fillStyle = fill;
    pen.fillRect(x, y, width, height);
  };
  for (let cell = 0; cell < ready.length; cell++) {
    const x = cell % columns * step, y = Math.floor(cell / columns) * step, state = cells[states[cell] ?? 0] ?? 'missing', here = (ready[cell] ?? 0) / 255;
    // What is missing is the paler the fewer have it; nobody: only an edge.
    const known = Math.min(peers[cell] ?? 0, PLENTY) / PLENTY, strength = state === 'missing' || state === 'soon' ? 0.25 + 0.75 * known : 1;
    if (state !== 'here') paint(fills[state], strength, [x, y, CELL, CELL]);
    if (here > 0) paint(fills.here, 1, [x, y + CELL * (1 - here), CELL, CELL * here]);
    if (readers.has(cell)) {
      pen.globalAlpha = 1;
      pen.strokeStyle = colour('text');
      pen.lineWidth = 2;
      pen.strokeRect(x, y, CELL, CELL);
    }
  }
}

function Pieces({ map }: { map: PieceMap }) {
  const canvas = useRef<HTMLCanvasElement>(null), now = shares(map), fewest = rarest(map), looks = useSignal(0); // how often its size or its colours have changed
  useEffect(() => {
    const watch = new ResizeObserver(() => { looks.value++; }), theme = new MutationObserver(() => { looks.value++; });
    if (canvas.current) watch.observe(canvas.current);
    theme.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      watch.disconnect();
      theme.disconnect();
    };
  }, []);
  useEffect(() => { if (canvas.current) draw(canvas.current, map); }, [map, looks.value]);
  const text = [...cells.filter((cell) => cell === 'here' || now[cell] > 0).map((cell) => `${t(`cell.${cell}`)}: ${percent(now[cell])}`), ...(fewest === undefined ? [] : [t('swarm.rarest', { count: fewest })])];
  return (
    <section aria-label={t('swarm.pieces')}>
      <h3>{t('swarm.pieces')} <span class="soft tiny">{map.pieceCount.toLocaleString(language.value)}</span></h3>
      <canvas ref={canvas} class="map" role="img" aria-label={t('swarm.pieces')} aria-describedby="map-text" />
      <p id="map-text" class="unseen">{text.join('. ')}</p>
      <ul class="legend" aria-hidden="true">
        {cells.filter((cell) => cell === 'here' || now[cell] > 0).map((cell) => <li key={cell} class={`cell-${cell}`}>{t(`cell.${cell}`)} {percent(now[cell])}</li>)}
        {map.readers.size > 0 && <li class="cell-reader">{t('swarm.reader')}</li>}
        {fewest !== undefined && <li class="bare">{t('swarm.rarest', { count: fewest })}</li>}
      </ul>
    </section>
  );
}

// ---- peers

function Peers({ torrent, peers, peerCount }: Swarm) {
  const shown = peers.slice(0, PEERS_SHOWN), more = peerCount - shown.length;
  return (
    <section aria-label={t('swarm.peers')}>
      <h3>{t('swarm.peers')} <span class="soft tiny">{kinds.map((kind) => ({ kind, count: peers.filter((peer) => kindOf(peer) === kind).length })).filter(({ count }) => count > 0)
        .map(({ kind, count }) => `${t(`kind.${kind}`)}: ${count.toLocaleString(language.value)}`).join(' · ')}</span></h3>
      {shown.length === 0 ? <p class="soft">{t('swarm.noPeers')}</p> : <ul class="peers">{shown.map((peer) => <Peer key={peer.address} peer={peer} pieceCount={torrent.pieceCount ?? 0} />)}</ul>}
      {more > 0 && <p class="soft tiny">{t('swarm.more', { count: more })}</p>}
    </section>
  );
}

function Peer({ peer, pieceCount }: { peer: SwarmPeer; pieceCount: number }) {
  const { client, address, flags = [], downloadRate = 0, uploadRate = 0, downloadedBytes = 0, uploadedBytes = 0, pieces = 0 } = peer, kind = kindOf(peer);
  const has = flags.includes('seed') ? 1 : pieceCount > 0 ? Math.min(1, pieces / pieceCount) : 0;
  return (
    <li data-kind={kind}>
      <span class="kind">{t(`kind.${kind}`)}</span>
      <span class="grow"><bdi>{client.replace(/^WW /, 'WebTorrent ') || t('swarm.unnamed')}</bdi>{kind !== 'webrtc' && <bdi class="soft tiny address" dir="ltr">{address}</bdi>}</span>
      <span class="soft tiny">{t('swarm.hasPart', { part: percent(has) })}</span>
      <span class="soft tiny"><span aria-hidden="true">↓ </span><span class="unseen">{t('download')} </span>{rate(downloadRate)} ({bytes(downloadedBytes)})</span>
      <span class="soft tiny"><span aria-hidden="true">↑ </span><span class="unseen">{t('upload')} </span>{rate(uploadRate)} ({bytes(uploadedBytes)})</span>
    </li>
  );
}

// ---- files

function Files({ torrent, onChange }: { torrent: Torrent; onChange: () => Promise<void> }) {
  const { files, infoHash } = torrent, error = useSignal<unknown>(undefined), more = files.length - FILES_SHOWN;
  const isLast = (file: File) => file.isWanted && files.every((other) => other === file || !other.isWanted);
  const change = async (file: File, priority: Priority) => {
    const { files: wanted, first } = selectionWith(files, file.id, priority);
    try {
      await api.select(infoHash, wanted, first);
      error.value = undefined;
      await onChange();
    } catch (reason) {
      error.value = reason;
    }
  };
  return (
    <section aria-label={t('swarm.files')}>
      <h3>{t('swarm.files')}</h3>
      {error.value !== undefined && <Failure error={error.value} onClose={() => { error.value = undefined; }} />}
      <ul class="torrent-files">
        {files.slice(0, FILES_SHOWN).map((file) => (
          <li key={file.id}>
            <span class="grow name"><bdi>{fileName(file.path)}</bdi></span>
            <span class="soft tiny">{t('ofSize', { part: percent(file.progress), size: bytes(file.sizeBytes) })}</span>
            {file.progress < 1 && !isGuest.value && <select class="choice" aria-label={t('swarm.priority', { name: fileName(file.path) })} value={priorityOf(file)} onChange={({ currentTarget }) => void change(file, currentTarget.value as Priority)}>
              <option value="normal">{t('swarm.normal')}</option>
              <option value="first">{t('swarm.first')}</option>
              <option value="skip" disabled={isLast(file)}>{t('swarm.skip')}</option>
            </select>}
            <Progress torrent={{ ...torrent, progress: file.progress }} label={fileName(file.path)} />
          </li>
        ))}
      </ul>
      {more > 0 && <p class="soft tiny">{t('swarm.more', { count: more })}</p>}
    </section>
  );
}

// ---- trackers

function Trackers({ trackers }: { trackers: Tracker[] }) {
  return (
    <section aria-label={t('swarm.trackers')}>
      <h3>{t('swarm.trackers')}</h3>
      {trackers.length === 0 ? <p class="soft">{t('swarm.noTrackers')}</p> : (
        <ul class="trackers">
          {trackers.map(({ url, message, isWorking, fails = 0, seeds = 0, peers = 0 }) => (
            <li key={url}>
              <span class={`state ${isWorking ? '' : 'off'}`}>{t(isWorking ? 'swarm.works' : fails > 0 ? 'swarm.fails' : 'swarm.waits')}</span>
              <span class="grow"><bdi dir="ltr">{url}</bdi></span>
              {seeds + peers > 0 && <span class="soft tiny">{t('peers', { count: seeds + peers })}</span>}
              {message && <span class="soft tiny said-of"><bdi>{message}</bdi></span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
