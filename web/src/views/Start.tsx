// SPDX-License-Identifier: MIT
//
// Start: something to watch goes in here; below it lies what was watched before.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ApiError, api, token, type RoomSummary, type Torrent } from '../api';
import { t } from '../i18n';
import { type Place, go } from '../router';
import { FILES_ACCEPTED, fileObjection, isFilmFile, objection } from '../source';
import { followTorrents } from '../torrents';
import { sendFile } from '../uploads';
import { Icon } from '../ui/Icon';
import type MediaFolder from '../ui/MediaFolder';
import { Install } from '../ui/Install';
import { Facts, Failure, Link, Notice, Progress } from '../ui/parts';
import { SwarmButton } from '../ui/Sharing';
import { Sure } from '../ui/Sure';

type Way = 'watch' | 'together';

export function Start({ at }: { at: Place & { view: 'start' } }) {
  const known = token.value, torrents = useMemo(followTorrents, [known]), { list, error: away } = torrents;
  const source = useSignal(at.magnet ?? ''), error = useSignal<unknown>(undefined), complaint = useSignal<string | undefined>(undefined);
  const busy = useSignal<Way | undefined>(undefined), dropping = useSignal(false), rooms = useSignal<RoomSummary[]>([]);
  const hasFolder = useSignal(false), Folder = useSignal<typeof MediaFolder | undefined>(undefined);
  const field = useRef<HTMLInputElement>(null), picker = useRef<HTMLInputElement>(null);
  useEffect(() => () => torrents.end(), [torrents]);
  useEffect(() => { api.rooms().then((found) => { rooms.value = found.filter(({ members }) => members > 0); }, () => {}); }, [known]);
  useEffect(() => { api.mediaFolder('').then((found) => { hasFolder.value = found.hasFolder === true; }, () => {}); }, [known]);

  async function begin(what: string | Blob, way: Way, name?: string, replaces = false): Promise<void> {
    error.value = complaint.value = undefined;
    busy.value = way;
    try {
      const hash = what instanceof File && isFilmFile(what) ? await sendFile(what) : await api.add(what);
      if (way === 'watch') go({ view: 'watch', source: hash }, replaces);
      else go({ view: 'room', code: await api.createRoom(hash, undefined, name) });
    } catch (reason) {
      error.value = reason;
    } finally {
      busy.value = undefined;
    }
  }
  function beginWithField(way: Way): void {
    const text = source.value.trim();
    error.value = undefined;
    complaint.value = objection(text);
    if (complaint.value) field.current?.focus();
    else void begin(text, way);
  }
  // A link with a magnet link in it begins by itself; who goes back from there comes to where that link was.
  useEffect(() => {
    complaint.value = at.magnet === undefined ? undefined : objection(at.magnet);
    if (at.magnet !== undefined && !complaint.value) void begin(at.magnet, 'watch', undefined, true);
  }, [at.magnet]);
  function beginWithFile(file: File | undefined): void {
    if (!file) return;
    complaint.value = fileObjection(file);
    error.value = undefined;
    if (!complaint.value) void begin(file, 'watch');
  }

  useEffect(() => {
    const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') || event.dataTransfer?.types.includes('text/plain');
    const over = (event: DragEvent) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      dropping.value = true;
    };
    const leave = (event: DragEvent) => { if (!event.relatedTarget) dropping.value = false; };
    const drop = (event: DragEvent) => {
      dropping.value = false;
      if (!hasFile(event)) return;
      event.preventDefault();
      const file = event.dataTransfer?.files[0], text = event.dataTransfer?.getData('text/plain').trim();
      if (file) beginWithFile(file);
      else if (text) {
        source.value = text;
        beginWithField('watch');
      }
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);

  const wantsToken = away.value?.wantsToken === true;
  return (
    <div class={`start ${dropping.value ? 'dropping' : ''}`}>
      <div class="hero"><h1>{t('start.title')}</h1><p>{t('start.text')}</p></div>
      {wantsToken ? <Failure error={away.value} /> : (
        <form class="card composer" noValidate onSubmit={(event) => { event.preventDefault(); beginWithField('watch'); }}>
          <label class="unseen" for="source">{t('start.label')}</label>
          <input ref={field} id="source" class="field" type="text" inputMode="url" {...(source.value ? { dir: 'ltr' } : {})} autocomplete="off" autocapitalize="off" spellcheck={false} placeholder={t('start.label')}
            aria-invalid={complaint.value !== undefined} aria-describedby={complaint.value ? 'complaint' : undefined} value={source.value}
            onInput={({ currentTarget }) => { source.value = currentTarget.value; complaint.value = undefined; }} />
          {complaint.value && <div id="complaint"><Notice kind="warn" title={complaint.value} /></div>}
          {error.value !== undefined && <Failure error={error.value} onClose={() => { error.value = undefined; }} />}
          <div class="actions">
            <button type="submit" class="button main" disabled={busy.value !== undefined}><Icon name="play" />{t(busy.value === 'watch' ? 'start.opening' : 'watch')}</button>
            <button type="button" class="button" disabled={busy.value !== undefined} onClick={() => beginWithField('together')}><Icon name="people" />{t(busy.value === 'together' ? 'start.opening' : 'watchTogether')}</button>
            <span class="grow" />
            {hasFolder.value && (
              <button type="button" class="button bare" aria-haspopup="dialog" onClick={() => { import('../ui/MediaFolder').then((found) => { Folder.value = found.default; }, (reason: unknown) => { error.value = reason; }); }}>
                <Icon name="folder" />{t('start.folder')}
              </button>
            )}
            <button type="button" class="button bare" onClick={() => picker.current?.click()}><Icon name="file" />{t('start.choose')}</button>
            <input ref={picker} type="file" accept={FILES_ACCEPTED} hidden aria-label={t('start.choose')}
              onChange={({ currentTarget }) => { beginWithFile(currentTarget.files?.[0]); currentTarget.value = ''; }} />
          </div>
        </form>
      )}
      {Folder.value && <Folder.value onClose={() => { Folder.value = undefined; }} />}
      <Install />
      {away.value && !wantsToken && <Failure error={away.value} />}
      {rooms.value.length > 0 && (
        <section class="part" aria-labelledby="rooms">
          <h2 id="rooms">{t('start.rooms')}</h2>
          <ul class="list">{rooms.value.map((room) => <RoomItem key={room.code} room={room} />)}</ul>
        </section>
      )}
      {list.value && (
        <section class="part" aria-labelledby="torrents">
          <h2 id="torrents">{t('start.recent')}</h2>
          {list.value.length === 0 ? <p class="card empty">{t('start.empty')}</p> : (
            <ul class="list">
              {list.value.map((torrent) => <TorrentItem key={torrent.infoHash} torrent={torrent} onError={(reason) => { error.value = reason; }} onGone={torrents.refresh} />)}
            </ul>
          )}
        </section>
      )}
    </div>
  );
}

function RoomItem({ room }: { room: RoomSummary }) {
  return (
    <li class="card item">
      <div>
        <div class="name"><bdi>{room.title || room.film || room.code}</bdi></div>
        <div class="facts"><span>{t('members', { count: room.members })}</span><span>{t(room.isPlaying ? 'start.plays' : 'start.stands')}</span></div>
      </div>
      <div class="row"><Link to={{ view: 'room', code: room.code }} class="button small"><Icon name="people" size={18} />{t('join')}</Link></div>
    </li>
  );
}

function TorrentItem({ torrent, onError, onGone }: { torrent: Torrent; onError: (reason: unknown) => void; onGone: () => Promise<void> }) {
  const name = torrent.name || torrent.infoHash;
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (reason) {
      onError(reason);
    }
  };
  const together = () => attempt(async () => go({ view: 'room', code: await api.createRoom(torrent.infoHash, undefined, torrent.name) }));
  const remove = () => attempt(async () => {
    await api.remove(torrent.infoHash).catch((reason: unknown) => { if (!(reason instanceof ApiError && reason.status === 404)) throw reason; });
    await onGone();
  });
  return (
    <li class="card item">
      <div>
        <div class="name"><bdi>{name}</bdi></div>
        <div class="facts"><Facts torrent={torrent} /></div>
        {torrent.state === 'uploading' && torrent.downloadRate === 0 && <p class="tiny soft">{t('upload.chooseAgain')}</p>}
      </div>
      <Sure question={t('start.really')} yes={t('remove')} onYes={remove}>
        {(ask) => <>
          <Link to={{ view: 'watch', source: torrent.infoHash }} class="button small" aria-label={`${t('watch')}: ${name}`}><Icon name="play" size={18} />{t('watch')}</Link>
          <button type="button" class="button icon small" aria-label={`${t('watchTogether')}: ${name}`} title={t('watchTogether')} onClick={together}><Icon name="people" size={18} /></button>
          <SwarmButton hash={torrent.infoHash} name={name} isIcon />
          <button type="button" class="button bare icon small" aria-label={`${t('remove')}: ${name}`} title={t('remove')} onClick={ask}><Icon name="remove" size={18} /></button>
        </>}
      </Sure>
      <Progress torrent={torrent} label={name} />
    </li>
  );
}
