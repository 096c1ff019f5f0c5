// SPDX-License-Identifier: MIT
//
// playback: a film in a video element, straight or by HLS. When one way fails the other one is tried from the same place; only when
// none is left it is told. Both wait for bytes as long as the server does.
import type { ErrorData, default as Hls } from 'hls.js';
import { ApiError, api, token } from './api';
import { families } from './codecs';
import { grants, renewed } from './grants';
import { here } from './router';
import { distrust, untilRelayed } from './worker_side';

export type Way = 'direct' | 'hls';

const PATIENCE_MS = 120000;
const RETRY_MS = 2000;
const HLS_TYPE = 'application/vnd.apple.mpegurl';
// Those are lines.ts's, which has them on every way.
const NO_SUBTITLES: object = { subtitleTrackController: undefined, subtitleStreamController: undefined, timelineController: undefined };

// Streams of the film other than those it has first: sound, and subtitles that are drawn into the picture. Only HLS can do that.
export interface Choice { sound: number | undefined; drawn: number | undefined }
export interface Playback { choose(choice: Choice): void; end(): void }
interface Wish { hash: string; file: number; first: Way; choice: Choice; plays: boolean; onWay(way: Way): void; onBlocked(): void; onFailure(error: ApiError): void }

// Where the API wants a token, a player gets a link that opens this one film, and what belongs to it; in a room it has the room's grant.
async function rights(hash: string, file: number): Promise<string> {
  const grant = grants.peek().get(hash);
  if (grant) return `?${grant}`;
  return token.value ? new URL(await api.link(hash, file)).search : '';
}

// An address of ours for who can send no token with it.
export const openTo = async (hash: string, file: number, path: string): Promise<string> => `${here(path).href}${await rights(hash, file)}`;

export function play(video: HTMLVideoElement, { hash, file, first, choice, plays, onWay, onBlocked, onFailure }: Wish): Playback {
  const tried = new Set<Way>(), needsHls = () => choice.sound !== undefined || choice.drawn !== undefined;
  const onPlaying = () => { hasPlayed = true; };
  const onMetadata = () => { place = undefined; };
  let way = first, beginnings = 0, place: { at: number; goesOn: boolean } | undefined; // where a beginning that is under way goes
  let hasPlayed = false, hasEnded = false, query = '', hls: Hls | undefined, retry: ReturnType<typeof setTimeout> | undefined, fails: (() => void) | undefined;

  function clear(): void {
    clearTimeout(retry);
    hls?.destroy();
    hls = undefined;
    if (fails) video.removeEventListener('error', fails);
    fails = undefined;
  }

  function giveUp(text: string): void {
    const next: Way = tried.has('hls') ? 'direct' : 'hls';
    if (hasEnded) return;
    const grant = grants.peek().get(hash);
    // What was renewed meanwhile may be all that it lacks.
    if (grant && query !== `?${grant}`) void begin(way);
    // Without who stood between it may well play.
    else if (way === 'direct' && distrust(`${hash}/${file}`)) void begin('direct');
    else if (tried.has(next)) onFailure(new ApiError(415, 'unplayable', text));
    else void begin(next);
  }

  async function begin(next: Way): Promise<void> {
    // Who fails at once says it is paused; what counts is what was wanted.
    place ??= { at: video.currentTime, goesOn: hasPlayed ? !video.paused : plays };
    const { at, goesOn } = place, mine = ++beginnings;
    clear();
    way = next;
    tried.add(way);
    onWay(way);
    try {
      query = await rights(hash, file);
    } catch (reason) {
      return onFailure(reason as ApiError);
    }
    if (way === 'direct') await untilRelayed(`${hash}/${file}`);
    if (hasEnded || mine !== beginnings) return;
    if (way === 'direct') straight(`${here(`stream/${hash}/${file}`).href}${query}`);
    else await byHls(`${here(`hls/${hash}/${file}/master.m3u8`).href}${query}${query ? '&' : '?'}can=${encodeURIComponent(families().join(','))}${choice.drawn === undefined ? '' : `&burn=${choice.drawn}`}`, at, mine);
    if (hasEnded || mine !== beginnings) return;
    if (at > 0) video.currentTime = at;
    if (goesOn) video.play().catch(({ name }: DOMException) => { if (name === 'NotAllowedError') onBlocked(); });
  }

  function straight(address: string): void {
    fails = () => giveUp(video.error?.message ?? '');
    video.addEventListener('error', fails);
    video.src = address;
  }

  async function byHls(address: string, at: number, mine: number): Promise<void> {
    const { default: Player } = await import('hls.js');
    if (hasEnded || mine !== beginnings) return;
    if (!Player.isSupported()) {
      if (video.canPlayType(HLS_TYPE) === '') return giveUp('Media Source Extensions');
      return straight(address); // a browser that plays it by itself
    }
    const { fragLoadPolicy } = Player.DefaultConfig, patience = { default: { ...fragLoadPolicy.default, maxTimeToFirstByteMs: PATIENCE_MS, maxLoadTimeMs: PATIENCE_MS } };
    const player = hls = new Player({ xhrSetup: (xhr, url) => xhr.open('GET', renewed(url), true), fragLoadPolicy: patience, manifestLoadPolicy: patience, playlistLoadPolicy: patience, startPosition: at > 0 ? at : 0, enableWorker: false,
      ...NO_SUBTITLES });
    player.on(Player.Events.AUDIO_TRACKS_UPDATED, takeSound);
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

  function choose(next: Choice): void {
    const isOther = next.drawn !== choice.drawn;
    choice = next;
    if (!isOther && way === 'hls') return takeSound();
    if (!isOther && !needsHls()) return;
    tried.clear();
    void begin(needsHls() ? 'hls' : first);
  }

  video.addEventListener('playing', onPlaying);
  video.addEventListener('loadedmetadata', onMetadata);
  void begin(needsHls() ? 'hls' : first);
  return { choose,
    end() {
      hasEnded = true;
      clear();
      video.removeEventListener('playing', onPlaying);
      video.removeEventListener('loadedmetadata', onMetadata);
      video.removeAttribute('src');
      video.load();
    } };
}
