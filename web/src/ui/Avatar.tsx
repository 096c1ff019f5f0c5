// SPDX-License-Identifier: MIT
//
// Avatar: the sign that somebody chose, or the first letter of the name; in the chosen colour, or always in the same one.
import { t } from '../i18n';
import type { Face, RoomSession } from '../room';
import type { Attempt } from './attempt';

const HUES = 8;
const signs = ['🦊', '🐼', '🐸', '🐙', '🦉', '🦄', '🐝', '🐢', '🌵', '🍄', '🍕', '🍿', '🎈', '⭐', '⚡', '👻'];

function hueOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return sum % HUES;
}

export function Avatar({ id, name, face }: { id: string; name: string; face: Face }) {
  return <span class={`avatar hue-${face.hue > 0 ? face.hue - 1 : hueOf(id)}`} aria-hidden="true">{face.sign || ([...name][0]?.toUpperCase() ?? '?')}</span>;
}

export function ChooseAvatar({ session, attempt }: { session: RoomSession; attempt: Attempt }) {
  const { id, me } = session, face = session.faceOf(id);
  const choose = (what: Partial<Face>) => attempt(() => session.setFace({ ...face, ...what }));
  return (
    <>
      <div class="faces" role="group" aria-label={t('room.avatar')}>
        {['', ...signs].map((sign) => (
          <button key={sign} type="button" class="button bare icon small" aria-pressed={sign === face.sign} {...(sign === '' ? { 'aria-label': t('room.avatar.letter') } : {})} onClick={() => choose({ sign })}>
            {sign || [...me?.name ?? '?'][0]?.toUpperCase()}
          </button>
        ))}
      </div>
      <div class="faces" role="group" aria-label={t('room.avatar.colour')}>
        {Array.from({ length: HUES }, (_, hue) => (
          <button key={hue} type="button" class="button bare icon small" aria-pressed={hue + 1 === face.hue} aria-label={t('room.avatar.hue', { number: hue + 1 })} onClick={() => choose({ hue: hue + 1 })}>
            <span class={`avatar hue-${hue}`} aria-hidden="true" />
          </button>
        ))}
      </div>
    </>
  );
}
