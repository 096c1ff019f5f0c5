// SPDX-License-Identifier: MIT
//
// peer: this browser as a peer of a film's torrent, by webtorrent. It takes what the player will want next, gives what it has, and
// keeps that in the browser's private files (in memory where there are none) until it ends. What the player had from the server it
// passes on as well: to webtorrent that is a web seed.
import Wire from 'bittorrent-protocol';
import FileStore from 'fsa-chunk-store';
import parse, { type Parsed } from 'parse-torrent';
import WebTorrent, { type Torrent } from 'webtorrent';
import { Gatherer, type Layout, ahead, hereAgain, hereUntil, lengthOf, pieceAt } from './pieces';
import type { Told } from './relay';

export interface Figures { browsers: number; fromBrowsers: number; fromServer: number; given: number; downRate: number; upRate: number; keptBytes: number; isFull: boolean }
export interface Peer {
  open(): Reader;
  figures(): Figures;
  end(): void;
}
export interface Reader { ask(at: number, last: number): Promise<Told>; take(position: number, bytes: Uint8Array): void }
interface Wish {
  metainfo: Uint8Array; file: number; fileBytes: number; bytesPerS: number; tracker: string; iceServers: RTCIceServer[];
  mayTake(): boolean; // ahead of the player
  onEnd(reason: Error): void;
}

const AHEAD_S = 90, AHEAD_MIN_BYTES = 8 << 20, AHEAD_MAX_BYTES = 48 << 20;
const WORTH_BYTES = 1 << 20; // less in a row is no reason to leave the server's answer
const GIVE_BYTES = 256 << 10; // to the player at once
const PASSED_BYTES = 32 << 20; // on the way from the player to webtorrent
const KEPT_MAX_BYTES = 4 * 2 ** 30, MEMORY_MAX_BYTES = 192 << 20;
const CACHE_BYTES = 16 << 20, CACHE_PIECES = 20;
const READY_MS = 20000, FIGURES_MS = 1000;
const CONNECTIONS = 24;
const FOLDER = 'sharestream-';
const NOT_NOW = -1;
// As webtorrent names itself; rtc-svc's peers are of libtorrent.
const isBrowser = ({ peerId }: Wire): boolean => peerId.startsWith('2d5757');

// The web seed that has what came by.
class Passed extends Wire {
  override connId = 'player';
  private readonly pieces = new Map<number, Uint8Array>();
  private bytes = 0;

  constructor(infoHash: string) {
    super();
    this.setKeepAlive(true);
    this.once('handshake', () => this.handshake(infoHash, infoHash)); // ours alone: any other id would do
    this.once('interested', () => this.unchoke());
    this.on('request', (piece, offset, length, reply) => {
      const bytes = this.pieces.get(piece);
      if (bytes) reply(null, bytes.subarray(offset, offset + length));
      else reply(new Error('it is not here any more'));
    });
  }

  get held(): Iterable<number> {
    return this.pieces.keys();
  }

  // False: there is no room.
  add(piece: number, bytes: Uint8Array): boolean {
    if (this.pieces.has(piece) || this.bytes + bytes.length > PASSED_BYTES) return false;
    this.pieces.set(piece, bytes);
    this.bytes += bytes.length;
    this.have(piece);
    return true;
  }

  drop(piece: number): void {
    this.bytes -= this.pieces.get(piece)?.length ?? 0;
    this.pieces.delete(piece);
  }
}

// As torrent-svc counts files: without those that only fill up.
function fileOf({ files, info }: Parsed, id: number): Parsed['files'][number] | undefined {
  return files.filter((_, i) => !info.files?.[i]?.attr?.includes('p'.charCodeAt(0)))[id];
}

// Where pieces are kept: in a folder of the browser's private files, which nobody else uses as long as its lock is held. Those of pages
// that went without a word are cleared away. Without such files webtorrent keeps all in memory.
async function openStore(ended: Promise<void>): Promise<{ roomBytes: number; store?: new (pieceBytes: number, options: { length: number }) => object }> {
  if (!('getDirectory' in navigator.storage) || !('locks' in navigator)) return { roomBytes: MEMORY_MAX_BYTES };
  const root = await navigator.storage.getDirectory() as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }, name = `${FOLDER}${crypto.randomUUID()}`;
  await new Promise<void>((resolve) => { void navigator.locks.request(name, () => { resolve(); return ended; }); });
  const held = new Set((await navigator.locks.query()).held?.map((lock) => lock.name)), left = [];
  for await (const folder of root.keys()) if (folder.startsWith(FOLDER) && !held.has(folder)) left.push(folder);
  for (const folder of left) await root.removeEntry(folder, { recursive: true }).catch(() => {});
  const { quota = 0, usage = 0 } = await navigator.storage.estimate();
  return { roomBytes: Math.min(KEPT_MAX_BYTES, (quota - usage) / 2),
    store: class extends FileStore { constructor(pieceBytes: number, { length }: { length: number }) { super(pieceBytes, { name, length }); } } };
}

export async function join({ metainfo, file: id, fileBytes, bytesPerS, tracker, iceServers, mayTake, onEnd }: Wish): Promise<Peer> {
  const parsed = await parse(metainfo), file = fileOf(parsed, id);
  if (parsed.private) throw new Error('it is private');
  if (!file || file.length !== fileBytes) throw new Error('its files are other than the server says');
  const layout: Layout = { pieceBytes: parsed.pieceLength, pieceCount: parsed.pieces.length, totalBytes: parsed.length, fileOffset: file.offset, fileBytes };
  let setEnded = () => {};
  const { roomBytes, store } = await openStore(new Promise((resolve) => { setEnded = resolve; }));
  const aheadBytes = Math.min(AHEAD_MAX_BYTES, Math.max(AHEAD_MIN_BYTES, bytesPerS * AHEAD_S));
  const client = new WebTorrent({ dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, webSeeds: false, maxConns: CONNECTIONS, tracker: { rtcConfig: { iceServers } } });
  // Whatever else the torrent names: nobody is asked but our own tracker.
  const torrent: Torrent = client.add({ ...parsed, announce: [tracker], urlList: [] }, { deselect: true, strategy: 'rarest', destroyStoreOnDestroy: true,
    bitfield: new Uint8Array(Math.ceil(layout.pieceCount / 8)), storeCacheSlots: Math.min(CACHE_PIECES, Math.floor(CACHE_BYTES / layout.pieceBytes)), ...(store ? { store } : {}) });
  const passed = new Passed(parsed.infoHash), has = (piece: number) => torrent.bitfield.get(piece);
  let head = NOT_NOW, position = 0, keptBytes = 0, chosen = '', hasEnded = false, timer: ReturnType<typeof setInterval> | undefined;
  let before = { taken: 0, given: 0, atMs: performance.now() };
  const now: Figures = { browsers: 0, fromBrowsers: 0, fromServer: 0, given: 0, downRate: 0, upRate: 0, keptBytes: 0, isFull: false };

  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    clearInterval(timer);
    client.destroy(setEnded);
  };
  const fail = (reason: Error) => {
    if (hasEnded) return;
    end();
    onEnd(reason);
  };

  // What is to be had: a stretch ahead of the player, and what it had from the server.
  function choose(): void {
    const wanted = now.isFull || !mayTake() || head === NOT_NOW ? undefined : ahead(layout, position, aheadBytes), held = [...passed.held];
    const choice = JSON.stringify([wanted, held]);
    if (choice === chosen || torrent.destroyed) return;
    chosen = choice;
    torrent.deselect(0, layout.pieceCount - 1);
    if (wanted) torrent.select(wanted.from, wanted.to, 1);
    for (const piece of held) torrent.select(piece, piece, 2);
  }

  function moveTo(to: number): void {
    position = to;
    if (pieceAt(layout, to) === head) return;
    head = pieceAt(layout, to);
    choose();
  }

  function count(): void {
    const atMs = performance.now(), taken = now.fromBrowsers, seconds = (atMs - before.atMs) / 1000;
    now.browsers = torrent.wires.filter((wire) => wire.type === 'webrtc' && isBrowser(wire)).length;
    now.downRate = (taken - before.taken) / seconds;
    now.upRate = (now.given - before.given) / seconds;
    before = { taken, given: now.given, atMs };
    choose(); // the server may have all of it by now
  }

  client.on('error', fail);
  torrent.on('error', fail);
  torrent.on('warning', () => {}); // a tracker that is away; it comes back
  torrent.on('wire', (wire) => {
    if (wire.type !== 'webrtc') return;
    wire.on('download', (bytes) => { now[isBrowser(wire) ? 'fromBrowsers' : 'fromServer'] += bytes; });
    wire.on('upload', (bytes) => { now.given += bytes; });
  });
  torrent.on('verified', (piece) => {
    keptBytes += lengthOf(layout, piece);
    now.keptBytes = keptBytes;
    now.isFull = keptBytes + aheadBytes > roomBytes;
    passed.drop(piece);
  });
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('webtorrent does not begin')), READY_MS);
    torrent.on('error', reject);
    torrent.on('ready', () => {
      clearTimeout(late);
      resolve();
    });
  }).catch((reason: Error) => {
    end();
    throw reason;
  });
  torrent.addWebSeed(passed);
  timer = setInterval(count, FIGURES_MS);

  const read = (at: number, length: number): Promise<Uint8Array | undefined> => new Promise((resolve) => {
    const offset = (layout.fileOffset + at) % layout.pieceBytes;
    torrent.store.get(pieceAt(layout, at), { offset, length }, (error, bytes) => resolve(error ? undefined : bytes));
  });

  return { end, figures: () => ({ ...now }),
    open() {
      let isLocal = false;
      const gatherer = new Gatherer(layout, (piece, bytes) => { if (passed.add(piece, bytes)) choose(); }, (piece) => !now.isFull && !has(piece));
      return {
        take: (from, bytes) => gatherer.take(from, bytes),
        async ask(at, last) {
          const nothing = { until: last + 1, wants: false };
          if (hasEnded || torrent.destroyed) return nothing;
          moveTo(at);
          const until = Math.min(last + 1, hereUntil(layout, has, at)), isWorth = until - at >= Math.min(WORTH_BYTES, last + 1 - at);
          isLocal = until > at && (isLocal || isWorth);
          if (isLocal) {
            const inPiece = layout.pieceBytes - (layout.fileOffset + at) % layout.pieceBytes;
            const bytes = await read(at, Math.min(until - at, inPiece, GIVE_BYTES));
            if (bytes) return { bytes: bytes.slice() }; // it goes away with the message; what is kept stays
            return nothing;
          }
          return { until: Math.min(last + 1, hereAgain(layout, has, Math.max(at, until), WORTH_BYTES)), wants: !now.isFull };
        },
      };
    } };
}
