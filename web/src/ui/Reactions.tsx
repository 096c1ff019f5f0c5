// SPDX-License-Identifier: MIT
//
// Reactions: a few signs, given to the film in passing, or to a line of the chat.
import { type Key, t } from '../i18n';
import type { RoomSession } from '../room';
import { useAttempt } from './attempt';

const signs: [string, Key][] = [['👍', 'room.sign.good'], ['❤️', 'room.sign.love'], ['😂', 'room.sign.laugh'], ['😮', 'room.sign.wow'], ['😢', 'room.sign.sad'], ['👏', 'room.sign.clap']];

export function Signs({ label, onChoose }: { label: string; onChoose: (sign: string) => void }) {
  return (
    <div class="signs" role="group" aria-label={label}>
      {signs.map(([sign, key]) => <button key={sign} type="button" class="button bare icon small" aria-label={t(key)} title={t(key)} onClick={() => onChoose(sign)}>{sign}</button>)}
    </div>
  );
}

export function ReactToFilm({ session }: { session: RoomSession }) {
  const { attempt, refusal } = useAttempt();
  if (!session.maySpeak) return null;
  return <><Signs label={t('room.reactToFilm')} onChoose={(what) => void attempt(() => session.ask('react', { what }))} />{refusal}</>;
}

// Over the film.
export function Passing({ session }: { session: RoomSession }) {
  return (
    <div class="passing" role="log" aria-label={t('room.reactions')}>
      {session.passing.value.map(({ number, lane, what, name }) => <span key={number} class={`float lane-${lane}`}><span class="sign">{what}</span><bdi class="who one-line">{name}</bdi></span>)}
    </div>
  );
}
