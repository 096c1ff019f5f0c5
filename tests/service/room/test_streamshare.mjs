// SPDX-License-Identifier: MIT
//
// The dialect of Streamshare, with real clients of Socket.IO: commands in each form, who hears what in which order, and one room in which
// another dialect is spoken as well.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';

const require = createRequire(new URL('../http/harness.mjs', import.meta.url));
const versions = { 3.1: require('socket.io-client-3.1').io, 4.8: require('socket.io-client-4.8').io };
const msgpack = require('socket.io-msgpack-parser');
const MAGNET = 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=film';

const start = (t, env = {}) => Stack.start(t, { torrent: false, room: true, env });

// A client: say() sends a command, told() gives the next message, `others` are events besides.
async function connect(t, stack, { version = '4.8', ...options } = {}) {
  const socket = versions[version](`http://127.0.0.1:${stack.port}`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
  const came = [];
  socket.others = [];
  socket.onAny((event, ...args) => (event === 'message' && args.length === 1 ? came.push(args[0]) : socket.others.push([event, ...args])));
  t.after(() => socket.io._close());
  socket.say = (command, more = {}) => socket.send({ command, ...more });
  socket.told = async () => {
    await until(() => came.length > 0, 'a message');
    return came.shift();
  };
  socket.ask = (...event) => new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 20000, new Error(`no ack of ${event[0]}`));
    socket.emit(...event, (...answer) => { clearTimeout(timer); resolve(answer); });
  });
  await new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('connect_error', reject); });
  return socket;
}

async function join(t, stack, name, roomId, options) {
  const socket = await connect(t, stack, options);
  socket.say('Join', { name, roomId });
  socket.hello = await socket.told();
  socket.number = socket.hello.meta.you;
  return socket;
}

// What is of the clock is looked at by itself.
function withoutTimes(message) {
  const { dispatchedAt, meta: { receivedAt, ...meta }, ...rest } = message;
  assert.ok(Number.isInteger(dispatchedAt ?? receivedAt));
  return { ...rest, ...(Object.keys(meta).length > 0 && { meta }) };
}

const hello = (users, { currentTime = 0, state = 'PAUSED', playlist = [], meta }) => ({ command: 'HELLO', users, status: { currentTime, state }, playlist, meta });

test('who joins is told who and what is there, and the others of it', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'Room-1');
  const users = [{ id: 1, name: 'Ann' }];
  assert.deepEqual(withoutTimes(ann.hello), hello(users, { meta: { roomId: 'ROOM-1', you: 1 } }));
  assert.ok(Math.abs(ann.hello.dispatchedAt - Date.now()) < 3600000, 'milliseconds of the Unix epoch');
  const bob = await join(t, stack, 'Bob', 'room-1');
  users.push({ id: 2, name: 'Bob' });
  assert.deepEqual(withoutTimes(bob.hello), hello(users, { meta: { roomId: 'ROOM-1', you: 2 } }));
  assert.deepEqual(withoutTimes(await ann.told()), hello(users, { meta: { roomId: 'ROOM-1' } }));
  // A name that is taken becomes another; none at all as well.
  const other = await join(t, stack, 'Bob', 'room-1'), none = await join(t, stack, undefined, 'room-1');
  assert.deepEqual(none.hello.users, [...users, { id: 3, name: 'Bob 2' }, { id: 4, name: 'Guest' }]);
  assert.equal(other.number, 3);
  // Whoever asks is told again.
  other.say('HELLO');
  assert.deepEqual((await other.told()).users.length, 4, 'of the fourth');
  assert.deepEqual((await other.told()).meta.you, 3);
  none.disconnect();
  await until(async () => (await ann.told()).users.length === 3, 'Ann to hear that one has gone');
});

test('PLAY, PAUSE and SYNC reach the others as they came, with who said it', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room'), bob = await join(t, stack, 'Bob', 'room', { version: '3.1' }), cid = await join(t, stack, 'Cid', 'room', { parser: msgpack });
  await ann.told(); // of Bob and Cid
  await ann.told();
  await bob.told();
  const foreign = await join(t, stack, 'Dan', 'elsewhere');
  for (const [message, by, others] of [
    [{ command: 'PLAY', currentTime: 12.5, dispatchedAt: 1234567890123 }, ann, [bob, cid]],
    [{ command: 'SYNC', currentTime: 13, buffer: 0.25, dispatchedAt: 'as it was' }, bob, [ann, cid]],
    [{ command: 'PAUSE', currentTime: 1e-7, dispatchedAt: 5, more: { deep: [1, 'ä', null] } }, cid, [ann, bob]],
    [{ command: 'PAUSE' }, ann, [bob, cid]],
  ]) {
    by.send(message);
    for (const other of others) {
      const { meta, ...rest } = await other.told();
      assert.deepEqual(rest, { userId: by.number, ...message });
      assert.deepEqual([meta.userId, meta.name, Number.isInteger(meta.receivedAt)], [by.number, by.hello.users.at(-1).name, true]);
    }
  }
  // Nobody says in whose name, and in any case.
  ann.send({ command: 'play', userId: 99, meta: { userId: 99 }, currentTime: 1, dispatchedAt: 2 });
  const forged = await bob.told();
  assert.deepEqual([forged.command, forged.userId, forged.meta.userId, forged.meta.name], ['PLAY', 1, 1, 'Ann']);
  ann.say('HELLO');
  assert.equal((await ann.told()).command, 'HELLO', 'and nobody hears himself');
  foreign.say('HELLO');
  assert.deepEqual((await foreign.told()).users, [{ id: 1, name: 'Dan' }], 'nor what is said elsewhere');
  assert.deepEqual([ann, bob, cid, foreign].map(({ others }) => others), [[], [], [], []], 'all comes by one event');
});

test('commands come by three kinds of events', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room');
  const bob = await connect(t, stack);
  assert.deepEqual(await bob.ask('jOiN', { name: 'Bob', roomId: 'room' }), [{ success: true }]);
  await bob.told();
  await ann.told();
  for (const [event, object] of [['message', { command: 'Sync', n: 1 }], ['command', { command: 'SYNC', n: 2 }], ['SYNC', { n: 3 }], ['sync', { command: 'PLAY', n: 4 }]]) {
    assert.deepEqual(await ann.ask(event, object), [{ success: true }]);
    const heard = await bob.told();
    assert.deepEqual([heard.command, heard.n], ['SYNC', object.n]);
  }
  assert.deepEqual(await ann.ask('hello'), [{ success: true }]);
});

test('late joiners hear where the film is by then', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room');
  await ann.ask('PAUSE', { currentTime: 1.5 });
  assert.deepEqual((await join(t, stack, 'Bob', 'room')).hello.status, { currentTime: 1.5, state: 'PAUSED' }, 'however near it is');
  await ann.ask('PLAY', { currentTime: 60 });
  const { hello: first } = await join(t, stack, 'Cid', 'room');
  assert.equal(first.status.state, 'PLAYING');
  assert.ok(first.status.currentTime >= 60, `${first.status.currentTime}`);
  const later = await until(async () => {
    ann.say('HELLO');
    const { status, dispatchedAt } = await ann.told();
    return status?.currentTime > first.status.currentTime + 0.3 && { status, dispatchedAt };
  }, 'time to pass');
  const film = later.status.currentTime - 60, clock = (later.dispatchedAt - first.dispatchedAt) / 1000;
  assert.ok(film <= clock + first.status.currentTime - 60 + 0.01, `${film} s of film in ${clock} s`);
  await ann.ask('PLAY', { currentTime: 120.25 });
  const { currentTime } = (await join(t, stack, 'Fay', 'room')).hello.status;
  assert.ok(currentTime >= 120.25 && currentTime < 1000, `${currentTime}: who says PLAY while it plays means the place`);
  await ann.ask('SYNC', { currentTime: 5000, buffer: 1 });
  assert.ok((await join(t, stack, 'Dan', 'room')).hello.status.currentTime < 4000, 'SYNC moves nothing');
  await ann.ask('PAUSE', { currentTime: 30 });
  assert.deepEqual((await join(t, stack, 'Eve', 'room')).hello.status, { currentTime: 30, state: 'PAUSED' });
});

test('all may change the playlist', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room'), bob = await join(t, stack, 'Bob', 'room');
  await ann.told();
  const first = { filename: 'one.mp4', torrentId: MAGNET }, second = { filename: '', torrentId: 'http://example.org/two.torrent' };
  bob.say('ADD_VIDEO', { video: first });
  for (const socket of [ann, bob]) assert.deepEqual((await socket.told()).playlist, [first]);
  bob.say('Add_Video', second);
  for (const socket of [ann, bob]) assert.deepEqual((await socket.told()).playlist, [first, second]);
  await bob.ask('PLAY', { currentTime: 100 });
  await ann.told();
  assert.deepEqual((await join(t, stack, 'Cid', 'room')).hello.playlist, [first, second]);
  for (const socket of [ann, bob]) await socket.told(); // of Cid
  bob.emit('NEXT_VIDEO');
  for (const socket of [ann, bob]) {
    const { playlist, status } = await socket.told();
    assert.deepEqual(playlist, [second]);
    assert.equal(status.state, 'PLAYING', 'it goes on with the next one');
    assert.ok(status.currentTime < 50, 'from its beginning');
  }
  bob.say('NEXT_VIDEO');
  for (const socket of [ann, bob]) assert.deepEqual((await socket.told()).playlist, []);
  assert.deepEqual(await bob.ask('NEXT_VIDEO'), [{ success: false, error: 'That is not in the queue.', code: 'no_item' }]);
});

test('who comes back is who he was', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room'), bob = await join(t, stack, 'Bob', 'room');
  await ann.told();
  bob.io.engine.close();
  assert.deepEqual((await ann.told()).users, [{ id: 1, name: 'Ann' }]);
  await until(() => bob.connected, 'Bob to be back');
  bob.say('Join', { name: 'Bob', roomId: 'room' });
  assert.deepEqual((await bob.told()).meta.you, 2);
  assert.deepEqual((await ann.told()).users, [{ id: 1, name: 'Ann' }, { id: 2, name: 'Bob' }]);
  // One of that name who is here is somebody else.
  assert.equal((await join(t, stack, 'Bob', 'room')).number, 3);
  await ann.told();
  // Joining where one is already: told again, under another name if that is wanted.
  bob.say('Join', { name: 'Bobby', roomId: 'ROOM' });
  const names = (message) => message.users.map(({ id, name }) => `${id} ${name}`).sort();
  await until(async () => (await bob.told()).meta.you === 2, 'an answer');
  assert.deepEqual(names(await ann.told()), ['1 Ann', '2 Bobby', '3 Bob 2']);
  // Another room is left for.
  bob.say('Join', { name: 'Bob', roomId: 'other' });
  assert.deepEqual((await bob.told()).users, [{ id: 1, name: 'Bob' }]);
  assert.deepEqual(names(await ann.told()), ['1 Ann', '3 Bob 2']);
});

test('what makes no sense is refused, and hurts nobody', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room'), eve = await connect(t, stack);
  const no = (code, error) => [{ success: false, error, code }];
  for (const command of ['PLAY', 'PAUSE', 'SYNC', 'ADD_VIDEO', 'NEXT_VIDEO', 'HELLO'])
    assert.deepEqual(await eve.ask(command, { currentTime: 1, roomId: 'room', userId: 1 }), no('not_allowed', 'You may not do that in this room.'), `${command} from outside`);
  for (const roomId of ['', undefined, null, 5, {}, 'x'.repeat(151)]) {
    assert.deepEqual(await eve.ask('Join', { name: 'Eve', roomId }), no('bad_code', 'This cannot be the code of a room.'));
    const { dispatchedAt, ...error } = await eve.told();
    assert.deepEqual([error, Number.isInteger(dispatchedAt)], [{ command: 'ERROR', message: 'This cannot be the code of a room.' }, true]);
  }
  assert.deepEqual(await eve.ask('Join', { name: 5, roomId: 'room' }), [{ success: true }]);
  assert.deepEqual((await eve.told()).users.at(-1), { id: 2, name: 'Guest' });
  await ann.told();
  for (const args of [[], [5], ['PLAY'], [null], [[{ command: 'PLAY' }]], [{}], [{ command: 5 }], [{ command: '' }], [{ command: 'NOPE' }], [{ command: 'x'.repeat(10000) }]])
    eve.send(...args);
  for (const event of ['PLAYS', 'unknown', 'x'.repeat(1000), '5']) eve.emit(event, { currentTime: 1 });
  for (const video of [{}, 5, null, [], { torrentId: 5 }, { torrentId: '' }, { filename: 'x', torrentId: 'x'.repeat(5000) }])
    assert.deepEqual(await eve.ask('ADD_VIDEO', { video }), no('invalid', 'That makes no sense here.'));
  for (const command of ['SYNC', 'PLAY'])
    assert.deepEqual(await eve.ask(command, { currentTime: 1, long: 'x'.repeat(16000) }), no('too_long', 'That is too long.'));
  assert.deepEqual(await eve.ask('SYNC', { bytes: Buffer.from([1]) }), no('invalid', 'That makes no sense here.'));
  for (const currentTime of ['12', -5, null, 1e300, {}]) {
    await eve.ask('PAUSE', { currentTime });
    assert.deepEqual((await ann.told()).currentTime, currentTime, 'as it came');
  }
  // Too many: refused, and the connection lives on.
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => eve.ask('SYNC', { currentTime: i })));
  assert.ok(answers.some(([{ error }]) => error === 'Not so fast. Try again in a moment.'));
  ann.say('HELLO');
  await until(async () => (await ann.told()).command === 'HELLO', 'Ann to be served');
  assert.ok(eve.connected);
});

test('nobody is out because this process was killed', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'room');
  let disconnects = 0;
  ann.on('disconnect', () => { disconnects++; });
  await stack.room.kill();
  await stack.startRoom();
  await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 1, 'Ann to be known again');
  ann.say('Join', { name: 'Ann', roomId: 'room' });
  assert.deepEqual((await ann.told()).users.map(({ name }) => name), ['Ann']);
  assert.equal(disconnects, 0);
});

test('clients of two kinds are in one room', async (t) => {
  const stack = await start(t);
  const ann = await join(t, stack, 'Ann', 'Both');
  const bob = await stack.socket('/ws');
  const say = (message) => bob.send(JSON.stringify(message)), told = async () => JSON.parse((await bob.next()).data);
  say({ type: 'IDENTIFY', username: 'Bob' });
  await told();
  say({ type: 'JOIN_ROOM', roomId: 'both' });
  const { members } = await told();
  assert.deepEqual(members.map(({ username }) => username), ['Ann']);
  assert.deepEqual((await ann.told()).users, [{ id: 1, name: 'Ann' }, { id: 2, name: 'Bob' }]);
  const cid = await join(t, stack, 'Cid', 'BOTH');
  assert.deepEqual(cid.hello.users.map(({ name }) => name), ['Ann', 'Bob', 'Cid']);
  const news = await told();
  assert.deepEqual([news.type, news.roomId, news.peer.username], ['NEW_PEER_IN_ROOM', 'both', 'Cid']);
  await ann.told();
  cid.disconnect();
  assert.deepEqual(await told(), { type: 'PEER_LEFT', roomId: 'both', peerId: news.peer.id });
  assert.deepEqual((await ann.told()).users.map(({ name }) => name), ['Ann', 'Bob']);
  bob.terminate();
  assert.deepEqual((await ann.told()).users.map(({ name }) => name), ['Ann']);
});

test('what is done by other dialects is told in this one, and the other way', async (t) => {
  const stack = await start(t);
  const host = await connect(t, stack);
  await host.ask('create-room', { participantId: 'host', name: 'Host', requestedCode: 'MIXED' });
  const ann = await join(t, stack, 'Ann', 'mixed');
  assert.deepEqual(ann.hello.users, [{ id: 1, name: 'Host' }, { id: 2, name: 'Ann' }]);
  const heard = (name) => until(() => host.others.find(([event]) => event === name)?.[1], name);
  assert.equal((await heard('participant-joined')).name, 'Ann');

  host.emit('sync-seek', { time: 100, actionId: 'a' });
  const { dispatchedAt, meta, ...pause } = await ann.told();
  assert.deepEqual(pause, { command: 'PAUSE', userId: 1, currentTime: 100 });
  assert.deepEqual([meta.userId, meta.name, Number.isInteger(dispatchedAt)], [1, 'Host', true]);
  host.emit('sync-play', { time: 200, actionId: 'b' });
  const play = await ann.told();
  assert.deepEqual([play.command, play.userId, play.currentTime], ['PLAY', 1, 200]);
  await ann.ask('PAUSE', { currentTime: 55.5 });
  assert.equal((await heard('sync-pause')).time, 55.5);

  host.emit('torrent-magnet', { magnetURI: MAGNET, name: 'film' });
  assert.deepEqual((await ann.told()).playlist, [{ filename: 'film', torrentId: MAGNET }]);
  // The room is the host's: whoever comes by name may not change what it plays.
  assert.deepEqual(await ann.ask('NEXT_VIDEO'), [{ success: false, error: 'You may not do that in this room.', code: 'not_allowed' }]);
  // Each client speaks one dialect.
  host.send({ command: 'PAUSE', currentTime: 7 });
  host.emit('sync-seek', { time: 300, actionId: 'c' });
  assert.equal((await ann.told()).currentTime, 300);
});
