// SPDX-License-Identifier: MIT
//
// link: the connection of two browsers that talk, docs/decisions/0022-call.md. One of the two makes all offers, so they never cross; the
// other one answers, or asks for what it lacks. What is sent is exchanged without another offer: microphone and camera have their place
// in the first one, whether they are on or not.
import { type Signal, signal } from '@preact/signals';

export interface Tracks { audio: MediaStreamTrack | null; video: MediaStreamTrack | null }
// What the other side tells of itself.
export interface About { mic: boolean; camera: boolean }
// `link`: number of the connection, as its offerer counts; `offer`: likewise of the offer.
export type Message =
  | { is: 'offer' | 'answer'; link: number; offer: number; sdp: string }
  | { is: 'candidate'; link: number; candidate: RTCIceCandidateInit }
  | { is: 'wants'; what: 'link' | 'restart' };

const RETRY_MS = 8000, RETRY_MAX_MS = 60000, ANEW = 3; // the third attempt is made with a new connection
const WANTS_MS = 1000; // the other side is not obeyed more often
const AUDIO_BPS = 40000, VIDEO_BPS = 2400000, VIDEO_LEAST_BPS = 200000, VIDEO_MOST_BPS = 900000;
const ABOUT_BYTES = 256;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const asObject = (text: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
};

// From another member's browser, by the server, which has bounded it. Undefined: not of ours, or of another call of its author.
export function readMessage(text: string, call: string): Message | undefined {
  const { call: by, is, link, offer, sdp, candidate, what } = asObject(text) ?? {};
  if (by !== call) return undefined;
  if ((is === 'offer' || is === 'answer') && isCount(link) && isCount(offer) && typeof sdp === 'string') return { is, link, offer, sdp };
  if (is === 'candidate' && isCount(link) && typeof candidate === 'object' && candidate !== null) return { is, link, candidate };
  if (is === 'wants' && (what === 'link' || what === 'restart')) return { is, what };
  return undefined;
}

// By the connection itself.
export function readAbout(data: unknown): About | 'asks' | undefined {
  if (typeof data !== 'string' || data.length > ABOUT_BYTES) return undefined;
  const { mic, camera, asks } = asObject(data) ?? {};
  if (asks === 'quiet') return 'asks';
  return typeof mic === 'boolean' && typeof camera === 'boolean' ? { mic, camera } : undefined;
}

// So that all of the pictures together are not more than a line at home sends.
export const videoRate = (others: number): number => Math.max(VIDEO_LEAST_BPS, Math.min(VIDEO_MOST_BPS, Math.floor(VIDEO_BPS / Math.max(others, 1))));

interface Options {
  servers(): RTCIceServer[]; // with credentials that are still good
  offers: boolean;
  number: number; // of who offers; who answers takes that of the first offer
  send(message: Message): void;
  onAsked(): void; // somebody asks to be quiet
  onWorn(): void;  // it does not come about: make another one
  onBlocked(): void; // nobody has pressed anything here yet, so nothing may be heard
}

export class Link {
  // connecting: for the first time.
  readonly state: Signal<'connecting' | 'connected' | 'broken'> = signal('connecting');
  readonly about: Signal<About> = signal({ mic: false, camera: false });
  readonly video: Signal<MediaStream | undefined> = signal(undefined);
  readonly audio = new Audio();
  number: number;
  private readonly pc: RTCPeerConnection;
  private readonly channel: RTCDataChannel;
  private readonly early: RTCIceCandidateInit[] = []; // before there is a description
  private work: Promise<unknown> = Promise.resolve();
  private tracks: Tracks = { audio: null, video: null };
  private own: About = { mic: false, camera: false };
  private videoBps = VIDEO_MOST_BPS;
  private offer = 0;
  private offeredMs = -WANTS_MS;
  private wasAnswered = false;
  private heardAt = 0;
  private attempts = 0;
  private nextMs: number;

  constructor(private readonly options: Options) {
    this.number = options.number;
    this.nextMs = performance.now() + RETRY_MS;
    const pc = this.pc = new RTCPeerConnection({ iceServers: options.servers(), bundlePolicy: 'max-bundle' });
    this.channel = pc.createDataChannel('about', { negotiated: true, id: 0 });
    this.channel.onopen = () => this.tell(this.own);
    this.channel.onmessage = ({ data }) => {
      const read = readAbout(data);
      if (read === 'asks') options.onAsked();
      else if (read) this.about.value = read;
    };
    pc.onicecandidate = ({ candidate }) => { if (candidate) options.send({ is: 'candidate', link: this.number, candidate: candidate.toJSON() }); };
    pc.onconnectionstatechange = () => this.look();
    pc.ontrack = ({ track }) => {
      const stream = new MediaStream([track]);
      if (track.kind === 'video') this.video.value = stream;
      else {
        this.audio.srcObject = stream;
        this.play();
      }
    };
    if (!options.offers) return;
    pc.addTransceiver('audio');
    pc.addTransceiver('video');
    this.makeOffer(false);
  }

  end(): void {
    this.pc.onconnectionstatechange = null;
    this.pc.close();
    this.audio.srcObject = null;
  }

  play(): void {
    this.audio.play().catch((reason: DOMException) => { if (reason.name === 'NotAllowedError') this.options.onBlocked(); });
  }

  // One after the other: each needs what the one before has left.
  private queue(work: () => Promise<unknown>): void {
    this.work = this.work.then(async () => { if (this.pc.signalingState !== 'closed') await work(); }).catch(() => { /* nextMs tries again */ });
  }

  private makeOffer(iceRestart: boolean): void {
    this.queue(async () => {
      this.offeredMs = performance.now();
      this.renewServers();
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart }));
      this.fill();
      this.options.send({ is: 'offer', link: this.number, offer: ++this.offer, sdp: this.pc.localDescription?.sdp ?? '' });
    });
  }

  private renewServers(): void {
    (this.pc as Partial<RTCPeerConnection>).setConfiguration?.({ ...this.pc.getConfiguration(), iceServers: this.options.servers() }); // older Firefoxes cannot
  }

  // The number of an offer has been looked at by who gives it to us.
  hear(message: Message): void {
    if (message.is === 'wants') {
      if (!this.options.offers || performance.now() - this.offeredMs < WANTS_MS) return;
      if (message.what === 'restart') this.makeOffer(true);
      else if (this.wasAnswered) this.options.onWorn(); // else an offer is on its way
      return;
    }
    if (message.is === 'offer') this.number = message.link;
    if (message.link !== this.number) return;
    this.queue(async () => {
      const { pc } = this;
      if (message.is === 'candidate') {
        if (pc.remoteDescription) await pc.addIceCandidate(message.candidate);
        else if (this.early.length < 100) this.early.push(message.candidate);
        return;
      }
      if (message.is === 'answer' ? message.offer !== this.offer || pc.signalingState !== 'have-local-offer' : this.options.offers) return;
      if (message.is === 'offer') this.renewServers();
      await pc.setRemoteDescription({ type: message.is, sdp: message.sdp });
      this.wasAnswered = true;
      if (message.is === 'offer') {
        for (const transceiver of pc.getTransceivers()) transceiver.direction = 'sendrecv';
        this.fill();
        await pc.setLocalDescription();
        this.options.send({ is: 'answer', link: this.number, offer: message.offer, sdp: pc.localDescription?.sdp ?? '' });
      }
      for (const one of this.early.splice(0)) await pc.addIceCandidate(one).catch(() => {});
    });
  }

  // What is sent from now on, and what is told of it.
  give(tracks: Tracks, own: About, others: number): void {
    this.tracks = tracks;
    this.own = own;
    this.videoBps = videoRate(others);
    this.tell(own);
    this.fill();
  }

  askForQuiet(): void {
    this.tell({ asks: 'quiet' });
  }

  private tell(what: object): void {
    if (this.channel.readyState === 'open') this.channel.send(JSON.stringify(what));
  }

  private fill(): void {
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      const isVideo = receiver.track.kind === 'video', track = isVideo ? this.tracks.video : this.tracks.audio;
      if (sender.track !== track) sender.replaceTrack(track).catch(() => { /* closed meanwhile */ });
      const parameters = sender.getParameters();
      for (const encoding of parameters.encodings ?? []) encoding.maxBitrate = isVideo ? this.videoBps : AUDIO_BPS;
      sender.setParameters(parameters).catch(() => { /* not negotiated yet: the next time */ });
    }
  }

  // How loud it is there now.
  level(): number {
    const receiver = this.pc.getReceivers().find(({ track }) => track.kind === 'audio'), source = receiver?.getSynchronizationSources()[0];
    if (!source || source.timestamp === this.heardAt) return 0; // that was told before: nothing comes any more
    this.heardAt = source.timestamp;
    return source.audioLevel ?? 0;
  }

  private look(): void {
    const { connectionState } = this.pc;
    if (connectionState === 'connected') {
      this.attempts = 0;
      this.state.value = 'connected';
      this.fill();
      this.tell(this.own);
    } else if (this.state.value === 'connected' && connectionState !== 'connecting' && connectionState !== 'new') {
      this.state.value = 'broken';
      this.nextMs = performance.now() + (connectionState === 'disconnected' ? RETRY_MS / 4 : 0); // it may come back by itself
    }
  }

  // Now and then, while the other one can be told: what does not come about is tried again.
  mend(nowMs: number): void {
    if (this.pc.connectionState === 'connected' || nowMs < this.nextMs) return;
    this.nextMs = nowMs + Math.min(RETRY_MS * 2 ** this.attempts++, RETRY_MAX_MS);
    if (this.state.value === 'connecting' && this.attempts > 1) this.state.value = 'broken';
    if (!this.options.offers) this.options.send({ is: 'wants', what: this.wasAnswered ? 'restart' : 'link' });
    else if (this.attempts % ANEW === 0) this.options.onWorn();
    else this.makeOffer(true);
  }

  // The network is another one, or those who pass messages on are back.
  mendNow(): void {
    if (this.pc.connectionState !== 'connected') this.nextMs = 0;
  }
}
