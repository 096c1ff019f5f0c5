// SPDX-License-Identifier: MIT
//
// marks: what media-chrome shows on the bar to seek on, in the tracks where it looks for it: chapters, and pictures of the film.
import type { Chapter } from './api';
import { clearCues, fetchCues, trackOf } from './lines';

// Cues are markup, and titles are not.
const plain = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

export function showChapters(video: HTMLVideoElement, chapters: Chapter[]): () => void {
  const track = trackOf(video, 'chapters', 'chapters');
  track.mode = 'hidden';
  for (const { fromUs, untilUs, title } of chapters) track.addCue(new VTTCue(fromUs / 1e6, untilUs / 1e6, plain(title)));
  return () => clearCues(track);
}

const AGAIN_MS = 10000;

// Those of the storyboard at `address` that are there by now.
async function showPictures(video: HTMLVideoElement, address: string): Promise<void> {
  const cues = await fetchCues(video, address), track = trackOf(video, 'metadata', 'thumbnails');
  track.mode = 'hidden';
  clearCues(track);
  for (const cue of cues) {
    cue.text = new URL(cue.text, address).href;
    track.addCue(cue);
  }
  // The first and the last cue are shown for what lies before and behind as well; these never are.
  for (const time of [0, Number.MAX_SAFE_INTEGER]) track.addCue(new VTTCue(time, time, ''));
}

// There are more of them as the film arrives. Returns what ends it.
export function followPictures(video: HTMLVideoElement, address: () => Promise<string>, isWhole: () => boolean): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined, hasEnded = false;
  const look = async () => {
    const isLast = isWhole();
    try {
      await showPictures(video, await address());
    } catch { /* a film can be watched without */ }
    if (!isLast && !hasEnded) timer = setTimeout(look, AGAIN_MS);
  };
  void look();
  return () => {
    hasEnded = true;
    clearTimeout(timer);
  };
}
