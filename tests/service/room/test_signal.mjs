// SPDX-License-Identifier: MIT
//
// The signalling server of ShareStream (docs/signal.md), as its two kinds of clients speak with it: the one on Flutter, which knows no acks
// and takes events with one argument only, byte by byte; the one on React by the real socket.io-client, with acks.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';

const require = createRequire(new URL('../http/package.json', import.meta.url));
const WebSocket = require('ws'), msgpack = require('socket.io-msgpack-parser');

async function start(t, room = {}, env = {}) {
  const settings = Object.fromEntries(Object.entries(room).map(([name, value]) => [`SHARESTREAM_ROOM_${name}`, value]));
  return Stack.start(t, { torrent: false, room: true, env: { ...settings, ...env } });
}

// What all clients here can do: `heard` is what they were told in order, [event, payload].
function listening(client) {
  client.heard = [];
  client.next = async (name, matches = () => true) => {
    const found = await until(() => client.heard.find(([event, payload]) => event === name && matches(payload)), `${client.id}: ${name}`)
      .catch((error) => { throw new Error(`${error.message}; heard: ${JSON.stringify(client.heard)}`); });
    client.heard.splice(client.heard.indexOf(found), 1);
    return found[1];
  };
  client.has = (name) => client.heard.some(([event]) => event === name);
  // Everything said before has been dealt with, and what came of it has arrived.
  client.settled = () => client.ask('register-participant', { participantId: client.id });
  client.forget = () => client.heard.splice(0);
  return client;
}

// As the Flutter client: websocket only, no acks. It fails over all that would break Dart's handlers.
let flutters = 0;
class Flutter {
  constructor(t, stack, name, id = `flutter_${1700000000000 + ++flutters}`) {
    Object.assign(this, { stack, name, id, raws: [], asked: new Map() });
    listening(this);
    t.after(() => this.ws?.terminate());
  }

  async connect() {
    const ws = this.ws = new WebSocket(`ws://127.0.0.1:${this.stack.port}/socket.io/?EIO=4&transport=websocket`);
    this.connected = new Promise((resolve, reject) => { this.resolve = resolve; ws.on('error', reject); });
    ws.on('message', (data, isBinary) => this.ws === ws && this.take(data.toString(), isBinary));
    this.closed = new Promise((resolve) => ws.on('close', resolve));
    await this.connected;
    return this;
  }

  take(text, isBinary) {
    assert.equal(isBinary, false);
    if (text[0] === '0') return this.ws.send('40');
    if (text === '2') return this.ws.send('3');
    if (text.startsWith('40')) {
      assert.match(JSON.parse(text.slice(2)).sid, /./);
      return this.resolve();
    }
    const [, id, answer] = /^43(\d+)\[(.*)\]$/.exec(text) ?? [];
    if (this.asked.has(id)) return this.asked.get(id)(JSON.parse(answer));
    assert.match(text, /^42\[/, 'nothing but events without an ack asked for');
    const [event, payload, ...more] = JSON.parse(text.slice(2));
    assert.equal(more.length, 0, `${event} has one argument`);
    assert.equal(Object.prototype.toString.call(payload), '[object Object]', event);
    this.heard.push([event, payload]);
    this.raws.push(text);
  }

  emit(event, payload) {
    this.say(payload === undefined ? JSON.stringify([event]) : JSON.stringify([event, payload]));
  }

  say(json) {
    this.ws.send(`42${json}`);
  }

  // What it does not do itself: for the tests to wait.
  ask(event, payload) {
    const id = String(this.asked.size);
    this.ws.send(`42${id}${JSON.stringify([event, payload])}`);
    return new Promise((resolve, reject) => {
      this.asked.set(id, resolve);
      setTimeout(reject, 20000, new Error(`no ack of ${event}`)).unref();
    });
  }

  lose() {
    this.ws.terminate();
    return this.closed;
  }

  // ---- what its functions send

  async createRoom(requestedCode = null) {
    this.emit('create-room', { participantId: this.id, name: this.name, capabilities: { nativePlayback: true }, requestedCode });
    const { success, room } = await this.next('room-created');
    assert.equal(success, true);
    assert.equal(room.role, 'host');
    this.code = room.code;
    return room.code;
  }

  joinRequest(code) {
    this.code = code;
    this.emit('register-participant', { participantId: this.id });
    this.emit('join-request', { code, participantId: this.id, name: this.name });
  }

  async joinRoom(code, name = this.name) {
    this.code = code;
    this.emit('register-participant', { participantId: this.id });
    this.emit('join-room', { code, participantId: this.id, name, capabilities: { nativePlayback: true } });
    return this.next('room-joined');
  }

  // As it does when somebody types the code.
  async enter(code) {
    this.joinRequest(code);
    assert.equal((await this.next('join-approved')).participantId, this.id);
    const joined = await this.joinRoom(code);
    assert.equal(joined.success, true, joined.error);
    return joined;
  }

  chat(text, more = {}) {
    this.emit('chat-message', { text, id: `${this.id}_${text}`, senderId: this.id, sender: this.name, senderRole: 'viewer', timestamp: 1, ...more });
  }
}

async function flutter(t, stack, name, id) {
  return new Flutter(t, stack, name, id).connect();
}

// The real client, which may ask for acks.
async function react(t, stack, id, { version = '4.8', parser } = {}) {
  const socket = require(`socket.io-client-${version}`).io(`http://127.0.0.1:${stack.port}`, {
    transports: ['websocket'], upgrade: false, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, parser });
  t.after(() => socket.io._close());
  const client = listening({ id, socket, emit: (...event) => socket.emit(...event) });
  socket.onAny((event, ...payload) => {
    assert.equal(payload.length, 1, event);
    client.heard.push([event, payload[0]]);
  });
  client.ask = (...event) => new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 20000, new Error(`no ack of ${event[0]}`));
    socket.emit(...event, (...answer) => { clearTimeout(timer); assert.equal(answer.length, 1); resolve(answer[0]); });
  });
  client.create = (requestedCode = null) => client.ask('create-room', { participantId: id, capabilities: { nativePlayback: false }, requestedCode });
  client.join = (code, more = {}) => client.ask('join-room', { code, participantId: id, capabilities: { nativePlayback: false }, ...more });
  await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('connect_error', reject); });
  return client;
}

const MAGNET = { magnetURI: 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=film', streamPath: 'direct', name: 'film.mkv' };

test('Flutter: from making a room to leaving it', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob'), cleo = await flutter(t, stack, 'Cleo');
  const code = await ann.createRoom();
  assert.match(code, /^[A-HJ-NP-Z]{6}$/, 'letters that nobody confuses, and no digits');
  assert.deepEqual(await ann.next('participant-list'), { participants: [{ id: ann.id, name: 'Ann', role: 'host' }] });
  assert.deepEqual(await ann.next('room-mode'), { mode: 'web-compatible' });

  const { room } = await bob.enter(code.toLowerCase());
  assert.deepEqual([room.code, room.role], [code, 'viewer']);
  assert.deepEqual(await bob.next('join-request-result'), { success: true, status: 'approved', code, participantId: bob.id });
  assert.deepEqual(bob.raws.slice(0, 2).map((raw) => JSON.parse(raw.slice(2))[0]), ['join-request-result', 'join-approved']);
  assert.deepEqual((await bob.next('participant-list')).participants.map(({ id, role }) => [id, role]), [[ann.id, 'host'], [bob.id, 'viewer']]);
  assert.deepEqual(await bob.next('room-mode'), { mode: 'native' });
  assert.deepEqual(await ann.next('participant-joined'), { id: bob.id, name: 'Bob', role: 'viewer' });
  assert.deepEqual(await ann.next('room-mode'), { mode: 'native' });
  await cleo.enter(code);
  await ann.next('participant-joined', ({ id }) => id === cleo.id);
  await bob.next('participant-joined', ({ id }) => id === cleo.id);
  await ann.settled();
  assert.ok(!ann.has('participant-joined') && !ann.has('join-request'), 'once, and nobody was asked');
  assert.ok(!cleo.has('participant-joined'), 'not itself');

  // Chat: what is said, and who really said it.
  bob.say(`["chat-message",{"text":"h\\u00e9 \\"12.0\\"","id":"m1","senderId":"${ann.id}","sender":"Ann","senderRole":"host","timestamp":1}]`);
  for (const client of [ann, bob, cleo]) {
    const { timestamp, ...said } = await client.next('chat-message');
    assert.deepEqual(said, { id: 'm1', text: 'hé "12.0"', senderId: bob.id, sender: 'Bob', senderRole: 'viewer' });
    assert.ok(Math.abs(timestamp - Date.now()) < 60000);
  }

  // The film, by its host only; just as it was said.
  bob.emit('torrent-magnet', MAGNET);
  assert.equal((await bob.next('error')).code, 'not_allowed');
  ann.say('["movie-loaded",{"name":"film.mkv","duration":12.0}]');
  await bob.next('movie-loaded');
  assert.ok(bob.raws.includes('42["movie-loaded",{"name":"film.mkv","duration":12.0}]'), 'as it came');
  ann.emit('torrent-magnet', MAGNET);
  assert.deepEqual(await bob.next('torrent-magnet'), MAGNET);
  assert.deepEqual(await cleo.next('torrent-magnet'), MAGNET);
  await ann.settled();
  assert.ok(!ann.has('torrent-magnet') && !ann.has('movie-loaded'), 'no echo');

  // Playing: to all others, from where whoever pressed the button is.
  bob.say('["sync-play",{"time":1,"actionId":"a1"}]');
  assert.deepEqual(await ann.next('sync-play'), { time: 1, actionId: 'a1', from: bob.id });
  assert.match(ann.raws.find((raw) => raw.includes('sync-play')), /"time":1\.0,/, 'a double for Dart, always');
  ann.emit('sync-seek', { time: 5.25, actionId: 'a2' });
  assert.deepEqual(await bob.next('sync-seek'), { time: 5.25, actionId: 'a2', from: ann.id });
  ann.emit('sync-pause', { time: 6, actionId: 'a3' });
  assert.deepEqual(await bob.next('sync-pause'), { time: 6, actionId: 'a3', from: ann.id });
  await bob.settled();
  assert.ok(!bob.has('sync-play'), 'no echo');

  // Being ready.
  bob.emit('ready-to-start', { code });
  assert.deepEqual(await bob.next('ready-confirmed'), { success: true });
  assert.deepEqual(await ann.next('ready-count-update'), { readyCount: 1 });
  bob.emit('start-playback', { code });
  assert.equal((await bob.next('error')).event, 'start-playback');
  ann.emit('start-playback', { code });
  assert.deepEqual(await cleo.next('playback-started'), { hostId: ann.id });
  assert.deepEqual(await ann.next('playback-started'), { hostId: ann.id });

  bob.emit('leave-room');
  assert.deepEqual(await ann.next('participant-left'), { id: bob.id });
  assert.deepEqual(await cleo.next('peer-left'), { role: 'viewer', temporary: false });
  bob.chat('still there?');
  assert.equal((await bob.next('error')).code, 'room_not_found');
  await cleo.lose();
  assert.deepEqual(await ann.next('participant-left'), { id: cleo.id });
  assert.deepEqual(await ann.next('peer-left', ({ temporary }) => temporary), { role: 'viewer', temporary: true, reconnectGraceMs: 60000 });
});

test('Flutter: calls are between two of the room, and one of each two offers', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob'), cleo = await flutter(t, stack, 'Cleo');
  const all = [ann, bob, cleo], code = await ann.createRoom();
  await bob.enter(code);
  const sdp = { sdp: 'v=0\r\n', type: 'offer' };
  ann.emit('offer', { offer: sdp });
  assert.deepEqual(await bob.next('offer'), { offer: sdp, from: ann.id, to: bob.id }, 'the only other one is meant');
  await cleo.enter(code);
  ann.emit('offer', { offer: sdp });
  assert.equal((await ann.next('error')).code, 'no_member', 'which one of two?');

  for (const client of all) client.emit('ready-for-connection', {});
  for (const client of all) {
    const told = [];
    for (const other of all.filter((one) => one !== client)) {
      const { initiator, role } = await client.next('start-webrtc', ({ peerId }) => peerId === other.id);
      assert.equal(role, initiator ? 'host' : 'viewer');
      assert.equal(initiator, client.id < other.id, 'as the client itself reckons');
      told.push(other.id);
    }
    await client.settled();
    assert.ok(!client.has('start-webrtc'), `once for each other: ${told}`);
  }

  bob.emit('offer', { offer: sdp, to: cleo.id, from: ann.id });
  assert.deepEqual(await cleo.next('offer'), { offer: sdp, from: bob.id, to: cleo.id }, 'whatever it says who it is');
  cleo.emit('answer', { answer: { sdp: 'v=0\r\n', type: 'answer' }, to: bob.id });
  assert.equal((await bob.next('answer')).from, cleo.id);
  cleo.say(`["ice-candidate",{"candidate":{"candidate":"c","sdpMid":"0","sdpMLineIndex":0},"targetId":"${bob.id}"}]`);
  assert.deepEqual((await bob.next('ice-candidate')).candidate, { candidate: 'c', sdpMid: '0', sdpMLineIndex: 0 });
  await ann.settled();
  assert.ok(!ann.has('offer') && !ann.has('answer') && !ann.has('ice-candidate'));

  // Nobody writes into a room that he is not in, not even to an id that he knows.
  const mallory = await flutter(t, stack, 'Mallory');
  const other = await mallory.createRoom();
  mallory.emit('offer', { offer: sdp, to: ann.id });
  assert.equal((await mallory.next('error')).code, 'no_member');
  mallory.emit('sync-correct', { participantId: ann.id, time: 7, playing: true, roomCode: code });
  mallory.emit('join-approve', { participantId: bob.id, code });
  assert.equal((await mallory.next('join-approve-result')).success, false);
  mallory.chat('hello?');
  await mallory.next('chat-message');
  assert.notEqual(other, code);
  for (const client of all) {
    await client.settled();
    assert.ok(!client.has('offer') && !client.has('sync-correct') && !client.has('chat-message'), 'nothing of it arrived');
  }
});

test('a room with a door: knocking, approval, rejection', async (t) => {
  const stack = await start(t, { NEEDS_APPROVAL: 'true' });
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob'), cleo = await flutter(t, stack, 'Cleo');
  const code = await ann.createRoom();
  const { success, error, requiresApproval } = await bob.joinRoom(code);
  assert.deepEqual([success, error, requiresApproval], [false, 'use join-request event to join', true]);

  bob.joinRequest(code);
  assert.equal((await bob.next('join-request-result')).status, 'pending');
  await bob.next('join-pending');
  assert.deepEqual(await ann.next('join-request'), { participantId: bob.id, name: 'Bob', code });
  bob.emit('request-join-status', { roomCode: code, participantId: bob.id });
  assert.equal((await bob.next('join-approval-status')).status, 'pending');
  bob.emit('join-approve', { participantId: bob.id, code });
  assert.equal((await bob.next('join-approve-result')).success, false, 'not by oneself');
  bob.chat('let me in');
  await bob.next('error');
  assert.equal((await bob.joinRoom(code)).success, false);

  ann.emit('join-approve', { participantId: bob.id, code });
  assert.deepEqual(await ann.next('join-approve-result'), { success: true, participantId: bob.id });
  assert.deepEqual(await bob.next('join-approved'), { success: true, status: 'approved', code, participantId: bob.id });
  assert.equal((await bob.joinRoom(code)).room.role, 'viewer');
  await ann.next('participant-joined', ({ id }) => id === bob.id);

  // A viewer cannot let others in; who is rejected stays outside.
  cleo.joinRequest(code);
  await ann.next('join-request', ({ participantId }) => participantId === cleo.id);
  bob.emit('join-approve', { participantId: cleo.id, code });
  assert.equal((await bob.next('join-approve-result')).success, false);
  assert.ok(!bob.has('join-request'));
  ann.emit('join-reject', { participantId: cleo.id, code });
  assert.equal((await ann.next('join-reject-result')).success, true);
  assert.deepEqual(await cleo.next('join-rejected'), { code });
  assert.equal((await cleo.joinRoom(code)).success, false);
  cleo.emit('request-join-status', { roomCode: code, participantId: cleo.id });
  assert.equal((await cleo.next('join-approval-status', ({ success }) => success)).status, 'none');
  ann.emit('join-approve', { participantId: 'nobody', code });
  assert.equal((await ann.next('join-approve-result')).success, false);

  // Whoever was let in needs no approval to come back, and the host sees who knocked in the meantime.
  await bob.lose();
  await ann.next('participant-left', ({ id }) => id === bob.id);
  await bob.connect();
  await bob.enter(code);
  await ann.lose();
  await bob.next('participant-left', ({ id }) => id === ann.id);
  cleo.joinRequest(code);
  await cleo.next('join-pending', () => true);
  await ann.connect();
  assert.equal((await ann.joinRoom(code, 'Reconnecting')).room.role, 'host');
  assert.equal((await ann.next('join-request', ({ participantId }) => participantId === cleo.id)).name, 'Cleo');
  assert.deepEqual((await bob.next('participant-list', ({ participants }) => participants.length === 2)).participants.map(({ name }) => name).sort(), ['Ann', 'Bob']);
});

test('Flutter: the host comes back to its room, by another connection or before the first is gone', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob');
  const code = await ann.createRoom();
  await bob.enter(code);
  await ann.lose();
  assert.deepEqual(await bob.next('participant-left'), { id: ann.id });
  assert.deepEqual(await bob.next('peer-left'), { role: 'host', temporary: true, reconnectGraceMs: 60000 });
  await ann.connect();
  const { room } = await ann.joinRoom(code, 'Reconnecting');
  assert.equal(room.role, 'host');
  assert.deepEqual(await bob.next('participant-joined'), { id: ann.id, name: 'Ann', role: 'host' });
  ann.emit('torrent-magnet', MAGNET);
  assert.deepEqual(await bob.next('torrent-magnet'), MAGNET);

  // The old connection is still there: the new one takes its place, and hears everything once.
  const again = await flutter(t, stack, 'Ann', ann.id);
  assert.equal((await again.joinRoom(code, 'Reconnecting')).room.role, 'host');
  await ann.next('error', ({ message }) => /another connection/.test(message));
  await bob.next('participant-joined');
  bob.chat('hello');
  await again.next('chat-message');
  await ann.settled();
  assert.ok(!ann.has('chat-message'));
  await ann.lose();
  bob.chat('again');
  await again.next('chat-message');
  assert.ok(!bob.has('participant-left'), 'the old connection takes nobody along');
});

test('late joiners find the film where it is', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), code = await ann.createRoom();
  ann.emit('torrent-magnet', MAGNET);
  ann.say('["subtitle-data",{"subtitles":[{"start":1.0,"text":"ä"}],"filename":"a.srt"}]');
  ann.emit('movie-loaded', { name: 'film.mkv', duration: 0 });
  ann.emit('sync-play', { time: 100, actionId: 'a1' });
  await ann.settled();
  const bob = await flutter(t, stack, 'Bob');
  await bob.enter(code);
  const { playback } = await bob.next('playback-snapshot');
  const order = ['room-joined', 'participant-list', 'room-mode', 'movie-loaded', 'subtitle-data', 'torrent-magnet', 'playback-snapshot'];
  const told = bob.raws.map((raw) => JSON.parse(raw.slice(2))[0]).filter((event) => order.includes(event));
  assert.deepEqual(told, order);
  assert.ok(bob.raws.includes('42["subtitle-data",{"subtitles":[{"start":1.0,"text":"ä"}],"filename":"a.srt"}]'));
  assert.equal(playback.type, 'play');
  assert.equal(typeof playback.actionId, 'string');
  assert.ok(playback.time >= 99.5 && playback.time < 200, `${playback.time}`);
  // It goes on while nobody says anything.
  const first = playback.time;
  await until(async () => {
    const later = await flutter(t, stack, 'Later');
    await later.enter(code);
    const { time } = (await later.next('playback-snapshot')).playback;
    await later.lose();
    return time > first + 0.5;
  }, 'a later position');
  ann.emit('sync-pause', { time: 300, actionId: 'a2' });
  await ann.settled();
  const dora = await flutter(t, stack, 'Dora');
  await dora.enter(code);
  const paused = (await dora.next('playback-snapshot')).playback;
  assert.deepEqual([paused.type, paused.time], ['pause', 300]);
});

test('who is off is corrected, and reports reach the host with a name', async (t) => {
  const stack = await start(t, { SYNC_CHECK: '1s' });
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob');
  const code = await ann.createRoom();
  await bob.enter(code);
  const { timestamp } = await bob.next('sync-check');
  assert.equal(typeof timestamp, 'number', 'the server asks by itself');
  ann.emit('sync-seek', { time: 500, actionId: 'x' });
  await bob.next('sync-seek');
  // Not at once after a seek: until it holds.
  const report = async () => { bob.emit('sync-report', { code, time: 400, playing: false, buffered: 0 }); await bob.settled(); return bob.has('sync-correct'); };
  await until(report, 'a correction');
  const correct = await bob.next('sync-correct');
  assert.deepEqual([correct.roomCode, correct.playbackTime, correct.playing, typeof correct.actionId], [code, 500, false, 'string']);
  const { participantId, playbackTime, playing } = await ann.next('sync-report');
  assert.deepEqual([participantId, playbackTime, playing], [bob.id, 400, false]);

  // What Flutter always reports is nobody's position, and neither is what its host makes of it.
  await ann.settled();
  ann.forget();
  bob.emit('sync-report', { code, time: 0, playing: true, buffered: 0 });
  await bob.settled();
  ann.emit('sync-correct', { participantId: bob.id, time: 0, playing: true });
  await ann.settled();
  await bob.settled();
  assert.deepEqual([ann.heard, bob.heard].map((heard) => heard.filter(([event]) => /report|correct/.test(event))), [[], []]);
  ann.emit('sync-correct', { participantId: bob.id, time: 501, playing: false });
  const told = await bob.next('sync-correct');
  assert.deepEqual([told.playbackTime, told.playing, typeof told.actionId], [501, false, 'string']);
  ann.emit('sync-update', { code, time: 500, playing: false });
  const update = await bob.next('sync-update');
  assert.deepEqual([update.time, update.playing, typeof update.timestamp], [500, false, 'number']);
  bob.emit('sync-correct', { participantId: ann.id, time: 501, playing: false });
  assert.equal((await bob.next('error')).code, 'not_allowed', 'only hosts correct others');
});

test('who seeks too fast is brought back to the others', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob');
  await bob.enter(await ann.createRoom());
  for (let i = 1; i <= 100; i++) ann.emit('sync-seek', { time: i, actionId: `a${i}` });
  await ann.next('error', ({ code, event }) => code === 'too_fast' && event === 'sync-seek');
  await ann.settled();
  await bob.settled();
  const told = ann.heard.filter(([event]) => event === 'sync-pause').at(-1)[1];
  const others = bob.heard.filter(([event]) => event === 'sync-seek').map(([, { time }]) => time);
  assert.ok(others.includes(told.time), `${told.time}, and they ${others}`);
  assert.equal(told.from, undefined);
  assert.ok(!/^a/.test(told.actionId), 'not taken for its own');
});

test('React: acks, its own code, and a room for two', async (t) => {
  const stack = await start(t, { PUBLIC_URL: 'https://watch.example.org' });
  const ann = await react(t, stack, '1-ann');
  const created = await ann.create('room_1');
  assert.deepEqual(created, { success: true, room: { code: 'ROOM_1', role: 'host', tunnel: 'https://watch.example.org' }, mode: 'web-compatible', reconnectGraceMs: 60000 });
  assert.deepEqual(await ann.next('room-created'), created);
  const bob = await react(t, stack, '2-bob');
  const taken = await bob.create('ROOM_1');
  assert.ok(taken.success && taken.room.code !== 'ROOM_1', 'taken: another one');
  assert.match((await bob.join('ABCDEF')).error, /not found/i);
  assert.ok((await bob.create('no/code?')).success);
  const joined = await bob.join(' room_1 ');
  assert.deepEqual(joined.room, { code: 'ROOM_1', role: 'viewer', tunnel: 'https://watch.example.org' });
  assert.deepEqual(await bob.next('room-joined', ({ success }) => success), joined);
  await ann.next('participant-joined');

  // It looks for its role as sender of what it said itself.
  ann.emit('chat-message', { text: 'one' });
  assert.equal((await bob.next('chat-message')).sender, 'host');
  bob.emit('chat-message', { text: 'two' });
  const line = await ann.next('chat-message', ({ text }) => text === 'two');
  assert.deepEqual([line.sender, line.senderRole, typeof line.id], ['viewer', 'viewer', 'string']);
  assert.notEqual(line.id, (await ann.next('chat-message')).id);
  ann.emit('chat-message', { text: ' \n ' });
  assert.equal((await ann.next('error')).event, 'chat-message');

  for (const event of ['viewer-stream-ready', 'viewer-playable', 'viewer-local-playback']) {
    bob.emit(event, { progress: 0.5, timestamp: 7, enabled: true });
    assert.deepEqual(await ann.next(event), { progress: 0.5, timestamp: 7, enabled: true });
  }
  ann.emit('torrent-magnet', { ...MAGNET, preTranscode: true });
  assert.equal((await bob.next('torrent-magnet')).preTranscode, true);
  bob.emit('torrent-magnet', { ...MAGNET, preTranscode: true });
  assert.equal((await bob.next('error')).code, 'not_allowed');
  ann.emit('ready-for-connection');
  bob.emit('ready-for-connection');
  assert.deepEqual(await ann.next('start-webrtc'), { peerId: '2-bob', initiator: true, role: 'host' });
  assert.deepEqual(await bob.next('start-webrtc'), { peerId: '1-ann', initiator: false, role: 'viewer' });

  // The host loses its connection, comes back by join-room, then by create-room with its code.
  ann.socket.io.engine.close();
  assert.deepEqual(await bob.next('peer-left'), { role: 'host', temporary: true, reconnectGraceMs: 60000 });
  await until(() => ann.socket.connected, 'it to be back');
  assert.equal((await ann.join('ROOM_1')).room.role, 'host');
  assert.ok(!ann.has('torrent-magnet'), 'what is not to be played yet is not kept');
  const again = await ann.create('ROOM_1');
  assert.deepEqual([again.room.code, again.room.role], ['ROOM_1', 'host']);
  assert.deepEqual(await ann.ask('leave-room'), { success: true });
  assert.deepEqual(await bob.next('peer-left'), { role: 'host', temporary: false });
});

for (const [version, parser] of [['3.1'], ['4.8'], ['4.8', 'msgpack'], ['3.1', 'msgpack']])
  test(`socket.io-client ${version}${parser ? ` with ${parser}` : ''}`, async (t) => {
    const stack = await start(t);
    const host = await flutter(t, stack, 'Ann'), code = await host.createRoom();
    const guest = await react(t, stack, 'g', { version, parser: parser && msgpack });
    assert.equal((await guest.join(code, { name: 'Günter' })).room.role, 'viewer');
    assert.equal((await host.next('participant-joined')).name, 'Günter');
    guest.emit('chat-message', { text: 'hello 👋', id: 'x1' });
    for (const client of [host, guest]) {
      const { text, id, sender, senderId } = await client.next('chat-message');
      assert.deepEqual({ text, id, sender, senderId }, { text: 'hello 👋', id: 'x1', sender: 'Günter', senderId: 'g' });
    }
    host.emit('sync-seek', { time: 12.5, actionId: 'a' });
    assert.deepEqual(await guest.next('sync-seek'), { time: 12.5, actionId: 'a', from: host.id });
    guest.socket.disconnect();
    assert.deepEqual(await host.next('participant-left'), { id: 'g' });
  });

test('a room in which others speak otherwise', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), code = await ann.createRoom();
  const pat = await stack.socket('/ws');
  await pat.ask(JSON.stringify({ type: 'IDENTIFY', username: 'Pat' }));
  const { members } = JSON.parse((await pat.ask(JSON.stringify({ type: 'JOIN_ROOM', roomId: code }))).data);
  assert.deepEqual(members, [{ id: ann.id, username: 'Ann' }]);
  const { id, name } = await ann.next('participant-joined');
  assert.equal(name, 'Pat');
  assert.equal((await ann.next('room-mode', ({ mode }) => mode)).mode, 'web-compatible');
  pat.send(JSON.stringify({ type: 'SDP_OFFER', toPeerId: ann.id, sdp: { type: 'offer', sdp: 'v=0' } }));
  assert.deepEqual(await ann.next('offer'), { offer: { type: 'offer', sdp: 'v=0' }, from: id, to: ann.id });
  ann.emit('answer', { answer: { type: 'answer', sdp: 'v=0' }, to: id });
  assert.deepEqual(JSON.parse((await pat.next()).data), { type: 'SDP_ANSWER', fromPeerId: ann.id, toPeerId: id, sdp: { type: 'answer', sdp: 'v=0' } });
  // What would break handlers in Dart is not handed on; what that client has no words for it does not hear.
  pat.send(JSON.stringify({ type: 'SDP_OFFER', toPeerId: ann.id, sdp: 'v=0' }));
  ann.emit('sync-correct', { participantId: id, time: 1, playing: false });
  ann.chat('hello');
  await ann.next('chat-message');
  pat.close();
  assert.deepEqual(await ann.next('participant-left'), { id });
  assert.ok(!ann.has('offer'));
});

test('nonsense harms nobody', async (t) => {
  const stack = await start(t);
  const ann = await flutter(t, stack, 'Ann'), bob = await flutter(t, stack, 'Bob'), mallory = await flutter(t, stack, 'Mallory');
  const code = await ann.createRoom();
  await bob.enter(code);
  const names = [...tableOf(header, 'SIGNAL_HEARD').keys()].filter((name) => name !== 'leave-room');
  const payloads = ['', ',null', ',1', ',"text"', ',[]', ',[{}]', ',{}', ',{},{},{}', `,{"code":${code.length},"participantId":[],"text":{},"time":"x","offer":"x","candidate":null}`,
    ',{"time":-1e300,"actionId":7,"playing":"yes","duration":1e999}', `,{"code":"${code}\\u0000","text":"a\\u0000b","name":null}`, `,{"to":"${ann.id}","offer":[],"answer":1}`];
  // From outside of the room.
  for (const name of names.filter((one) => one !== 'create-room'))
    for (const payload of payloads) mallory.say(`["${name}"${payload}]`);
  await mallory.settled();
  for (const client of [ann, bob]) await client.settled();
  const kinds = ['participant-list', 'room-mode', 'participant-joined', 'room-joined', 'join-request-result', 'join-approved', 'sync-check'];
  for (const client of [ann, bob])
    assert.deepEqual(client.heard.filter(([event]) => !kinds.includes(event)), [], 'nobody hears of it');

  // From inside: nothing that others would stumble over.
  mallory.forget();
  await mallory.enter(code);
  await mallory.settled();
  for (const client of [ann, bob]) client.forget();
  for (const name of names.filter((one) => !/create|join|register|ready|sync-play|sync-pause|sync-check|viewer|complete/.test(one)))
    for (const payload of payloads) mallory.say(`["${name}"${payload}]`);
  for (const name of ['', 'no-such-event', 'x'.repeat(1000)]) mallory.say(JSON.stringify([name, {}]));
  await mallory.settled();
  await bob.settled();
  assert.deepEqual(bob.heard.filter(([event]) => !['sync-check', 'sync-seek'].includes(event)), []);

  // Too much of everything.
  const other = await flutter(t, stack, 'x'.repeat(5000), 'y'.repeat(5000));
  await other.joinRoom(code);
  assert.equal((await ann.next('participant-joined')).id.length <= 64, true);
  bob.emit('chat-message', { text: 'x'.repeat(100000), id: 'z'.repeat(1000) });
  await bob.next('error', ({ event }) => event === 'chat-message');
  ann.emit('movie-loaded', { name: 'x', more: 'x'.repeat(20000) });
  await ann.next('error', ({ code: word }) => word === 'too_long');
  ann.emit('offer', { to: bob.id, offer: { sdp: 'x'.repeat(70000) } });
  await ann.next('error', ({ code: word }) => word === 'too_long');
  for (let i = 0; i < 100; i++) mallory.chat(`spam ${i}`);
  await mallory.next('error', ({ code: word }) => word === 'too_fast');
  ann.chat('all is well');
  assert.equal((await bob.next('chat-message', ({ text }) => text === 'all is well')).senderId, ann.id);
});

test('what is asked by HTTP', async (t) => {
  const stack = await start(t, {}, { PUBLIC_URL: 'https://watch.example.org' });
  const get = async (target) => { const { status, json, headers } = await stack.json('GET', target); assert.equal(headers['access-control-allow-origin'], '*', target); return [status, json]; };
  assert.deepEqual(await get('/health'), [200, { status: 'ok' }]);
  assert.deepEqual(await get('/api/tunnel'), [200, { tunnel: 'https://watch.example.org', ready: true }]);
  const ann = await flutter(t, stack, 'Ann'), code = await ann.createRoom();
  assert.deepEqual(await get(`/api/room/${code}`), [200, { code, host: 'Ann' }]);
  assert.deepEqual(await get(`/api/room/${code.toLowerCase()}?x=/ready`), [200, { code, host: 'Ann' }]);
  assert.deepEqual(await get('/api/room/NOBODY'), [200, { error: 'room not found' }]);
  assert.deepEqual(await get(`/api/rooms/${code}`), [200, { code, host: 'Ann', participants: [{ id: ann.id, name: 'Ann', role: 'host' }] }]);
  assert.deepEqual(await get('/api/rooms/NOBODY'), [404, { error: 'room not found' }]);
  ann.emit('ready-to-start', { code });
  await ann.next('ready-confirmed');
  assert.deepEqual(await get(`/api/room/${code}/ready`), [200, { readyCount: 1 }]);
  assert.deepEqual(await get(`/join/${code}`), [200, { code, host: 'Ann', tunnel: 'https://watch.example.org' }]);
  assert.equal((await get('/join/NOBODY'))[0], 404);
  for (const target of ['/api/room/', '/api/room', '/api/room/A/B', '/join/', '/api/tunnel/x', '/api/rooms', '/api/v1/room/A'])
    assert.equal((await stack.get(target)).status, 404, target);
  assert.equal((await stack.get('/api/room/%00')).status, 200);
  assert.equal((await stack.request('POST', `/join/${code}`)).status, 405);
});

test('what a room behind a door tells by HTTP', async (t) => {
  const stack = await start(t, { NEEDS_APPROVAL: 'true' });
  const ann = await flutter(t, stack, 'Ann'), code = await ann.createRoom();
  assert.deepEqual((await stack.json('GET', `/api/rooms/${code}`)).json, { code, host: 'Ann', participants: [] });
  assert.equal((await stack.get(`/api/room/${code}`)).body.includes(ann.id), false);
  assert.deepEqual((await stack.json('GET', '/api/tunnel')).json, { tunnel: '', ready: true });
});

test('a call, a film and a knock outlive the service', async (t) => {
  const stack = await start(t, { NEEDS_APPROVAL: 'true' });
  const ann = await flutter(t, stack, 'Ann'), bob = await react(t, stack, 'bob'), cleo = await flutter(t, stack, 'Cleo');
  const code = await ann.createRoom();
  await bob.ask('join-request', { code, participantId: 'bob', name: 'Bob' });
  await ann.next('join-request');
  ann.emit('join-approve', { participantId: 'bob', code });
  await bob.next('join-approved');
  await bob.join(code);
  ann.emit('torrent-magnet', MAGNET);
  ann.emit('sync-play', { time: 100, actionId: 'a1' });
  await bob.next('sync-play');
  cleo.joinRequest(code);
  await cleo.next('join-pending');
  await ann.next('join-request');
  for (const client of [ann, bob, cleo]) client.forget();

  await stack.room.kill();
  ann.chat('said while it was away');
  await stack.startRoom();
  const { id, sender } = await bob.next('chat-message');
  assert.deepEqual([id, sender], [`${ann.id}_said while it was away`, 'Ann']);
  bob.emit('sync-pause', { time: 130, actionId: 'b1' });
  assert.deepEqual(await ann.next('sync-pause'), { time: 130, actionId: 'b1', from: 'bob' });
  ann.emit('join-approve', { participantId: cleo.id, code });
  await cleo.next('join-approved');
  assert.equal((await cleo.joinRoom(code)).room.role, 'viewer');
  assert.deepEqual(await cleo.next('torrent-magnet'), MAGNET);
  assert.deepEqual((await cleo.next('playback-snapshot')).playback.time, 130);
  await bob.next('participant-joined', ({ id: who }) => who === cleo.id);
  await bob.settled();
  for (const client of [ann, bob])
    assert.deepEqual(client.heard.filter(([event]) => /left|chat|participant-joined|error/.test(event)).filter(([, payload]) => payload.id !== cleo.id &&
      payload.senderId !== ann.id), [], 'nobody was gone');
  assert.ok(bob.socket.connected);
  assert.equal(ann.ws.readyState, WebSocket.OPEN);
});

// ---- documentation

const source = (name) => fs.readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const header = source('services/room-svc/signal.h');

// Names of events in a table of the header.
function tableOf(text, table) {
  const [, rows] = new RegExp(`#define ${table}\\(X\\)((?:.*\\\\\\n)*.*)`).exec(text);
  return new Set([...rows.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name));
}

test('docs/signal.md names every message, and no other', () => {
  const page = source('docs/signal.md');
  for (const [table, heading] of [['SIGNAL_HEARD', 'What clients say'], ['SIGNAL_TOLD', 'What they are told']]) {
    const [, section] = new RegExp(`\n## ${heading}\n([^]*?)(\n## |$)`).exec(page);
    const named = new Set([...section.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name)));
    assert.deepEqual([...named].sort(), [...tableOf(header, table)].sort(), heading);
  }
});
