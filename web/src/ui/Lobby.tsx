// SPDX-License-Identifier: MIT
//
// Lobby: before a film begins, who could begin now.
import { t } from '../i18n';
import type { RoomSession } from '../room';
import { useAttempt } from './attempt';
import { Icon } from './Icon';

export function Lobby({ session }: { session: RoomSession }) {
  const { clock, members = [], queue = [] } = session.room.value ?? {}, { attempt, refusal } = useAttempt();
  const here = members.filter(({ isHere }) => isHere), ready = here.filter(({ isReady }) => isReady).length, isReady = session.me?.isReady === true;
  if (!clock || clock.wantsPlay || clock.positionMs > 0 || queue.length === 0 || here.length < 2) return null;
  return (
    <>
      <div class="card lobby" role="group" aria-label={t('room.lobby')}>
        <div class="grow" role="status"><strong>{t(ready === here.length ? 'room.allReady' : 'room.lobby')}</strong><div class="soft tiny">{t('room.readyCount', { ready, here: here.length })}</div></div>
        <button type="button" class="button small" disabled={isReady} onClick={() => attempt(() => session.ask('ready'))}>{t(isReady ? 'room.youAreReady' : 'room.iAmReady')}</button>
        {session.isAtLeast('moderator') && <button type="button" class="button main small" onClick={() => attempt(() => session.ask('start'))}><Icon name="play" size={18} />{t('room.start')}</button>}
      </div>
      {refusal}
    </>
  );
}
