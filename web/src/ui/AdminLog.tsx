// SPDX-License-Identifier: MIT
//
// AdminLog: what the services log, as it comes.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type Level, type LogLine, type Services, admin, levels } from '../admin';
import { language, t } from '../i18n';
import { usePoll } from './poll';
import { Failure } from './parts';

const EVERY_MS = 1000, KEPT = 1000, NEAR_PIXELS = 40;

// What stands before the line in columns of its own.
const message = (text: string) => text.replace(/^ts=\S+ lvl=\w+ svc=\S+ /, '');

export function AdminLog({ services }: { services: Services | undefined }) {
  const service = useSignal(''), level = useSignal<Level>('info'), lines = useSignal<LogLine[]>([]), isMissed = useSignal(false), isPaused = useSignal(false);
  const box = useRef<HTMLDivElement>(null), isAtEnd = useRef(true), next = useRef(0);
  useEffect(() => {
    next.current = 0;
    lines.value = [];
    isMissed.value = false;
  }, [service.value, level.value]);
  const poll = usePoll(async () => {
    if (isPaused.value) return;
    const whose = service.value, least = level.value, after = next.current, found = await admin.logs(whose, least, after);
    if (whose !== service.value || least !== level.value || after !== next.current) return; // asked twice, or not any more
    next.current = found.next;
    if (found.isMissed) isMissed.value = true;
    if (found.lines.length > 0) lines.value = [...lines.value, ...found.lines].slice(-KEPT);
  }, [service.value, level.value], EVERY_MS);
  // Who has scrolled back to read something is left there.
  useEffect(() => { if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight; }, [lines.value]);

  const time = new Intl.DateTimeFormat(language.value, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const names = [...services?.services.map(({ name }) => name) ?? [], 'supervisor.0'];
  return (
    <section class="part" aria-labelledby="log">
      <h2 id="log">{t('part.log')}</h2>
      <div class="card choose">
        <div class="stack"><label for="log-of">{t('log.service')}</label>
          <select id="log-of" class="field" value={service.value} onChange={({ currentTarget }) => { service.value = currentTarget.value; }}>
            <option value="">{t('log.all')}</option>{names.map((name) => <option key={name}>{name}</option>)}
          </select></div>
        <div class="stack"><label for="log-level">{t('log.shown')}</label>
          <select id="log-level" class="field" value={level.value} onChange={({ currentTarget }) => { level.value = currentTarget.value as Level; }}>
            {levels.map((one) => <option key={one} value={one}>{t(`level.${one}`)}</option>)}
          </select></div>
        <button type="button" class="button" aria-pressed={isPaused.value} onClick={() => { isPaused.value = !isPaused.value; }}>{t('log.pause')}</button>
      </div>
      {poll.error !== undefined && <Failure error={poll.error} />}
      {isMissed.value && <p class="soft tiny">{t('log.missed')}</p>}
      <div ref={box} class="card log" dir="ltr" tabIndex={0} role="log" aria-live="off" aria-label={t('part.log')}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => { isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PIXELS; }}>
        {lines.value.length === 0 && <p class="soft">{t('log.empty')}</p>}
        {lines.value.map(({ number, name, level: one, text }) => (
          <p key={number} class={one || 'error'}><time>{time.format(number / 1000)}</time> <span class="whose">{name}</span> {one && <span class="level">{one}</span>} <span>{message(text)}</span></p>
        ))}
      </div>
    </section>
  );
}
