// SPDX-License-Identifier: MIT
//
// call: this page among those of a room who talk: each browser is connected to each other one. Who they are the room knows, by what is
// in `Member.call`; once they are connected the server may be away. Loaded when somebody wants to talk.
import { type Signal, signal } from '@preact/signals';
import { type Device, type Trouble, canChooseSpeaker, choose, chosen, take, troubleOf } from './devices';
import { isWritingIn } from './keys';
import { Duck, Speech } from './levels';
import { Link, type Message, readMessage } from './link';
import { randomText, recall, remember } from './memory';
import type { RoomError, RoomSession } from './room';

export const CAMERAS_MAX = 8; // with more people than that only voices are sent
const TICK_MS = 100;
const RENEW_MS = 1800000; // the credentials of relays, which hold for hours

export interface Key { code: string; shown: string }
export interface Other { id: string; call: string; link: Link; speech: Speech; volume: Signal<number> }
type Held = 'mic' | 'camera';

export class Call {
  readonly others: Signal<Other[]> = signal([]);
  readonly talking: Signal<ReadonlySet<string>> = signal(new Set<string>());
  readonly trouble: Signal<Partial<Record<Held, Trouble>>> = signal({});
  readonly camera: Signal<MediaStream | undefined> = signal(undefined);
  readonly isMuted: Signal<boolean> = signal(false);
  readonly isHeld: Signal<boolean> = signal(false); // the key
  readonly hasMic: Signal<boolean> = signal(false);
  readonly pushes: Signal<boolean> = signal(recall('call.pushes') === 'yes');
  readonly key: Signal<Key>;
  readonly ducks: Signal<boolean> = signal(recall('call.ducks') !== 'no');
  readonly isBlocked: Signal<boolean> = signal(false); // this browser wants a click before there is sound
  readonly askedBy: Signal<string | undefined> = signal(undefined); // a name: asks to be quiet
  private readonly id = randomText(12);
  private readonly held: Partial<Record<Held, MediaStreamTrack>> = {};
  private readonly ended = new AbortController();
  private readonly ends: (() => void)[] = [];
  private readonly speech = new Speech();
  private readonly duck = new Duck();
  private links = 0;
  private context: AudioContext | undefined;
  private meter: AnalyserNode | undefined;
  private isAsking = false;

  // `onEnd`: the server has no place any more, or we were in it already as somebody else.
  constructor(private readonly session: RoomSession, private readonly onEnd: (why: RoomError) => void) {
    const [code = 'KeyT', shown = 'T'] = recall('call.key')?.split(' ') ?? [];
    this.key = signal({ code, shown });
  }

  // Without microphone one hears the others all the same. Rejects with a RoomError.
  async enter(withCamera: boolean): Promise<void> {
    await this.turnOn('mic', ...(withCamera ? ['camera' as const] : []));
    if (this.ended.signal.aborted) return;
    await this.session.enter();
    this.ends.push(this.session.listen('relay', (what: { from: string; data: string }) => this.hear(what)));
    await this.session.setCall(this.id);
    const { signal: until } = this.ended;
    if (until.aborted) return;
    this.ends.push(this.session.room.subscribe(() => this.follow()), this.session.standing.subscribe((standing) => { if (standing === 'in') this.mendAll(); })); // what was said while the server was away has not arrived
    const timer = setInterval(() => this.tick(), TICK_MS);
    const renewal = setInterval(() => void this.session.enter(), RENEW_MS);
    this.ends.push(() => clearInterval(timer), () => clearInterval(renewal));
    addEventListener('online', () => this.mendAll(), { signal: until });
    document.addEventListener('keydown', (event) => this.onKey(event, true), { signal: until, capture: true });
    document.addEventListener('keyup', (event) => this.onKey(event, false), { signal: until, capture: true });
    addEventListener('blur', () => this.hold(false), { signal: until });
  }

  end(): void {
    if (this.ended.signal.aborted) return;
    this.ended.abort();
    for (const end of this.ends) end();
    for (const { link } of this.others.value) link.end();
    this.others.value = [];
    for (const track of Object.values(this.held)) track.stop();
    void this.context?.close();
    const film = this.film();
    for (let i = 0; film && i < 50; i++) film.volume = this.duck.step(film.volume, false); // all the way back
    this.session.setCall('').catch(() => { /* the server knows when it is back */ });
  }

  // ---- microphone and camera

  async turnOn(...wanted: Held[]): Promise<void> {
    try {
      const stream = await take({ audio: wanted.includes('mic'), video: wanted.includes('camera') });
      for (const track of stream.getTracks()) this.keep(track.kind === 'audio' ? 'mic' : 'camera', track);
    } catch (reason) {
      const why = troubleOf(reason);
      // One of them may be there all the same.
      if (wanted.length > 1 && why !== 'denied') for (const what of wanted) await this.turnOn(what);
      else for (const what of wanted) this.setTrouble(what, why);
    }
    this.give();
  }

  private keep(what: Held, track: MediaStreamTrack): void {
    if (this.ended.signal.aborted) return track.stop();
    this.held[what]?.stop();
    this.held[what] = track;
    track.addEventListener('ended', () => { if (this.held[what] === track) this.turnOff(what, 'missing'); });
    this.setTrouble(what);
    if (what === 'mic') this.listenTo(track);
  }

  setTrouble(what: Held, why?: Trouble): void {
    const { [what]: _, ...rest } = this.trouble.value;
    this.trouble.value = why ? { ...rest, [what]: why } : rest;
  }

  turnOff(what: Held, why?: Trouble): void {
    this.held[what]?.stop();
    delete this.held[what];
    this.setTrouble(what, why);
    this.give();
  }

  async use(device: Device, id: string): Promise<void> {
    choose(device, id);
    if (device === 'audiooutput') for (const { link } of this.others.value) this.setSpeaker(link);
    else if (device === 'audioinput') await this.turnOn('mic');
    else if (this.held.camera) await this.turnOn('camera');
  }

  private setSpeaker({ audio }: Link): void {
    if (canChooseSpeaker()) (audio as HTMLAudioElement & { setSinkId(id: string): Promise<void> }).setSinkId(chosen('audiooutput')).catch(() => { /* gone: the usual one */ });
  }

  private listenTo(track: MediaStreamTrack): void {
    this.context ??= new AudioContext();
    void this.context.resume(); // where the click was too long ago
    this.meter = this.context.createAnalyser();
    this.context.createMediaStreamSource(new MediaStream([track])).connect(this.meter);
  }

  private ownLevel(): number {
    const { meter } = this;
    if (!meter || !this.isOpen) return 0;
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
  }

  // ---- who hears us

  // Whether the microphone is heard.
  get isOpen(): boolean {
    return this.held.mic !== undefined && (this.pushes.value ? this.isHeld.value : !this.isMuted.value);
  }

  setMuted(is: boolean): void {
    this.isMuted.value = is;
    this.askedBy.value = undefined;
    this.give();
  }

  hold(is: boolean): void {
    if (is === this.isHeld.value) return;
    this.isHeld.value = is;
    this.give();
  }

  setPushes(is: boolean): void {
    this.pushes.value = is;
    this.isHeld.value = false;
    remember('call.pushes', is ? 'yes' : 'no');
    this.give();
  }

  setKey(key: Key): void {
    this.key.value = key;
    remember('call.key', `${key.code} ${key.shown}`);
  }

  setDucks(is: boolean): void {
    this.ducks.value = is;
    remember('call.ducks', is ? 'yes' : 'no');
  }

  private onKey(event: KeyboardEvent, isDown: boolean): void {
    if (!this.pushes.value || event.code !== this.key.value.code) return;
    if (!isDown) return this.hold(false);
    if (event.ctrlKey || event.metaKey || event.altKey || isWritingIn(event.composedPath()[0]) || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) this.hold(true);
  }

  // So many that pictures would be too much for who sends them.
  get isVoicesOnly(): boolean {
    return this.others.value.length + 1 > CAMERAS_MAX;
  }

  private give(): void {
    const { mic, camera } = this.held, video = this.isVoicesOnly ? null : camera ?? null;
    if (mic) mic.enabled = this.isOpen;
    this.hasMic.value = mic !== undefined;
    if (this.camera.value?.getTracks()[0] !== camera) this.camera.value = camera && new MediaStream([camera]);
    for (const { link } of this.others.value) link.give({ audio: mic ?? null, video }, { mic: this.isOpen, camera: video !== null }, this.others.value.length);
  }

  // ---- who is in it

  private follow(): void {
    const { me } = this.session;
    if (this.session.standing.peek() === 'in' && me && me.call !== this.id && !this.isAsking) {
      this.isAsking = true;
      this.session.setCall(this.id).catch((why: RoomError) => {
        if (why.code === 'call_full') this.onEnd(why);
      }).finally(() => { this.isAsking = false; });
    }
    this.meet();
  }

  private meet(): void {
    const before = this.others.peek(), wanted = this.session.room.peek()?.members.filter(({ id, call }) => id !== this.session.id && call !== '') ?? [];
    const now = wanted.map(({ id, call }) => before.find((one) => one.id === id && one.call === call) ?? this.connect(id, call));
    for (const one of before) if (!now.includes(one)) one.link.end();
    if (now.length === before.length && now.every((one) => before.includes(one))) return;
    this.others.value = now;
    this.give();
  }

  private connect(id: string, call: string, speech = new Speech(), volume = signal(1)): Other {
    const offers = this.id < call, send = (message: Message) => this.session.relay(id, { call: this.id, ...message });
    const link = new Link({ servers: () => this.session.iceServers, offers, number: offers ? ++this.links : 0, send,
      onAsked: () => { if (this.session.isModerator(id)) this.askedBy.value = this.session.nameOf(id); },
      onWorn: () => this.replace(link), onBlocked: () => { this.isBlocked.value = true; } });
    if (!offers) send({ is: 'wants', what: 'link' });
    link.audio.volume = volume.peek();
    this.setSpeaker(link);
    return { id, call, link, speech, volume };
  }

  private replace(link: Link): Link | undefined {
    const old = this.others.value.find((one) => one.link === link);
    if (!old) return undefined;
    link.end();
    const made = this.connect(old.id, old.call, old.speech, old.volume);
    this.others.value = this.others.value.map((one) => (one === old ? made : one));
    this.give();
    return made.link;
  }

  private hear({ from, data }: { from: string; data: string }): void {
    this.meet();
    const other = this.others.value.find(({ id }) => id === from), message = other && readMessage(data, other.call);
    if (!other || !message) return;
    // The other side has begun anew.
    const isNewer = message.is === 'offer' && other.link.number !== 0 && message.link > other.link.number;
    if (message.is === 'offer' && message.link < other.link.number) return;
    (isNewer ? this.replace(other.link) : other.link)?.hear(message);
  }

  unblock(): void {
    this.isBlocked.value = false;
    for (const { link } of this.others.value) link.play();
  }

  private mendAll(): void {
    for (const { link } of this.others.peek()) link.mendNow();
  }

  setVolume(other: Other, volume: number): void {
    other.volume.value = volume;
    other.link.audio.volume = volume;
  }

  // ---- as time passes

  private film(): HTMLVideoElement | null {
    return document.querySelector('.stage video');
  }

  private tick(): void {
    const nowMs = performance.now(), members = this.session.room.peek()?.members ?? [];
    const talking = this.others.peek().filter(({ speech, link }) => speech.step(link.level(), nowMs)).map(({ id }) => id);
    if (this.session.standing.peek() === 'in')
      for (const { id, link } of this.others.peek()) if (members.some((one) => one.id === id && one.isHere)) link.mend(nowMs);
    const film = this.film();
    if (film) {
      const volume = this.duck.step(film.volume, this.ducks.peek() && talking.length > 0);
      if (volume !== film.volume) film.volume = volume;
    }
    if (this.speech.step(this.ownLevel(), nowMs)) talking.push(this.session.id);
    const before = this.talking.peek();
    if (talking.length !== before.size || talking.some((id) => !before.has(id))) this.talking.value = new Set(talking);
  }
}
