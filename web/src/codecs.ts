// SPDX-License-Identifier: MIT
//
// codecs: what this browser plays, in the words of the API's `can`.
import type { Media, MediaStream_ } from './api';

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

// What this browser says of a stream when it is told all about it.
async function judge({ codecString, width = 1280, height = 720, bitrate, frameRate, channels, sampleRate }: MediaStream_, isPicture: boolean, type: 'file' | 'media-source'): Promise<MediaCapabilitiesInfo | undefined> {
  if (codecString === '' || !('mediaCapabilities' in navigator)) return undefined;
  const known = isPicture
    ? { video: { contentType: `video/mp4; codecs="${codecString}"`, width, height, bitrate: bitrate || 4_000_000, framerate: frameRate || 25 } }
    : { audio: { contentType: `audio/mp4; codecs="${codecString}"`, channels: String(channels || 2), bitrate: bitrate || 192_000, samplerate: sampleRate || 48_000 } };
  try {
    return await navigator.mediaCapabilities.decodingInfo({ type, ...known });
  } catch { // a name that it does not know
    return undefined;
  }
}

// The streams of this film which this browser plays, and well, though not all of their kind.
export async function playsExactly({ media: { streams, video, audio } }: Media): Promise<string[]> {
  const exact: string[] = [];
  for (const stream of streams) {
    if (stream.index !== video && stream.index !== audio) continue;
    const said = await judge(stream, stream.index === video, 'media-source');
    if (said?.supported && said.smooth) exact.push(stream.codecString);
  }
  return exact;
}

// A picture that is not larger is not worth being made smaller.
const LIGHT_HEIGHT = 720;

async function runsOnBattery(): Promise<boolean> {
  const { getBattery } = navigator as { getBattery?: () => Promise<{ charging: boolean }> };
  return (await getBattery?.call(navigator).catch(() => undefined))?.charging === false;
}

// Would the picture as it is stutter on this machine, or empty its battery?
export async function strains({ media: { streams, video }, way }: Media): Promise<boolean> {
  const picture = streams.find(({ index }) => index === video);
  if (!picture || (picture.height ?? 0) <= LIGHT_HEIGHT || way === 'full') return false;
  const said = await judge(picture, true, way === 'direct' ? 'file' : 'media-source');
  return said !== undefined && (!said.supported || !said.smooth || (!said.powerEfficient && await runsOnBattery()));
}
