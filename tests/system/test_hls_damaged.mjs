// SPDX-License-Identifier: MIT
//
// Media that is damaged, truncated, or not media at all: every question about it is answered in time with something that plays or
// with a reason, transcode-svc lives on, and nothing is fetched from anywhere.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, run, until } from './house.mjs';
import { metric, parseMaster, pids, share } from './hls.mjs';

const VARIANTS = 30; // of each kind
const ANSWER_MS = 30000;

const kinds = {
  'film.mp4': ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-g', '20', '-c:a', 'aac'],
  'film.mkv': ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '2', '-g', '20', '-c:a', 'ac3'],
  'film.webm': ['-c:v', 'libvpx', '-deadline', 'realtime', '-g', '20', '-c:a', 'libopus'],
  'film.avi': ['-c:v', 'mpeg4', '-c:a', 'libmp3lame'],
  'film.ts': ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '20', '-c:a', 'aac'],
  'song.mp3': ['-vn', '-c:a', 'libmp3lame'],
  'song.flac': ['-vn', '-c:a', 'flac'],
};

// Numbers that look random and are the same in every run.
function dice(seed) {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

// 20 bytes replaced in the header, where the index is, or anywhere; or the end is missing.
function damage(data, number) {
  const roll = dice(number + 1), part = number % 4;
  if (part === 3) return data.subarray(0, 1 + roll(data.length - 1));
  const broken = Buffer.from(data), [from, length] = [[0, Math.min(1500, data.length)], [data.length - (data.length >> 3), data.length >> 3], [0, data.length]][part];
  for (let i = 0; i < 20; i++) broken[from + roll(length)] = roll(256);
  return broken;
}

async function makeDamaged(yard, folder) {
  for (const [name, args] of Object.entries(kinds)) {
    const file = path.join(yard.dir, name);
    const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=20', '-f', 'lavfi', '-i', 'sine=440',
      '-t', '4', '-threads', '1', '-b:v', '80k', ...args, '-b:a', '32k', file]);
    assert.equal(code, 0, err);
    const data = fs.readFileSync(file);
    for (let i = 0; i < VARIANTS; i++) fs.writeFileSync(path.join(folder, name.replace('.', `${i}.`)), damage(data, i));
  }
}

// A named reason, if it is not what was asked for.
function assertAnswered({ status, body, headers }, what) {
  if (status === 200) return;
  assert.ok(status >= 400 && status < 500, `${what}: ${status} ${body}`);
  assert.match(headers['content-type'], /json/, what);
  const { error } = JSON.parse(body);
  assert.ok((error.message ?? error).length > 10, `${what}: ${body}`);
}

// Two encoders cannot serve all who ask here: some are told to come again.
function ask(house, target) {
  return until(async () => {
    const answer = await house.get(target);
    if (answer.status === 503 && answer.headers['retry-after'] && /busy|not made yet/.test(answer.body)) return undefined;
    assertAnswered(answer, target);
    return answer;
  }, `an answer to ${target}`, ANSWER_MS);
}

// What a player would ask for, and more. Returns how many answers there were by status.
async function askAll(house, base, count) {
  const get = async (target) => {
    const answer = await ask(house, target);
    count[answer.status] = (count[answer.status] ?? 0) + 1;
    return answer;
  };
  const master = await get(`${base}/master.m3u8`);
  await get(base.replace(/^\/hls\/(.*)\/(.*)/, '/api/v1/torrents/$1/files/$2/media'));
  const made = master.status === 200 ? parseMaster(master.body.toString()) : { variants: [], sounds: [] };
  for (const { URI } of [...made.variants, ...made.sounds]) {
    const folder = `${base}/${path.dirname(URI)}`;
    for (const name of ['index.m3u8', 'init.mp4', '0.m4s', '1.m4s']) await get(`${folder}/${name}`);
  }
  for (const name of ['playlist.m3u8', '0.ts', '1.ts']) await get(`${base}/${name}`);
  return master;
}

// Nobody may ever come here.
async function trap(t) {
  const visits = [], server = net.createServer((socket) => { visits.push(socket.remotePort); socket.destroy(); });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, visits };
}

test('damaged and hostile files get an answer, and nothing else', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'damaged'), { url, visits } = await trap(t);
  fs.mkdirSync(folder);
  await makeDamaged(yard, folder);
  const secret = path.join(yard.dir, 'film.mp4'), playlist = (uri) => `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${uri}\n#EXT-X-ENDLIST\n`;
  const hostile = {
    'playlist.mp4': playlist(`${url}/0.ts`),
    'local.mp4': playlist(`file://${secret}`),
    'concat.mkv': `ffconcat version 1.0\nfile '${url}/0.ts'\n`,
    'concat.mp4': `ffconcat version 1.0\nfile '${secret}'\n`,
    'dash.mp4': `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet><Representation id="0" bandwidth="1"><BaseURL>${url}/0.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    'session.mp4': 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    'empty.mp4': '',
    'one.mkv': 'x',
    'noise.mp4': Buffer.from(Array.from({ length: 200000 }, dice(99).bind(null, 256))),
    'moov.mp4': Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.from('ftypisom\0\0\0\0'), Buffer.from([0x7f, 0xff, 0xff, 0xff]), Buffer.from('moov'), Buffer.alloc(5000)]),
    'cut.mp4': fs.readFileSync(secret).subarray(0, 20000), // its index was at the end
  };
  for (const [name, data] of Object.entries(hostile)) fs.writeFileSync(path.join(folder, name), data);
  const house = await House.start(t, yard, { settings: 'transcode:\n  segment_duration: 2s\n' }), at = await share(house, folder), pid = pids(house, 'transcode-svc');
  assert.equal(pid.length, 1);

  const count = {}, names = Object.keys(at);
  assert.equal(names.length, VARIANTS * Object.keys(kinds).length + Object.keys(hostile).length);
  const askSome = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const master = await askAll(house, at[name], count);
      if (hostile[name] !== undefined) assert.notEqual(master.status, 200, name);
    }
  };
  await Promise.all([askSome(), askSome(), askSome(), askSome()]);
  t.diagnostic(`answers by status: ${JSON.stringify(count)}; workers that died: ${await metric(house, 'workers_died_total')}`);
  assert.ok(count[200] > 500 && count[415] > 100, JSON.stringify(count));
  assert.deepEqual(pids(house, 'transcode-svc'), pid);
  assert.deepEqual(visits, []);
});
