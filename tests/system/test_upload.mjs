// SPDX-License-Identifier: MIT
//
// A file that somebody sends to this server, by tus-js-client as it is: it plays while it arrives, goes on after whatever happened in
// between, and becomes a torrent that other clients fetch.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import * as tus from 'tus-js-client';
import { House, Yard, film, sha256, until } from './house.mjs';
import { aria2 } from './swarm.mjs';

const PART = 1 << 20;

// Sends `data`; `until` gives it up after so many bytes.
function send(house, data, { name = 'film.mp4', url, stopAfter = Infinity, ...more } = {}) {
  const sending = { upload: undefined, hash: undefined };
  sending.ended = new Promise((resolve, reject) => {
    sending.upload = new tus.Upload(data, { endpoint: house.url('/api/v1/uploads'), uploadUrl: url, chunkSize: PART, retryDelays: Array(40).fill(250),
      metadata: { filename: name }, storeFingerprintForResuming: false, onError: reject, onSuccess: () => resolve('whole'),
      onUploadUrlAvailable: () => { sending.hash = path.basename(sending.upload.url); },
      onChunkComplete: (_, sent) => { if (sent >= stopAfter && sent < data.length) void sending.upload.abort().then(() => resolve('stopped')); }, ...more });
    sending.upload.start();
  });
  return sending;
}

async function ask(house, method, target, headers = {}, body = undefined) {
  const answer = await fetch(house.url(target), { method, headers: { 'Tus-Resumable': '1.0.0', ...headers }, body });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const json = async (house, target) => (await ask(house, 'GET', target)).body;
const begin = (house, size, name = 'film.mp4') =>
  ask(house, 'POST', '/api/v1/uploads', { 'Upload-Length': String(size), 'Upload-Metadata': `filename ${Buffer.from(name).toString('base64')}` });
const patch = (house, hash, offset, data, more = {}) =>
  ask(house, 'PATCH', `/api/v1/uploads/${hash}`, { 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream', ...more }, data);
const tail = (house, hash, offset, data) =>
  ask(house, 'PUT', `/api/v1/uploads/${hash}/tail`, { 'Upload-Offset': String(offset), 'Content-Type': 'application/offset+octet-stream' }, data);

async function kill(house, name) {
  const before = await house.service(`${name}.0`);
  process.kill(before.pid, 'SIGKILL');
  return () => until(async () => {
    const now = await house.service(`${name}.0`).catch(() => ({}));
    return now.state === 'ready' && now.generation !== before.generation;
  }, `${name} to be back`);
}

test('a film that is sent plays while it arrives, and becomes a torrent that others fetch', async (t) => {
  const yard = new Yard(t), movie = await film(yard), house = await House.start(t, yard);
  const first = send(house, movie.data, { stopAfter: movie.size / 2 });
  assert.equal(await first.ended, 'stopped');
  const now = await json(house, `/api/v1/torrents/${first.hash}`);
  assert.equal(now.state, 'uploading');
  assert.equal(now.name, 'film.mp4');
  assert.ok(now.progress >= 0.4 && now.progress < 1, `${now.progress} of it`);
  assert.equal((await json(house, '/api/v1/torrents')).torrents.length, 1);

  const begun = await house.get(`/stream/${first.hash}/0`, { Range: 'bytes=1000-1000999' });
  assert.equal(begun.status, 206);
  assert.ok(begun.body.equals(movie.data.subarray(1000, 1001000)));
  const media = await json(house, `/api/v1/torrents/${first.hash}/files/0/media?can=h264,aac,mp4`);
  assert.equal(media.media.streams.length, 2, 'transcode-svc reads it as any film');
  const end = await json(house, `/api/v1/torrents/${first.hash}/files/0/diagnosis?position=${movie.size - 1}`);
  assert.equal(end.code, 'uploading');
  const refused = await ask(house, 'POST', `/api/v1/torrents/${first.hash}/recheck`);
  assert.equal(refused.status, 409);

  // Somebody plays all of it, and waits for what is still to come: beyond the moment at which it becomes a torrent.
  let got = 0;
  const playing = house.get(`/stream/${first.hash}/0`, {}, (part) => { got += part.length; });
  await until(() => got > movie.size / 3, 'the stream to begin');
  const second = send(house, movie.data, { url: first.upload.url });
  assert.equal(await second.ended, 'whole');
  const played = await playing;
  assert.ok(played.isWhole);
  assert.equal(sha256(played.body), movie.sha256);

  const upload = await json(house, `/api/v1/uploads/${first.hash}`);
  assert.match(upload.torrent, /^[0-9a-f]{40}$/);
  assert.notEqual(upload.torrent, first.hash);
  const { torrents } = await json(house, '/api/v1/torrents');
  assert.deepEqual(torrents.map(({ infoHash }) => infoHash), [upload.torrent]);
  assert.equal((await json(house, `/api/v1/torrents/${first.hash}`)).infoHash, upload.torrent, 'known by both');
  await until(async () => (await json(house, `/api/v1/torrents/${upload.torrent}`)).state === 'seeding', 'it to be shared');
  for (const hash of [first.hash, upload.torrent]) assert.equal(sha256((await house.get(`/stream/${hash}/0`)).body), movie.sha256);

  // An ordinary client, which knows the .torrent only.
  const metainfo = path.join(yard.dir, 'real.torrent'), folder = path.join(yard.dir, 'fetched');
  fs.mkdirSync(folder);
  fs.writeFileSync(metainfo, (await house.get(`/api/v1/torrents/${upload.torrent}/metainfo`)).body);
  await aria2(yard, { torrent: metainfo }, folder);
  const file = path.join(folder, 'film.mp4');
  await until(() => fs.existsSync(file) && fs.statSync(file).size === movie.size && sha256(fs.readFileSync(file)) === movie.sha256, 'aria2 to have it');

  // The other name outlives a restart, and goes with the torrent.
  await (await kill(house, 'torrent'))();
  assert.equal((await json(house, `/api/v1/torrents/${first.hash}`)).infoHash, upload.torrent);
  assert.equal(sha256((await house.get(`/stream/${first.hash}/0`)).body), movie.sha256);
  const folders = () => fs.readdirSync(path.join(house.dir, 'data/torrents'));
  assert.deepEqual(folders(), [first.hash]);
  assert.equal((await ask(house, 'DELETE', `/api/v1/torrents/${first.hash}`)).status, 204);
  await until(() => folders().length === 0, 'the data to go');
  assert.equal((await ask(house, 'GET', `/api/v1/torrents/${first.hash}`)).status, 404);
  assert.equal((await ask(house, 'HEAD', `/api/v1/uploads/${first.hash}`)).status, 404);
});

test('kill -9 of http-svc and of torrent-svc: sending goes on where it was', async (t) => {
  const yard = new Yard(t), data = crypto.randomBytes(24 * PART + 12345), house = await House.start(t, yard);
  const victims = ['http', 'torrent'], backs = [];
  let sent = 0;
  const sending = send(house, data, { name: 'random.mkv', onChunkComplete: (size, offset) => { sent = offset; },
    onAfterResponse: async () => {
      if (victims.length > 0 && sent > (3 - victims.length) * 6 * PART) backs.push(await kill(house, victims.shift()));
    } });
  assert.equal(await sending.ended, 'whole');
  for (const back of backs) await back();
  assert.equal(backs.length, 2);
  assert.equal(sha256((await house.get(`/stream/${sending.hash}/0`)).body), sha256(data));
  const { deaths } = await house.json('why', 'torrent');
  assert.equal(deaths.length, 1);
});

test('the end of a film may come first, and need not come again', async (t) => {
  const yard = new Yard(t), movie = await film(yard, { index: 'end', seconds: 20 }), house = await House.start(t, yard);
  const { headers, body } = await begin(house, movie.size), hash = body.infoHash, { pieceBytes } = body;
  assert.equal(headers.get('location'), `uploads/${hash}`);
  const at = Math.floor((movie.size - (1 << 20)) / pieceBytes) * pieceBytes;
  assert.equal((await tail(house, hash, at + 1, movie.data.subarray(at + 1))).status, 400);
  assert.equal((await tail(house, hash, at, movie.data.subarray(at))).status, 204);
  assert.equal((await tail(house, hash, at, movie.data.subarray(at))).status, 409);
  assert.equal((await patch(house, hash, 0, movie.data.subarray(0, 10 * PART))).status, 204);
  // Its index lies at the end: what is in it is known although a third of it is still to come.
  const media = await json(house, `/api/v1/torrents/${hash}/files/0/media?can=h264,aac,mp4`);
  assert.equal(Math.round(media.media.durationUs / 1e6), 20);
  // What is sent over it all the same is not taken: its hash is known.
  const other = Buffer.concat([movie.data.subarray(0, at), Buffer.alloc(movie.size - at)]);
  const sending = send(house, other, { url: house.url(`/api/v1/uploads/${hash}`) });
  assert.equal(await sending.ended, 'whole');
  assert.equal(sha256((await house.get(`/stream/${hash}/0`)).body), movie.sha256);
});

test('what makes no sense is refused with words, and changes nothing', async (t) => {
  const yard = new Yard(t), house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_UPLOAD_MAX: '64MiB', SHARESTREAM_TORRENT_MAX_UPLOADS: '2',
    SHARESTREAM_TORRENT_DISK_QUOTA: '40MiB' } });
  const options = await ask(house, 'OPTIONS', '/api/v1/uploads');
  assert.equal(options.status, 204);
  assert.equal(options.headers.get('tus-version'), '1.0.0');
  assert.match(options.headers.get('tus-extension'), /creation/);
  const refused = async (answer, status, words) => {
    const { status: got, body } = await answer;
    assert.equal(got, status, JSON.stringify(body));
    assert.match(body.error.message, words);
  };
  await refused(ask(house, 'POST', '/api/v1/uploads', { 'Upload-Length': '5' }), 400, /name of the file/);
  await refused(ask(house, 'POST', '/api/v1/uploads', { 'Tus-Resumable': '0.2.2', 'Upload-Length': '5' }), 412, /tus 1\.0\.0/);
  await refused(begin(house, 'many'), 400, /upload-length/);
  await refused(begin(house, 0), 400, /empty/);
  await refused(begin(house, 1, 'a/..'), 400, /name of the file/);
  await refused(begin(house, (64 << 20) + 1), 413, /upload_max/);
  await refused(begin(house, 50 << 20), 507, /disk budget/);
  await refused(patch(house, '0'.repeat(40), 0, Buffer.alloc(1)), 404, /no such upload/);
  assert.deepEqual((await json(house, '/api/v1/torrents')).torrents, []);
  assert.deepEqual(fs.readdirSync(path.join(house.dir, 'data/torrents')), []);

  const { body: { infoHash: hash } } = await begin(house, 1000), data = crypto.randomBytes(1000);
  await refused(patch(house, hash, 1, data.subarray(0, 10)), 409, /next byte is 0/);
  await refused(patch(house, hash, 0, Buffer.alloc(1001)), 413, /announced with 1000/);
  await refused(patch(house, hash, 0, data, { 'Content-Type': 'video/mp4' }), 415, /octet-stream/);
  await refused(patch(house, hash, 'x', data), 400, /upload-offset/);
  assert.equal((await begin(house, 1000)).status, 201);
  await refused(begin(house, 1000), 503, /sent already/);
  assert.equal((await patch(house, hash, 0, data.subarray(0, 10))).headers.get('upload-offset'), '10');
  const head = await ask(house, 'HEAD', `/api/v1/uploads/${hash}`);
  assert.deepEqual(['upload-offset', 'upload-length', 'cache-control', 'tus-resumable'].map((name) => head.headers.get(name)), ['10', '1000', 'no-store', '1.0.0']);
  assert.ok(Date.parse(head.headers.get('upload-expires')) > Date.now());
  // As another request would that is writing.
  const locked = yard.start('flock', [path.join(house.dir, 'data/torrents', hash, 'film.mp4'), '-c', 'echo locked; read line'], { stdio: ['pipe', 'pipe', 'pipe'] });
  await until(() => locked.said.includes('locked'), 'the lock');
  await refused(patch(house, hash, 10, data.subarray(10, 20)), 423, /another request/);
  locked.stdin.end();
  await locked.gone;
  assert.equal((await patch(house, hash, 10, data.subarray(10, 20))).status, 204);
  assert.equal((await ask(house, 'DELETE', `/api/v1/uploads/${hash}`)).status, 204);
  assert.equal((await ask(house, 'HEAD', `/api/v1/uploads/${hash}`)).status, 404);
  assert.equal((await patch(house, hash, 10, data.subarray(10))).status, 404);
});

test('the same film twice is one torrent, and what nobody sends on is given up', async (t) => {
  const yard = new Yard(t), data = crypto.randomBytes(300000), house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_UPLOAD_LIFETIME: '3s' } });
  const first = send(house, data), second = send(house, data);
  assert.deepEqual([await first.ended, await second.ended], ['whole', 'whole']);
  await until(async () => (await json(house, '/api/v1/torrents')).torrents.length === 1, 'them to be one');
  for (const { hash } of [first, second]) assert.equal(sha256((await house.get(`/stream/${hash}/0`)).body), sha256(data));
  const { body: { infoHash: hash } } = await begin(house, 5000);
  await until(async () => (await ask(house, 'GET', `/api/v1/torrents/${hash}`)).status === 404, 'it to be given up');
  assert.equal(fs.readdirSync(path.join(house.dir, 'data/torrents')).length, 1);
});

test('films in the media folder are listed and opened, and nothing outside of it is', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), movie = await film(yard, { seconds: 2 });
  fs.mkdirSync(path.join(folder, 'Series'), { recursive: true });
  fs.mkdirSync(path.join(yard.dir, 'outside'));
  fs.copyFileSync(movie.file, path.join(folder, 'Series/One & two.mp4'));
  fs.copyFileSync(movie.file, path.join(folder, 'a.mp4'));
  fs.copyFileSync(movie.file, path.join(yard.dir, 'outside/secret.mp4'));
  fs.writeFileSync(path.join(folder, 'notes.txt'), 'x');
  fs.symlinkSync(path.join(yard.dir, 'outside'), path.join(folder, 'link'));
  fs.symlinkSync(path.join(yard.dir, 'outside/secret.mp4'), path.join(folder, 'secret.mp4'));
  const house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_MEDIA_FOLDER: folder } });
  const list = async (inside) => (await ask(house, 'GET', `/api/v1/media?path=${encodeURIComponent(inside)}`));
  assert.deepEqual((await list('')).body.entries.map(({ name, isFolder }) => [name, isFolder]), [['Series', true], ['a.mp4', false]]);
  const [found] = (await list('Series')).body.entries;
  assert.deepEqual([found.name, found.sizeBytes], ['One & two.mp4', movie.size]);
  for (const inside of ['..', 'Series/../..', 'link', '../outside', '/etc', 'no such folder']) assert.equal((await list(inside)).status, 404, inside);
  const seeded = await ask(house, 'POST', '/api/v1/seed', { 'Content-Type': 'application/json' }, JSON.stringify({ path: found.path, waitMs: 60000 }));
  assert.equal(sha256((await house.get(`/stream/${seeded.body.infoHash}/0`)).body), movie.sha256);
});
