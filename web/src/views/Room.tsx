// SPDX-License-Identifier: MIT
//
// Room: people who watch the same film at the same time, and talk. First one says who one is; then there is the film, and everybody else.
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { type Signal, useComputed, useSignal } from '@preact/signals';
import { ApiError, token } from '../api';
import { fileName, openFilm } from '../film';
import { grants, isGuest } from '../grants';
import { clockTime, has, t } from '../i18n';
import { recall, remember } from '../memory';
import { type Item, NAME_BYTES, type RoomError, RoomSession } from '../room';
import { cut } from '../text';
import { type Place, go } from '../router';
import { keepInSync } from '../sync';
import { type Attempt, useAttempt } from '../ui/attempt';
import { Icon } from '../ui/Icon';
import { ChatOver } from '../ui/ChatOver';
import { Lobby } from '../ui/Lobby';
import { Others } from '../ui/Others';
import { Player, type Wish } from '../ui/Player';
import { NextUp, itemName } from '../ui/Queue';
import { Remote } from '../ui/Remote';
import { Passing, ReactToFilm } from '../ui/Reactions';
import { Facts, Link, Notice, TokenForm, explainRoom } from '../ui/parts';
import { openSharing } from '../sharing';
import { Share } from '../ui/Share';
import { SharingSwitch, SwarmButton } from '../ui/Sharing';
import { Side } from '../ui/Side';

// `isOpen`: who comes first makes the room.
export default function RoomView({ at: { code, screen }, isOpen = false }: { at: Place & { view: 'room' }; isOpen?: boolean }) {
  const name = useSignal(recall('name') ?? ''), isNamed = useSignal(recall('name') !== undefined);
  useEffect(() => { document.title = `${t('room.title')} – ShareStream`; }, []);
  if (!isNamed.value) return <AskName name={name} onDone={() => { name.value = cut(name.value.trim(), NAME_BYTES); remember('name', name.value); isNamed.value = true; }} />;
  return <Inside code={code} name={name.value} screen={screen} isOpen={isOpen} />;
}

function AskName({ name, onDone }: { name: Signal<string>; onDone: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form class="card middle" onSubmit={(event) => { event.preventDefault(); if (name.value.trim()) onDone(); }}>
      <div class="stack"><h1>{t('room.welcome')}</h1><p class="soft">{t('room.welcomeText')}</p></div>
      <div class="stack">
        <label for="name">{t('room.name')}</label>
        <input ref={field} id="name" class="field" autocomplete="nickname" required dir="auto" value={name.value} onInput={({ currentTarget }) => { name.value = currentTarget.value; }} />
      </div>
      <button class="button main"><Icon name="people" />{t('join')}</button>
    </form>
  );
}

function Inside({ code, name, screen, isOpen }: { code: string; name: string; screen: 'remote' | 'chat' | undefined; isOpen: boolean }) {
  const session = useMemo(() => new RoomSession(code, name, isOpen), [code]);
  useEffect(() => () => session.end(), [session]);
  const head = useComputed(() => session.room.value?.queue[0]);
  const room = session.room.value, standing = session.standing.value, why = session.why.value, title = room?.choices.title;
  useEffect(() => { document.title = `${title || t('room.title')} – ShareStream`; }, [title]);

  if (standing === 'out' && why) return <Outside session={session} why={why} />;
  if (standing === 'knocking') return <div class="card middle" role="status"><div class="row"><span class="spinner" /><h1>{t('room.knocking')}</h1></div><p class="soft">{t('room.knockingText')}</p></div>;
  if (!room) return <div class="card middle" role="status"><div class="row"><span class="spinner" /><p>{t(why ? 'error.offline' : 'room.entering')}</p></div></div>;
  const item = head.value, Shown = isGuest.value ? GuestFilm : RoomFilm;
  return (
    <div class={`room ${screen === 'chat' ? 'talk' : ''}`}>
      <div class="film">
        {screen === 'chat' ? <div class="below"><Heading session={session} title={title || (item ? itemName(item) : code)} screen={screen} /></div> : screen === 'remote' ? <RoomRemote session={session} /> : item ? <Shown key={`${item.number} ${token.value}`} session={session} item={item} /> : (
          <div class="stage"><div class="veil"><div class="stack"><h1>{t('room.noFilm')}</h1><p>{t('room.noFilmText')}</p><Link to={{ view: 'start' }} class="button main">{t('room.findFilm')}</Link></div></div></div>
        )}
        {standing === 'away' && <div class="below"><Notice kind="warn" title={t('room.away')}>{t('room.awayText')}</Notice></div>}
      </div>
      <Side session={session} />
    </div>
  );
}

function Outside({ session, why }: { session: RoomSession; why: RoomError }) {
  const password = useSignal('');
  const again = (event?: Event) => {
    event?.preventDefault();
    session.standing.value = 'joining';
    void session.enter(password.value || undefined);
  };
  if (why.code === 'password_needed' || why.code === 'password_wrong') {
    return (
      <form class="card middle" onSubmit={again}>
        <h1>{t('room.password_needed')}</h1>
        {why.code === 'password_wrong' && <Notice title={t('room.password_wrong')} />}
        <div class="stack">
          <label for="password">{t('room.password')}</label>
          <input id="password" class="field" type="password" autocomplete="off" required value={password.value} onInput={({ currentTarget }) => { password.value = currentTarget.value; }} />
        </div>
        <button class="button main">{t('join')}</button>
      </form>
    );
  }
  const { title, text } = explainRoom(why);
  return (
    <div class="card middle">
      <h1>{title}</h1>
      {text && <p class="soft" dir="auto">{text}</p>}
      <div class="row wrap">
        <button type="button" class="button main" onClick={() => again()}>{t(why.code === 'out_replaced' ? 'room.here' : 'again')}</button>
        <button type="button" class="button" onClick={() => go({ view: 'start' })}>{t('room.leave')}</button>
      </div>
    </div>
  );
}

const GRANT_MS = 3000;

// A guest's film: what opens it comes a moment after its name. Who is not given it is told why he cannot see it.
function GuestFilm({ session, item }: { session: RoomSession; item: Item }) {
  const isLate = useSignal(false), isOpen = grants.value.has(item.infoHash) || item.infoHash === '' || isLate.value;
  useEffect(() => {
    const timer = setTimeout(() => { isLate.value = true; }, GRANT_MS);
    return () => clearTimeout(timer);
  }, []);
  if (isOpen) return <RoomFilm session={session} item={item} />;
  return <div class="stage"><div class="veil"><div class="stack" role="status"><span class="spinner" /><h2>{t('diagnosis.opening')}</h2></div></div></div>;
}

function RoomFilm({ session, item }: { session: RoomSession; item: Item }) {
  const film = useMemo(() => openFilm(item.infoHash || item.source, /^\d+$/.test(item.file) ? Number(item.file) : undefined), [item.number]);
  const video = useSignal<HTMLVideoElement | undefined>(undefined), isBlocked = useSignal(false), { attempt, refusal } = useAttempt();
  const sharing = useMemo(() => openSharing(film, { isUsual: () => (session.room.value?.members.length ?? 0) > 1, tracker: () => session.tracker, iceServers: async () => session.iceServers }), [film]);
  useEffect(() => () => film.end(), [film]);
  useEffect(() => () => sharing.end(), [sharing]);
  // It may have come too late for the first question, or for the last one.
  const grant = grants.value.get(item.infoHash);
  useEffect(() => { if (grant && film.error.peek() !== undefined) film.again(); }, [grant]);
  const element = video.value;
  useEffect(() => (element ? keepInSync(session, element, (is) => { isBlocked.value = is; }) : undefined), [element]);

  const onWish = (wish: Wish) => attempt(() => {
    const positionMs = Math.round((element?.currentTime ?? 0) * 1000);
    if (wish.does === 'seek') return session.ask('seek', { positionMs: Math.round(wish.toMs) });
    if (wish.does === 'rate') return session.ask('rate', { rate: wish.rate });
    return session.ask(wish.does, { isElsewhere: false, positionMs });
  });
  const error = film.error.value, wantsToken = error instanceof ApiError && error.wantsToken, isForeign = item.kind !== 'torrent';
  const torrent = film.torrent.value, title = session.room.value?.choices.title || item.name || (film.file.value ? fileName(film.file.value.path) : torrent?.name) || session.code;
  const veil = isForeign ? <div class="stack"><h2>{t('room.foreign')}</h2><p>{t('room.foreignText')}</p></div>
    : wantsToken ? <div class="stack"><h2>{t('room.wantsToken')}</h2><p>{t('room.wantsTokenText')}</p></div>
      : isBlocked.value ? (
        <div class="stack">
          <button type="button" class="big-play" aria-label={t('room.press')} onClick={() => { void element?.play(); }}><Icon name="play" /></button>
          <h2>{t('room.press')}</h2><p>{t('room.pressText')}</p>
        </div>
      ) : undefined;
  return (
    <>
      <Player film={film} onVideo={(one) => { video.value = one; }} onWish={(wish) => void onWish(wish)} veil={veil} rate={session.room.value?.clock.wantedRate ?? 1}
        marks={<Others session={session} />} over={<div class="over"><Passing session={session} /><NextUp session={session} attempt={attempt} /><ChatOver session={session} /></div>} />
      <Below session={session} title={title} attempt={attempt}>
        {torrent && <Facts torrent={torrent} />}
        {torrent && <SwarmButton hash={torrent.infoHash} />}
      </Below>
      {film.media.value && <div class="below last"><SharingSwitch sharing={sharing} /></div>}
      {(refusal || wantsToken) && <div class="below">{refusal}{wantsToken && <details><summary class="soft">{t('room.operator')}</summary><TokenForm /></details>}</div>}
    </>
  );
}

// The room without its film: chat, queue and the controls.
function RoomRemote({ session }: { session: RoomSession }) {
  const { attempt, refusal } = useAttempt(), [item] = session.room.value?.queue ?? [];
  return (
    <>
      {item && <Remote session={session} attempt={attempt} />}
      <Below session={session} title={session.room.value?.choices.title || (item ? itemName(item) : t('room.noFilm'))} attempt={attempt} screen="remote" />
      {refusal && <div class="below">{refusal}</div>}
    </>
  );
}

function Heading({ session, title, screen }: { session: RoomSession; title: string; screen: 'remote' | 'chat' | undefined }) {
  const code = session.room.value?.code ?? session.code;
  return (
    <div class="row wrap">
      <h1 class="grow"><bdi>{title}</bdi></h1>
      {!screen && <button type="button" class="button bare small" title={t('room.resyncText')} onClick={() => session.clock.resync()}><Icon name="sync" size={18} />{t('room.resync')}</button>}
      <Link to={screen ? { view: 'room', code } : { view: 'room', code, screen: 'remote' }} class="button bare small"><Icon name={screen ? 'screen' : 'phone'} size={18} />{t(screen ? 'room.withFilm' : 'room.withoutFilm')}</Link>
      <Share code={code} />
    </div>
  );
}

// What belongs to the film, below it.
function Below({ session, title, attempt, screen, children }: { session: RoomSession; title: string; attempt: Attempt; screen?: 'remote'; children?: ComponentChildren }) {
  return (
    <div class="below">
      <Heading session={session} title={title} screen={screen} />
      <Lobby session={session} />
      <ReactToFilm session={session} />
      <div class="facts-line"><Last session={session} attempt={attempt} />{children}</div>
    </div>
  );
}

// Who moved the film, and whether anybody is waited for.
function Last({ session, attempt }: { session: RoomSession; attempt: Attempt }) {
  const room = session.room.value, last = session.last.value;
  const [waited] = room?.clock.waitsFor ?? [], key = `room.did.${last?.cause}`;
  if (room && waited) return <span class="state off" role="status">{t('room.waitsFor', { name: session.nameOf(waited) })}</span>;
  return (
    <>
      <span class={`state ${session.standing.value === 'in' ? '' : 'off'}`} role="status">
        {last && has(key) ? t(key, { name: session.nameOf(last.by), time: clockTime(last.atMs) }) : t('room.inSync')}
      </span>
      {session.canUndo.value && session.may('maySeek') && <button type="button" class="link" onClick={() => attempt(() => session.ask('undo'))}>{t('room.undo')}</button>}
    </>
  );
}
