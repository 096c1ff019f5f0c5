// SPDX-License-Identifier: MIT
//
// CallDoor: who talks, and the way in. The call itself comes when somebody wants it.
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { Call } from '../call';
import { language, t } from '../i18n';
import { type RoomError, type RoomSession } from '../room';
import { Icon } from './Icon';
import { Notice, explainRoom } from './parts';

export function CallDoor({ session }: { session: RoomSession }) {
  const call = useSignal<Call | undefined>(undefined), isEntering = useSignal(false), refused = useSignal('');
  const part = useSignal<{ Inside: ComponentType<{ session: RoomSession; call: Call; onLeave: () => void }> } | undefined>(undefined);
  const leave = () => {
    call.peek()?.end();
    call.value = undefined;
  };
  useEffect(() => leave, []);
  const refuse = (why: RoomError) => {
    leave();
    refused.value = explainRoom(why).title;
  };
  const enter = async (withCamera: boolean) => {
    refused.value = '';
    isEntering.value = true;
    try {
      const [{ Call }, { CallPart }] = await Promise.all([import('../call'), import('./CallPart')]);
      part.value = { Inside: CallPart };
      const made = call.value = new Call(session, refuse);
      await made.enter(withCamera);
    } catch (why) {
      if (call.value) refuse(why as RoomError);
      else refused.value = t('error.offline');
    }
    isEntering.value = false;
  };

  if (!('RTCPeerConnection' in globalThis)) return null; // switched off, by whoever this browser is of
  const names = session.room.value?.members.filter(({ id, call: theirs }) => theirs !== '' && id !== session.id).map(({ name }) => name) ?? [];
  const refusal = refused.value !== '' && <Notice kind="warn" title={refused.value} onClose={() => { refused.value = ''; }} />;
  if (call.value && part.value && !isEntering.value) return <part.value.Inside session={session} call={call.value} onLeave={leave} />;
  return (
    <>
      <div class="call-door" role="group" aria-label={t('call.title')}>
        <span class="grow tiny" role="status">
          {isEntering.value ? t('call.entering') : names.length > 0 ? t('call.talk', { count: names.length, names: new Intl.ListFormat(language.value).format(names) }) : t('call.title')}
        </span>
        <button type="button" class="button small" disabled={isEntering.value} onClick={() => enter(false)}><Icon name="mic" size={18} />{t('call.voice')}</button>
        <button type="button" class="button small" disabled={isEntering.value} onClick={() => enter(true)}><Icon name="camera" size={18} />{t('call.video')}</button>
      </div>
      {refusal}
    </>
  );
}
