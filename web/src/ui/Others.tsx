// SPDX-License-Identifier: MIT
//
// Others: where the players of the others are, in words and on the bar to seek on.
import { clockTime, seconds, t } from '../i18n';
import type { Member, RoomSession, Spot } from '../room';
import { Avatar } from './Avatar';
import { usePosition } from './position';

const MARKS_MAX = 12;

export function lagWords({ watching, lagMs }: Spot): string {
  const time = seconds(Math.abs(lagMs));
  if (watching === 'loads') return lagMs > 0 ? t('room.loadsBehind', { time }) : t('room.loads');
  return lagMs === 0 ? t('room.inStep') : t(lagMs > 0 ? 'room.behind' : 'room.ahead', { time });
}

// Who is at the same place is one mark; who is furthest from the room comes first, where there are too many.
export function Others({ session }: { session: RoomSession }) {
  const atMs = usePosition(session), { members = [], clock } = session.room.value ?? {}, groups = new Map<number, Member[]>();
  if (!clock || clock.durationMs === 0) return null;
  for (const member of members)
    if (member.isHere && member.id !== session.id && member.place.watching !== 'not_known') groups.set(member.place.lagMs, [...groups.get(member.place.lagMs) ?? [], member]);
  const marks = [...groups].sort(([a], [b]) => Math.abs(b) - Math.abs(a)).slice(0, MARKS_MAX);
  return (
    <ul class="others" aria-label={t('room.others')}>
      {marks.map(([lagMs, who]) => {
        const [first] = who, placeMs = Math.min(Math.max(atMs - lagMs, 0), clock.durationMs), names = who.map(({ name }) => name).join(', ');
        return first && (
          <li key={lagMs} class={who.some(({ place }) => place.watching === 'loads') ? 'loads' : ''} title={`${names}: ${lagWords(first.place)}`} style={{ left: `${placeMs / clock.durationMs * 100}%` }}>
            <span class="unseen">{names}: {clockTime(placeMs)}, {lagWords(first.place)}</span>
            <Avatar id={first.id} name={first.name} face={first.avatar} />{who.length > 1 && <span class="count" aria-hidden="true">{who.length}</span>}
          </li>
        );
      })}
    </ul>
  );
}
