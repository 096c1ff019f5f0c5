// SPDX-License-Identifier: MIT
//
// room-svc is killed while people talk: no connection breaks, and each message arrives once.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';
import { Member } from './page_client.mjs';

const require = createRequire(new URL('../http/package.json', import.meta.url));
const WebSocket = require('ws'), { io } = require('socket.io-client-4.8');

// A client of /ws, in the room.
async function client(stack, name, room) {
  const ws = new WebSocket(`ws://127.0.0.1:${stack.port}/ws`);
  const self = { name, heard: [], closed: false, say: (what) => ws.send(JSON.stringify(what)) };

  ws.on('message', (data) => self.heard.push(JSON.parse(data)));
  ws.on('close', () => { self.closed = true; });
  await new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject));
  self.say({ type: 'IDENTIFY', username: name });
  self.say({ type: 'JOIN_ROOM', roomId: room });
  await until(() => self.heard.some((one) => one.type === 'ROOM_MEMBERS'), `${name} to be in the room`);
  return self;
}

// What each heard from each other one, in its order.
const offers = (self) => self.heard.filter((one) => one.type === 'SDP_OFFER').map((one) => one.sdp.sdp);

test('messages under way when it is killed arrive once, and in order', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true, env: { SHARESTREAM_HTTP_THREADS: '2' } });
  const people = [];
  for (let i = 0; i < 8; i++) people.push(await client(stack, `p${i}`, 'CRASH'));
  // Everybody knows the ids of those who came later; the first knows all.
  const id = (name) => people[0].heard.filter((one) => one.type === 'NEW_PEER_IN_ROOM').find((one) => one.peer.username === name).peer.id;
  const ROUNDS = 4, EACH = 30;
  let said = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < EACH; i++, said++) {
      for (const from of people) {
        const to = people[(people.indexOf(from) + 1) % people.length];
        if (to !== people[0]) from.say({ type: 'SDP_OFFER', toPeerId: id(to.name), sdp: { type: 'offer', sdp: `${from.name} ${said}` } });
      }
      if (i === EACH / 2) await stack.room.kill(); // what was said just now is on its way, or was being handled
    }
    await stack.startRoom();
    const want = said;
    await until(() => people.slice(1).every((one) => offers(one).length >= want), `all of round ${round}`);
  }
  for (const [i, one] of people.entries()) {
    if (i === 0) continue;
    assert.deepEqual(offers(one), Array.from({ length: said }, (_, n) => `p${i - 1} ${n}`));
    assert.equal(one.closed, false);
  }
});

test('two hundred who talk and seek lose nothing, and hear nothing twice', async (t) => {
  const PEOPLE = 200, LINES = 3, SEEKS = 8;
  const stack = await Stack.start(t, { torrent: false, room: true, env: { SHARESTREAM_HTTP_THREADS: '2', SHARESTREAM_ROOM_MAX_MEMBERS: `${PEOPLE}` } });
  const people = Array.from({ length: PEOPLE }, (_, i) => {
    const socket = io(`http://127.0.0.1:${stack.port}`, { transports: ['websocket'], forceNew: true });
    t.after(() => socket.close());
    const self = { socket, id: `p${i}`, lines: [], seeks: [], breaks: 0 };
    socket.on('disconnect', () => { self.breaks++; });
    socket.on('chat-message', ({ text }) => self.lines.push(text));
    socket.on('sync-seek', ({ actionId }) => self.seeks.push(actionId));
    return self;
  });
  const host = people[0];
  const { room } = await host.socket.emitWithAck('create-room', { participantId: host.id });
  for (const one of people.slice(1))
    assert.equal((await one.socket.emitWithAck('join-room', { code: room.code, participantId: one.id })).success, true);

  // It dies twice while they talk.
  const soon = (what, ms) => new Promise((resolve) => setTimeout(() => { what(); resolve(); }, ms));
  const talk = people.flatMap((one) => Array.from({ length: LINES }, (_, n) =>
    soon(() => one.socket.emit('chat-message', { text: `${one.id} ${n}`, id: `${one.id}-${n}` }), Math.random() * 1500)));
  const jumps = Array.from({ length: SEEKS }, (_, n) => soon(() => host.socket.emit('sync-seek', { time: 100 * n, actionId: `s${n}` }), 180 * n));
  const deaths = (async () => {
    for (let i = 0; i < 2; i++) {
      await soon(() => {}, 400);
      await stack.room.kill();
      await stack.startRoom();
    }
  })();
  await Promise.all([...talk, ...jumps, deaths]);
  await until(() => people.every((one) => one.lines.length >= PEOPLE * LINES), 'all lines', 120000)
    .catch((error) => { throw new Error(`${error.message}; heard: ${people.map((one) => one.lines.length)}; breaks: ${people.map((one) => one.breaks)}`); });
  await until(() => people.slice(1).every((one) => one.seeks.length >= SEEKS), 'all seeks');

  assert.deepEqual([...host.lines].sort(), people.flatMap((one) => Array.from({ length: LINES }, (_, n) => `${one.id} ${n}`)).sort());
  for (const one of people) {
    assert.deepEqual(one.lines, host.lines, 'all hear the same in the same order');
    assert.deepEqual(one.seeks, one === host ? [] : Array.from({ length: SEEKS }, (_, n) => `s${n}`));
    assert.equal(one.breaks, 0);
  }
});

test('http-svc is killed: who comes back finds what was said, once', async (t) => {
  const PEOPLE = 80; // what they say fits into the tail of the chat
  // A port of its own, to which they can come back.
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.on('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const stack = await Stack.start(t, { torrent: false, room: true, env: { SHARESTREAM_HTTP_LISTEN: `127.0.0.1:${port}` } });
  const people = Array.from({ length: PEOPLE }, (_, i) => {
    const one = new Member(t, stack, `P${i}`, { reconnectionDelay: 100, reconnectionDelayMax: 500 });
    one.lines = new Map(); // by number
    one.take = ({ number, text }) => {
      assert.ok(!one.lines.has(number) || one.lines.get(number) === text);
      one.lines.set(number, text);
    };
    one.heardTwice = 0;
    one.socket.on('chat', (line) => {
      one.heardTwice += one.lines.has(line.number);
      one.take(line);
    });
    // As our page does: it enters anew, and sees what it has missed.
    one.socket.on('connect', async () => {
      if (!one.code) return;
      const { ok, room } = await one.socket.emitWithAck('join', { ...one.identity, code: one.code }).catch(() => ({}));
      if (!ok) return;
      room.chat.forEach(one.take);
      one.back = true;
    });
    return one;
  });
  await people[0].create();
  for (const one of people.slice(1)) await one.join(people[0].code);

  // What is not answered is said again, by the same key, once it is back.
  const said = people.map(async (one, i) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 800));
    for (;;) {
      const answer = await one.socket.timeout(2000).emitWithAck('say', { text: `line of ${i}`, key: 'only' }).catch(() => null);
      if (answer?.ok) return;
      await until(() => one.socket.connected, `${one.name} to come back`);
    }
  });
  await new Promise((resolve) => setTimeout(resolve, 400));
  await stack.http.kill();
  await stack.startHttp();
  await Promise.all(said);
  await until(() => people.every((one) => one.back), 'everybody to come back');
  await until(() => people.every((one) => one.lines.size >= PEOPLE), 'everybody to know all lines')
    .catch((error) => { throw new Error(`${error.message}; known: ${people.map((one) => one.lines.size)}`); });
  for (const one of people) {
    assert.deepEqual([...one.lines.values()].sort(), people.map((_, i) => `line of ${i}`).sort());
    assert.equal(one.heardTwice, 0);
  }
  const { room } = await people[0].join(people[0].code);
  assert.equal(room.members.length, PEOPLE, 'nobody is there twice');
});

test('what it was told while it stood still is done once', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true });
  const one = await client(stack, 'one', 'STILL');
  const two = await client(stack, 'two', 'STILL');
  const id = one.heard.find((message) => message.type === 'NEW_PEER_IN_ROOM').peer.id;
  const say = (n) => one.say({ type: 'SDP_OFFER', toPeerId: id, sdp: { type: 'offer', sdp: `${n}` } });
  stack.room.child.kill('SIGSTOP');
  say(0);
  // Until http-svc gave up waiting for an answer: what it tells again is the same.
  await until(async () => (await stack.metric('sharestream_http_gateway_deliveries_failed_total')) > 0, 'the call to end');
  say(1);
  stack.room.child.kill('SIGCONT');
  await until(() => offers(two).length >= 2, 'both');
  say(2);
  await until(() => offers(two).length >= 3, 'the last');
  assert.deepEqual(offers(two), ['0', '1', '2']);
});

test('somebody who comes after it was killed finds everybody', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true });
  const one = await client(stack, 'one', 'STAYS');
  await client(stack, 'two', 'STAYS');
  await stack.room.kill();
  await stack.startRoom();
  const three = await client(stack, 'three', 'STAYS');
  const members = three.heard.find((message) => message.type === 'ROOM_MEMBERS').members;
  assert.deepEqual(members.map((member) => member.username), ['one', 'two']);
  await until(() => one.heard.filter((message) => message.type === 'NEW_PEER_IN_ROOM').length === 2, 'the first to hear of the third');
});
