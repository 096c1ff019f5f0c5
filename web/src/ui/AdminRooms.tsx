// SPDX-License-Identifier: MIT
//
// AdminRooms: all rooms, and who is there.
import { useSignal } from '@preact/signals';
import { type RoomRow, admin } from '../admin';
import { dateTime, t } from '../i18n';
import { useAttempt } from './attempt';
import { usePoll } from './poll';
import { Sure } from './Sure';
import { Failure, Link } from './parts';

export function AdminRooms() {
  const after = useSignal(''), page = usePoll(() => admin.rooms(after.value), [after.value]), { rooms, total, next } = page.value ?? {};
  return (
    <section class="part" aria-labelledby="rooms">
      <h2 id="rooms">{t('part.rooms')}</h2>
      {page.error !== undefined && <Failure error={page.error} />}
      {total === 0 && <p class="card empty">{t('rooms.none')}</p>}
      {!!total && <p class="soft tiny">{t('rooms.total', { count: total })}</p>}
      <ul class="list">{rooms?.map((room) => <RoomItem key={room.code} room={room} refresh={page.refresh} />)}</ul>
      <div class="row">
        {after.value && <button type="button" class="button small" onClick={() => { after.value = ''; }}>{t('rooms.first')}</button>}
        {next && <button type="button" class="button small" onClick={() => { after.value = next; }}>{t('rooms.more')}</button>}
      </div>
    </section>
  );
}

function RoomItem({ room: { code, title, members, createdMs, film, isPlaying }, refresh }: { room: RoomRow; refresh: () => Promise<void> }) {
  const isOpen = useSignal(false), { attempt, refusal } = useAttempt(), name = title || film || code;
  const close = () => attempt(async () => {
    await admin.closeRoom(code);
    await refresh();
  });
  return (
    <li class="card item">
      <div>
        <div class="name"><bdi>{name}</bdi></div>
        <div class="facts"><span dir="ltr">{code}</span><span>{t('members', { count: members })}</span>{film && <span>{t(isPlaying ? 'start.plays' : 'start.stands')}</span>}<span>{t('rooms.since', { time: dateTime(createdMs) })}</span></div>
      </div>
      <Sure question={t('rooms.really')} yes={t('rooms.close')} onYes={close}>{(ask) => <>
        <Link to={{ view: 'room', code }} class="button small" aria-label={`${t('join')}: ${name}`}>{t('join')}</Link>
        <button type="button" class="button small" aria-label={`${t('rooms.close')}: ${name}`} onClick={ask}>{t('rooms.close')}</button>
        <button type="button" class="button bare small" aria-label={`${t('rooms.who')}: ${name}`} aria-expanded={isOpen.value} onClick={() => { isOpen.value = !isOpen.value; }}>{t('rooms.who')}</button>
      </>}</Sure>
      {refusal && <div class="whole">{refusal}</div>}
      {isOpen.value && <MembersOf code={code} />}
    </li>
  );
}

function MembersOf({ code }: { code: string }) {
  const members = usePoll(() => admin.members(code), [code]), { attempt, refusal } = useAttempt();
  const kick = (id: string, bans: boolean) => attempt(async () => {
    await admin.kick(code, id, bans);
    await members.refresh();
  });
  return (
    <div class="whole stack">
      {members.error !== undefined && <Failure error={members.error} />}
      {members.value?.length === 0 && <p class="soft">{t('rooms.nobody')}</p>}
      <ul class="stack">{members.value?.map(({ id, name, isHere }) => (
        <li key={id} class="row wrap">
          <span class="grow"><bdi>{name}</bdi> {!isHere && <span class="soft">{t('room.gone')}</span>}</span>
          <button type="button" class="button small" aria-label={`${t('room.kick')}: ${name}`} onClick={() => kick(id, false)}>{t('room.kick')}</button>
          <button type="button" class="button bare small" aria-label={`${t('room.kick')}, ${t('room.ban')}: ${name}`} onClick={() => kick(id, true)}>{t('room.ban')}</button>
        </li>
      ))}</ul>
      {refusal}
    </div>
  );
}
