// SPDX-License-Identifier: MIT
//
// AdminServices: how the processes are, what they died of, and what else should be looked at.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type Death, type Level, type Service, type Services, admin, levels } from '../admin';
import type { Stats } from '../api';
import { bytes, dateTime, duration, percent, t } from '../i18n';
import { warningsOf } from '../warnings';
import { useAttempt } from './attempt';
import { type Poll, usePoll } from './poll';
import { Sure } from './Sure';
import { Failure, Notice } from './parts';

const SETTINGS_EVERY_MS = 30000;

export function AdminServices({ services, stats }: { services: Poll<Services>; stats: Stats | undefined }) {
  const http = usePoll(() => admin.settings('http'), [], SETTINGS_EVERY_MS), room = usePoll(() => admin.settings('room'), [], SETTINGS_EVERY_MS);
  const warnings = warningsOf({ services: services.value, stats, http: http.value, room: room.value });
  return (
    <>
      {warnings.length > 0 && (
        <section class="part stack" aria-labelledby="warnings">
          <h2 id="warnings">{t('admin.warnings')}</h2>
          {warnings.map(({ key, kind, name = '', detail, port = 0 }) => (
            <Notice key={key + name} kind={kind} title={t(`warn.${key}`, { name })}>{t(`warnText.${key}`, { port: String(port) })}{detail && <span class="words" lang="en" dir="ltr">{detail}</span>}</Notice>
          ))}
        </section>
      )}
      <section class="part" aria-labelledby="services">
        <h2 id="services">{t('part.services')}</h2>
        {services.value && <ul class="list">{services.value.services.map((service) => (
          <ServiceItem key={service.name} service={service} hasSupervisor={services.value?.hasSupervisor === true} refresh={services.refresh} />
        ))}</ul>}
      </section>
    </>
  );
}

function ServiceItem({ service, hasSupervisor, refresh }: { service: Service; hasSupervisor: boolean; refresh: () => Promise<void> }) {
  const isOpen = useSignal(false), { attempt, refusal } = useAttempt();
  const { name, state, pid, uptimeMs, restarts, residentBytes, cpuShare, degradedText, lastDeath, backoffMs, readyText, note } = service;
  const restart = () => attempt(async () => {
    await admin.restart(name);
    await refresh();
  });
  const isUp = uptimeMs > 0, id = `more-${name.replace('.', '-')}`;
  return (
    <li class="card item service">
      <div>
        <div class="row wrap"><span class="name" dir="ltr">{name}</span><span class={`state ${state} ${degradedText ? 'degraded' : ''}`}>{t(`svc.${state}`)}{degradedText && `, ${t('svc.degraded')}`}</span></div>
        <div class="facts">
          {isUp && <span>{t('service.up', { time: duration(uptimeMs) })}</span>}
          {pid > 0 && <span>{t('service.memory', { amount: bytes(residentBytes) })}</span>}
          {pid > 0 && <span>{t('service.cpu', { share: percent(cpuShare) })}</span>}
          {hasSupervisor && <span>{t('service.restarts', { count: restarts })}</span>}
          {state === 'backoff' && <span>{t('service.next', { time: duration(backoffMs) })}</span>}
        </div>
        {degradedText && <p class="words warn" lang="en" dir="ltr">{degradedText}</p>}
        {lastDeath && <p class="words" lang="en" dir="ltr">{lastDeath}</p>}
      </div>
      <Sure question={t('service.really')} yes={t('service.restart')} onYes={restart}>{(ask) => <>
        {hasSupervisor && <button type="button" class="button small" aria-label={`${t('service.restart')}: ${name}`} onClick={ask}>{t('service.restart')}</button>}
        <button type="button" class="button bare small" aria-label={`${t('service.more')}: ${name}`} aria-expanded={isOpen.value} aria-controls={id} onClick={() => { isOpen.value = !isOpen.value; }}>{t('service.more')}</button>
      </>}</Sure>
      {refusal && <div class="whole">{refusal}</div>}
      <div class="whole stack wide" id={id} hidden={!isOpen.value}>
        {isOpen.value && <>
          {(readyText || note) && <p class="words" dir="ltr">{readyText} {note}</p>}
          <LevelOf service={service} refresh={refresh} />
          {hasSupervisor && <Deaths name={name} lastDeath={lastDeath} />}
        </>}
      </div>
    </li>
  );
}

function LevelOf({ service: { name, logLevel }, refresh }: { service: Service; refresh: () => Promise<void> }) {
  const { attempt, refusal } = useAttempt(), id = `level-${name.replace('.', '-')}`;
  const choose = (level: Level) => attempt(async () => {
    await admin.setLogLevel(name, level);
    await refresh();
  });
  return (
    <div class="stack">
      <label for={id}>{t('service.level')}</label>
      <div class="row wrap">
        <select id={id} class="field narrow" value={logLevel} onChange={({ currentTarget }) => { void choose(currentTarget.value as Level); }}>
          {!logLevel && <option value="" />}
          {levels.map((level) => <option key={level} value={level}>{t(`level.${level}`)}</option>)}
        </select>
        <span class="soft tiny">{t('service.untilRestart')}</span>
      </div>
      {refusal}
    </div>
  );
}

// Asked for again when there is another one.
function Deaths({ name, lastDeath }: { name: string; lastDeath: string }) {
  const deaths = useSignal<Death[] | undefined>(undefined), error = useSignal<unknown>(undefined);
  useEffect(() => {
    admin.deaths(name).then((found) => { deaths.value = found; error.value = undefined; }, (reason: unknown) => { error.value = reason; });
  }, [name, lastDeath]);
  return (
    <div class="stack">
      <h3>{t('service.deaths')}</h3>
      {error.value !== undefined && <Failure error={error.value} />}
      {deaths.value?.length === 0 && <p class="soft">{t('service.noDeaths')}</p>}
      <ul class="list">{deaths.value?.map((death) => (
        <li key={`${death.name} ${death.generation}`} class="death">
          <strong lang="en" dir="ltr">{death.cause}</strong>
          <div class="facts"><time dateTime={new Date(death.whenUnixMs).toISOString()}>{dateTime(death.whenUnixMs)}</time><span>{t('service.lived', { time: duration(death.uptimeMs) })}</span><span lang="en" dir="ltr">{death.action}</span></div>
          {death.lastLines.length > 0 && <details><summary>{t('service.lastWords')}</summary><pre class="lines" dir="ltr" tabIndex={0} role="region" aria-label={t('service.lastWords')}>{death.lastLines.join('\n')}</pre></details>}
        </li>
      ))}</ul>
    </div>
  );
}
