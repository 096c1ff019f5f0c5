// SPDX-License-Identifier: MIT
//
// What the earlier systems' clients need, requirement by requirement, each one test that is named by its number: E the engine of the app, S
// its signalling server, P Streamshare, T tod-p2m, W p2p-go-app, K TorrentMonkey, X the standards. With real clients, on one stack: the
// drop-ins where there are some, else sharestreamd. What needs more than a glance has tests of its own elsewhere.
import assert from 'node:assert/strict';
import { Client } from 'bittorrent-tracker';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { startChromium } from './chromium.mjs';
import { Engine, startSignal } from './dropin.mjs';
import { House, Yard, bin, canConnect, freePort, infoHash, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';
import { fetched, openPage, seed as seedInPage, add as addInPage, servePage } from './pages.mjs';

const require = createRequire(new URL('../service/http/package.json', import.meta.url));
const io = require('socket.io-client-4.8').io, io2 = require('socket.io-client-2.5'), msgpack = require('socket.io-msgpack-parser');

const yard = new Yard({ after });
let signal, house, engine, film, shared; // film: what the engine shares; shared: what the house has, a film of two files

async function makeFilm(name, ...codecs) {
  const file = path.join(yard.dir, name);
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25', '-f', 'lavfi', '-i', 'sine=440', '-t', '6', ...codecs, file]);
  assert.equal(code, 0, err);
  return { file, name, data: fs.readFileSync(file) };
}

before(async () => {
  film = await makeFilm('my film.avi', '-c:v', 'mpeg4', '-b:v', '1M', '-c:a', 'libmp3lame'); // which no browser plays
  const folder = path.join(yard.dir, 'two films');
  fs.mkdirSync(folder);
  shared = { folder, files: [crypto.randomBytes(300000), crypto.randomBytes(200001)], names: ['a.mkv', 'b.mp4'] };
  shared.files.forEach((data, i) => fs.writeFileSync(path.join(folder, shared.names[i]), data));
  [signal, engine, house] = await Promise.all([
    startSignal(yard, { env: { PUBLIC_URL: 'https://watch.example.org', SHARESTREAM_ROOM_SYNC_CHECK: '2s' } }),
    new Engine(yard).ready(),
    House.start({ after }, yard, { env: { SHARESTREAM_HTTP_MONKEY_LISTEN: `127.0.0.1:${await freePort()}`, SHARESTREAM_TORRENT_ALLOW_PRIVATE_URLS: 'true', SHARESTREAM_RTC_ALLOW_PRIVATE_URLS: 'true',
      CLEANUP_INTERVAL: '1s', HLS_SEGMENT_DURATION: '2' } }),
  ]);
  shared.hash = (await house.json('seed', folder)).infoHash;
  engine.say({ cmd: 'seed', filePath: film.file, trackerUrl: signal.tracker });
  engine.seeding = await engine.next('seeding');
  engine.hash = /btih:([0-9a-f]{40})/.exec(engine.seeding.magnetURI)[1];
});

async function json(url, options) {
  const answer = await fetch(url, options);
  return { status: answer.status, headers: answer.headers, json: await answer.json() };
}

async function bytes(url, headers = {}) {
  const answer = await fetch(url, { headers });
  return { status: answer.status, headers: answer.headers, data: Buffer.from(await answer.arrayBuffer()) };
}

// ---- E: the engine

test('E1: the engine takes the flags of all its predecessors', async (t) => {
  const mine = new Yard(t), ports = await Promise.all([freePort(), freePort(), freePort()]);
  for (const [args, port] of [[['-http-port', ports[0], '-port', '0'], ports[0]], [[`--http-port=${ports[1]}`, '--port=0'], ports[1]], [['-http', `localhost:${ports[2]}`, '-port=0'], ports[2]], [['--http', ':0', '--port', '0']]]) {
    const one = await new Engine(mine, { args: args.map(String) }).ready();
    assert.equal(one.port, port ?? one.port);
    assert.ok(one.port > 0);
    assert.equal((await one.end()).code, 0);
  }
  // Below the home folder, and where nobody said which port.
  const usual = new Engine(mine, { args: ['-port', '0'], program: '/bin/sh', before: ['-c', 'exec "$0" "$1" "$2" -data-dir "~/.sharestream"', path.join(bin, 'sharestream-engine')] });
  const first = await until(() => usual.heard[0], 'its first word');
  assert.ok(first.port === 42069 || /port is taken/.test(first.message), JSON.stringify(first));
  if (first.port) await usual.end();
  assert.ok(fs.existsSync(path.join(mine.dir, '.sharestream')));
  for (const args of [['-htp-port', '1'], ['-http-port', 'x'], ['-port', '70000'], ['-http', '0.0.0.0:0'], ['-http-port']]) {
    const { code, err } = await run(path.join(bin, 'sharestream-engine'), args, { cwd: mine.dir });
    assert.equal(code, 2, args.join());
    assert.match(err, /sharestream-engine: ./);
  }
});

test('E2: it speaks JSON lines, is ready at once, and ends when told to', async (t) => {
  const one = await new Engine(new Yard(t)).ready();
  one.say('{"cmd":"info"}\n');
  assert.equal((await one.next('info')).event, 'info');
  assert.deepEqual(await one.end(), { code: 0, signal: null });
  assert.deepEqual([one.bad, one.heard.map(({ event }) => event)], [[], ['stopped']]);
  assert.match(one.process.said, /lvl=info/, 'the log is not lost, but elsewhere');
});

test('E3: one torrent: seed, add, stop, progress with true figures', async (t) => {
  const mine = new Yard(t), two = await new Engine(mine, { env: { SHARESTREAM_TORRENT_DOWNLOAD_LIMIT: '300000', SHARESTREAM_TORRENT_LIMIT_LOCAL_PEERS: 'true' } }).ready();
  two.say({ cmd: 'add', magnetURI: engine.seeding.magnetURI, trackerUrl: signal.tracker });
  const added = await two.next('added');
  assert.equal(added.name, film.name);
  assert.deepEqual(added.files, [{ name: film.name, length: film.data.length }], 'after the metadata');
  const { speed, peers } = await two.next('progress', ({ speed, downloaded }) => speed > 0 && downloaded < 1);
  assert.ok(Number.isInteger(speed) && peers === 1, `${speed} bytes per second from ${peers}`);
  await two.next('done');
  assert.equal((await two.next('progress', ({ downloaded }) => downloaded === 1)).peers <= 1, true);
  two.say({ cmd: 'stop' });
  await two.next('stopped');
  two.say({ cmd: 'info' });
  assert.deepEqual((await two.next('info')).torrents, []);
});

test('E4: it announces at the trackerUrl, and the magnet names that', async (t) => {
  const tracker = new WebSocketServer({ port: 0, host: '127.0.0.1' }), said = [], mine = new Yard(t);
  t.after(() => tracker.close());
  tracker.on('connection', (socket) => socket.on('message', (text) => {
    said.push(JSON.parse(text));
    socket.send(JSON.stringify({ action: 'announce', interval: 120, complete: 1, incomplete: 2, info_hash: said.at(-1).info_hash }));
  }));
  const one = await new Engine(mine).ready(), url = `ws://localhost:${tracker.address().port}/`;
  one.say({ cmd: 'seed', filePath: film.file, trackerUrl: url });
  const { magnetURI } = await one.next('seeding'), link = new URL(magnetURI).searchParams;
  assert.deepEqual([link.get('dn'), link.getAll('tr'), link.get('xt')], [film.name, [url], `urn:btih:${engine.hash}`]);
  const announce = await until(() => said.find(({ info_hash: hash }) => Buffer.from(hash, 'latin1').toString('hex') === engine.hash), 'the announce');
  assert.deepEqual([announce.action, announce.left, announce.peer_id.length], ['announce', 0, 20]);
  await until(() => said.some(({ offers }) => offers?.length > 0), 'offers to those who are there');
  one.say({ cmd: 'stop' });
  await until(() => said.some(({ event }) => event === 'stopped'), 'the good-bye');
});

test('E5: the film plays at all forms of its address, with ranges', async () => {
  const name = encodeURIComponent(film.name);
  assert.equal(engine.seeding.serverUrl, `http://localhost:${engine.port}/0/${name}`);
  for (const target of [`/0/${name}`, '/0/whatever', `/${name}`, '/0', `/${engine.hash}`, `/stream/${engine.hash}/${name}`]) {
    const { status, headers, data } = await bytes(engine.url(target), { range: 'bytes=100-' });
    assert.equal(status, 206, target);
    assert.equal(headers.get('content-range'), `bytes 100-${film.data.length - 1}/${film.data.length}`);
    assert.equal(headers.get('accept-ranges'), 'bytes');
    assert.equal(Buffer.compare(data, film.data.subarray(100)), 0, target);
  }
  for (const target of ['/1/x', '/nothing.mp4', '/x/y', `/${'1'.repeat(40)}`, `/stream/${engine.hash}/other.avi`, `/stream/${'1'.repeat(40)}/x`])
    assert.equal((await bytes(engine.url(target))).status, 404, target);
  assert.equal((await fetch(engine.seeding.serverUrl, { method: 'HEAD' })).headers.get('content-length'), String(film.data.length));
  assert.equal((await bytes(engine.seeding.serverUrl, { range: `bytes=${film.data.length}-` })).status, 416);
});

test('E6: /torrents and /torrent/<hash> are JSON', async () => {
  assert.deepEqual((await json(engine.url('/torrents'))).json, { torrents: [engine.hash] });
  const { json: torrent } = await json(engine.url(`/torrent/${engine.hash}`)), size = film.data.length;
  assert.deepEqual(torrent, { name: film.name, infoHash: engine.hash, totalBytes: size, bytesDone: size, bytesMissing: 0,
    files: [{ path: film.name, length: size, completed: size }], numPieces: torrent.numPieces, complete: true, seeding: true });
  assert.equal((await json(engine.url(`/torrent/${'1'.repeat(40)}`))).status, 404);
});

test('E7: what browsers do not play is made playable, by HLS', async () => {
  const { code, err, out } = await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', engine.seeding.hlsUrl]);
  assert.equal(code, 0, err);
  assert.deepEqual(new Set(out.trim().split(/\s+/)), new Set(['h264', 'aac']));
});

// ---- S: signalling. A client as the app's: what it hears are [event, payload], one argument each.

function enter(t, id, { client = io, ...options } = {}) {
  const socket = client(signal.url, { transports: ['websocket'], forceNew: true, reconnection: false, ...options }), heard = [];
  t.after(() => socket.close());
  const on = socket.onAny ? (fn) => socket.onAny(fn) : (fn) => { const { onevent } = socket; socket.onevent = function (packet) { fn(...packet.data); onevent.call(this, packet); }; };
  on((event, ...args) => { assert.equal(args.length, 1, event); heard.push([event, args[0]]); });
  const me = { id, socket, heard };
  me.say = (event, payload) => (payload === undefined ? socket.emit(event) : socket.emit(event, payload));
  me.ask = (event, payload) => new Promise((resolve) => { socket.emit(event, payload, resolve); });
  me.next = async (event, matches = () => true) => {
    const found = await until(() => heard.find(([name, payload]) => name === event && matches(payload)), `${id} to hear ${event}`)
      .catch((error) => { throw new Error(`${error.message}; it heard ${JSON.stringify(heard)}`); });
    heard.splice(heard.indexOf(found), 1);
    return found[1];
  };
  me.create = async (requestedCode = null) => (await me.ask('create-room', { participantId: id, name: id, capabilities: { nativePlayback: true }, requestedCode })).room.code;
  me.join = (code) => me.ask('join-room', { code, participantId: id, name: id, capabilities: { nativePlayback: true } });
  return me;
}

// A host and a viewer in one room.
async function pair(t) {
  const host = enter(t, `host_${crypto.randomUUID()}`), viewer = enter(t, `viewer_${crypto.randomUUID()}`), code = await host.create();
  assert.equal((await viewer.join(code)).success, true);
  await host.next('participant-joined');
  return { host, viewer, code };
}

test('S1: Socket.IO 4 by websocket, by polling, and from one to the other; acks; 25 s and 20 s', async (t) => {
  for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
    const one = enter(t, `S1-${transports.join()}`, { transports });
    assert.match(await one.create(), /^[A-Z]{6}$/);
    await until(() => one.socket.io.engine.transport.name === transports.at(-1), 'the transport');
  }
  const open = await (await fetch(`${signal.url}/socket.io/?EIO=4&transport=polling`)).text();
  const { pingInterval, pingTimeout, upgrades } = JSON.parse(open.slice(1));
  assert.deepEqual([open[0], pingInterval, pingTimeout, upgrades], ['0', 25000, 20000, ['websocket']]);
});

test('S2: clients of Engine.IO 3 are let in', async (t) => {
  for (const transports of [['websocket'], ['polling']]) {
    const old = enter(t, `S2-${transports}`, { client: io2, transports }), code = await old.create(), other = enter(t, 'S2-other');
    assert.equal((await other.join(code)).success, true);
    assert.equal((await old.next('participant-joined')).id, 'S2-other');
  }
});

test('S3: clients with the msgpack parser are recognised', async (t) => {
  const packed = enter(t, 'S3', { parser: msgpack }), code = await packed.create(), plain = enter(t, 'S3-plain');
  assert.equal((await plain.join(code)).success, true);
  plain.say('chat-message', { text: 'häßlich', id: 'm1' });
  assert.equal((await packed.next('chat-message')).text, 'häßlich');
});

test('S4: rooms are made, joined and left; who comes back is who he was; acks and events', async (t) => {
  const { host, viewer, code } = await pair(t);
  assert.equal((await host.next('room-created')).room.code, code);
  assert.equal((await viewer.next('room-joined')).room.role, 'viewer');
  viewer.say('leave-room');
  assert.deepEqual(await host.next('participant-left'), { id: viewer.id });
  const again = enter(t, host.id);
  host.socket.close();
  const { success, room } = await again.join(code);
  assert.deepEqual([success, room.role], [true, 'host']);
  assert.match((await again.ask('join-room', { code: 'NOBODY', participantId: again.id, name: 'x' })).error, /not found/i);
});

test('S5: codes are six letters, or what was asked for', async (t) => {
  const one = enter(t, 'S5'), two = enter(t, 'S5-two'), asked = `R${crypto.randomBytes(3).toString('hex')}`.toUpperCase();
  assert.match(await one.create(), /^[A-HJ-NP-Z]{6}$/);
  assert.equal(await one.create(asked.toLowerCase()), asked);
  assert.notEqual(await two.create(asked), asked, 'it is taken');
  assert.equal(await one.create(asked), asked, 'but it is his');
});

test('S6: who wants in asks, the host answers; or everybody may come', async (t) => {
  const { host, code } = await pair(t), guest = enter(t, 'S6');
  guest.say('register-participant', { participantId: guest.id });
  guest.say('join-request', { code, participantId: guest.id, name: 'Guest' });
  assert.equal((await guest.next('join-request-result')).status, 'approved', 'there is no door');
  assert.equal((await guest.next('join-approved')).code, code);

  const mine = new Yard(t), { url } = await startSignal(mine, { env: { SHARESTREAM_ROOM_NEEDS_APPROVAL: 'true' } });
  const connect = (id) => { const was = signal.url; signal.url = url; try { return enter(t, id); } finally { signal.url = was; } };
  const ann = connect('ann'), bob = connect('bob'), eve = connect('eve'), closed = await ann.create();
  bob.say('join-request', { code: closed, participantId: 'bob', name: 'Bob' });
  await bob.next('join-pending');
  assert.deepEqual(await ann.next('join-request'), { participantId: 'bob', name: 'Bob', code: closed });
  eve.say('register-participant', { participantId: 'eve' });
  eve.say('join-approve', { participantId: 'bob', code: closed });
  assert.equal((await eve.next('join-approve-result')).success, false, 'she is not the host');
  assert.equal((await bob.join(closed)).success, false);
  ann.say('join-approve', { participantId: 'bob', code: closed });
  assert.equal((await bob.next('join-approved')).code, closed);
  assert.equal((await bob.join(closed)).success, true);
});

const MAGNET = { magnetURI: 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=film', streamPath: 'direct', name: 'film.mkv' };

test('S7: who joins late is told the film and where it is; who goes is missed', async (t) => {
  const { host, viewer, code } = await pair(t), late = enter(t, 'S7');
  host.say('movie-loaded', { name: 'film.mkv', duration: 5400 });
  host.say('torrent-magnet', MAGNET);
  host.say('sync-seek', { time: 600, actionId: 'a' });
  await viewer.next('sync-seek');
  await late.join(code);
  assert.equal((await late.next('participant-list')).participants.length, 3);
  assert.deepEqual(await late.next('movie-loaded'), { name: 'film.mkv', duration: 5400 });
  assert.deepEqual(await late.next('torrent-magnet'), MAGNET);
  assert.equal((await late.next('playback-snapshot')).playback.time, 600);
  late.socket.close();
  assert.deepEqual(await host.next('participant-left'), { id: late.id });
});

test('S8: play, pause and seek reach the others; who is off is corrected', async (t) => {
  const { host, viewer, code } = await pair(t);
  host.say('sync-play', { time: 12, actionId: 'a1' });
  assert.deepEqual(await viewer.next('sync-play'), { time: 12, actionId: 'a1', from: host.id });
  viewer.say('sync-pause', { time: 500, actionId: 'a2' });
  assert.equal((await host.next('sync-pause')).actionId, 'a2');
  // Either spelling of the fields; not at once after a jump, until it holds.
  const reports = [{ code, time: 400, playing: false, buffered: 0 }, { roomCode: code, playbackTime: 400, playing: false }];
  for (const report of reports) {
    await until(async () => {
      viewer.say('sync-report', report);
      await viewer.ask('register-participant', { participantId: viewer.id });
      return viewer.heard.some(([event]) => event === 'sync-correct');
    }, 'a correction');
    const correct = await viewer.next('sync-correct');
    assert.deepEqual([correct.roomCode, correct.playbackTime, correct.playing, typeof correct.actionId], [code, 500, false, 'string']);
    viewer.heard.length = 0;
  }
  assert.equal((await host.next('sync-report')).participantId, viewer.id);
  assert.ok(!host.heard.some(([event]) => event === 'sync-play'), 'no echo');
  // The server asks by itself: here every 2 s, else every 15.
  assert.equal(typeof (await viewer.next('sync-check')).timestamp, 'number');
  assert.match((await run(path.join(bin, 'room-svc'), ['--print-config'], { cwd: yard.dir })).out, /sync_check: 15s/);
});

test('S9: calls are passed on by participantId within the room, and one of two begins', async (t) => {
  const { host, viewer } = await pair(t), stranger = await pair(t);
  host.say('ready-for-connection', {});
  viewer.say('ready-for-connection');
  const told = [await host.next('start-webrtc'), await viewer.next('start-webrtc')];
  assert.deepEqual(told.map(({ peerId }) => peerId), [viewer.id, host.id]);
  assert.deepEqual(told.map(({ initiator }) => initiator).sort(), [false, true]);
  const offer = { sdp: 'v=0\r\n', type: 'offer' };
  host.say('offer', { offer, to: viewer.id, from: 'forged' });
  assert.deepEqual(await viewer.next('offer'), { offer, to: viewer.id, from: host.id });
  viewer.say('ice-candidate', { candidate: { candidate: 'c', sdpMid: '0', sdpMLineIndex: 0 } });
  assert.equal((await host.next('ice-candidate')).from, viewer.id, 'the only other one is meant');
  stranger.host.say('offer', { offer, to: viewer.id });
  await stranger.host.next('error');
  assert.ok(!viewer.heard.some(([event]) => event === 'offer'));
});

test('S10: chat, subtitles, and what the client on React says besides', async (t) => {
  const { host, viewer } = await pair(t);
  viewer.say('chat-message', { text: 'hello' });
  const { id, sender, senderId, senderRole, timestamp } = await host.next('chat-message');
  assert.deepEqual([typeof id, sender, senderId, senderRole, typeof timestamp], ['string', viewer.id, viewer.id, 'viewer', 'number'], 'filled in');
  host.say('subtitle-data', { subtitles: 'WEBVTT', filename: 'a.vtt' });
  assert.deepEqual(await viewer.next('subtitle-data'), { subtitles: 'WEBVTT', filename: 'a.vtt' });
  for (const event of ['viewer-stream-ready', 'viewer-playable', 'viewer-local-playback']) {
    viewer.say(event, { progress: 0.5, timestamp: 7 });
    assert.deepEqual(await host.next(event), { progress: 0.5, timestamp: 7 });
  }
  assert.equal((await viewer.next('room-mode')).mode, 'native');
  viewer.socket.close();
  const { role, temporary } = await host.next('peer-left');
  assert.deepEqual([role, temporary], ['viewer', true]);
});

test('S11: what is asked by HTTP', async (t) => {
  const { host, code } = await pair(t);
  const get = async (target) => { const answer = await json(signal.url + target); return [answer.status, answer.json]; };
  assert.deepEqual(await get('/health'), [200, { status: 'ok' }]);
  assert.deepEqual(await get('/api/tunnel'), [200, { tunnel: 'https://watch.example.org', ready: true }]);
  assert.deepEqual(await get('/api/turn'), [200, { iceServers: [] }]);
  assert.deepEqual(await get('/ice-servers'), [200, []]);
  assert.deepEqual(Object.keys((await get('/api/turn/credentials'))[1]).sort(), ['credential', 'password', 'ttl', 'uris', 'urls', 'username']);
  assert.deepEqual(await get(`/api/room/${code}`), [200, { code, host: host.id }]);
  assert.deepEqual(await get('/api/room/NOBODY'), [200, { error: 'room not found' }]);
  assert.equal((await get(`/api/rooms/${code}`))[1].participants.length, 2);
  assert.equal((await get('/api/rooms/NOBODY'))[0], 404);
  assert.deepEqual(await get(`/api/room/${code}/ready`), [200, { readyCount: 0 }]);
  assert.deepEqual(await get(`/join/${code}`), [200, { code, host: host.id, tunnel: 'https://watch.example.org' }]);
});

// A server that answers as Cloudflare's.
async function startCloudflare(t, mine) {
  const key = path.join(mine.dir, 'key.pem'), ca = path.join(mine.dir, 'ca.pem'), asked = [];
  assert.equal((await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', ca, '-days', '2',
    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'])).code, 0);
  const server = https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(ca) }, (req, res) => {
    asked.push(req.headers.authorization);
    req.resume();
    res.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ iceServers: [{ urls: ['turn:cf.example:3478?transport=udp'], username: 'u', credential: 'c' }] }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { asked, env: { SHARESTREAM_ROOM_CLOUDFLARE_KEY_ID: 'key', SHARESTREAM_ROOM_CLOUDFLARE_TOKEN: 'token-of-tests', SHARESTREAM_ROOM_CLOUDFLARE_CA: ca,
    SHARESTREAM_ROOM_CLOUDFLARE_URL: `https://127.0.0.1:${server.address().port}/v1/turn/keys` } };
}

test('S12: TURN: one user for all in each spelling, a shared secret, Cloudflare', async (t) => {
  const mine = new Yard(t), cloudflare = await startCloudflare(t, mine), url = 'turn:relay.example:3478';
  const relay = async (env) => {
    const one = await startSignal(mine, { env });
    const found = await until(async () => (await json(`${one.url}/ice-servers`)).json.find(({ urls }) => urls.startsWith('turn:')), 'a relay');
    one.process.kill('SIGTERM');
    await one.process.gone;
    return found;
  };
  const fixed = { urls: url, username: 'bob', credential: 'secret' };
  for (const env of [{ TURN_USERNAME: 'bob', TURN_CREDENTIAL: 'secret' }, { TURN_USER: 'bob', TURN_PASS: 'secret' }, { TURN_USERNAME: 'bob', TURN_PASSWORD: 'secret' }])
    assert.deepEqual(await relay({ TURN_URL: url, ...env }), fixed);
  const { username, credential } = await relay({ TURN_URL: url, SHARESTREAM_ROOM_TURN_SECRET: 'shared' });
  assert.match(username, /^\d+:guest-[0-9a-f]{16}$/);
  assert.equal(credential, crypto.createHmac('sha1', 'shared').update(username).digest('base64'));
  assert.deepEqual(await relay(cloudflare.env), { urls: 'turn:cf.example:3478?transport=udp', username: 'u', credential: 'c' });
  assert.deepEqual(new Set(cloudflare.asked), new Set(['Bearer token-of-tests']));
});

// A tracker client as webtorrent's, by WebSocket: no WebRTC is needed to announce.
function trackerClient(t, announce, hash, port = 6999) {
  const client = new Client({ infoHash: hash, announce: [announce], port, peerId: crypto.randomBytes(20).toString('hex'), wrtc: {} });
  client.on('warning', () => {});
  client.on('error', () => {});
  t.after(() => new Promise((resolve) => client.destroy(resolve)));
  return client;
}

test('S13: every WebSocket that is not Socket.IO is the tracker\'s', async (t) => {
  const hash = crypto.randomBytes(20).toString('hex');
  for (const [i, at] of [signal.tracker, `ws://127.0.0.1:${signal.port}/any/path`].entries()) {
    const client = trackerClient(t, at, hash), told = once(client, 'update', { signal: AbortSignal.timeout(60000) });
    client.start({ left: 0, uploaded: 0, downloaded: 0, numwant: 0 });
    const [{ complete }] = await told;
    assert.equal(complete, i + 1, 'in one swarm');
  }
});

test('the port of the signalling server is PORT, -port, or taken', async (t) => {
  const mine = new Yard(t), program = path.join(bin, 'sharestream-signal');
  const byVariable = await startSignal(mine, { args: ['-no-tunnel'] });
  assert.equal((await json(`${byVariable.url}/health`)).status, 200);
  const taken = await run(program, [`--port=${byVariable.port}`, '-data-dir', mine.dir], { cwd: mine.dir });
  assert.deepEqual([taken.code, /port \d+ is taken by another program/.test(taken.err)], [1, true], taken.err);
  for (const args of [['-port', 'x'], ['-port', '0'], ['--tunnel']]) assert.equal((await run(program, args, { cwd: mine.dir })).code, 2, args.join());
});

test('S14: who is ready is counted, and the host begins', async (t) => {
  const { host, viewer, code } = await pair(t);
  viewer.say('ready-to-start', { code });
  assert.deepEqual(await viewer.next('ready-confirmed'), { success: true });
  assert.deepEqual(await host.next('ready-count-update'), { readyCount: 1 });
  host.say('start-playback', { code });
  assert.deepEqual(await viewer.next('playback-started'), { hostId: host.id });
});

// ---- P: Streamshare

function streamshare(t, name, roomId) {
  const socket = io(house.url('/'), { transports: ['websocket'], forceNew: true, reconnection: false }), came = [];
  socket.on('message', (message) => came.push(message));
  t.after(() => socket.close());
  const me = { say: (command, more = {}) => socket.send({ command, ...more }), told: async (command) => {
    const found = await until(() => came.find((one) => one.command === command), `${name} to hear ${command}`);
    came.splice(came.indexOf(found), 1);
    return found;
  }, forget: () => came.splice(0) };
  me.say('Join', { name, roomId });
  return me;
}

test('P1: Streamshare: Join, HELLO, PLAY, PAUSE, SYNC', async (t) => {
  const ann = streamshare(t, 'Ann', 'movies');
  const hello = await ann.told('HELLO');
  assert.deepEqual([hello.users, hello.playlist, hello.status.state], [[{ id: 1, name: 'Ann' }], [], 'PAUSED']);
  const bob = streamshare(t, 'Bob', 'movies');
  assert.deepEqual((await bob.told('HELLO')).users, [{ id: 1, name: 'Ann' }, { id: 2, name: 'Bob' }]);
  await ann.told('HELLO');
  for (const command of ['PLAY', 'PAUSE', 'SYNC']) {
    bob.say(command, { currentTime: 12.5, dispatchedAt: 1700000000000, ...(command === 'SYNC' && { buffer: 3 }) });
    const { userId, currentTime, dispatchedAt } = await ann.told(command);
    assert.deepEqual([userId, currentTime, dispatchedAt], [2, 12.5, 1700000000000]);
  }
  ann.say('HELLO');
  assert.deepEqual((await ann.told('HELLO')).status, { currentTime: 12.5, state: 'PAUSED' });
});

test('P2: Streamshare: the playlist, and who is there', async (t) => {
  const ann = streamshare(t, 'Ann', 'list'), video = { filename: 'one.mp4', torrentId: MAGNET.magnetURI };
  await ann.told('HELLO');
  ann.say('ADD_VIDEO', { video });
  assert.deepEqual((await ann.told('HELLO')).playlist, [video]);
  const bob = streamshare(t, 'Bob', 'list');
  assert.deepEqual((await bob.told('HELLO')).playlist, [video]);
  assert.equal((await ann.told('HELLO')).users.length, 2);
  bob.say('NEXT_VIDEO');
  assert.deepEqual((await ann.told('HELLO')).playlist, []);
});

// ---- T: tod-p2m

test('T1: tod-p2m: its routes, its JSON, its words for errors', async () => {
  const { status, json: torrent } = await json(house.url(`/torrent/${shared.hash}`));
  assert.equal(status, 200);
  assert.deepEqual([torrent.infoHash, torrent.name, torrent.files], [shared.hash, 'two films',
    shared.names.map((name, id) => ({ id, name, size: shared.files[id].length, progress: 1 }))]);
  const error = async (target) => { const answer = await json(house.url(target)); return [answer.status, answer.json.error]; };
  assert.deepEqual(await error(`/stream/${shared.hash}/x`), [400, 'Invalid file ID']);
  assert.deepEqual(await error(`/stream/${shared.hash}/7`), [404, 'File not found']);
  assert.deepEqual(await error('/stream/nonsense/0'), [500, 'Failed to get torrent']);
  assert.match((await error('/torrent/nonsense'))[1], /^failed to add magnet: ./);
});

test('T2: tod-p2m: streams with ranges, HEAD and ETag', async () => {
  const url = house.url(`/stream/${shared.hash}/0`), data = shared.files[0];
  const head = await fetch(url, { method: 'HEAD' });
  assert.deepEqual([head.status, head.headers.get('content-length'), head.headers.get('accept-ranges'), head.headers.get('content-type')], [200, '300000', 'bytes', 'video/x-matroska']);
  const cases = [['bytes=0-9', data.subarray(0, 10), '0-9'], ['bytes=299990-', data.subarray(-10), '299990-299999'], ['bytes=-10', data.subarray(-10), '299990-299999'], ['bytes=299990-999999', data.subarray(-10), '299990-299999']];
  for (const [range, part, told] of cases) {
    const answer = await bytes(url, { range });
    assert.deepEqual([answer.status, answer.headers.get('content-range'), Buffer.compare(answer.data, part)], [206, `bytes ${told}/300000`, 0], range);
  }
  const beyond = await bytes(url, { range: 'bytes=300000-' });
  assert.deepEqual([beyond.status, beyond.headers.get('content-range')], [416, 'bytes */300000']);
  const etag = head.headers.get('etag');
  assert.equal((await bytes(url, { 'if-none-match': etag })).status, 304);
  assert.equal((await bytes(url, { range: 'bytes=0-9', 'if-range': '"other"' })).status, 200);
  assert.equal((await bytes(url, { range: 'lines=1-2' })).status, 200);
});

test('T3: tod-p2m: HLS that is HLS, with n.ts from 0', async () => {
  const { infoHash: hash } = await house.json('seed', film.file), at = house.url(`/hls/${hash}/0/playlist.m3u8`);
  // A player asks again when it is told to.
  const list = await until(async () => { const answer = await bytes(at); return answer.status === 200 && answer; }, 'the playlist');
  assert.equal(list.headers.get('content-type'), 'application/vnd.apple.mpegurl');
  const lines = list.data.toString().split('\n'), segments = lines.filter((line) => /^\d+\.ts/.test(line)).map((line) => parseInt(line, 10));
  assert.equal(lines[0], '#EXTM3U');
  assert.ok(lines.includes('#EXT-X-ENDLIST') && segments.length > 1);
  assert.deepEqual(segments, segments.map((_, i) => i));
  const { code, err, out } = await run('ffprobe', ['-v', 'error', '-count_packets', '-select_streams', 'v', '-show_entries', 'stream=codec_name,nb_read_packets', '-of', 'csv=p=0', at]);
  assert.equal(code, 0, err);
  assert.match(out, /^h264,150\b/, 'all pictures of six seconds');
});

test('T4: tod-p2m: config.yaml, plain environment names, Go durations', async (t) => {
  const mine = new Yard(t), keys = { port: '8099', log_level: 'debug', torrent_timeout: '1m30s', max_connections: '33', download_rate_limit: '1234567', upload_rate_limit: '7654321', cache_size: '12', cleanup_interval: '1h30m', hls_segment_duration: '4' };
  fs.writeFileSync(path.join(mine.dir, 'config.yaml'), Object.entries(keys).map(([key, value]) => `${key}: ${value}\n`).join(''));
  const printed = async (program, env = {}) => (await run(path.join(bin, program), ['--print-config'], { cwd: mine.dir, env })).out;
  const torrent = await printed('torrent-svc'), front = await printed('http-svc'), transcode = await printed('transcode-svc');
  for (const line of [/metadata_timeout: 1m30s/, /max_connections: 33/, /download_limit: 1234567/, /upload_limit: 7654321/, /max_torrents: 12/, /cleanup_interval: 1h30m/, /log_level: "debug"/]) assert.match(torrent, line);
  assert.match(front, /listen: .*8099/);
  assert.match(transcode, /segment_duration: 4s/);
  assert.match(await printed('torrent-svc', { CACHE_SIZE: '7', TORRENT_TIMEOUT: '5s' }), /metadata_timeout: 5s[^]*max_torrents: 7/, 'the environment beats the file');
  assert.match((await house.cli('config', 'torrent')).out, /cleanup_interval\s+1s/, 'and it is what runs');
});

test('T5: tod-p2m: pages of other sites may seek, where they are allowed', async (t) => {
  const mine = new Yard(t), other = await House.start(t, mine, { env: { SHARESTREAM_HTTP_CORS_ORIGINS: 'https://films.example' } });
  const { infoHash: hash } = await other.json('seed', shared.folder), url = other.url(`/stream/${hash}/0`), origin = 'https://films.example';
  const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'range' } });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers.get('access-control-allow-headers'), /\bRange\b/i);
  const { status, headers } = await bytes(url, { origin, range: 'bytes=0-1' });
  assert.deepEqual([status, headers.get('access-control-allow-origin')], [206, origin]);
  for (const name of ['Content-Range', 'Content-Length', 'Accept-Ranges']) assert.match(headers.get('access-control-expose-headers'), new RegExp(name, 'i'));
});

test('T6: tod-p2m: rate limits, the cache of torrents, cleaning up', async (t) => {
  const mine = new Yard(t), other = await House.start(t, mine, { env: { CACHE_SIZE: '2', CLEANUP_INTERVAL: '1s', DOWNLOAD_RATE_LIMIT: '500000',
    SHARESTREAM_HTTP_LIMITS_LOOPBACK: 'true', SHARESTREAM_HTTP_REQUESTS_PER_S: '5' } });
  assert.equal((await other.json('limits')).download, 500000);
  // Those unused for longest go at the interval, after a minute of rest (tests/service/torrent/test_space.c); twice as many never are.
  const hashes = Array.from({ length: 5 }, () => crypto.randomBytes(20).toString('hex')), last = hashes.pop();
  for (const hash of hashes) await other.json('add', magnet(hash));
  assert.match((await other.cli('add', magnet(last))).err, /twice torrent\.max_torrents \(2\)/);
  const answers = await Promise.all(Array.from({ length: 200 }, () => other.get('/health')));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 429]));
});

test('T7: tod-p2m: /documents, /images, /metrics, /health', async () => {
  for (const path of ['document', 'documents', 'image', 'images']) assert.equal(Buffer.compare((await bytes(house.url(`/${path}/${shared.hash}/1`))).data, shared.files[1]), 0, path);
  assert.match((await bytes(house.url('/metrics'))).data.toString(), /^# TYPE sharestream_http_requests_total counter$/m);
  assert.deepEqual((await json(house.url('/health'))).json, { status: 'ok' });
});

// ---- W: p2p-go-app

async function talker(t, url) {
  const ws = new WebSocket(url), came = [];
  t.after(() => ws.terminate());
  ws.on('message', (data) => came.push(data.toString()));
  ws.gone = new Promise((resolve) => { ws.on('close', resolve); });
  ws.on('error', () => {});
  await once(ws, 'open');
  return Object.assign(ws, { came, say: (message) => ws.send(JSON.stringify(message)), told: async () => { await until(() => came.length > 0, 'a message'); return JSON.parse(came.shift()); } });
}

async function member(t, username, roomId) {
  const ws = await talker(t, house.url('/ws').replace('http', 'ws'));
  ws.say({ type: 'IDENTIFY', username });
  assert.deepEqual(await ws.told(), { type: 'AUTH_SUCCESS', status: 'success', username });
  if (roomId === undefined) return ws;
  ws.say({ type: 'JOIN_ROOM', roomId });
  ws.members = (await ws.told()).members;
  return ws;
}

test('W1: p2p-go-app: names, rooms, and calls that say who calls', async (t) => {
  const ann = await member(t, 'Ann-1', 'W1'), bob = await member(t, 'Bob-1', 'W1');
  assert.deepEqual([ann.members, bob.members.map(({ username }) => username)], [[], ['Ann-1']]);
  const { type, peer } = await ann.told();
  assert.deepEqual([type, peer.username], ['NEW_PEER_IN_ROOM', 'Bob-1']);
  bob.say({ type: 'SDP_OFFER', toPeerId: bob.members[0].id, fromPeerId: 'forged', sdp: { type: 'offer', sdp: 'v=0' } });
  assert.deepEqual(await ann.told(), { type: 'SDP_OFFER', fromPeerId: peer.id, toPeerId: bob.members[0].id, sdp: { type: 'offer', sdp: 'v=0' } });
  for (const [first, message] of [[{ type: 'IDENTIFY', username: 'Ann-1' }, 'Username already taken.'], [{ type: 'IDENTIFY', username: '' }, 'Username cannot be empty.'], [{ type: 'JOIN_ROOM' }, 'Invalid initial message. Expected type \'IDENTIFY\'.']]) {
    const ws = await talker(t, house.url('/ws').replace('http', 'ws'));
    ws.say(first);
    assert.deepEqual(await ws.told(), { type: 'AUTH_ERROR', status: 'error', username: '', message });
    assert.equal(await ws.gone, 1006);
  }
});

test('W2: p2p-go-app: who says nothing is cut off, another room is no deadlock, all in order', async (t) => {
  const silent = await talker(t, house.url('/ws').replace('http', 'ws'));
  const ann = await member(t, 'Ann-2', 'W2'), bob = await member(t, 'Bob-2', 'W2');
  bob.say({ type: 'JOIN_ROOM', roomId: 'W2-other' });
  assert.deepEqual(await bob.told(), { type: 'ROOM_MEMBERS', roomId: 'W2-other', members: [] });
  bob.say({ type: 'JOIN_ROOM', roomId: 'W2' });
  const [{ id }] = (await bob.told()).members;
  for (let i = 0; i < 50; i++) bob.say({ type: 'ICE_CANDIDATE', toPeerId: id, iceCandidate: { candidate: String(i), sdpMid: '0', sdpMLineIndex: 0 } });
  await until(() => ann.came.filter((text) => text.includes('ICE_CANDIDATE')).length === 50, 'all candidates');
  assert.deepEqual(ann.came.map((text) => JSON.parse(text)).filter(({ type }) => type === 'ICE_CANDIDATE').map(({ iceCandidate }) => Number(iceCandidate.candidate)), [...Array(50).keys()]);
  await silent.gone;
  assert.deepEqual(silent.came, [], 'without a word');
});

test('W3: p2p-go-app: who has left, calls stay in the room, and a page of its own', async (t) => {
  const ann = await member(t, 'Ann-3', 'W3'), bob = await member(t, 'Bob-3', 'W3'), eve = await member(t, 'Eve-3', 'W3-other');
  const { peer } = await ann.told();
  eve.say({ type: 'SDP_OFFER', toPeerId: peer.id, sdp: { type: 'offer', sdp: 'x' } });
  bob.terminate();
  assert.deepEqual(await ann.told(), { type: 'PEER_LEFT', roomId: 'W3', peerId: peer.id });
  assert.deepEqual(bob.came, []);
  assert.match((await bytes(house.url('/p2p?room=W3'))).data.toString(), /<!doctype html>/i);
});

// ---- K: TorrentMonkey

test('K1: TorrentMonkey: magnets and .torrent files, pieces over data channels, several files, figures', async (t) => {
  const mine = new Yard(t), page = await openPage(t, await startChromium(t, mine, { isOpen: false }), await servePage(t), 'page');
  // From the server to a page, which found it by its tracker.
  const metainfo = Buffer.from(await (await fetch(house.url(`/api/v1/torrents/${shared.hash}/metainfo`))).arrayBuffer());
  assert.equal(infoHash(metainfo), shared.hash);
  const tracker = `ws://127.0.0.1:${house.port}/tracker`;
  await addInPage(page, `magnet:?xt=urn:btih:${shared.hash}&tr=${encodeURIComponent(tracker)}`);
  assert.equal(await fetched(page), sha256(shared.files[0]));
  // And back: from a page to the server, checked and in several pieces.
  const made = await seedInPage(page, tracker, 500000);
  const { infoHash: hash } = await house.json('add', made.magnet);
  await until(async () => (await house.json('info', hash)).state === 'seeding', 'the file to arrive');
  assert.equal(sha256((await bytes(house.url(`/stream/${hash}/0`))).data), made.sha256);
  const figures = await until(async () => { const info = await house.json('info', hash); return info.downloadedBytes >= 500000 && info; }, 'the figures');
  assert.ok(figures.piecesReady === figures.pieceCount && figures.pieceCount > 1, JSON.stringify(figures));
});

test('K2: TorrentMonkey: what one says, all hear', async (t) => {
  const hub = `ws://${house.env.SHARESTREAM_HTTP_MONKEY_LISTEN}/ws`, ann = await talker(t, hub), bob = await talker(t, hub);
  ann.say({ type: 'here' });
  await until(() => bob.came.length + ann.came.length === 2, 'both to be there');
  ann.came.length = bob.came.length = 0;
  ann.say({ type: 'offer', data: { type: 'offer', sdp: 'v=0' }, more: 1 });
  for (const ws of [ann, bob]) assert.deepEqual(await ws.told(), { type: 'offer', data: { type: 'offer', sdp: 'v=0' } });
});

// ---- X: the standards

test('X1: trackers by UDP and HTTP, scrapes with raw keys, metadata from peers', async (t) => {
  const at = house.env.SHARESTREAM_HTTP_TRACKER_LISTEN, hash = crypto.randomBytes(20);
  for (const [i, scheme] of ['udp', 'http'].entries()) {
    const client = trackerClient(t, `${scheme}://${at}/announce`, hash.toString('hex'), 7001 + i), told = once(client, 'update', { signal: AbortSignal.timeout(60000) });
    client.start({ left: i * 1000, uploaded: 0, downloaded: 0 });
    const [{ complete, incomplete }] = await told;
    assert.deepEqual([complete, incomplete], [1, i]);
  }
  const scrape = await bytes(`http://${at}/scrape?info_hash=${hash.toString('hex').replace(/../g, '%$&')}`);
  assert.ok(scrape.data.includes(Buffer.concat([Buffer.from('d5:filesd20:'), hash, Buffer.from('d8:completei1e')])), scrape.data.toString('latin1'));

  const mine = new Yard(t), file = path.join(mine.dir, 'data.bin'), data = crypto.randomBytes(700000);
  fs.writeFileSync(file, data);
  const { torrent, hash: theirs } = await makeTorrent(mine, file), seeder = await seedWithAria2(mine, torrent, mine.dir);
  await house.json('add', magnet(theirs, seeder.port)); // no more than the hash: the rest comes from the peer
  await until(async () => (await house.json('info', theirs)).state === 'seeding', 'the file to arrive');
  assert.equal(Buffer.compare((await bytes(house.url(`/stream/${theirs}/0`))).data, data), 0);
});

test('X2: web seeds, both ways', async (t) => {
  const mine = new Yard(t), file = path.join(mine.dir, 'data.bin'), data = crypto.randomBytes(700000);
  fs.writeFileSync(file, data);
  const server = http.createServer((req, res) => {
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(req.headers.range ?? '') ?? [], end = to ? Number(to) : data.length - 1;
    if (from === undefined) res.writeHead(200, { 'content-length': data.length }).end(data);
    else res.writeHead(206, { 'content-range': `bytes ${from}-${end}/${data.length}`, 'content-length': end - from + 1 }).end(data.subarray(Number(from), end + 1));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.closeAllConnections(); server.close(); });
  const make = async (name, url, what) => {
    const torrent = path.join(mine.dir, name);
    assert.equal((await run('mktorrent', ['-l', '16', '-a', 'http://127.0.0.1:9/announce', '-w', url, '-o', torrent, what])).code, 0);
    return torrent;
  };
  const { infoHash: hash } = await house.json('add', await make('to us.torrent', `http://127.0.0.1:${server.address().port}/data.bin`, file));
  await until(async () => (await house.json('info', hash)).state === 'seeding', 'the file to arrive from the web');
  // The other way: ours is the web for somebody else, who knows no peer.
  const other = path.join(mine.dir, 'fetched'), torrent = await make('from us.torrent', house.url(`/stream/${hash}/0/data.bin`), file);
  const { code, out } = await run('aria2c', ['--enable-dht=false', '--bt-enable-lpd=false', '--disable-ipv6=true', '--seed-time=0', '--bt-stop-timeout=60', `--listen-port=${await freePort()}`, '-d', other, torrent]);
  assert.equal(code, 0, out);
  assert.equal(Buffer.compare(fs.readFileSync(path.join(other, 'data.bin')), data), 0);
});

test('X3: hybrids keep the file numbers of v1', async () => {
  const folder = path.join(yard.dir, 'hybrid');
  fs.mkdirSync(folder);
  const files = [crypto.randomBytes(70001), crypto.randomBytes(50000), crypto.randomBytes(3)];
  files.forEach((data, i) => fs.writeFileSync(path.join(folder, `${i}.bin`), data));
  const { infoHash: hash } = await house.json('seed', '--hybrid', folder), info = await house.json('info', hash);
  assert.match(info.infoHashV2, /^[0-9a-f]{64}$/);
  assert.deepEqual(info.files.map(({ id, path: name }) => [id, name]), files.map((_, i) => [i, `${i}.bin`]), 'without the padding');
  for (const [i, data] of files.entries()) assert.equal(Buffer.compare((await bytes(house.url(`/stream/${hash}/${i}`))).data, data), 0);
  assert.equal(await canConnect(house.port), true);
});
