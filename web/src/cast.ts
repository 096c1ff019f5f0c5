// SPDX-License-Identifier: MIT
//
// cast: a film on another screen, where the browser itself can do that: Remote Playback, or Safari's AirPlay. Nobody's SDK is loaded.
import { type Signal, signal } from '@preact/signals';

interface AirPlay { webkitShowPlaybackTargetPicker?: () => void; webkitCurrentPlaybackTargetIsWireless?: boolean }

export const canCast = (video: HTMLVideoElement): boolean => 'remote' in video || 'webkitShowPlaybackTargetPicker' in video;

// Another device asks itself, and not us, what that is.
export const isOwnName = (host: string): boolean => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/i.test(host);

// Whether it is there now, and whether there is a screen, as far as the browser tells. Returns what ends it.
export function followCast(video: HTMLVideoElement): { isAway: Signal<boolean>; isFound: Signal<boolean | undefined>; end(): void } {
  const isAway = signal(false), isFound = signal<boolean | undefined>(undefined), ended = new AbortController(), { signal: until } = ended;
  const look = () => { isAway.value = video.remote?.state === 'connected' || (video as AirPlay).webkitCurrentPlaybackTargetIsWireless === true; };
  for (const name of ['connect', 'connecting', 'disconnect']) video.remote?.addEventListener(name, look, { signal: until });
  video.addEventListener('webkitcurrentplaybacktargetiswirelesschanged', look, { signal: until });
  look();
  video.remote?.watchAvailability((is) => { isFound.value = is; }).then((id) => {
    const stop = () => void video.remote.cancelWatchAvailability(id).catch(() => {});
    if (until.aborted) stop();
    else until.addEventListener('abort', stop);
  }, () => {}); // then it is not told
  return { isAway, isFound, end: () => ended.abort() };
}

// Asks which screen, or to leave it. What it plays must have an address by then. "none": there is none; "cannot": not this film, or not here.
export async function askForScreen(video: HTMLVideoElement, isFound: boolean | undefined): Promise<'none' | 'cannot' | undefined> {
  const airplay = video as AirPlay;
  if (airplay.webkitShowPlaybackTargetPicker) {
    airplay.webkitShowPlaybackTargetPicker();
    return undefined;
  }
  try {
    await video.remote.prompt();
    return undefined;
  } catch (reason) {
    const { name } = reason as DOMException, isDismissed = name === 'NotAllowedError' || name === 'AbortError'; // perhaps for want of a screen
    return name === 'NotFoundError' || (isDismissed && isFound === false) ? 'none' : isDismissed ? undefined : 'cannot';
  }
}
