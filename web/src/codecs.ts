// SPDX-License-Identifier: MIT
//
// codecs: what this browser plays, in the words of the API's `can`.
import type { Media } from './api';

// One that is common of each kind, for which the first part of its name then stands.
const common: [family: string, example: string][] = [
  ['avc1', 'video/mp4; codecs="avc1.640029"'], ['hvc1', 'video/mp4; codecs="hvc1.1.6.L120.90"'], ['vp09', 'video/mp4; codecs="vp09.00.40.08"'],
  ['av01', 'video/mp4; codecs="av01.0.08M.08"'], ['mp4a.40.2', 'audio/mp4; codecs="mp4a.40.2"'], ['mp4a.40.5', 'audio/mp4; codecs="mp4a.40.5"'],
  ['mp3', 'audio/mpeg'], ['opus', 'audio/mp4; codecs="opus"'], ['flac', 'audio/mp4; codecs="flac"'], ['ac-3', 'audio/mp4; codecs="ac-3"'], ['ec-3', 'audio/mp4; codecs="ec-3"'],
];

function plays(type: string): boolean {
  if (typeof MediaSource !== 'undefined') return MediaSource.isTypeSupported(type);
  return document.createElement('video').canPlayType(type) !== '';
}

let found: string[] | undefined;
export const families = (): string[] => (found ??= common.filter(([, example]) => plays(example)).map(([family]) => family));

// The streams of this film which this browser plays, as it says when it is told all about them.
export async function playsExactly({ media: { streams, video, audio, } }: Media): Promise<string[]> {
  const exact: string[] = [];
  for (const { index, codecString, width = 1280, height = 720, bitrate, frameRate, channels, sampleRate } of streams) {
    if (codecString === '' || (index !== video && index !== audio) || !('mediaCapabilities' in navigator)) continue;
    const known = index === video
      ? { video: { contentType: `video/mp4; codecs="${codecString}"`, width, height, bitrate: bitrate || 4_000_000, framerate: frameRate || 25 } }
      : { audio: { contentType: `audio/mp4; codecs="${codecString}"`, channels: String(channels || 2), bitrate: bitrate || 192_000, samplerate: sampleRate || 48_000 } };
    try {
      const { supported, smooth } = await navigator.mediaCapabilities.decodingInfo({ type: 'media-source', ...known });
      if (supported && smooth) exact.push(codecString);
    } catch { /* a name that it does not know */ }
  }
  return exact;
}
