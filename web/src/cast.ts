// SPDX-License-Identifier: MIT
//
// cast: a film on another screen, where the browser itself can do that: Remote Playback, or Safari's AirPlay. Nobody's SDK is loaded.
import { type Signal, signal } from '@preact/signals';

interface AirPlay { webkitShowPlaybackTargetPicker?: () => void; webkitCurrentPlaybackTargetIsWireless?: boolean }

export const canCast = (video: HTMLVideoElement): boolean => 'remote' in video || 'webkitShowPlaybackTargetPicker' in video;

// Another device asks itself, and not us, what that is.
export const isOwnName = (host: string): boolean => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/i.test(host);

// Whether it is there now. Returns what ends it.
export function followCast(video: HTMLVideoElement): { isAway: Signal<boolean>; end(): void } {
  const isAway = signal(false), ended = new AbortController(), { signal: until } = ended;
  const look = () => { isAway.value = video.remote?.state === 'connected' || (video as AirPlay).webkitCurrentPlaybackTargetIsWireless === true; };
  for (const name of ['connect', 'connecting', 'disconnect']) video.remote?.addEventListener(name, look, { signal: until });
  video.addEventListener('webkitcurrentplaybacktargetiswirelesschanged', look, { signal: until });
  look();
  return { isAway, end: () => ended.abort() };
}

// Asks which screen, or to leave it. What it plays must have an address by then. "none": there is none; "cannot": not this film, or not here.
export async function askForScreen(video: HTMLVideoElement): Promise<'none' | 'cannot' | undefined> {
  const airplay = video as AirPlay;
  if (airplay.webkitShowPlaybackTargetPicker) {
    airplay.webkitShowPlaybackTargetPicker();
    return undefined;
  }
  try {
    await video.remote.prompt();
    return undefined;
  } catch (reason) {
    const { name } = reason as DOMException;
    return name === 'NotFoundError' ? 'none' : name === 'NotAllowedError' || name === 'AbortError' ? undefined : 'cannot'; // NotAllowed: thought better of it
  }
}
