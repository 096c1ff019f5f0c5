// SPDX-License-Identifier: MIT
//
// sync: keeps a video element where the room is, by the algorithm of clock.ts. Not while this browser forbids to play: then somebody
// has to press something first.
import type { RoomSession } from './room';

const FAR_MS = 86400000;

export function keepInSync(session: RoomSession, video: HTMLVideoElement, onBlocked: (isBlocked: boolean) => void): () => void {
  const { clock } = session;
  let timer: ReturnType<typeof setTimeout> | undefined, isBlocked = false, hasEnded = false, wantsPlay = false;

  const player = () => ({ positionMs: video.currentTime * 1000, isPlaying: wantsPlay && !video.paused && !video.ended, isSeeking: video.seeking });
  const bufferedMs = (): number => {
    for (let i = 0; i < video.buffered.length; i++)
      if (video.buffered.start(i) <= video.currentTime + 0.05 && video.buffered.end(i) > video.currentTime) return (video.buffered.end(i) - video.currentTime) * 1000;
    return 0;
  };
  const setBlocked = (is: boolean) => {
    isBlocked = is;
    onBlocked(is);
  };

  function step(): void {
    clearTimeout(timer);
    if (hasEnded) return;
    let againMs = 200;
    const nowMs = performance.now();
    if (!isBlocked && video.readyState >= video.HAVE_METADATA && session.standing.value !== 'out') {
      const action = clock.step(player(), nowMs);
      const endMs = Number.isFinite(video.duration) ? video.duration * 1000 : FAR_MS;
      if (action.seekToMs !== undefined) video.currentTime = Math.min(action.seekToMs, endMs) / 1000;
      if (action.does === 'pause') {
        wantsPlay = false;
        video.pause();
      }
      if (action.does === 'play' && !video.ended) {
        wantsPlay = true;
        video.play().catch((reason: DOMException) => {
          wantsPlay = false;
          if (reason.name === 'NotAllowedError') setBlocked(true);
        });
      }
      if (video.playbackRate !== action.rate) video.playbackRate = action.rate;
      againMs = action.againMs;
      const report = clock.report(player(), bufferedMs(), nowMs);
      if (report) session.report({ ...report, durationMs: Number.isFinite(video.duration) ? Math.round(video.duration * 1000) : 0 });
    }
    timer = setTimeout(step, Math.max(againMs, 4));
  }

  // Somebody pressed play where that was needed: from now on the page may.
  const onPlay = () => {
    if (!isBlocked) return;
    wantsPlay = true; // the next step pauses it again if the room stands
    setBlocked(false);
  };
  const stopListening = session.room.subscribe(() => step());
  const events = ['seeked', 'playing', 'canplay', 'loadedmetadata', 'waiting', 'pause'];
  for (const name of events) video.addEventListener(name, step);
  video.addEventListener('play', onPlay);
  video.preservesPitch = true;
  step();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    stopListening();
    for (const name of events) video.removeEventListener(name, step);
    video.removeEventListener('play', onPlay);
  };
}
