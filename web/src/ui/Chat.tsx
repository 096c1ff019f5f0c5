// SPDX-License-Identifier: MIT
//
// Chat: what is said in a room, what else happened there meanwhile, and who is writing.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { type Signal, useSignal } from '@preact/signals';
import { t, timeOfDay } from '../i18n';
import { randomText } from '../memory';
import type { Happening, Line, RoomSession } from '../room';
import { type Attempt, useAttempt } from './attempt';
import { Avatar } from './Avatar';
import { Icon } from './Icon';
import { Signs } from './Reactions';

const TEXT_MAX = 500;
const TYPING_MS = 3000; // it is said again so often, and over after a pause of so long

// Each after the line that was the last one when it happened.
function inOrder(lines: Line[], happened: Happening[]): (Line | Happening)[] {
  const all: (Line | Happening)[] = [];
  let next = 0;
  for (const line of lines) {
    for (let one = happened[next]; one && one.after < line.number; one = happened[++next]) all.push(one);
    all.push(line);
  }
  return [...all, ...happened.slice(next)];
}

export function Chat({ session, isShown, onPopOut }: { session: RoomSession; isShown: boolean; onPopOut?: () => void }) {
  const reactsTo = useSignal(0), { attempt, refusal } = useAttempt(), list = useRef<HTMLDivElement>(null), isAtEnd = useRef(true);
  const lines = session.room.value?.chat ?? [], entries = inOrder(lines, session.happened.value), last = entries.at(-1);
  useLayoutEffect(() => { if (list.current && isAtEnd.current) list.current.scrollTop = list.current.scrollHeight; }, [last, isShown]);
  useEffect(() => {
    const box = list.current;
    const look = () => { if (box) isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 40; };
    box?.addEventListener('scroll', look, { passive: true });
    return () => box?.removeEventListener('scroll', look);
  }, []);

  const react = (line: number, what: string) => {
    reactsTo.value = 0;
    void attempt(() => session.ask('react', { line, what }));
  };
  return (
    <>
      <div class="chat" ref={list} role="log" aria-label={t('room.chat')} tabIndex={0}>
        {entries.length === 0 && <p class="said">{t('room.noChat')}</p>}
        {entries.map((one) => ('after' in one
          ? <p key={`h${one.number}`} class="said">{t(`room.event.${one.what}`, { name: one.name })}</p>
          : <LineItem key={one.number} session={session} line={one} reactsTo={reactsTo} onReact={(what) => react(one.number, what)} />))}
      </div>
      {refusal}
      <div class="row typing">
        <p class="grow one-line" role="status">{whoTypes(session)}</p>
        {onPopOut && <button type="button" class="button bare icon small pop-out" aria-label={t('room.popOut')} title={t('room.popOut')} onClick={onPopOut}><Icon name="popout" size={18} /></button>}
      </div>
      <Say id="say" session={session} attempt={attempt} onSaid={() => { isAtEnd.current = true; }} />
    </>
  );
}

// The field to write in.
export function Say({ id, session, attempt, onSaid }: { id: string; session: RoomSession; attempt: Attempt; onSaid?: () => void }) {
  const text = useSignal(''), setTyping = useTyping(session), { maySpeak } = session, isMuted = session.me?.isMuted === true;
  const say = async (event: Event) => {
    event.preventDefault();
    const said = text.value.trim();
    if (said === '') return;
    text.value = '';
    setTyping(false);
    onSaid?.();
    if (!await attempt(() => session.ask('say', { text: said, key: randomText(8) }))) text.value = text.value || said; // nothing of it is lost
  };
  return (
    <form class="say" onSubmit={say}>
      <label class="unseen" for={id}>{t('room.say')}</label>
      <input id={id} class="field" autocomplete="off" maxLength={TEXT_MAX} dir="auto" placeholder={t(isMuted ? 'room.muted' : maySpeak ? 'room.say' : 'room.mayNotChat')} disabled={!maySpeak}
        value={text.value} onInput={({ currentTarget }) => { text.value = currentTarget.value; setTyping(text.value !== ''); }} />
      <button class="button main icon" aria-label={t('room.send')} disabled={!maySpeak}><Icon name="send" /></button>
    </form>
  );
}

function LineItem({ session, line: { number, id, name, atMs, text, reactions }, reactsTo, onReact }: { session: RoomSession; line: Line; reactsTo: Signal<number>; onReact: (what: string) => void }) {
  const { maySpeak } = session, isOpen = maySpeak && reactsTo.value === number, given = new Map<string, string[]>();
  for (const { id: whose, what } of reactions) given.set(what, [...given.get(what) ?? [], whose]);
  return (
    <div class="line">
      <Avatar id={id} name={name || '★'} face={session.faceOf(id)} />
      <div class="who">
        <b><bdi>{name || t('room.operatorSays')}</bdi></b><time>{timeOfDay(atMs)}</time><span class="grow" />
        {maySpeak && <button type="button" class="react" aria-expanded={isOpen} aria-label={t('room.react')} title={t('room.react')} onClick={() => { reactsTo.value = isOpen ? 0 : number; }}><Icon name="smile" size={18} /></button>}
      </div>
      <p dir="auto">{text}</p>
      {isOpen && <Signs label={t('room.react')} onChoose={onReact} />}
      {given.size > 0 && (
        <div class="marks">
          {[...given].map(([what, whose]) => (
            <button key={what} type="button" class="mark" aria-pressed={whose.includes(session.id)} title={whose.map((one) => session.nameOf(one)).join(', ')} disabled={!maySpeak} onClick={() => onReact(what)}>
              <span class="sign">{what}</span> {whose.length}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function whoTypes(session: RoomSession): string {
  const [name, other, more] = session.typing.value.map((id) => session.nameOf(id));
  if (!name) return '';
  if (!other) return t('room.typing.one', { name });
  return more ? t('room.typing.many') : t('room.typing.two', { name, other });
}

// Tells the others, seldom, and that it is over when nothing is typed any more.
function useTyping(session: RoomSession): (is: boolean) => void {
  const toldMs = useRef(0), timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const set = (is: boolean): void => {
    clearTimeout(timer.current);
    if (is) timer.current = setTimeout(() => set(false), TYPING_MS);
    const nowMs = performance.now();
    if (is ? nowMs - toldMs.current < TYPING_MS && toldMs.current !== 0 : toldMs.current === 0) return;
    toldMs.current = is ? nowMs : 0;
    void session.ask('typing', { isOn: is }).catch(() => {});
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return set;
}
