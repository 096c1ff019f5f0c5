// SPDX-License-Identifier: MIT
//
// lines: subtitles in a video element. They are fetched piece by piece, about where the player is, as HLS has them: those of a film lie
// among its bytes, and the whole file need not be here. The browser itself reads and draws them; nothing of them is ever HTML.
import type { ReadonlySignal } from '@preact/signals';
import { renewed } from './grants';

const AHEAD_S = 30;
const RETRY_MS = 3000;
const TRACK = 'lines';

// The cues of a WebVTT file, read by the browser.
export function fetchCues(video: HTMLVideoElement, url: string): Promise<VTTCue[]> {
  const element = document.createElement('track');
  element.kind = 'metadata'; // no player's menu, and no reader, takes it for subtitles
  element.src = url;
  return new Promise<VTTCue[]>((resolve, reject) => {
    element.onload = () => resolve([...element.track.cues ?? []] as VTTCue[]);
    element.onerror = () => reject(new Error(url));
    video.append(element);
    element.track.mode = 'hidden'; // else it is not loaded
  }).finally(() => element.remove());
}

// A track cannot be removed from a player, but it can be used again.
export function trackOf(video: HTMLVideoElement, kind: TextTrackKind, label: string): TextTrack {
  return [...video.textTracks].find((one) => one.kind === kind && one.label === label) ?? video.addTextTrack(kind, label);
}

export function clearCues(track: TextTrack): void {
  for (const cue of [...track.cues ?? []]) track.removeCue(cue);
}

interface Part { fromS: number; untilS: number; url: string; state: 'missing' | 'coming' | 'here' }

// Of a playlist of our own server: EXTINF, then a line with the address.
export function readPlaylist(text: string, base: string): Part[] {
  const parts: Part[] = [];
  let fromS = 0, lastsS = 0;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('#EXTINF:')) lastsS = parseFloat(line.slice(8)) || 0;
    if (line === '' || line.startsWith('#')) continue;
    parts.push({ fromS, untilS: fromS + lastsS, url: new URL(line, base).href, state: 'missing' });
    fromS += lastsS;
  }
  return parts;
}

// `address` is that of a playlist. Returns what ends it.
export function showLines(video: HTMLVideoElement, address: () => Promise<string>, delayMs: ReadonlySignal<number>): () => void {
  const track = trackOf(video, 'subtitles', TRACK), known = new Map<string, { cue: VTTCue; startTime: number; endTime: number }>(), ended = new AbortController();
  let parts: Part[] = [], delayS = delayMs.peek() / 1000, timer: ReturnType<typeof setTimeout> | undefined;

  const again = (does: () => void) => {
    clearTimeout(timer);
    if (!ended.signal.aborted) timer = setTimeout(does, RETRY_MS);
  };
  const place = ({ cue, startTime, endTime }: { cue: VTTCue; startTime: number; endTime: number }) => {
    cue.startTime = Math.max(0, startTime + delayS);
    cue.endTime = Math.max(0, endTime + delayS);
  };

  async function open(): Promise<void> {
    try {
      const playlist = await address(), answer = await fetch(playlist, { signal: ended.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      parts = readPlaylist(await answer.text(), playlist);
      look();
    } catch {
      again(open);
    }
  }

  async function bring(part: Part): Promise<void> {
    part.state = 'coming';
    try {
      const cues = await fetchCues(video, renewed(part.url));
      if (ended.signal.aborted) return;
      part.state = 'here';
      for (const cue of cues) {
        const { startTime, endTime } = cue, key = `${startTime} ${endTime} ${cue.text}`;
        if (known.has(key)) continue; // what lasts over a cut is in both
        known.set(key, { cue, startTime, endTime });
        place({ cue, startTime, endTime });
        track.addCue(cue); // which takes it out of the other one
      }
      look();
    } catch {
      part.state = 'missing';
      again(look);
    }
  }

  // One at a time: the film needs the connections more.
  function look(): void {
    const at = video.currentTime - delayS;
    if (ended.signal.aborted || parts.some(({ state }) => state === 'coming')) return;
    const next = parts.find(({ state, fromS, untilS }) => state === 'missing' && untilS > at && fromS < at + AHEAD_S);
    if (next) void bring(next);
  }

  track.mode = 'showing';
  for (const name of ['timeupdate', 'seeking']) video.addEventListener(name, look, { signal: ended.signal });
  const stopDelay = delayMs.subscribe((ms) => {
    delayS = ms / 1000;
    for (const one of known.values()) place(one);
    look();
  });
  void open();
  return () => {
    ended.abort();
    clearTimeout(timer);
    stopDelay();
    clearCues(track);
    track.mode = 'disabled';
  };
}
