// SPDX-License-Identifier: MIT
//
// Admin: what the operator wants to see of the server, and do to it. One part at a time; each asks for what it shows.
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { ApiError, api, setToken, token } from '../api';
import { servicesQuestion } from '../admin';
import { bytes, duration, rate, t } from '../i18n';
import { type AdminPart, type Place, adminParts } from '../router';
import { AdminJobs } from '../ui/AdminJobs';
import { AdminLog } from '../ui/AdminLog';
import { AdminRooms } from '../ui/AdminRooms';
import { AdminServices } from '../ui/AdminServices';
import { AdminSettings } from '../ui/AdminSettings';
import { AdminTorrents } from '../ui/AdminTorrents';
import { usePoll } from '../ui/poll';
import { Link, Notice, TokenForm } from '../ui/parts';

export default function Admin({ at }: { at: Place & { view: 'admin' } }) {
  const services = usePoll(useMemo(servicesQuestion, [])), stats = usePoll(api.stats), part = at.part ?? 'services';
  useEffect(() => { document.title = `${t(`part.${part}`)} – ${t('admin.title')} – ShareStream`; }, [part]);
  if (services.error instanceof ApiError && services.error.wantsToken) return <div class="start"><h1>{t('admin.title')}</h1><TokenForm /></div>;

  const { torrent, http } = stats.value ?? {}, known = services.value;
  const figures: [string, string][] = [];
  if (torrent) figures.push([t('admin.torrents'), String(torrent.torrents)], [t('admin.peers'), String(torrent.peers ?? 0)], [t('download'), rate(torrent.downloadRate)],
    [t('upload'), rate(torrent.uploadRate)], [t('admin.disk'), bytes(torrent.diskUsedBytes ?? 0)]);
  if (http) figures.push([t('admin.streams'), String(http.streams)]);
  const parts: Record<AdminPart, () => JSX.Element> = {
    services: () => <AdminServices services={services} stats={stats.value} />,
    torrents: () => <AdminTorrents stats={stats.value} />,
    jobs: () => <AdminJobs />,
    rooms: () => <AdminRooms />,
    settings: () => <AdminSettings services={known} />,
    log: () => known?.hasSupervisor === false ? <Notice kind="info" title={t('warn.alone')}>{t('warnText.alone')}</Notice> : <AdminLog services={known} />,
  };
  return (
    <div class="admin">
      <div class="row wrap">
        <h1 class="grow">{t('admin.title')}</h1>
        {known?.hasSupervisor && <span class="soft tiny">{t('admin.version', { version: known.version, time: duration(known.uptimeMs) })}</span>}
        {token.value && <button type="button" class="button small" onClick={() => setToken('')}>{t('admin.forget')}</button>}
      </div>
      {services.error !== undefined && <Notice kind="warn" title={t('admin.lost')} />}
      <nav class="row wrap parts" aria-label={t('admin.parts')}>
        {adminParts.map((one) => <Link key={one} to={{ view: 'admin', part: one }} class="tab" aria-current={one === part ? 'page' : undefined}>{t(`part.${one}`)}</Link>)}
      </nav>
      {part === 'services' && figures.length > 0 && <dl class="card figures">{figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>}
      {parts[part]()}
    </div>
  );
}
