// SPDX-License-Identifier: MIT
//
// ChatOver: in full screen, where the chat beside the film is not seen: what is said passes by over it, if one wants, and one can write.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { t } from '../i18n';
import { recall, remember } from '../memory';
import type { Line, RoomSession } from '../room';
import { useAttempt } from './attempt';
import { Avatar } from './Avatar';
import { Say } from './Chat';
import { Icon } from './Icon';
import { ReactToFilm } from './Reactions';

const LINE_MS = 10000, LINES_MAX = 5;

export function ChatOver({ session }: { session: RoomSession }) {
  const isFull = useSignal(false);
  useEffect(() => {
    const look = () => { isFull.value = document.fullscreenElement?.matches('.stage') === true; };
    look();
    document.addEventListener('fullscreenchange', look);
    return () => document.removeEventListener('fullscreenchange', look);
  }, []);
  return isFull.value ? <Inside session={session} /> : null;
}

function Inside({ session }: { session: RoomSession }) {
  const isShown = useSignal(recall('chatOver') !== 'no'), lines = useSignal<Line[]>([]), { attempt, refusal } = useAttempt();
  // What is said from now on, each line for its time.
  useEffect(() => {
    const timers = new Set<ReturnType<typeof setTimeout>>();
    let seen = session.room.peek()?.chat.at(-1)?.number ?? 0;
    const stop = session.room.subscribe((room) => {
      for (const line of room?.chat ?? []) {
        if (line.number <= seen) continue;
        seen = line.number;
        lines.value = [...lines.peek(), line].slice(-LINES_MAX);
        const timer = setTimeout(() => {
          timers.delete(timer);
          lines.value = lines.peek().filter(({ number }) => number !== line.number);
        }, LINE_MS);
        timers.add(timer);
      }
    });
    return () => {
      stop();
      for (const timer of timers) clearTimeout(timer);
    };
  }, [session]);
  const toggle = () => {
    isShown.value = !isShown.value;
    remember('chatOver', isShown.value ? 'yes' : 'no');
  };
  return (
    <div class="chat-over">
      <div class="lines" role="log" aria-label={t('room.chat')}>
        {isShown.value && lines.value.map(({ number, id, name, text }) => (
          <p key={number}><Avatar id={id} name={name || '★'} face={session.faceOf(id)} /><b><bdi>{name || t('room.operatorSays')}</bdi></b> <span dir="auto">{text}</span></p>
        ))}
      </div>
      <div class="with-controls">
        {refusal}
        <ReactToFilm session={session} />
        <div class="row">
          <button type="button" class="button bare icon" aria-pressed={isShown.value} aria-label={t('room.chatOver')} title={t('room.chatOver')} onClick={toggle}><Icon name="chat" /></button>
          <Say id="say-over" session={session} attempt={attempt} />
        </div>
      </div>
    </div>
  );
}
