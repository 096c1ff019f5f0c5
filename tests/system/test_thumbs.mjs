// SPDX-License-Identifier: MIT
//
// Storyboards, posters and waveforms, of films whose every second has a colour of its own: so it can be seen which moment a
// picture shows. The keyframes, and the pictures that are compared with, are ffmpeg's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, makeTorrent, magnet, run, seedWithAria2, until } from './house.mjs';

const FPS = 5, GOP_S = 4, INTERVAL_S = 10, SECONDS = 230;
const colourOf = (second) => [28 + (second * 37) % 200, 28 + (second * 91) % 200, 28 + (second * 53) % 200];
const isColour = (found, wanted) => found.every((value, i) => Math.abs(value - wanted[i]) <= 14);

function pipe(program, args, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] }), parts = [];
    let said = '';
    child.stdout.on('data', (part) => parts.push(part));
    child.stderr.on('data', (part) => { said += part; });
    child.stdin.on('error', () => {}); // it ended before it had read all
    child.on('close', (code) => (code === 0 ? resolve(Buffer.concat(parts)) : reject(new Error(`${program}: ${said}`))));
    child.stdin.end(input);
  });
}

// A colour for each second, the last quarter of each line white: a picture that is turned shows that.
async function colours(file, { seconds = SECONDS, size = '320:180', inputs = [], filter = '', output }) {
  const pixels = Buffer.alloc(seconds * 16 * 3, 255);
  for (let second = 0; second < seconds; second++)
    for (let x = 0; x < 12; x++) pixels.set(colourOf(second), (second * 16 + x) * 3);
  await pipe('ffmpeg', ['-v', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '16x1', '-r', '1', '-i', '-', ...inputs,
    '-vf', `fps=${FPS},scale=${size}:flags=neighbor${filter}`, '-g', String(GOP_S * FPS), '-keyint_min', String(GOP_S * FPS),
    ...output, '-y', file], pixels);
}

async function keyframes(file) {
  const { out, err, code } = await run('ffprobe', ['-v', 'error', '-select_streams', 'v:0', '-show_entries', 'packet=pts_time,dts_time,flags', '-of', 'json', file]);
  assert.equal(code, 0, err);
  const times = JSON.parse(out).packets.filter((packet) => packet.flags.startsWith('K')).map((packet) => Number(packet.pts_time ?? packet.dts_time));
  return times.map((time) => time - times[0]);
}

async function decode(jpeg) {
  assert.equal(jpeg.subarray(0, 2).toString('hex'), 'ffd8');
  const size = (await pipe('ffprobe', ['-v', 'error', '-f', 'jpeg_pipe', '-show_entries', 'stream=width,height', '-of', 'csv=p=0', '-'], jpeg)).toString();
  const [width, height] = size.trim().split(',').map(Number);
  const raw = await pipe('ffmpeg', ['-v', 'error', '-f', 'jpeg_pipe', '-i', '-', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'], jpeg);
  assert.equal(raw.length, width * height * 3);
  return { width, height, at: (x, y) => [...raw.subarray((Math.floor(y) * width + Math.floor(x)) * 3).subarray(0, 3)] };
}

function parseVtt(text) {
  assert.match(text, /^WEBVTT\n\nNOTE .*\n\n/);
  return text.trim().split('\n\n').slice(2).map((cue) => {
    const match = /^(\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d+):(\d\d):(\d\d)\.(\d{3})\n(thumbs\/(\d+)\.jpg\S*)#xywh=(\d+),(\d+),(\d+),(\d+)$/.exec(cue);
    assert.ok(match, `no cue: ${cue}`);
    const at = (i) => Number(match[i]) * 3600 + Number(match[i + 1]) * 60 + Number(match[i + 2]) + Number(match[i + 3]) / 1000;
    const [x, y, width, height] = match.slice(11).map(Number);
    return { from: at(1), until: at(5), url: match[9], sheet: Number(match[10]), x, y, width, height };
  });
}

async function get(house, target, status = 200) {
  const answer = await house.get(target);
  assert.equal(answer.status, status, `${target}: ${answer.status} ${answer.body.subarray(0, 300)}`);
  return answer;
}

const getJson = async (house, target) => JSON.parse((await get(house, target)).body);

async function seedFolder(house, folder) {
  const { infoHash } = await house.json('seed', folder);
  const { files } = JSON.parse((await get(house, `/torrent/${infoHash}`)).body);
  return (name) => `/hls/${infoHash}/${files.find((file) => file.name.endsWith(name)).id}`;
}

// Where a point goes when the picture is turned, as ffmpeg says "rotation".
const turns = { 0: (point) => point, 90: ([x, y]) => [y, 1 - x], 180: ([x, y]) => [1 - x, 1 - y], 270: ([x, y]) => [1 - y, x] };

// All pictures of a film that is whole: in their places, and of the right moments.
async function checkStoryboard(house, base, file, { seconds = SECONDS, hasIndex = true, height, turned = 0 } = {}) {
  const pictures = Math.ceil(seconds / INTERVAL_S), keys = await keyframes(file);
  const vtt = await get(house, `${base}/thumbs.vtt`);
  assert.match(vtt.headers['content-type'], /^text\/vtt/);
  assert.equal(vtt.headers['cache-control'], 'no-cache');
  const cues = parseVtt(vtt.body.toString()), sheets = new Map();
  assert.deepEqual(cues.map((cue) => [cue.from, cue.until]), Array.from({ length: pictures }, (_, i) => [i * INTERVAL_S, (i + 1) * INTERVAL_S]));
  for (const [i, cue] of cues.entries()) {
    assert.deepEqual([cue.width, cue.height], [320, height]);
    if (!sheets.has(cue.sheet)) {
      const answer = await get(house, `${base}/${cue.url}`);
      assert.equal(answer.headers['content-type'], 'image/jpeg');
      sheets.set(cue.sheet, await decode(answer.body));
    }
    const sheet = sheets.get(cue.sheet);
    assert.ok(cue.x + cue.width <= sheet.width && cue.y + cue.height <= sheet.height, 'a cue points outside of its sheet');
    // Points well inside and close to the edges: nothing has slipped.
    const found = [[0.04, 0.06], [0.5, 0.5], [0.7, 0.94]].map(turns[turned]).map(([x, y]) => sheet.at(cue.x + x * cue.width, cue.y + y * cue.height));
    const before = keys.filter((key) => key <= i * INTERVAL_S + 0.001).at(-1) ?? keys[0];
    const after = keys.find((key) => key > i * INTERVAL_S);
    const wanted = hasIndex || after === undefined ? [before] : [before, after];
    for (const colour of found)
      assert.ok(wanted.some((key) => isColour(colour, colourOf(Math.round(key)))),
        `${path.basename(file)}: picture ${i} has ${colour}, wanted ${wanted.map((key) => `${key} s: ${colourOf(Math.round(key))}`)}`);
    const white = turns[turned]([0.9, 0.5]);
    assert.ok(isColour(sheet.at(cue.x + white[0] * cue.width, cue.y + white[1] * cue.height), [255, 255, 255]), `${path.basename(file)}: picture ${i} ends in ${sheet.at(cue.x + white[0] * cue.width, cue.y + white[1] * cue.height)}`);
  }
  assert.deepEqual(await getJson(house, `${base}/thumbs.json`), { interval_s: INTERVAL_S, width: 320, height, columns: 10, rows: 10,
    total: sheets.size, ready: sheets.size, pictures, pictures_here: pictures });
  await get(house, `${base}/thumbs/${sheets.size}.jpg`, 404);
  return keys;
}

const x264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-sc_threshold', '0', '-pix_fmt', 'yuv420p'];
const x264b = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-sc_threshold', '0', '-pix_fmt', 'yuv420p'];
const films = [
  { name: 'plain.mp4', output: x264b, height: 180 },
  // As some programs write it: nothing says that the first picture is late.
  { name: 'unlisted.mp4', output: [...x264b, '-use_editlist', '0'], height: 180 },
  { name: 'frames.mkv', output: ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '3', '-x264-params', 'scenecut=0:open-gop=1'], height: 180 },
  { name: 'old.avi', output: ['-c:v', 'mpeg4', '-q:v', '3', '-sc_threshold', '1000000000'], height: 180 },
  { name: 'deep.mkv', output: ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-x265-params',
    `keyint=${GOP_S * FPS}:min-keyint=${GOP_S * FPS}:scenecut=0:log-level=none`], height: 180 },
  { name: 'web.webm', size: '160:90', output: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0'], height: 180 },
  // Wider than its pixels, and of the colours of television.
  { name: 'wide.mp4', size: '720:576:out_color_matrix=bt709', filter: ',setsar=64/45', output: [...x264, '-colorspace', 'bt709'], height: 180 },
  { name: 'broadcast.ts', output: x264, height: 180, hasIndex: false },
];

test('each picture of a storyboard shows its moment, whatever the film is made of', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), house = await House.start(t, yard);
  fs.mkdirSync(folder);
  for (const film of films) await colours(path.join(folder, film.name), film);
  // As telephones write what was filmed upright, or upside down.
  for (const turned of [90, 180, 270]) {
    const { code, err } = await run('ffmpeg', ['-v', 'error', '-i', path.join(folder, 'plain.mp4'), '-c', 'copy', '-metadata:s:v', `rotate=${turned}`,
      path.join(folder, `turned${turned}.mp4`)]);
    assert.equal(code, 0, err);
  }
  const baseOf = await seedFolder(house, folder);

  for (const film of films) {
    const keys = await checkStoryboard(house, baseOf(film.name), path.join(folder, film.name), film);
    const poster = await get(house, `${baseOf(film.name)}/poster.jpg`);
    assert.equal(poster.headers['content-type'], 'image/jpeg');
    const picture = await decode(poster.body), near = film.hasIndex === false
      ? keys.filter((key) => Math.abs(key - SECONDS / 10) <= GOP_S) : [keys.filter((key) => key <= SECONDS / 10).at(-1)];
    const found = picture.at(picture.width / 2, picture.height / 2);
    assert.ok(near.some((key) => isColour(found, colourOf(Math.round(key)))), `${film.name}: the poster has ${found}`);
    assert.ok(Math.abs(picture.width / picture.height - 16 / 9) < 0.02, `${film.name}: ${picture.width}x${picture.height}`);
  }
  for (const turned of [90, 180, 270])
    await checkStoryboard(house, baseOf(`turned${turned}.mp4`), path.join(folder, `turned${turned}.mp4`), { height: turned === 180 ? 180 : 568, turned });

  // One worker made them all, which gives way to everybody; those that opened the films do not.
  const { pid } = await house.service('transcode.0');
  const workers = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const nice = workers.map((worker) => Number(fs.readFileSync(`/proc/${worker}/stat`, 'utf8').split(') ')[1].split(' ')[16]));
  assert.deepEqual(nice.filter((value) => value === 19), [19], `${nice}`);
  assert.ok(nice.length > 1, `${nice}`);
});

test('of a film that is half here there are the sheets that are, and nothing is fetched for others', async (t) => {
  const yard = new Yard(t), seconds = 2200, file = path.join(yard.dir, 'long.mkv');
  // Noise as sound makes it large enough to come slowly.
  await colours(file, { seconds, size: '160:90', output: [...x264, '-c:a', 'pcm_s16le'],
    inputs: ['-f', 'lavfi', '-t', String(seconds), '-i', 'anoisesrc=r=8000'] });
  const size = fs.statSync(file).size, { torrent, hash } = await makeTorrent(yard, file), base = `/hls/${hash}/0`;
  const house = await House.start(t, yard), slow = await seedWithAria2(yard, torrent, yard.dir, 4000000);
  await house.json('add', magnet(hash, slow.port), '--wait');
  const progress = () => getJson(house, `${base}/thumbs.json`);
  assert.equal((await progress()).total, 3);
  // A player reads it from the beginning; half-way the only seeder goes.
  let read = 0;
  await new Promise((resolve, reject) => {
    house.get(`/stream/${hash}/0`, {}, (part, res) => {
      read += part.length;
      if (read < size * 0.55) return;
      res.destroy();
      resolve();
    }).catch(reject);
  });
  slow.process.kill('SIGKILL');
  await slow.process.gone;

  const half = await progress();
  assert.ok(half.ready >= 1 && half.ready < 3, JSON.stringify(half));
  assert.ok(half.pictures_here > 100 && half.pictures_here < 220, JSON.stringify(half));
  const vtt = (await get(house, `${base}/thumbs.vtt`)).body.toString();
  assert.match(vtt, new RegExp(`NOTE ${half.ready} of 3 sheets`));
  const cues = parseVtt(vtt), sheets = new Set(cues.map((cue) => cue.sheet));
  assert.equal(sheets.size, half.ready);
  const first = await decode((await get(house, `${base}/thumbs/0.jpg`)).body);
  for (const [i, cue] of cues.filter(({ sheet }) => sheet === 0).entries()) {
    const found = first.at(cue.x + 160, cue.y + 90), key = Math.floor(i * INTERVAL_S / GOP_S) * GOP_S;
    assert.ok(isColour(found, colourOf(key)), `picture ${i} has ${found}, wanted ${colourOf(key)}`);
  }
  const missing = await get(house, `${base}/thumbs/2.jpg`, 503);
  assert.match(missing.body.toString(), /not all pictures of this sheet are here yet/);
  assert.ok(Number(missing.headers['retry-after']) > 0);
  const poster = await get(house, `${base}/poster.jpg`);
  assert.equal(poster.headers['cache-control'], 'no-cache');
  const picture = await decode(poster.body);
  assert.ok(isColour(picture.at(picture.width / 2, picture.height / 2), colourOf(seconds / 10)));
  assert.deepEqual((await getJson(house, '/api/v1/jobs')).jobs ?? [], [], 'something waits for bytes');

  // The rest comes: the list grows.
  const fast = await seedWithAria2(yard, torrent, yard.dir);
  await house.json('add', magnet(hash, fast.port));
  await until(async () => (await progress()).ready === 3, 'all sheets');
  assert.equal(parseVtt((await get(house, `${base}/thumbs.vtt`)).body.toString()).length, 220);
  const last = await decode((await get(house, `${base}/thumbs/2.jpg`)).body);
  assert.deepEqual([last.width, last.height], [3200, 360]);
});

const waveform = async (house, base) => {
  const answer = await get(house, `${base}/waveform.json`);
  assert.equal(answer.headers['content-type'], 'application/json');
  const { duration_s, peaks } = JSON.parse(answer.body);
  assert.equal(peaks.length, 2000);
  return { duration_s, peaks };
};

test('sound has a waveform, and its cover for a poster', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'sounds'), house = await House.start(t, yard);
  fs.mkdirSync(folder);
  const make = async (name, args) => {
    const { code, err } = await run('ffmpeg', ['-v', 'error', ...args, path.join(folder, name)]);
    assert.equal(code, 0, err);
  };
  // From silence to 0.9 in a minute, on the second channel only.
  const louder = ['-f', 'lavfi', '-t', '60', '-i', 'aevalsrc=0|0.9*t/60*sin(880*PI*t):s=48000'];
  const picture = path.join(yard.dir, 'cover.png');
  await pipe('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'color=red:s=1000x1000', '-vf', 'pad=2000:1000:0:0:blue', '-frames:v', '1', picture]);
  const cover = ['-i', picture, '-map', '0', '-map', '1', '-disposition:v', 'attached_pic'];
  const plain = ['loud.mp3', 'loud.m4a', 'loud.opus', 'loud.wav', 'loud.ogg'];
  for (const name of plain) await make(name, [...louder, ...(name.endsWith('.ogg') ? ['-c:a', 'libvorbis'] : [])]);
  await make('cover.mp3', [...louder, ...cover, '-c:v', 'mjpeg', '-q:v', '2']);
  await make('cover.flac', [...louder, ...cover, '-c:v', 'png']);
  // Two hours, loud in every other quarter of an hour.
  await make('long.flac', ['-f', 'lavfi', '-t', '7200', '-i', 'aevalsrc=if(mod(floor(t/900)\\,2)\\,0.1\\,0.7)*sin(100*PI*t):s=1000']);
  await make('silent.mp4', ['-f', 'lavfi', '-t', '4', '-i', 'color=red:s=160x90']);
  const baseOf = await seedFolder(house, folder);

  for (const name of [...plain, 'cover.mp3', 'cover.flac']) {
    const { duration_s, peaks } = await waveform(house, baseOf(name));
    assert.ok(Math.abs(duration_s - 60) < 0.2, `${name}: ${duration_s}`);
    for (let i = 50; i < 1990; i++)
      assert.ok(Math.abs(peaks[i] - 0.9 * i / 2000) < 0.06, `${name}: peak ${i} is ${peaks[i]}`);
  }
  const long = await waveform(house, baseOf('long.flac'));
  for (let i = 0; i < 2000; i++) {
    const wanted = Math.floor(i / 250) % 2 ? 0.1 : 0.7;
    assert.ok(Math.abs(long.peaks[i] - wanted) < 0.05 || i % 250 === 0, `long.flac: peak ${i} is ${long.peaks[i]}`);
  }
  for (const name of ['cover.mp3', 'cover.flac']) {
    const poster = await decode((await get(house, `${baseOf(name)}/poster.jpg`)).body);
    assert.deepEqual([poster.width, poster.height], [1280, 640]);
    assert.ok(isColour(poster.at(100, 600), [254, 0, 0]), `${poster.at(100, 600)}`);
    assert.ok(isColour(poster.at(1200, 30), [0, 0, 254]), `${poster.at(1200, 30)}`);
  }
  await get(house, `${baseOf('loud.mp3')}/poster.jpg`, 404);
  await get(house, `${baseOf('loud.mp3')}/thumbs/0.jpg`, 404);
  await get(house, `${baseOf('silent.mp4')}/waveform.json`, 404);
  const none = await getJson(house, `${baseOf('loud.mp3')}/thumbs.json`);
  assert.deepEqual([none.total, none.ready, none.pictures], [0, 0, 0]);
  assert.deepEqual(parseVtt((await get(house, `${baseOf('loud.mp3')}/thumbs.vtt`)).body.toString()), []);
});
