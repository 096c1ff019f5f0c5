// SPDX-License-Identifier: MIT
//
// playback: a film in a video element, straight or by HLS. When one way fails the other one is tried from the same place; only when
// none is left it is told. Both wait for bytes as long as the server does.
import type { ErrorData, default as Hls } from 'hls.js';
import { ApiError, api, token } from './api';
import { grants, renewed } from './grants';
import { type Quality, type Size, isOriginalUrl, largestMade, quality, readSizes, sizeFor } from './quality';
import { here } from './router';
import { passing } from './relay';
import { distrust, isControlled, untilRelayed } from './worker_side';

export type Way = 'direct' | 'hls';

const PATIENCE_MS = 120000;
const RETRY_MS = 2000;
const BREAKS_MAX = 10; // of the line, in a row
// After so many the line, or the machine, is too slow for the film as it is.
const STALLS = 3;
const HLS_TYPE = 'application/vnd.apple.mpegurl';
// Those are lines.ts's, which has them on every way.
const NO_SUBTITLES: object = { subtitleTrackController: undefined, subtitleStreamController: undefined, timelineController: undefined };

// Streams of the film other than those it has first (sound, and subtitles that are drawn into the picture), and a size other than its
// own: only HLS can do that.
export interface Choice { sound: number | undefined; drawn: number | undefined; quality: Quality }
// stalls(): the player stood still, though the server has all of the film. toAddress(): from now on by an address, which another device
// can open as well; false: this browser plays it by our hands only.
export interface Playback { choose(choice: Choice): void; stalls(): void; toAddress(): boolean; end(): void }
interface Wish { hash: string; file: number; first: Way; can: string[]; strains: boolean; choice: Choice; plays: boolean; onWay(way: Way): void; onBlocked(): void; onFailure(error: ApiError): void }

// One is asked for once and used for all that belongs to a film, as long as it is young.
const LINK_MS = 60000;
let link: { key: string; untilMs: number; query: Promise<string> } | undefined;

// Where the API wants a token, a player gets a link that opens this one film, and what belongs to it; in a room it has the room's grant.
async function rights(hash: string, file: number): Promise<string> {
  const grant = grants.peek().get(hash), key = `${token.value} ${hash}/${file}`, nowMs = performance.now();
  if (grant) return `?${grant}`;
  if (!token.value) return '';
  if (link?.key !== key || nowMs > link.untilMs) link = { key, untilMs: nowMs + LINK_MS, query: api.link(hash, file).then((url) => new URL(url).search) };
  const { query } = link;
  return query.catch((reason: unknown) => {
    if (link?.query === query) link = undefined;
    throw reason;
  });
}

// An address of ours for who can send no token with it.
export const openTo = async (hash: string, file: number, path: string): Promise<string> => `${here(path).href}${await rights(hash, file)}`;

// The film by HLS: all that it is offered in.
export async function masterOf(hash: string, file: number, can: string[], drawn?: number): Promise<string> {
  const found = await openTo(hash, file, `hls/${hash}/${file}/master.m3u8`), asked: string[] = [];
  if (can.length > 0) asked.push(`can=${encodeURIComponent(can.join(','))}`);
  if (drawn !== undefined) asked.push(`burn=${drawn}`);
  return asked.length > 0 ? `${found}${found.includes('?') ? '&' : '?'}${asked.join('&')}` : found;
}

export async function sizesOf(hash: string, file: number, can: string[]): Promise<Size[]> {
  const answer = await fetch(await masterOf(hash, file, can));
  if (!answer.ok) throw new Error(answer.statusText);
  return readSizes(await answer.text());
}

const streamTo = async (hash: string, file: number, passes: boolean): Promise<string> => {
  const address = await openTo(hash, file, `stream/${hash}/${file}`);
  return passes ? passing(address) : address;
};

// What this browser probably plays as it is begins to come while the server is still asked what is in it. `passes`: by the worker, which
// may not be there yet.
export async function prime(video: HTMLVideoElement, hash: string, file: number, mediaType: string, passes: boolean, wants: () => boolean): Promise<void> {
  if (quality.value !== 'auto' && quality.value !== 'original' || video.canPlayType(mediaType) === '' || (passes && !isControlled())) return;
  const address = await streamTo(hash, file, passes);
  if (wants()) video.src = address;
}

export function play(video: HTMLVideoElement, { hash, file, first, can, strains, choice, plays, onWay, onBlocked, onFailure }: Wish): Playback {
  const tried = new Set<Way>();
  // What is wanted, whatever became of it: a player that fails, or begins anew, is paused without anybody having said so.
  const onPlay = () => { wantsPlay = true; };
  const onPause = () => { if (!video.error) wantsPlay = false; };
  const onMetadata = () => { place = undefined; };
  const onPlaying = () => { breaks = 0; };
  let way = first, beginnings = 0, wantsPlay = plays, place: number | undefined; // where a beginning that is under way goes
  let hasEnded = false, breaks = 0, stalls = 0, isTooMuch = strains, isPlain = false, address = '', hls: Hls | undefined, retry: ReturnType<typeof setTimeout> | undefined, fails: (() => void) | undefined;

  function wayNow(): Way {
    const { sound, drawn, quality: size } = choice;
    return sound !== undefined || drawn !== undefined || typeof size === 'number' || (size === 'auto' && isTooMuch) ? 'hls' : first;
  }

  function clear(): void {
    clearTimeout(retry);
    hls?.destroy();
    hls = undefined;
    if (fails) video.removeEventListener('error', fails);
    fails = undefined;
  }

  function giveUp(text: string, isLine = false): void {
    const next: Way = tried.has('hls') ? 'direct' : 'hls';
    if (hasEnded) return;
    const grant = grants.peek().get(hash);
    // What was renewed meanwhile may be all that it lacks.
    if (grant && !address.includes(grant)) void begin(way);
    // The server, or who it waits for, is away: it comes back. (Who begins anew meanwhile hears that there is no film there.)
    else if ((isLine || breaks > 0) && ++breaks <= BREAKS_MAX) retry = setTimeout(() => void begin(way), RETRY_MS);
    // Without who stood between it may well play.
    else if (way === 'direct' && distrust(`${hash}/${file}`, text)) void begin('direct');
    else if (tried.has(next)) onFailure(new ApiError(415, 'unplayable', text));
    else void begin(next);
  }

  // A player in which nothing is yet says 0, unless somebody has moved it already.
  function keepPlace(): number {
    place = video.currentTime || place || 0;
    return place;
  }

  async function begin(next: Way): Promise<void> {
    const mine = ++beginnings;
    keepPlace();
    video.defaultPlaybackRate = video.playbackRate; // which is what a new source begins with
    clear();
    way = next;
    tried.add(way);
    onWay(way);
    try {
      address = way === 'direct' ? await streamTo(hash, file, await untilRelayed(`${hash}/${file}`)) : await masterOf(hash, file, isPlain ? [] : can, choice.drawn);
    } catch (reason) {
      return onFailure(reason as ApiError);
    }
    const Player = way === 'hls' ? (await import('hls.js')).default : undefined;
    if (hasEnded || mine !== beginnings) return;
    const at = keepPlace();
    if (Player) byHls(Player, address, at);
    else straight(address);
    if (video.readyState >= video.HAVE_METADATA) place = undefined;
    if (at > 0) video.currentTime = at;
    if (wantsPlay) video.play().catch(({ name }: DOMException) => { if (name === 'NotAllowedError') onBlocked(); });
  }

  function straight(address: string): void {
    fails = () => giveUp(video.error?.message ?? '', video.error?.code === MediaError.MEDIA_ERR_NETWORK);
    video.addEventListener('error', fails);
    if (video.src !== address || video.error) video.src = address; // else prime() has begun
  }

  function byHls(Player: typeof Hls, address: string, at: number): void {
    if (isPlain || !Player.isSupported()) {
      if (video.canPlayType(HLS_TYPE) === '') return giveUp('Media Source Extensions');
      return straight(address); // a browser that plays it by itself
    }
    const { fragLoadPolicy } = Player.DefaultConfig, patience = { default: { ...fragLoadPolicy.default, maxTimeToFirstByteMs: PATIENCE_MS, maxLoadTimeMs: PATIENCE_MS } };
    const player = hls = new Player({ xhrSetup: (xhr, url) => xhr.open('GET', renewed(url), true), fragLoadPolicy: patience, manifestLoadPolicy: patience, playlistLoadPolicy: patience, startPosition: at > 0 ? at : 0, enableWorker: false,
      ...NO_SUBTITLES });
    player.on(Player.Events.AUDIO_TRACKS_UPDATED, takeSound);
    player.on(Player.Events.MANIFEST_PARSED, takeSize);
    let recovered = 0;
    player.on(Player.Events.ERROR, (_: unknown, { fatal, type, details, response, reason }: ErrorData) => {
      if (!fatal || hasEnded) return;
      const code = response?.code ?? 0;
      if (type === Player.ErrorTypes.NETWORK_ERROR && (code === 0 || code === 429 || code === 503)) {
        // The server, or who it waits for, is away: it comes back.
        retry = setTimeout(() => (player.levels.length > 0 ? player.startLoad() : player.loadSource(address)), RETRY_MS);
      } else if (type === Player.ErrorTypes.MEDIA_ERROR && recovered++ < 2) {
        player.recoverMediaError();
      } else {
        giveUp(reason ?? details);
      }
    });
    player.loadSource(address);
    player.attachMedia(video);
  }

  // The folder of a track of sound says which stream it is ("a2", "a2t").
  function takeSound(): void {
    const streams = hls?.audioTracks.map(({ url }) => Number(/\/a(\d+)t?\/[^/]*$/.exec(url)?.[1])) ?? [], wanted = choice.sound === undefined ? 0 : streams.indexOf(choice.sound);
    if (hls && wanted >= 0 && wanted < streams.length && hls.audioTrack !== wanted) hls.audioTrack = wanted;
  }

  function takeSize(): void {
    const sizes = hls?.levels.map(({ height, uri }) => ({ height, isOriginal: isOriginalUrl(uri) })) ?? [];
    if (!hls || sizes.length === 0) return;
    hls.autoLevelCapping = isTooMuch ? largestMade(sizes) : -1;
    const wanted = sizeFor(sizes, choice.quality);
    if (hls.manualLevel !== wanted) hls.nextLevel = wanted;
  }

  function choose(next: Choice): void {
    const before = choice;
    choice = next;
    // By HLS it stays, until the original is wanted: sizes change there while it plays.
    const wanted = way === 'hls' && choice.quality !== 'original' ? 'hls' : wayNow();
    if (wanted !== way || choice.drawn !== before.drawn) {
      tried.clear();
      void begin(wanted);
    } else if (way === 'hls') {
      takeSound();
      takeSize();
    }
  }

  video.addEventListener('play', onPlay);
  video.addEventListener('pause', onPause);
  video.addEventListener('playing', onPlaying);
  video.addEventListener('loadedmetadata', onMetadata);
  void begin(wayNow());
  return { choose,
    stalls() {
      if (way !== 'direct' || ++stalls !== STALLS) return;
      isTooMuch = true;
      choose(choice);
    },
    toAddress() {
      if (way === 'direct' || isPlain) return true;
      if (video.canPlayType(HLS_TYPE) === '') return false;
      isPlain = true;
      void begin('hls');
      return true;
    },
    end() {
      hasEnded = true;
      clear();
      video.removeEventListener('play', onPlay);
      video.removeEventListener('pause', onPause);
      video.removeEventListener('playing', onPlaying);
      video.removeEventListener('loadedmetadata', onMetadata);
      video.removeAttribute('src');
      video.load();
      video.currentTime = 0; // else the next film would begin where this one was to
    } };
}
