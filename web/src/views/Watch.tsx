// SPDX-License-Identifier: MIT
//
// Watch: a film for one person, who may make it one for many.
import { useEffect, useMemo } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ApiError, api, token } from '../api';
import { type Film, fileName, isFilm, openFilm } from '../film';
import { bytes, percent, t } from '../i18n';
import { type Place, addressOf, go } from '../router';
import { Icon } from '../ui/Icon';
import { Player } from '../ui/Player';
import { openSharing, publicIceServers } from '../sharing';
import { SharingSwitch, SwarmPanel } from '../ui/Sharing';
import { Facts, Failure, Link, Progress, TokenForm } from '../ui/parts';

export default function Watch({ at }: { at: Place & { view: 'watch' } }) {
  const known = token.value, film = useMemo(() => openFilm(at.source, at.file), [at.source, at.file, known]);
  useEffect(() => () => film.end(), [film]);
  // Alone one has nobody to share with, but may want to.
  const sharing = useMemo(() => openSharing(film, { isUsual: () => false, tracker: () => 'tracker', iceServers: publicIceServers }), [film]);
  useEffect(() => () => sharing.end(), [sharing]);
  const torrent = film.torrent.value, error = film.error.value;
  const name = torrent?.name === torrent?.infoHash ? '' : torrent?.name, title = film.file.value ? fileName(film.file.value.path) : name ?? '';
  useEffect(() => { document.title = title ? `${title} – ShareStream` : 'ShareStream'; }, [title]);
  // The address bar keeps what can be shared and opened again.
  useEffect(() => {
    if (torrent && torrent.infoHash !== at.source) history.replaceState(null, '', addressOf({ ...at, source: torrent.infoHash }));
  }, [torrent?.infoHash]);

  if (error instanceof ApiError && error.wantsToken) return <div class="start"><TokenForm /></div>;
  return (
    <div class="watching">
      <Player film={film} key={known} />
      <div class="below">
        <div class="row wrap">
          <h1 class="grow"><bdi>{title || t('watch.unnamed')}</bdi></h1>
          <Together film={film} />
        </div>
        {torrent && <div class="facts-line"><Facts torrent={torrent} /></div>}
        {torrent && <Progress torrent={torrent} label={torrent.name || torrent.infoHash} />}
        {torrent && <Files film={film} />}
        {film.media.value && <SharingSwitch sharing={sharing} />}
        {torrent && <SwarmPanel hash={torrent.infoHash} />}
      </div>
    </div>
  );
}

function Together({ film }: { film: Film }) {
  const error = useSignal<unknown>(undefined), torrent = film.torrent.value, file = film.file.value;
  const open = async () => {
    try {
      if (torrent) go({ view: 'room', code: await api.createRoom(torrent.infoHash, file?.id, file ? fileName(file.path) : torrent.name) });
    } catch (reason) {
      error.value = reason;
    }
  };
  return (
    <>
      <button type="button" class="button main" disabled={!torrent} onClick={open}><Icon name="people" />{t('watchTogether')}</button>
      {error.value !== undefined && <Failure error={error.value} onClose={() => { error.value = undefined; }} />}
    </>
  );
}

// What else is in the torrent that can be watched.
function Files({ film }: { film: Film }) {
  const torrent = film.torrent.value, films = torrent?.files.filter(isFilm) ?? [];
  if (!torrent || films.length < 2) return null;
  return (
    <nav aria-label={t('watch.files')}>
      <ul class="card files">
        {films.map(({ id, path, sizeBytes, progress }) => (
          <li key={id}>
            <Link to={{ view: 'watch', source: torrent.infoHash, file: id }} aria-current={id === film.file.value?.id ? 'page' : undefined}>
              <span class="grow" dir="auto">{fileName(path)}</span><span class="soft tiny">{progress < 1 ? `${percent(progress)} · ` : ''}{bytes(sizeBytes)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
