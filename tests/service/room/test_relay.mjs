// SPDX-License-Identifier: MIT
//
// Rooms shared with servers in Node, by the real @socket.io/redis-adapter and @socket.io/redis-emitter.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import test from 'node:test';
import { until } from '../http/harness.mjs';
import { Cluster, Redis } from './cluster.mjs';
import { Member, io } from './page_client.mjs';

const require = createRequire(new URL('../http/package.json', import.meta.url));
const { Server } = require('socket.io'), { createAdapter } = require('@socket.io/redis-adapter'), { Emitter } = require('@socket.io/redis-emitter');
const { createClient } = require('redis');

async function client(t, redis) {
  const one = createClient({ url: redis.url, socket: { reconnectStrategy: 50 } });
  one.on('error', () => {});
  await one.connect();
  t.after(() => one.disconnect());
  return one;
}

// A server in Node whose clients enter the rooms that they name.
async function nodeServer(t, redis) {
  const server = http.createServer();
  const node = new Server(server, { adapter: createAdapter(await client(t, redis), await client(t, redis)) });
  for (const name of ['/', '/room'])
    node.of(name).on('connection', (socket) => socket.on('enter', (room, done) => { socket.join(room); done(); }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => node.close());
  node.port = server.address().port;
  return node;
}

// A client of that server, in the room.
async function nodeClient(t, node, nsp, room) {
  const socket = io(`http://127.0.0.1:${node.port}${nsp}`, { transports: ['websocket'], forceNew: true });
  t.after(() => socket.io._close());
  const self = { socket, heard: [] };
  socket.onAny((...what) => self.heard.push(what));
  await socket.emitWithAck('enter', room);
  return self;
}

async function start(t) {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { fronts: 1, env: { SHARESTREAM_ROOM_RELAY: 'true' } });
  await cluster.startRoom(0);
  await cluster.reached();
  await until(() => /msg="other servers of Socket.IO are listened to"/.test(cluster.rooms[0].log), 'it to listen');
  return { redis, cluster, front: cluster.fronts[0] };
}

// What a member hears of the chat, from now on.
function lines(member) {
  const texts = [];
  member.socket.on('chat', ({ text }) => texts.push(text));
  return texts;
}

test('a server in Node and our rooms hear each other', async (t) => {
  const { redis, front } = await start(t);
  const ann = new Member(t, front, 'Ann'), bob = new Member(t, front, 'Bob');
  await ann.create();
  await bob.join(ann.code);
  const node = await nodeServer(t, redis), room = `page:${ann.code}`;
  const eve = await nodeClient(t, node, '/room', room), elsewhere = await nodeClient(t, node, '/room', 'page:OTHER');

  await ann.does('say', { text: 'hello, node' });
  const [, line] = await until(() => eve.heard.find(([event]) => event === 'chat'), 'the line');
  assert.equal(line.text, 'hello, node');
  assert.equal(line.name, 'Ann');

  // What looks like one of ours reaches our people; once, however many rooms it is for.
  const toAnn = lines(ann), toBob = lines(bob);
  node.of('/room').to(room).to('page:OTHER').emit('chat', { ...line, text: 'from node' });
  node.of('/room').to(room).emit('chat', { ...line, text: 'more' });
  // By the id of a socket it is for one alone, and `except` spares it.
  node.of('/room').to(bob.socket.id).emit('chat', { ...line, text: 'to bob' });
  node.of('/room').to(room).except(bob.socket.id).emit('chat', { ...line, text: 'not to bob' });
  node.of('/room').emit('chat', { ...line, text: 'to all' });
  await until(() => toAnn.includes('to all') && toBob.includes('to all'), 'the last line');
  assert.deepEqual(toAnn, ['from node', 'more', 'not to bob', 'to all']);
  assert.deepEqual(toBob, ['from node', 'more', 'to bob', 'to all']);
  // Ours are not told twice what they said; others nothing of rooms that they are not in.
  assert.deepEqual(elsewhere.heard.filter(([event]) => event === 'chat').map(([, { text }]) => text), ['from node', 'to all']);
});

test('an emitter reaches clients of an earlier system, bytes included', async (t) => {
  const { redis, front } = await start(t);
  const socket = io(`http://127.0.0.1:${front.port}`, { transports: ['websocket'], forceNew: true });
  t.after(() => socket.io._close());
  const heard = [];
  socket.onAny((...what) => heard.push(what));
  const { room } = await socket.emitWithAck('create-room', { participantId: 'p1' });
  const emitter = new Emitter(await client(t, redis));
  emitter.to(`signal:${room.code}`).emit('announcement', { bytes: Buffer.from([1, 2, 3]), text: 'ü', number: 1.5 }, null);
  const [, what, nothing] = await until(() => heard.find(([event]) => event === 'announcement'), 'the announcement');
  assert.deepEqual([...what.bytes], [1, 2, 3]);
  assert.deepEqual([what.text, what.number, nothing], ['ü', 1.5, null]);
});

test('nonsense is counted; after Redis was away it is listened to again', async (t) => {
  const { redis, cluster, front } = await start(t);
  const ann = new Member(t, front, 'Ann');
  await ann.create();
  const publisher = await client(t, redis);
  for (const message of ['', 'x', Buffer.from([0x93, 0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(5 << 20)]) await publisher.publish('socket.io#/room#', message);
  await until(async () => (await front.metric('sharestream_room_relay_bad_total', 'room')) === 4, 'them to be counted');
  await redis.kill();
  await until(() => /msg="other servers of Socket.IO are not reached"/.test(cluster.rooms[0].log), 'it to notice');
  await redis.begin();
  await until(() => cluster.rooms[0].log.match(/msg="other servers of Socket.IO are listened to"/g).length === 2, 'it to listen again');
  const node = await nodeServer(t, redis);
  const eve = await nodeClient(t, node, '/room', `page:${ann.code}`);
  await ann.does('say', { text: 'still here' });
  await until(() => eve.heard.some(([event, line]) => event === 'chat' && line.text === 'still here'), 'the line');
});

test('without Redis there is nobody to relay to', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { fronts: 0 });
  await assert.rejects(cluster.startRoom(0, { SHARESTREAM_ROOM_RELAY: 'true', SHARESTREAM_ROOM_REDIS_URL: '' }), /room\.redis_url is missing/);
  cluster.rooms[0].mayGiveUp = true;
});
