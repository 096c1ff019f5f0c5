// SPDX-License-Identifier: MIT
//
// Admin: for now, whether the server is well, and the token.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { api, setToken, token, type Stats } from '../api';
import { bytes, rate, t } from '../i18n';
import { Failure } from '../ui/parts';

const EVERY_MS = 2000;

export default function Admin() {
  const stats = useSignal<Stats | undefined>(undefined), error = useSignal<unknown>(undefined), known = token.value;
  useEffect(() => {
    document.title = `${t('admin.title')} – ShareStream`;
    const look = () => api.stats().then((found) => { stats.value = found; error.value = undefined; }, (reason: unknown) => { error.value = reason; });
    void look();
    const timer = setInterval(look, EVERY_MS);
    return () => clearInterval(timer);
  }, [known]);
  const { torrent, http } = stats.value ?? {};
  const rows: [string, string][] = torrent && http ? [[t('admin.torrents'), String(torrent.torrents)], [t('admin.peers'), String(torrent.peers ?? 0)],
    [t('download'), rate(torrent.downloadRate)], [t('upload'), rate(torrent.uploadRate)], [t('admin.disk'), bytes(torrent.diskUsedBytes ?? 0)], [t('admin.streams'), String(http.streams)]] : [];
  return (
    <div class="start">
      <h1>{t('admin.title')}</h1>
      {error.value !== undefined && <Failure error={error.value} />}
      {rows.length > 0 && <dl class="card figures">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>}
      {known && <div><button type="button" class="button" onClick={() => setToken('')}>{t('admin.forget')}</button></div>}
    </div>
  );
}
