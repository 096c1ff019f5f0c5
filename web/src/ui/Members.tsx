// SPDX-License-Identifier: MIT
//
// Members: who is in the room and how they are, and what moderators and the host do about them. Who knocks is shown whatever else is.
import { useSignal } from '@preact/signals';
import { t } from '../i18n';
import { remember } from '../memory';
import { type Member, NAME_BYTES, type RoomSession } from '../room';
import { cut } from '../text';
import { useAttempt } from './attempt';
import { Avatar } from './Avatar';
import { Icon } from './Icon';

export function Knocks({ session }: { session: RoomSession }) {
  const { attempt, refusal } = useAttempt(), answer = (id: string, admits: boolean) => attempt(() => session.ask('answer', { id, admits }));
  return (
    <>
      {session.room.value?.waiting.map(({ id, name }) => (
        <div key={id} class="knock" role="alert">
          <span class="grow one-line"><bdi>{name}</bdi> {t('room.knocks')}</span>
          <button type="button" class="button main small" onClick={() => answer(id, true)}>{t('room.admit')}</button>
          <button type="button" class="button small" onClick={() => answer(id, false)}>{t('room.refuse')}</button>
        </div>
      ))}
      {refusal}
    </>
  );
}

export function Members({ session }: { session: RoomSession }) {
  const room = session.room.value, members = room?.members ?? [], banned = room?.banned.filter(({ id }) => !members.some((one) => one.id === id)) ?? [], { attempt, refusal } = useAttempt();
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={t('members', { count: members.length })}>
      <ul class="members">{members.map((member) => <MemberItem key={member.id} session={session} member={member} />)}</ul>
      {banned.length > 0 && (
        <section aria-labelledby="banned">
          <h2 id="banned">{t('room.bannedOnes')}</h2>
          <ul class="members">
            {banned.map(({ id, name }) => (
              <li key={id} class="banned row">
                <Avatar id={id} name={name} /><bdi class="grow one-line">{name}</bdi>
                <button type="button" class="button small" onClick={() => attempt(() => session.unban(id))}>{t('room.unban')}<span class="unseen"> {name}</span></button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {refusal}
    </div>
  );
}

function MemberItem({ session, member }: { session: RoomSession; member: Member }) {
  const { id, name, role, isHere, isMuted, isReady, call } = member, isOpen = useSignal(false);
  const isMe = id === session.id, isWaitedFor = session.room.value?.clock.waitsFor.includes(id), hasPowers = isMe || session.hasPowerOver(member);
  return (
    <li class={`member ${isHere ? '' : 'away'}`}>
      <div class="row">
        <Avatar id={id} name={name} />
        <div class="grow">
          <div class="one-line"><bdi>{name}</bdi>{isMe && ` ${t('room.you')}`}</div>
          <div class="badges">
            {role !== 'viewer' && <span>{role === 'host' && <Icon name="crown" size={14} />}{t(`room.${role}`)}</span>}
            {!isHere && <span class="warn">{t('room.isAway')}</span>}
            {isHere && isWaitedFor && <span class="warn">{t('room.isWaitedFor')}</span>}
            {isMuted && <span>{t('room.isMuted')}</span>}
            {call !== '' && <span><Icon name="mic" size={14} />{t('call.isIn')}</span>}
            {isReady && <span class="good">{t('room.isReady')}</span>}
          </div>
        </div>
        {hasPowers && (
          <button type="button" class="button bare icon small" aria-expanded={isOpen.value} aria-label={t('room.more', { name })} onClick={() => { isOpen.value = !isOpen.value; }}><Icon name="more" /></button>
        )}
      </div>
      {hasPowers && isOpen.value && (isMe ? <Rename session={session} name={name} onDone={() => { isOpen.value = false; }} /> : <Powers session={session} member={member} />)}
    </li>
  );
}

function Rename({ session, name, onDone }: { session: RoomSession; name: string; onDone: () => void }) {
  const wanted = useSignal(name), { attempt, refusal } = useAttempt();
  const rename = async (event: Event) => {
    event.preventDefault();
    const text = cut(wanted.value.trim(), NAME_BYTES);
    if (text === '' || !await attempt(() => session.rename(text))) return;
    remember('name', text);
    onDone();
  };
  return (
    <form class="stack" onSubmit={rename}>
      <label for="rename">{t('room.name')}</label>
      <div class="row">
        <input id="rename" class="field" required autocomplete="nickname" dir="auto" value={wanted.value} onInput={({ currentTarget }) => { wanted.value = currentTarget.value; }} />
        <button class="button main small">{t('room.save')}</button>
      </div>
      {refusal}
    </form>
  );
}

// What cannot be taken back by pressing once more is asked again.
function Powers({ session, member: { id, name, role, isMuted } }: { session: RoomSession; member: Member }) {
  const asks = useSignal<'out' | 'host' | undefined>(undefined), byAddress = useSignal(false), { attempt, refusal } = useAttempt();
  const does = (event: string, what: object) => () => attempt(() => session.ask(event, { id, ...what }));
  if (asks.value === 'host') {
    return (
      <div class="stack" role="group" aria-label={t('room.giveHost')}>
        <p>{t('room.reallyHost', { name })}</p>
        <div class="row wrap">
          <button type="button" class="button main small" onClick={does('role', { role: 'host' })}>{t('room.giveHost')}</button>
          <button type="button" class="button small" onClick={() => { asks.value = undefined; }}>{t('cancel')}</button>
        </div>
        {refusal}
      </div>
    );
  }
  if (asks.value === 'out') {
    return (
      <div class="stack" role="group" aria-label={t('room.sendOut')}>
        <p>{t('room.reallyOut', { name })}</p>
        <div class="row wrap">
          <button type="button" class="button main small" onClick={does('kick', {})}>{t('room.kick')}</button>
          <button type="button" class="button small" onClick={does('ban', { byAddress: byAddress.value })}>{t('room.ban')}</button>
          <button type="button" class="button small" onClick={() => { asks.value = undefined; }}>{t('cancel')}</button>
        </div>
        <label class="check"><input type="checkbox" checked={byAddress.value} onChange={({ currentTarget }) => { byAddress.value = currentTarget.checked; }} />{t('room.byAddress')}</label>
        {refusal}
      </div>
    );
  }
  return (
    <div class="stack" role="group" aria-label={t('room.more', { name })}>
      <div class="row wrap">
        <button type="button" class="button small" onClick={does('mute', { isMuted: !isMuted })}>{t(isMuted ? 'room.unmute' : 'room.mute')}</button>
        {session.isAtLeast('host') && (
          <>
            <button type="button" class="button small" onClick={does('role', { role: role === 'moderator' ? 'viewer' : 'moderator' })}>{t(role === 'moderator' ? 'room.takeModerator' : 'room.giveModerator')}</button>
            <button type="button" class="button small" onClick={() => { asks.value = 'host'; }}>{t('room.giveHost')}</button>
          </>
        )}
        <button type="button" class="button small" onClick={() => { asks.value = 'out'; }}>{t('room.sendOut')}</button>
      </div>
      {refusal}
    </div>
  );
}
