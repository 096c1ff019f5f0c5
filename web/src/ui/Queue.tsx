// SPDX-License-Identifier: MIT
//
// Queue: what is watched, and what comes after it. Its head is the film that plays.
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { type File as Part, api } from '../api';
import { fileName, isFilm } from '../film';
import { isGuest } from '../grants';
import { t } from '../i18n';
import { type Item, RoomError, type RoomSession, TITLE_BYTES } from '../room';
import { cut } from '../text';
import { fileObjection, objection } from '../source';
import { type Attempt, useAttempt } from './attempt';
import { Icon, type IconName } from './Icon';
import { Notice } from './parts';
import { usePosition } from './position';

const NEXT_UP_MS = 20000;

export const itemName = ({ name, source }: Item): string => name || source;

export function Queue({ session }: { session: RoomSession }) {
  const queue = session.room.value?.queue ?? [], [head] = queue, mayQueue = session.may('mayQueue'), { attempt, refusal } = useAttempt();
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label={t('room.queue')}>
        {head ? <Items session={session} queue={queue} mayQueue={mayQueue} attempt={attempt} /> : <p class="said">{t('room.queueEmpty')}</p>}
        {head && <Skip session={session} mayQueue={mayQueue} attempt={attempt} />}
        {head?.infoHash && mayQueue && <Siblings key={head.number} session={session} head={head} attempt={attempt} />}
      </div>
      {refusal}
      {mayQueue ? <Add session={session} attempt={attempt} /> : <p class="say soft">{t('room.mayNotQueue')}</p>}
    </>
  );
}

function Items({ session, queue, mayQueue, attempt }: { session: RoomSession; queue: Item[]; mayQueue: boolean; attempt: Attempt }) {
  const list = useRef<HTMLOListElement>(null), dragged = useRef<number | undefined>(undefined), over = useSignal<number | undefined>(undefined);
  const pressed = useRef<{ number: number; name: IconName } | undefined>(undefined);
  const move = (number: number, index: number) => attempt(() => session.ask('queueMove', { number, index }));
  // A row that moves loses the focus; who moves it by the keyboard goes on from there.
  useLayoutEffect(() => {
    const was = pressed.current, active = document.activeElement;
    pressed.current = undefined;
    if (!was || (active !== document.body && !active?.matches(':disabled'))) return;
    const row = list.current?.querySelector(`[data-number="${was.number}"]`);
    (row?.querySelector<HTMLElement>(`[data-does="${was.name}"]:not([disabled])`) ?? row?.querySelector<HTMLElement>('button:not([disabled])') ?? list.current)?.focus();
  }, [queue]);

  const drop = (event: DragEvent, index: number) => {
    event.preventDefault();
    over.value = undefined;
    if (dragged.current !== undefined && index > 0) void move(dragged.current, index);
  };
  return (
    <ol class="queue" ref={list} tabIndex={-1}>
      {queue.map((item, index) => {
        const name = itemName(item), { number } = item;
        const does = (icon: IconName, words: string, isPossible: boolean, work: () => unknown) => (
          <button type="button" class="button bare icon small" data-does={icon} aria-label={words} title={words} disabled={!isPossible}
            onClick={() => { pressed.current = { number, name: icon }; void work(); }}><Icon name={icon} size={18} /></button>
        );
        return (
          <li key={number} data-number={number} class={over.value === index && index > 0 ? 'over' : ''} aria-current={index === 0 ? 'true' : undefined}
            draggable={mayQueue && index > 0}
            onDragStart={({ dataTransfer }) => { dragged.current = number; dataTransfer?.setData('text/plain', name); }}
            onDragEnd={() => { dragged.current = over.value = undefined; }}
            onDragOver={(event) => { if (dragged.current !== undefined) { event.preventDefault(); over.value = index; } }}
            onDrop={(event) => drop(event, index)}>
            <div class="grow">
              <div class="name"><bdi>{name}</bdi></div>
              <div class="tiny soft">{index === 0 ? t('room.nowPlaying') : index === 1 ? t('room.playsNext') : ''}</div>
            </div>
            {mayQueue && index > 0 && (
              <div class="row">
                {does('up', t('room.earlier', { name }), index > 1, () => move(number, index - 1))}
                {does('down', t('room.later', { name }), index < queue.length - 1, () => move(number, index + 1))}
                {does('play', t('room.playNow', { name }), true, () => move(number, 0))}
                {does('remove', t('room.takeOut', { name }), true, () => attempt(() => session.ask('queueRemove', { number })))}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

// The next one: who may takes it, all others vote.
function Skip({ session, mayQueue, attempt }: { session: RoomSession; mayQueue: boolean; attempt: Attempt }) {
  const { votes, needed } = session.votes, wants = session.me?.votesToSkip === true;
  return (
    <div class="row wrap skip-film">
      {mayQueue && <button type="button" class="button small" onClick={() => attempt(() => session.ask('queueNext'))}><Icon name="next" size={18} />{t('room.next')}</button>}
      <button type="button" class="button small" aria-pressed={wants} onClick={() => attempt(() => session.ask('vote', { wants: !wants }))}>
        <Icon name="hand" size={18} />{t(wants ? 'room.unvote' : 'room.vote')}<span class="count">{t('room.votes', { votes, needed })}</span>
      </button>
    </div>
  );
}

// The same torrent often has the next part.
function Siblings({ session, head, attempt }: { session: RoomSession; head: Item; attempt: Attempt }) {
  const files = useSignal<Part[] | undefined>(undefined);
  const load = () => attempt(async () => { files.value = (await api.torrent(head.infoHash)).files.filter(isFilm); });
  const add = ({ id, path }: Part) => attempt(() => session.ask('queueAdd', { source: head.infoHash, file: String(id), name: cut(fileName(path).trim(), TITLE_BYTES) }));
  return (
    <details onToggle={({ currentTarget }) => { if (currentTarget.open) void load(); }}>
      <summary>{t('room.siblings')}</summary>
      <ul class="queue">
        {files.value?.map((file) => (
          <li key={file.id}>
            <div class="grow name"><bdi>{file.path}</bdi></div>
            <button type="button" class="button bare icon small" aria-label={t('room.addThis', { name: fileName(file.path) })} onClick={() => add(file)}><Icon name="add" size={18} /></button>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Add({ session, attempt }: { session: RoomSession; attempt: Attempt }) {
  const source = useSignal(''), complaint = useSignal<string | undefined>(undefined), isBusy = useSignal(false), picker = useRef<HTMLInputElement>(null);
  // The server has it before the room hears of it: then a bad one is told to who gave it, and only to him. Of guests the room takes what
  // the server has, or may add by itself.
  const add = async (what: string | Blob) => {
    isBusy.value = true;
    const isDone = await attempt(async () => {
      if (isGuest.value) {
        if (typeof what !== 'string' || /^https?:/i.test(what)) throw new RoomError('not_on_server', '');
        return session.ask('queueAdd', { source: what });
      }
      const hash = await api.add(what), { name } = await api.torrent(hash);
      return session.ask('queueAdd', { source: hash, name: name === hash ? '' : cut(name.trim(), TITLE_BYTES) });
    });
    if (isDone) source.value = '';
    isBusy.value = false;
  };
  const addText = (event: Event) => {
    event.preventDefault();
    const text = source.value.trim();
    complaint.value = objection(text);
    if (!complaint.value) void add(text);
  };
  const addFile = (file: File | undefined) => {
    if (!file) return;
    complaint.value = fileObjection(file);
    if (!complaint.value) void add(file);
  };
  return (
    <>
      {complaint.value && <Notice kind="warn" title={complaint.value} onClose={() => { complaint.value = undefined; }} />}
      <form class="say" noValidate onSubmit={addText}>
        <label class="unseen" for="add">{t('room.addLabel')}</label>
        <input id="add" class="field" type="text" inputMode="url" autocomplete="off" autocapitalize="off" spellcheck={false} placeholder={t('room.addLabel')} {...(source.value ? { dir: 'ltr' } : {})}
          value={source.value} onInput={({ currentTarget }) => { source.value = currentTarget.value; complaint.value = undefined; }} />
        <button class="button main icon" aria-label={t('room.add')} disabled={isBusy.value}><Icon name="add" /></button>
        <button type="button" class="button icon" aria-label={t('start.choose')} title={t('start.choose')} disabled={isBusy.value} onClick={() => picker.current?.click()}><Icon name="file" /></button>
        <input ref={picker} type="file" accept=".torrent,application/x-bittorrent" hidden aria-label={t('start.choose')} onChange={({ currentTarget }) => { addFile(currentTarget.files?.[0]); currentTarget.value = ''; }} />
      </form>
    </>
  );
}

// Over the film, before it ends.
export function NextUp({ session, attempt }: { session: RoomSession; attempt: Attempt }) {
  const atMs = usePosition(session), { clock, queue = [] } = session.room.value ?? {}, next = queue[1];
  if (!next || !clock || clock.durationMs === 0 || !clock.wantsPlay || clock.durationMs - atMs > NEXT_UP_MS) return null;
  return (
    <div class="next-up" role="status">
      <span class="grow one-line">{t('room.nextUp')} <b><bdi>{itemName(next)}</bdi></b></span>
      {session.may('mayQueue') && <button type="button" class="button main small" onClick={() => attempt(() => session.ask('queueNext'))}>{t('room.now')}</button>}
    </div>
  );
}
