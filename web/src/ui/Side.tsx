// SPDX-License-Identifier: MIT
//
// Side: what is beside the film, one part at a time. It can be closed, so that a telephone has room for the film; who knocks is shown all
// the same.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type Key, t } from '../i18n';
import type { RoomSession } from '../room';
import { CallDoor } from './CallDoor';
import { Chat } from './Chat';
import { Icon } from './Icon';
import { Knocks, Members } from './Members';
import { Queue } from './Queue';
import { RoomSettings } from './RoomSettings';

type Tab = 'chat' | 'people' | 'queue';
const tabs: [Tab, Key][] = [['chat', 'room.chat'], ['people', 'room.people'], ['queue', 'room.queue']];

export function Side({ session }: { session: RoomSession }) {
  const tab = useSignal<Tab>('chat'), isClosed = useSignal(false), list = useRef<HTMLDivElement>(null);
  const isShown = (one: Tab) => !isClosed.value && tab.value === one;
  const chat = session.room.value?.chat ?? [], lastLine = chat.at(-1)?.number ?? 0, seen = useSignal(lastLine), isChatShown = isShown('chat');
  useEffect(() => { if (isChatShown) seen.value = lastLine; }, [isChatShown, lastLine]);
  const unread = isChatShown ? 0 : chat.filter(({ number, id }) => number > seen.value && id !== session.id).length;
  const counts: Record<Tab, number> = { chat: unread, people: session.room.value?.members.length ?? 0, queue: session.room.value?.queue.length ?? 0 };
  const parts: Record<Tab, JSX.Element> = { chat: <Chat session={session} isShown={isChatShown} />, people: <Members session={session} />, queue: <Queue session={session} /> };

  const choose = (one: Tab) => {
    tab.value = one;
    isClosed.value = false;
  };
  // As such lists go: one stop for Tab, arrows within.
  const move = (event: KeyboardEvent) => {
    const forward = document.documentElement.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight', back = forward === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft';
    const at = tabs.findIndex(([one]) => one === tab.value);
    const to = event.key === forward ? at + 1 : event.key === back ? at - 1 : event.key === 'Home' ? 0 : event.key === 'End' ? tabs.length - 1 : undefined;
    const next = to !== undefined && tabs[(to + tabs.length) % tabs.length];
    if (!next) return;
    event.preventDefault();
    choose(next[0]);
    list.current?.querySelector<HTMLElement>(`#tab-${next[0]}`)?.focus();
  };
  return (
    <aside class={`card side ${isClosed.value ? 'closed' : ''}`} aria-label={t('room.company')}>
      <div class="row head">
        <div class="tabs grow" role="tablist" aria-label={t('room.company')} ref={list} onKeyDown={move}>
          {tabs.map(([one, key]) => (
            <button key={one} type="button" role="tab" id={`tab-${one}`} class="tab" aria-selected={tab.value === one} aria-controls={`part-${one}`} tabIndex={tab.value === one ? 0 : -1} onClick={() => choose(one)}>
              {t(key)}{counts[one] > 0 && <span class={`count ${one === 'chat' ? 'new' : ''}`}>{counts[one]}{one === 'chat' && <span class="unseen"> {t('room.unread')}</span>}</span>}
            </button>
          ))}
        </div>
        <RoomSettings session={session} />
        <button type="button" class="button bare icon small" aria-expanded={!isClosed.value} aria-label={t(isClosed.value ? 'room.openSide' : 'room.closeSide')} onClick={() => { isClosed.value = !isClosed.value; }}><Icon name={isClosed.value ? 'up' : 'down'} /></button>
      </div>
      <Knocks session={session} />
      <CallDoor session={session} />
      {tabs.map(([one]) => <div key={one} id={`part-${one}`} class="panel" role="tabpanel" aria-labelledby={`tab-${one}`} hidden={!isShown(one)}>{parts[one]}</div>)}
    </aside>
  );
}
