// SPDX-License-Identifier: MIT
//
// hls: small films of many kinds, made with ffmpeg, and what players get to see of them through /hls.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { run, until } from './house.mjs';

export const SECONDS = 31;
const sound = (rate) => ['-f', 'lavfi', '-i', `aevalsrc=exprs=0.3*sin(2*PI*(200+30*t)*t)+0.1*(random(0)-0.5)|0.3*sin(2*PI*(400+20*t)*t)+0.1*(random(1)-0.5):s=${rate}:d=${SECONDS}`];

// What it says on its standard output.
export async function ffmpeg(folder, ...args) {
  const { code, out, err } = await run('ffmpeg', ['-y', '-v', 'error', ...args], { cwd: folder });
  assert.equal(code, 0, err);
  return out;
}

// Parts that films are put together from: keyframes every 2 s with B-frames between, and sound whose every second differs.
const parts = {
  'avc.mp4': ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-t', SECONDS, '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '600k',
    '-x264-params', 'keyint=50:min-keyint=50:scenecut=0:bframes=3:b-adapt=0'],
  'vfr.mkv': ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', SECONDS, '-vf', "select='not(mod(n,7))+gt(mod(n,11),4)'", '-vsync', 'vfr',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-x264-params', 'keyint=50:scenecut=0:bframes=3'],
  'open.mp4': ['-f', 'lavfi', '-i', 'testsrc2=size=160x90:rate=25', '-t', SECONDS, '-c:v', 'libx264', '-preset', 'ultrafast',
    '-x264-params', 'open-gop=1:keyint=50:scenecut=0:bframes=3'],
  'hevc.mp4': ['-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-t', SECONDS, '-c:v', 'libx265', '-preset', 'ultrafast', '-b:v', '300k', '-tag:v', 'hvc1',
    '-x265-params', 'log-level=error:keyint=50:min-keyint=50:scenecut=0:open-gop=0'],
  '44.wav': sound(44100),
  '48.wav': sound(48000),
  '96.wav': sound(96000),
};
export const SUBTITLES = '1\n00:00:01,000 --> 00:00:03,000\nHello\n\n2\n00:00:20,000 --> 00:00:22,000\nAgain\n';

// What goes in, and how it is put together.
const films = {
  'plain.mp4': [['avc.mp4', '44.wav'], '-c:v', 'copy', '-c:a', 'aac'],
  'tracks.mkv': [['avc.mp4', '48.wav', 'text.srt'], '-map', '0', '-map', '1', '-map', '1', '-map', '2', '-map', '2', '-c:v', 'copy', '-c:a', 'ac3', '-ac:a:1', '6',
    '-c:s:0', 'srt', '-c:s:1', 'ass', '-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=ger', '-metadata:s:s:0', 'language=eng'],
  'flac.mkv': [['avc.mp4', '96.wav'], '-c:v', 'copy', '-c:a', 'flac'],
  'opus.mkv': [['avc.mp4', '48.wav'], '-c:v', 'copy', '-c:a', 'libopus', '-b:a', '128k'],
  'twins.mkv': [['avc.mp4', '48.wav'], '-c:v', 'copy', '-c:a', 'aac', '-bsf:a', 'setts=pts=if(eq(N\\,100)\\,PREV_OUTPTS\\,PTS):dts=if(eq(N\\,100)\\,PREV_OUTDTS\\,DTS)'],
  'dts.mkv': [['avc.mp4', '48.wav'], '-c:v', 'copy', '-c:a', 'dca', '-strict', '-2'],
  'late.mkv': [['avc.mp4', '44.wav'], '-c:v', 'copy', '-c:a', 'libmp3lame', '-b:a', '192k', '-output_ts_offset', '7.5'],
  'hevc.mp4': [['hevc.mp4', '48.wav'], '-c:v', 'copy', '-tag:v', 'hvc1', '-c:a', 'aac'],
  'vfr.mkv': [['vfr.mkv', '44.wav'], '-c:v', 'copy', '-c:a', 'aac'],
  'song.mp3': [['44.wav'], '-b:a', '192k'],
  'song.flac': [['44.wav']],
  'open.mp4': [['open.mp4'], '-c', 'copy'],
  'open.mkv': [['open.mp4'], '-c', 'copy'],
};


// Makes the named films in `folder`, else all that can be copied.
export async function makeFilms(yard, folder, names = Object.keys(films).filter((name) => !name.startsWith('open'))) {
  const kitchen = path.join(yard.dir, 'kitchen');
  fs.mkdirSync(kitchen, { recursive: true });
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(kitchen, 'text.srt'), SUBTITLES);
  const needed = new Set(names.flatMap((name) => films[name][0]));
  for (const part of needed)
    if (!fs.existsSync(path.join(kitchen, part))) await ffmpeg(kitchen, ...parts[part].map(String), part);
  for (const name of names) {
    const [inputs, ...how] = films[name];
    await ffmpeg(kitchen, ...inputs.flatMap((input) => ['-i', input]), ...how, path.join(folder, name));
  }
}

// Shares a folder; returns name -> "/hls/<info-hash>/<file>".
export async function share(house, folder) {
  const { infoHash } = await house.json('seed', folder);
  const { files } = JSON.parse((await house.get(`/torrent/${infoHash}`)).body);
  return Object.fromEntries(files.map(({ id, name }) => [path.basename(name), `/hls/${infoHash}/${id}`]));
}

// What is there. As clients are told to, it asks again when that is not made yet.
export async function body(house, target) {
  const answer = await until(async () => {
    const one = await house.get(target);
    return !(one.status === 503 && /not made yet/.test(one.body)) && one;
  }, target);
  assert.equal(answer.status, 200, `${target}: ${answer.body}`);
  return answer.body;
}

// A counter of transcode-svc.
export async function metric(house, name) {
  const text = (await body(house, '/metrics')).toString();
  return Number(new RegExp(`^sharestream_transcode_${name}(?:{[^}]*})? (\\d+)$`, 'm').exec(text)[1]);
}

// {sounds: [{NAME, LANGUAGE, URI, ...}], variants: [{CODECS, ..., URI}]} of a master playlist.
export function parseMaster(playlist) {
  const attributes = (line) => Object.fromEntries([...line.matchAll(/([A-Z-]+)=("([^"]*)"|[^,]*)/g)].map(([, key, raw, quoted]) => [key, quoted ?? raw]));
  const lines = playlist.split('\n');
  return {
    sounds: lines.filter((line) => line.startsWith('#EXT-X-MEDIA:TYPE=AUDIO')).map(attributes),
    variants: lines.flatMap((line, i) => (line.startsWith('#EXT-X-STREAM-INF:') ? [{ ...attributes(line), URI: lines[i + 1] }] : [])),
  };
}

// {durations, uris, map, longest} of a media playlist.
export function parseMedia(playlist) {
  assert.match(playlist, /^#EXTM3U\n[^]*#EXT-X-ENDLIST\n$/);
  return {
    durations: [...playlist.matchAll(/^#EXTINF:([\d.]+),$/gm)].map((match) => Number(match[1])),
    uris: playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    map: /#EXT-X-MAP:URI="([^"]*)"/.exec(playlist)?.[1],
    longest: Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(playlist)[1]),
  };
}

// Packets of one stream as ffmpeg reads them: [{dts, pts, duration, size, crc}], times in the ticks of the stream. Not one warning.
export async function packets(input, stream = '0:v:0') {
  const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-copyts', '-i', input, '-map', stream, '-c', 'copy', '-f', 'framecrc', '-']);
  assert.equal(code, 0, err);
  assert.equal(err, '', `${input} ${stream}`);
  return parseFramecrc(out);
}

export function parseFramecrc(out) {
  const rows = out.split('\n').filter((line) => /^\d+, /.test(line)).map((line) => line.split(',').map((cell) => cell.trim()));
  const [, num, den] = /#tb 0: (\d+)\/(\d+)/.exec(out), tick = Number(num) / Number(den);
  return rows.map(([, dts, pts, duration, size, crc]) => ({ dts: dts * tick, pts: pts * tick, duration: duration * tick, size: Number(size), crc }));
}

// Decoded sound, as stereo: the samples of the left side.
export async function samples(input, rate, stream = '0:a:0') {
  const { execFile } = await import('node:child_process');
  const raw = await new Promise((resolve, reject) => {
    execFile('ffmpeg', ['-v', 'warning', '-copyts', '-i', input, '-map', stream, '-ac', '2', '-ar', String(rate), '-f', 'f32le', '-'],
      { encoding: 'buffer', maxBuffer: 1 << 28 }, (error, out, err) => (error || err.length > 0 ? reject(error ?? new Error(`${input}: ${err}`)) : resolve(out)));
  });
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length)).filter((_, i) => i % 2 === 0);
}

// Processes of that program that the house has started, or those whom it has started.
export function pids(house, program) {
  const read = (pid, name) => { try { return fs.readFileSync(`/proc/${pid}/${name}`, 'latin1'); } catch { return ''; } };
  const parents = new Map(fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => [Number(pid), Number(/\) \S (\d+)/.exec(read(pid, 'stat'))?.[1])]));
  const isOurs = (pid) => { for (; pid > 1; pid = parents.get(pid)) if (pid === house.daemon.pid) return true; return false; };
  return [...parents.keys()].filter((pid) => path.basename(read(pid, 'cmdline').split('\0')[0]) === program && isOurs(pid));
}
