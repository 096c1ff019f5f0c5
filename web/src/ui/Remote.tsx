// SPDX-License-Identifier: MIT
//
// Remote: the controls of a room's film without the film, for a second screen: the film is on the television, this is in the hand.
import { useSignal } from '@preact/signals';
import { clockTime, t } from '../i18n';
import type { RoomSession } from '../room';
import type { Attempt } from './attempt';
import { Icon } from './Icon';
import { usePosition } from './position';

const JUMP_MS = 10000;

export function Remote({ session, attempt }: { session: RoomSession; attempt: Attempt }) {
  const atMs = usePosition(session), dragMs = useSignal<number | undefined>(undefined), clock = session.room.value?.clock;
  if (!clock) return null;
  const { durationMs, wantsPlay } = clock, mayPlay = session.may('mayPlay'), maySeek = session.may('maySeek'), shownMs = dragMs.value ?? atMs;
  const seek = (toMs: number) => attempt(() => session.ask('seek', { positionMs: Math.round(Math.max(0, durationMs > 0 ? Math.min(toMs, durationMs) : toMs)) }));
  return (
    <div class="card remote" dir="ltr">{/* as players are, in all languages */}
      <div class="row">
        <button type="button" class="button icon" aria-label={t('room.back10')} disabled={!maySeek} onClick={() => seek(atMs - JUMP_MS)}>−10</button>
        <button type="button" class="big-play" aria-label={t(wantsPlay ? 'room.pause' : 'player.play')} disabled={!mayPlay}
          onClick={() => attempt(() => session.ask(wantsPlay ? 'pause' : 'play', { isElsewhere: false, positionMs: Math.round(atMs) }))}><Icon name={wantsPlay ? 'pause' : 'play'} /></button>
        <button type="button" class="button icon" aria-label={t('room.forward10')} disabled={!maySeek} onClick={() => seek(atMs + JUMP_MS)}>+10</button>
      </div>
      {durationMs > 0 && (
        <input type="range" min={0} max={durationMs} step={1000} value={shownMs} disabled={!maySeek} aria-label={t('room.position')} aria-valuetext={clockTime(shownMs)}
          onInput={({ currentTarget }) => { dragMs.value = currentTarget.valueAsNumber; }}
          onChange={({ currentTarget }) => { dragMs.value = undefined; void seek(currentTarget.valueAsNumber); }} />
      )}
      <div class="row times"><span class="grow">{clockTime(shownMs)}</span>{durationMs > 0 && <span>{clockTime(durationMs)}</span>}</div>
    </div>
  );
}
