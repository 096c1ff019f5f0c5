// SPDX-License-Identifier: MIT
//
// RoomSettings: what the host chooses for the room. The server wants all choices at once; the password is a thing of its own, which it
// never tells.
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { type Key, t } from '../i18n';
import { type Action, type Choices, PASSWORD_BYTES, type Role, type RoomSession, TITLE_BYTES } from '../room';
import { cut } from '../text';
import { useAttempt } from './attempt';
import { Dialog } from './Dialog';
import { Icon } from './Icon';

const MEMBERS_MAX = 1000, WAIT_MAX_S = 30;
const actions: [Action, Key][] = [['mayPlay', 'room.mayPlay'], ['maySeek', 'room.maySeek'], ['mayQueue', 'room.mayQueue'], ['mayChat', 'room.mayChat']];
const roles: [Role, Key][] = [['viewer', 'room.all'], ['moderator', 'room.onlyModerators'], ['host', 'room.onlyHost']];
const stragglers: [Choices['stragglers'], Key][] = [['let_go', 'room.letGo'], ['wait', 'room.wait'], ['slow', 'room.slow']];

export function RoomSettings({ session }: { session: RoomSession }) {
  const isOpen = useSignal(false);
  if (!session.isAtLeast('host')) return null;
  return (
    <>
      <button type="button" class="button bare icon small" aria-label={t('room.settings')} title={t('room.settings')} onClick={() => { isOpen.value = true; }}><Icon name="gear" /></button>
      {isOpen.value && <Settings session={session} onClose={() => { isOpen.value = false; }} />}
    </>
  );
}

function Field({ id, label, children }: { id: string; label: string; children: ComponentChildren }) {
  return <div class="stack"><label for={id}>{label}</label>{children}</div>;
}

function Select<Value extends string>({ id, value, options, onChange }: { id: string; value: Value; options: [Value, Key][]; onChange: (value: Value) => void }) {
  return (
    <select id={id} class="field" value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as Value)}>
      {options.map(([word, key]) => <option key={word} value={word}>{t(key)}</option>)}
    </select>
  );
}

function Count({ id, value, max, onChange }: { id: string; value: number; max: number; onChange: (value: number) => void }) {
  return <input id={id} class="field" type="number" inputMode="numeric" required min={1} max={max} value={value} onChange={({ currentTarget }) => onChange(currentTarget.valueAsNumber)} />;
}

function Settings({ session, onClose }: { session: RoomSession; onClose: () => void }) {
  const room = session.room.peek(), had = room?.hasPassword ?? false, { attempt, refusal } = useAttempt();
  const choices = useSignal(room?.choices as Choices), wantsPassword = useSignal(had), password = useSignal(''), asks = useSignal(false);
  const choose = (some: Partial<Choices>) => { choices.value = { ...choices.value, ...some }; };
  const { title, needsApproval, stragglers: what, waitMs, skipPercent, maxMembers } = choices.value;

  const save = async (event: Event) => {
    event.preventDefault();
    const isDone = await attempt(async () => {
      await session.ask('configure', { ...choices.value, title: cut(title.trim(), TITLE_BYTES) });
      if (!wantsPassword.value && had) await session.setPassword('');
      else if (wantsPassword.value && password.value !== '') await session.setPassword(cut(password.value, PASSWORD_BYTES));
    });
    if (isDone) onClose();
  };
  return (
    <Dialog title={t('room.settings')} onClose={onClose}>
      <form class="stack wide" onSubmit={save}>
        <Field id="title" label={t('room.titleOf')}><input id="title" class="field" dir="auto" autocomplete="off" value={title} onInput={({ currentTarget }) => choose({ title: currentTarget.value })} /></Field>
        <label class="check"><input type="checkbox" checked={needsApproval} onChange={({ currentTarget }) => choose({ needsApproval: currentTarget.checked })} />{t('room.needsApproval')}</label>
        <label class="check"><input type="checkbox" checked={wantsPassword.value} onChange={({ currentTarget }) => { wantsPassword.value = currentTarget.checked; }} />{t('room.hasPassword')}</label>
        {wantsPassword.value && (
          <Field id="new-password" label={t(had ? 'room.newPassword' : 'room.password')}>
            <input id="new-password" class="field" type="password" autocomplete="new-password" required={!had} value={password.value} onInput={({ currentTarget }) => { password.value = currentTarget.value; }} />
          </Field>
        )}
        <div class="pairs">
          {actions.map(([action, key]) => <Field key={action} id={action} label={t(key)}><Select id={action} value={choices.value[action]} options={roles} onChange={(role) => choose({ [action]: role })} /></Field>)}
          <Field id="stragglers" label={t('room.stragglers')}><Select id="stragglers" value={what} options={stragglers} onChange={(word) => choose({ stragglers: word })} /></Field>
          {what === 'wait' && <Field id="wait" label={t('room.waitSeconds')}><Count id="wait" max={WAIT_MAX_S} value={Math.round(waitMs / 1000)} onChange={(seconds) => choose({ waitMs: seconds * 1000 })} /></Field>}
          <Field id="skip" label={t('room.skipPercent')}><Count id="skip" max={100} value={skipPercent} onChange={(percent) => choose({ skipPercent: percent })} /></Field>
          <Field id="most" label={t('room.maxMembers')}><Count id="most" max={MEMBERS_MAX} value={maxMembers} onChange={(count) => choose({ maxMembers: count })} /></Field>
        </div>
        {refusal}
        <button class="button main">{t('room.save')}</button>
      </form>
      {asks.value ? (
        <div class="stack">
          <p>{t('room.reallyClose')}</p>
          <div class="row wrap">
            <button type="button" class="button main small" onClick={() => attempt(() => session.ask('close'))}>{t('room.close')}</button>
            <button type="button" class="button small" onClick={() => { asks.value = false; }}>{t('cancel')}</button>
          </div>
        </div>
      ) : <button type="button" class="button" onClick={() => { asks.value = true; }}>{t('room.close')}</button>}
    </Dialog>
  );
}
