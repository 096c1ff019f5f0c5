// SPDX-License-Identifier: MIT
//
// device: what a film is to the machine it is watched on: keys of a keyboard or a headset, the lock screen, and a screen that stays on.
interface Player { ask(name: string, detail?: unknown): void }

// The lock screen, the small window of a picture in picture, media keys: titles for them, and what they ask. Returns what ends it.
export function describeToDevice(video: HTMLVideoElement, title: string, player: Player): () => void {
  const session = navigator.mediaSession as MediaSession | undefined, ended = new AbortController();
  if (!session) return () => {};
  session.metadata = new MediaMetadata({ title });
  const seekTo = (seconds: number) => player.ask('mediaseekrequest', Math.max(0, seconds));
  const handlers: [MediaSessionAction, MediaSessionActionHandler][] = [
    ['play', () => player.ask('mediaplayrequest')],
    ['pause', () => player.ask('mediapauserequest')],
    ['seekbackward', ({ seekOffset }) => seekTo(video.currentTime - (seekOffset ?? 10))],
    ['seekforward', ({ seekOffset }) => seekTo(video.currentTime + (seekOffset ?? 10))],
    ['seekto', ({ seekTime }) => seekTo(seekTime ?? 0)],
  ];
  const handle = (name: MediaSessionAction, does: MediaSessionActionHandler | null) => {
    try {
      session.setActionHandler(name, does);
    } catch { /* one that this browser does not know */ }
  };
  const tell = () => {
    session.playbackState = video.paused ? 'paused' : 'playing';
    if (Number.isFinite(video.duration)) session.setPositionState({ duration: video.duration, playbackRate: video.playbackRate || 1, position: Math.min(video.currentTime, video.duration) });
  };
  for (const [name, does] of handlers) handle(name, does);
  for (const name of ['play', 'pause', 'seeked', 'ratechange', 'durationchange']) video.addEventListener(name, tell, { signal: ended.signal });
  tell();
  return () => {
    ended.abort();
    for (const [name] of handlers) handle(name, null);
    session.metadata = null;
    session.playbackState = 'none';
  };
}

// As long as it plays, and the page is seen: the browser takes it back when it is not. Returns what ends it.
export function keepAwake(video: HTMLVideoElement): () => void {
  const ended = new AbortController();
  let lock: WakeLockSentinel | undefined, isAsking = false;
  const look = async () => {
    const wants = !video.paused && !video.ended && !ended.signal.aborted && document.visibilityState === 'visible';
    if (!wants) {
      void lock?.release();
      lock = undefined;
    }
    if (!wants || isAsking || (lock && !lock.released) || !('wakeLock' in navigator)) return;
    isAsking = true;
    try {
      lock = await navigator.wakeLock.request('screen');
    } catch {
      return; // a battery that is low, a page that may not
    } finally {
      isAsking = false;
    }
    void look(); // things may have changed meanwhile
  };
  for (const name of ['playing', 'pause', 'ended', 'emptied']) video.addEventListener(name, look, { signal: ended.signal });
  document.addEventListener('visibilitychange', look, { signal: ended.signal });
  void look();
  return () => {
    ended.abort();
    void look();
  };
}
