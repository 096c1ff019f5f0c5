// SPDX-License-Identifier: MIT
//
// room: one member of one room, by docs/room-protocol.md. What it knows of the room is in signals. When the connection breaks it says
// `join` again with the same id and secret, and is the same member.
import { type Signal, signal } from '@preact/signals';
import { io, type Socket } from 'socket.io-client';
import { token } from './api';
import { Clock, type State } from './clock';
import { isGuest, leaveGrants, setGrant } from './grants';
import { randomText, recall, recallOrMake, remember } from './memory';
import { here } from './router';

export type Role = 'viewer' | 'moderator' | 'host';
// How somebody looks: what is '' or 0 was not chosen.
export interface Face { sign: string; hue: number }
// Where a player is: so much behind the room, or ahead of it.
export interface Spot { watching: 'not_known' | 'loads' | 'plays'; lagMs: number }
export interface Member { id: string; name: string; role: Role; isHere: boolean; isMuted: boolean; isReady: boolean; votesToSkip: boolean; joinedMs: number; call: string; avatar: Face; place: Spot }
export interface Item { number: number; kind: 'client' | 'torrent' | 'url'; source: string; file: string; name: string; durationMs: number; infoHash: string }
interface Grant { infoHash: string; query: string }
export interface Line { number: number; atMs: number; id: string; name: string; role: Role; key: string; text: string; reactions: { id: string; what: string }[] }
// What is no line of the chat, but shown among them: after the line of that number.
export interface Happening { number: number; after: number; what: 'joined' | 'left' | 'expired' | 'kicked' | 'banned' | 'host' | 'film'; name: string }
export interface Passer { number: number; lane: number; what: string; name: string }
export interface RoomClock extends State { wantsPlay: boolean; wantedRate: number; durationMs: number; waitsFor: string[] }
export type Action = 'mayPlay' | 'maySeek' | 'mayQueue' | 'mayChat';
export interface Choices extends Record<Action, Role> { title: string; needsApproval: boolean; stragglers: 'let_go' | 'wait' | 'slow'; waitMs: number; skipPercent: number; maxMembers: number }
export interface Room { code: string; choices: Choices; hasPassword: boolean; members: Member[]; waiting: Member[]; banned: Member[]; clock: RoomClock; queue: Item[]; chat: Line[] }
type Ack = { ok: true } & Record<string, unknown> | { ok: false; error: { code: string; message: string } };

export class RoomError extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

// joining: an answer is waited for. knocking: somebody has to let us in. out: not a member (any more), see `why`.
export type Standing = 'joining' | 'in' | 'away' | 'knocking' | 'out';
export const NAME_BYTES = 64, TITLE_BYTES = 256, PASSWORD_BYTES = 128;
const LINES_MAX = 300;
const HAPPENED_MAX = 100;
const PASSING_MAX = 24, PASSING_MS = 4000, LANES = 8;
const UNDO_MS = 60000; // the server allows it for so long
const TYPING_MS = 8000; // who has gone without a word is not writing any more
const ACK_MS = 15000;
const ranks: Record<Role, number> = { viewer: 0, moderator: 1, host: 2 };

const handshake = (): Record<string, string> => (token.peek() ? { token: token.peek() } : {});

// As it was chosen in this browser, in whatever room.
function chosenFace(): Face | undefined {
  try {
    return JSON.parse(recall('avatar') ?? '') as Face;
  } catch {
    return undefined; // never, or not by us
  }
}

export class RoomSession {
  standing: Signal<Standing> = signal('joining');
  why: Signal<RoomError | undefined> = signal(undefined);
  room: Signal<Room | undefined> = signal(undefined);
  // What somebody did to the film, for who wonders why it moved.
  last: Signal<{ by: string; cause: string; atMs: number } | undefined> = signal(undefined);
  // Whether the last jump can be taken back.
  canUndo: Signal<boolean> = signal(false);
  happened: Signal<Happening[]> = signal([]);
  passing: Signal<Passer[]> = signal([]);
  typing: Signal<string[]> = signal([]);
  clock = new Clock();
  tracker = 'tracker'; // where browsers meet
  readonly id = recallOrMake('id', () => randomText(12));
  private readonly secret = recallOrMake('secret', () => randomText(24));
  private readonly socket: Socket;
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly faces = new Map<string, Face>(); // of who has left as well, whose lines are still there
  private readonly typists = new Map<string, ReturnType<typeof setTimeout>>();
  // For connections to other members' browsers.
  iceServers: RTCIceServer[] = [];
  private call = '';
  private readonly passers = new Set<ReturnType<typeof setTimeout>>();
  private password = '';
  private lastNumber = 0;
  private undoTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly stopToken: () => void;

  // `isOpen`: who comes first makes the room.
  constructor(readonly code: string, public name: string, private readonly isOpen = false) {
    // http-svc's path may lie below one of a proxy; the namespace is no path.
    this.socket = io(`${location.origin}/room`, { path: here('socket.io/').pathname, transports: ['websocket', 'polling'], tryAllTransports: true, forceNew: true,
      query: handshake(), reconnectionDelay: 300, reconnectionDelayMax: 5000 });
    this.socket.on('connect', () => {
      this.clock.askAnew();
      if (this.standing.value === 'knocking') this.standing.value = 'joining'; // who knocked at a server that is gone knocks again
      void this.enter();
    });
    this.socket.on('disconnect', () => { if (this.standing.value === 'in') this.standing.value = 'away'; });
    this.socket.on('connect_error', () => { if (this.standing.value === 'joining' && !this.room.value) this.why.value = new RoomError('offline', ''); });
    this.hearRoom();
    // The server looks at the token when a connection begins.
    this.stopToken = token.subscribe((given) => {
      const { opts } = this.socket.io;
      if (given === (opts.query?.['token'] ?? '')) return;
      opts.query = handshake();
      this.socket.disconnect().connect();
    });
    this.timer = setInterval(() => void this.askTime(), 100);
  }

  end(): void {
    clearInterval(this.timer);
    this.stopToken();
    leaveGrants();
    clearTimeout(this.undoTimer);
    for (const timer of [...this.typists.values(), ...this.passers]) clearTimeout(timer);
    if (this.standing.value === 'in') this.socket.emit('leave', {});
    this.socket.disconnect();
  }

  get me(): Member | undefined {
    return this.room.value?.members.find(({ id }) => id === this.id);
  }

  nameOf(id: string): string {
    return this.room.value?.members.find((one) => one.id === id)?.name ?? '?';
  }

  faceOf(id: string): Face {
    return this.faces.get(id) ?? { sign: '', hue: 0 };
  }

  isAtLeast(role: Role): boolean {
    const { me } = this;
    return me !== undefined && ranks[me.role] >= ranks[role];
  }

  may(what: Action): boolean {
    return this.isAtLeast(this.room.value?.choices[what] ?? 'host');
  }

  isModerator(id: string): boolean {
    return this.room.value?.members.some((one) => one.id === id && one.role !== 'viewer') === true;
  }

  // Chat and reactions.
  get maySpeak(): boolean {
    return this.may('mayChat') && this.me?.isMuted !== true;
  }

  // For the next film, as the server counts them.
  get votes(): { votes: number; needed: number } {
    const { members = [], choices } = this.room.value ?? {}, here = members.filter(({ isHere }) => isHere);
    return { votes: here.filter(({ votesToSkip }) => votesToSkip).length, needed: Math.max(Math.ceil(here.length * (choices?.skipPercent ?? 100) / 100), 1) };
  }

  // Moderators over viewers, the host over everybody else.
  hasPowerOver({ id, role }: Member): boolean {
    const { me } = this;
    return me !== undefined && me.id !== id && me.role !== 'viewer' && ranks[me.role] > ranks[role];
  }

  // The reply's fields, or a RoomError.
  async ask(event: string, what: object = {}): Promise<Record<string, unknown>> {
    let answer: Ack;
    try {
      answer = await this.socket.timeout(ACK_MS).emitWithAck(event, what) as Ack;
    } catch {
      throw new RoomError('offline', '');
    }
    if (!answer.ok) throw new RoomError(answer.error.code, answer.error.message);
    return answer;
  }

  async enter(password = this.password): Promise<void> {
    this.password = password;
    const asked = { code: this.code, id: this.id, secret: this.secret, name: this.name, password, call: this.call };
    try {
      const { room, tracker, iceServers, grants, isOperator } = await this.ask('join', asked).catch((reason: RoomError) => {
        if (!this.isOpen || reason.code !== 'room_not_found') throw reason;
        return this.ask('create', { code: this.code, id: this.id, secret: this.secret, name: this.name });
      }) as unknown as { room: Room; tracker: string; iceServers: RTCIceServer[]; grants: Grant[]; isOperator: boolean };
      this.tracker = tracker;
      this.iceServers = iceServers;
      this.why.value = undefined;
      isGuest.value = !isOperator;
      for (const grant of grants) setGrant(grant.infoHash, grant.query);
      this.take(room);
    } catch (error) {
      const reason = error as RoomError;
      if (reason.code === 'offline') return; // the next connection tries again
      if (reason.code === 'approval_needed' && this.standing.value !== 'knocking') {
        this.standing.value = 'knocking';
        this.why.value = undefined;
        await this.ask('knock', asked).catch((refusal: RoomError) => this.leaveWith(refusal));
        return;
      }
      this.leaveWith(reason);
    }
  }

  private leaveWith(reason: RoomError): void {
    this.standing.value = 'out';
    this.why.value = reason;
  }

  private take(room: Room): void {
    for (const { id, avatar } of room.members) this.faces.set(id, avatar);
    this.room.value = room;
    this.standing.value = 'in';
    this.clock.setState(room.clock);
    const chosen = chosenFace(), mine = this.faceOf(this.id);
    if (chosen && (chosen.sign !== mine.sign || chosen.hue !== mine.hue)) void this.ask('avatar', { avatar: chosen }).catch(() => {});
  }

  private change(how: (room: Room) => Partial<Room>): void {
    const room = this.room.value;
    if (room) this.room.value = { ...room, ...how(room) };
  }

  // Who has become a moderator may know who waits and who was banned: all of it is asked for anew.
  private changeRoles(how: (room: Room) => Member[]): void {
    const had = this.isAtLeast('moderator');
    this.change((room) => ({ members: how(room) }));
    if (!had && this.isAtLeast('moderator')) void this.enter();
  }

  private changeMember(id: string, what: Partial<Member>): void {
    this.change(({ members }) => ({ members: members.map((one) => (one.id === id ? { ...one, ...what } : one)) }));
  }

  private note(what: Happening['what'], name: string): void {
    if (this.standing.value !== 'in') return; // that is how we came
    const after = this.room.value?.chat.at(-1)?.number ?? 0;
    this.happened.value = [...this.happened.value, { number: ++this.lastNumber, after, what, name }].slice(-HAPPENED_MAX);
  }

  private pass(id: string, what: string): void {
    const number = ++this.lastNumber;
    this.passing.value = [...this.passing.value, { number, lane: number % LANES, what, name: this.nameOf(id) }].slice(-PASSING_MAX);
    const timer = setTimeout(() => {
      this.passers.delete(timer);
      this.passing.value = this.passing.value.filter((one) => one.number !== number);
    }, PASSING_MS);
    this.passers.add(timer);
  }

  private setUndo(can: boolean): void {
    clearTimeout(this.undoTimer);
    this.canUndo.value = can;
    if (can) this.undoTimer = setTimeout(() => this.setUndo(false), UNDO_MS);
  }

  private setTyping(id: string, is: boolean): void {
    clearTimeout(this.typists.get(id));
    this.typists.delete(id);
    if (is) this.typists.set(id, setTimeout(() => this.setTyping(id, false), TYPING_MS));
    this.typing.value = [...this.typists.keys()];
  }

  async unban(id: string): Promise<void> {
    await this.ask('unban', { id });
    this.change(({ banned }) => ({ banned: banned.filter((one) => one.id !== id) }));
  }

  async rename(name: string): Promise<void> {
    await this.ask('rename', { name });
    this.name = name;
  }

  // Talks with those who do; empty: not any more.
  async setCall(call: string): Promise<void> {
    this.call = call;
    await this.ask('call', { call });
  }

  // To another member's page, if that is there just now.
  relay(to: string, what: object): void {
    if (this.standing.value === 'in') this.socket.emit('relay', { to, kind: 'other', data: JSON.stringify(what) }, () => {});
  }

  listen<What>(event: string, hear: (what: What) => void): () => void {
    const { socket } = this;
    socket.on(event, hear);
    return () => { socket.off(event, hear); };
  }

  async setFace(face: Face): Promise<void> {
    await this.ask('avatar', { avatar: face });
    remember('avatar', JSON.stringify(face));
  }

  // Empty: none.
  async setPassword(password: string): Promise<void> {
    await this.ask('password', { password });
    this.password = password;
  }

  private hearRoom(): void {
    const { socket } = this;
    socket.on('member', ({ member, change }: { member: Member; change: string }) => {
      this.faces.set(member.id, member.avatar);
      if (change === 'joined') this.note('joined', member.name);
      this.changeRoles(({ members }) =>
        (members.some(({ id }) => id === member.id) ? members.map((one) => (one.id === member.id ? member : one)) : [...members, member]));
    });
    socket.on('left', ({ id, why }: { id: string; why: 'left' | 'expired' | 'kicked' | 'banned' }) => {
      this.note(why, this.nameOf(id));
      this.setTyping(id, false);
      this.change(({ members, banned }) => ({
        members: members.filter((one) => one.id !== id), banned: why === 'banned' ? [...banned, ...members.filter((one) => one.id === id)] : banned }));
    });
    socket.on('host', ({ id: host, moderators }: { id: string; moderators: string[] }) => {
      if (host) this.note('host', this.nameOf(host));
      this.changeRoles(({ members }) =>
        members.map((one) => ({ ...one, role: one.id === host ? 'host' : moderators.includes(one.id) ? 'moderator' : 'viewer' })));
    });
    socket.on('knock', (who: Member) => this.change(({ waiting }) => ({ waiting: [...waiting.filter(({ id }) => id !== who.id), who] })));
    socket.on('knockOver', ({ id }: { id: string }) => this.change(({ waiting }) => ({ waiting: waiting.filter((one) => one.id !== id) })));
    socket.on('answered', ({ isAdmitted }: { isAdmitted: boolean }) => {
      if (isAdmitted) void this.enter();
      else this.leaveWith(new RoomError('not_admitted', ''));
    });
    socket.on('expelled', ({ why }: { why: string }) => {
      // Who knocked and was refused is sent from the door as well.
      if (this.why.value?.code !== 'not_admitted') this.leaveWith(new RoomError(`out_${why}`, ''));
      else if (why === 'expired') this.leaveWith(new RoomError('no_answer', ''));
    });
    socket.on('choices', ({ choices, hasPassword }: { choices: Choices; hasPassword: boolean }) => this.change(() => ({ choices, hasPassword })));
    socket.on('clock', ({ clock, by, cause }: { clock: RoomClock; by: string; cause: string }) => {
      this.clock.setState(clock);
      this.change(() => ({ clock }));
      if (by && cause !== 'load') this.last.value = { by, cause, atMs: clock.positionMs };
      if (cause === 'seek' || cause === 'load') this.setUndo(cause === 'seek');
    });
    socket.on('grant', ({ infoHash, query }: Grant) => setGrant(infoHash, query));
    socket.on('queue', ({ queue }: { queue: Item[] }) => {
      const [head] = queue, isSame = head?.number === this.room.value?.queue[0]?.number;
      if (head && !isSame) this.note('film', head.name || head.source);
      this.change(({ members, clock }) => (isSame && head ? { queue, clock: { ...clock, durationMs: head.durationMs } } : { queue, members: members.map((one) => ({ ...one, isReady: false, votesToSkip: false })) }));
    });
    socket.on('places', ({ places }: { places: { id: string; place: Spot }[] }) => {
      const found = new Map(places.map(({ id, place }) => [id, place]));
      this.change(({ members }) => ({ members: members.map((one) => ({ ...one, place: found.get(one.id) ?? one.place })) }));
    });
    socket.on('ready', ({ id }: { id: string }) => this.changeMember(id, { isReady: true }));
    socket.on('started', () => this.change(({ members }) => ({ members: members.map((one) => ({ ...one, isReady: false })) })));
    socket.on('vote', ({ id, wants }: { id: string; wants: boolean }) => this.changeMember(id, { votesToSkip: wants }));
    socket.on('chat', (line: Line) => {
      this.setTyping(line.id, false);
      this.change(({ chat }) => ({ chat: [...chat.filter(({ number }) => number !== line.number), line].slice(-LINES_MAX) }));
    });
    socket.on('reaction', ({ id, line, what, isOn }: { id: string; line: number; what: string; isOn: boolean }) => {
      if (line === 0) this.pass(id, what);
      else this.change(({ chat }) => ({ chat: chat.map((one) => (one.number !== line ? one
        : { ...one, reactions: [...one.reactions.filter((given) => given.id !== id || given.what !== what), ...(isOn ? [{ id, what }] : [])] })) }));
    });
    socket.on('typing', ({ id, isOn }: { id: string; isOn: boolean }) => this.setTyping(id, isOn));
  }

  private async askTime(): Promise<void> {
    if (this.standing.value !== 'in' || !this.clock.asks(performance.now())) return;
    const sentMs = performance.now();
    try {
      const { heardMs, answeredMs } = await this.ask('time') as { heardMs: number; answeredMs: number };
      this.clock.offset.add(sentMs, heardMs, answeredMs, performance.now());
      if (this.clock.offset.isKnown) this.socket.emit('delay', { delayMs: this.clock.offset.delayMs }, () => {});
    } catch { /* asked again soon */ }
  }

  report(what: object): void {
    if (this.standing.value === 'in') this.socket.volatile.emit('report', what, () => {});
  }
}
