// SPDX-License-Identifier: MIT
//
// Talk: a room to talk in, by its name, where p2p-go-app had its page: it is made when nobody is there yet. Clients of that system, by /ws,
// are in the same rooms.
import { useSignal } from '@preact/signals';
import { t } from '../i18n';
import { type Place, go } from '../router';
import { Icon } from '../ui/Icon';
import RoomView from './Room';

export default function Talk({ at: { code } }: { at: Place & { view: 'talk' } }) {
  const wanted = useSignal('');
  if (code) return <RoomView at={{ view: 'room', code, screen: 'chat' }} isOpen />;
  return (
    <form class="card middle" onSubmit={(event) => { event.preventDefault(); if (wanted.value.trim()) go({ view: 'talk', code: wanted.value.trim() }); }}>
      <div class="stack"><h1>{t('talk.title')}</h1><p class="soft">{t('talk.text')}</p></div>
      <div class="stack">
        <label for="talk">{t('talk.room')}</label>
        <input id="talk" class="field" autocomplete="off" autocapitalize="off" required dir="auto" value={wanted.value} onInput={({ currentTarget }) => { wanted.value = currentTarget.value; }} />
      </div>
      <button class="button main"><Icon name="people" />{t('join')}</button>
    </form>
  );
}
