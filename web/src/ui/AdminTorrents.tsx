// SPDX-License-Identifier: MIT
//
// AdminTorrents: the disk, what takes it, and how fast torrents may be.
import { useEffect, useMemo } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type Limits, admin, bytesOf } from '../admin';
import { type Stats, type Torrent, api, token } from '../api';
import { bytes, dateTime, percent, t } from '../i18n';
import { followTorrents } from '../torrents';
import { useAttempt } from './attempt';
import { Icon } from './Icon';
import { usePoll } from './poll';
import { Sure } from './Sure';
import { Failure } from './parts';

export function AdminTorrents({ stats }: { stats: Stats | undefined }) {
  const torrents = useMemo(followTorrents, [token.value]), jobs = usePoll(admin.jobs), disk = stats?.torrent;
  useEffect(() => () => torrents.end(), [torrents]);
  const figures: [string, string][] = disk ? [[t('disk.used'), bytes(disk.diskUsedBytes ?? 0)], [t('disk.quota'), disk.diskQuotaBytes ? bytes(disk.diskQuotaBytes) : t('disk.none')],
    [t('disk.free'), bytes(disk.diskFreeBytes ?? 0)], [t('disk.floor'), bytes(disk.diskFloorBytes ?? 0)]] : [];
  if (jobs.value) figures.push([t('disk.cache'), t('ofSize', { part: bytes(jobs.value.cacheBytes), size: bytes(jobs.value.cacheLimitBytes) })]);
  const list = torrents.list.value?.filter((torrent) => !torrent.isSeed && bytesOf(torrent) > 0).sort((a, b) => bytesOf(b) - bytesOf(a));
  return (
    <>
      <section class="part" aria-labelledby="disk">
        <h2 id="disk">{t('disk.title')}</h2>
        {disk === null && <p class="card empty">{t('error.unavailable')}</p>}
        {figures.length > 0 && <dl class="card figures">{figures.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>}
      </section>
      <section class="part" aria-labelledby="takes">
        <h2 id="takes">{t('disk.takes')}</h2>
        {torrents.error.value && <Failure error={torrents.error.value} />}
        {list?.length === 0 && <p class="card empty">{t('disk.nothing')}</p>}
        <ul class="list">{list?.map((torrent) => <DiskItem key={torrent.infoHash} torrent={torrent} refresh={torrents.refresh} />)}</ul>
      </section>
      <Rates />
    </>
  );
}

function DiskItem({ torrent, refresh }: { torrent: Torrent; refresh: () => Promise<void> }) {
  const { attempt, refusal } = useAttempt(), name = torrent.name || torrent.infoHash;
  const remove = () => attempt(async () => {
    await api.remove(torrent.infoHash);
    await refresh();
  });
  return (
    <li class="card item">
      <div>
        <div class="name"><bdi>{name}</bdi></div>
        <div class="facts"><span>{bytes(bytesOf(torrent))}</span><span>{percent(torrent.progress)}</span>{!!torrent.usedUnixMs && <span>{t('disk.last', { time: dateTime(torrent.usedUnixMs) })}</span>}</div>
      </div>
      <Sure question={t('start.really')} yes={t('remove')} onYes={remove}>{(ask) => (
        <button type="button" class="button bare icon small" aria-label={`${t('remove')}: ${name}`} title={t('remove')} onClick={ask}><Icon name="remove" size={18} /></button>
      )}</Sure>
      {refusal && <div class="whole">{refusal}</div>}
    </li>
  );
}

// Of all torrents together, until torrent-svc starts again.
function Rates() {
  const limits = useSignal<Limits | undefined>(undefined), error = useSignal<unknown>(undefined), isSaved = useSignal(false), { attempt, refusal } = useAttempt();
  useEffect(() => { admin.limits().then((found) => { limits.value = found; }, (reason: unknown) => { error.value = reason; }); }, [token.value]);
  const set = (key: keyof Limits, value: number) => {
    if (limits.value && value >= 0) limits.value = { ...limits.value, [key]: Math.round(value) };
    isSaved.value = false;
  };
  const save = (event: Event) => {
    event.preventDefault();
    void attempt(async () => {
      if (limits.value) limits.value = await admin.setLimits(limits.value);
      isSaved.value = true;
    });
  };
  const fields: [keyof Limits, string, unit: number, min: number][] = [['download', t('limits.down'), 1000, 0], ['upload', t('limits.up'), 1000, 0], ['maxConnections', t('limits.connections'), 1, 1]];
  return (
    <section class="part" aria-labelledby="rates">
      <h2 id="rates">{t('limits.title')}</h2>
      {error.value !== undefined && <Failure error={error.value} />}
      {limits.value && (
        <form class="card composer" onSubmit={save}>
          <p class="soft tiny" id="rates-help">{t('limits.help')}</p>
          <div class="pairs">{fields.map(([key, label, unit, min]) => (
            <div class="stack" key={key}><label for={`limit-${key}`}>{label}</label>
              <input id={`limit-${key}`} class="field" type="number" min={min} step={1} required aria-describedby="rates-help" value={Math.round((limits.value?.[key] ?? 0) / unit)}
                onChange={({ currentTarget }) => set(key, currentTarget.valueAsNumber * unit)} /></div>
          ))}</div>
          {refusal}
          <div class="actions"><button class="button main">{t('limits.save')}</button><span role="status" class="soft">{isSaved.value && t('limits.saved')}</span></div>
        </form>
      )}
    </section>
  );
}
