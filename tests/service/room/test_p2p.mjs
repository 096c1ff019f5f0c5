// SPDX-License-Identifier: MIT
//
// The dialect of p2p-go-app: what its client would say and hear, to the byte, and what happens to those who say something else.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const start = (t, env = {}) => Stack.start(t, { torrent: false, room: true, env });

// A client at /ws: say() sends an object, hear() gives the next message as text, told() as object.
async function connect(stack, options) {
  const ws = await stack.socket('/ws', options);
  ws.say = (message) => ws.send(JSON.stringify(message));
  ws.hear = async () => (await ws.next()).data;
  ws.told = async () => JSON.parse(await ws.hear());
  return ws;
}

// One that has said who it is.
async function enter(stack, username) {
  const ws = await connect(stack);
  ws.say({ type: 'IDENTIFY', username });
  assert.equal(await ws.hear(), `{"type":"AUTH_SUCCESS","status":"success","username":${JSON.stringify(username)}}`);
  return ws;
}

// One that is in a room; `members` are those who were there, by name and id.
async function join(stack, username, roomId) {
  const ws = await enter(stack, username);
  ws.say({ type: 'JOIN_ROOM', roomId });
  ws.members = (await ws.told()).members;
  return ws;
}

const idOf = (ws, name) => ws.members.find(({ username }) => username === name).id;

// Nothing came before this: a client that joins again is told of that.
async function heardNothing(ws, roomId) {
  ws.say({ type: 'JOIN_ROOM', roomId });
  assert.equal((await ws.told()).type, 'ROOM_MEMBERS');
}

test('two meet in a room and connect', async (t) => {
  const stack = await start(t);
  const ann = await enter(stack, 'Ann');
  ann.say({ type: 'JOIN_ROOM', roomId: 'Movie-Night' });
  assert.equal(await ann.hear(), '{"type":"ROOM_MEMBERS","roomId":"Movie-Night","members":[]}');
  const bob = await enter(stack, 'Böb "B"');
  bob.say({ type: 'JOIN_ROOM', roomId: 'Movie-Night' });
  const list = await bob.hear();
  const [, annId] = /^\{"type":"ROOM_MEMBERS","roomId":"Movie-Night","members":\[\{"id":"([^"]*)","username":"Ann"\}\]\}$/.exec(list);
  assert.match(annId, UUID);
  const [, bobId] = /^\{"type":"NEW_PEER_IN_ROOM","roomId":"Movie-Night","peer":\{"id":"([^"]*)","username":"Böb \\"B\\""\}\}$/.exec(await ann.hear());
  assert.match(bobId, UUID);

  // Who sends is the server's to say, and unknown keys are dropped.
  bob.say({ type: 'SDP_OFFER', fromPeerId: 'forged', toPeerId: annId, sdp: { type: 'offer', sdp: 'v=0\r\né', more: 1 }, extra: true });
  assert.equal(await ann.hear(), `{"type":"SDP_OFFER","fromPeerId":"${bobId}","toPeerId":"${annId}","sdp":{"type":"offer","sdp":"v=0\\r\\né"}}`);
  ann.say({ type: 'SDP_ANSWER', toPeerId: bobId, sdp: { type: 'answer', sdp: 'v=0' } });
  assert.equal(await bob.hear(), `{"type":"SDP_ANSWER","fromPeerId":"${annId}","toPeerId":"${bobId}","sdp":{"type":"answer","sdp":"v=0"}}`);
  for (const [iceCandidate, heard] of [
    [{ candidate: 'candidate:1 1 udp', sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcd' }, { candidate: 'candidate:1 1 udp', sdpMid: '0', sdpMLineIndex: 0 }],
    [{ candidate: 'x', sdpMid: null, sdpMLineIndex: 65535 }, { candidate: 'x', sdpMid: '', sdpMLineIndex: 65535 }],
    [{ candidate: '', sdpMLineIndex: null }, { candidate: '', sdpMid: '', sdpMLineIndex: 0 }],
    [{}, { candidate: '', sdpMid: '', sdpMLineIndex: 0 }],
  ]) {
    bob.say({ type: 'ICE_CANDIDATE', toPeerId: annId, iceCandidate });
    assert.equal(await ann.hear(), JSON.stringify({ type: 'ICE_CANDIDATE', fromPeerId: bobId, toPeerId: annId, iceCandidate: heard }));
  }

  // What is not a candidate or a description goes nowhere.
  for (const message of [
    { type: 'ICE_CANDIDATE', iceCandidate: { candidate: 5 } }, { type: 'ICE_CANDIDATE', iceCandidate: { candidate: 'x', sdpMLineIndex: 65536 } },
    { type: 'ICE_CANDIDATE', iceCandidate: { candidate: 'x', sdpMLineIndex: 0.5 } }, { type: 'ICE_CANDIDATE', iceCandidate: { candidate: 'x', sdpMLineIndex: -1 } },
    { type: 'ICE_CANDIDATE', iceCandidate: 'x' }, { type: 'ICE_CANDIDATE' }, { type: 'SDP_OFFER', sdp: 'v=0' }, { type: 'SDP_OFFER', sdp: { type: 1, sdp: 'x' } },
    { type: 'SDP_OFFER' }, { type: 'SDP_OFFER', iceCandidate: {} }])
    bob.say({ toPeerId: annId, ...message });
  bob.say({ type: 'SDP_OFFER', toPeerId: annId, sdp: { type: 'offer', sdp: 'last' } });
  assert.equal((await ann.told()).sdp.sdp, 'last');
});

test('who cannot be identified is told why, and cut off', async (t) => {
  const stack = await start(t);
  await enter(stack, 'taken');
  const invalid = "Invalid initial message. Expected type 'IDENTIFY'.", empty = 'Username cannot be empty.';
  for (const [first, message] of [
    ['{"type":"JOIN_ROOM","roomId":"x"}', invalid], ['{"username":"x"}', invalid], ['{"type":"identify","username":"x"}', invalid], ['', invalid],
    ['not JSON', invalid], ['[]', invalid], ['{"type":"IDENTIFY","username":5}', invalid], ['{"type":"IDENTIFY","username":"x"', invalid],
    [Buffer.from('{"type":"IDENTIFY","username":"x"}'), invalid],
    ['{"type":"IDENTIFY"}', empty], ['{"type":"IDENTIFY","username":""}', empty], ['{"type":"IDENTIFY","username":null}', empty],
    ['{"type":"IDENTIFY","username":"taken"}', 'Username already taken.'], ['{"username":"\\u0074aken","type":"IDENTIFY"}', 'Username already taken.'],
    [JSON.stringify({ type: 'IDENTIFY', username: 'x'.repeat(65) }), 'Username is too long.'],
  ]) {
    const ws = await connect(stack);
    ws.send(first);
    assert.equal(await ws.hear(), JSON.stringify({ type: 'AUTH_ERROR', status: 'error', username: '', message }), first);
    assert.deepEqual(await ws.closed, { code: 1006, reason: '' }, `${first}: no closing frame`);
  }
  // Names are as they are told.
  await Promise.all(['Taken', ' taken', ' ', 'x'.repeat(64)].map((name) => enter(stack, name)));
});

test('a closing frame is not sent to who is cut off', async (t) => {
  const stack = await start(t);
  const raw = stack.raw('GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
  await until(() => raw.received.includes('\r\n\r\n'), 'the upgrade');
  const ended = new Promise((resolve) => raw.on('end', resolve));
  raw.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x7b, 0x7d])); // {}
  await ended;
  const text = JSON.stringify({ type: 'AUTH_ERROR', status: 'error', username: '', message: "Invalid initial message. Expected type 'IDENTIFY'." });
  const frames = raw.received.subarray(raw.received.indexOf('\r\n\r\n') + 4);
  assert.deepEqual(frames, Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]), 'one message, and nothing behind it');
});

test('who says nothing is cut off without a word, others are not', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_IDENTIFY_TIME: '3s' });
  const ann = await enter(stack, 'Ann'), silent = await connect(stack);
  const words = [];
  silent.on('message', (data) => words.push(data.toString()));
  assert.deepEqual(await silent.closed, { code: 1006, reason: '' });
  assert.deepEqual(words, []);
  assert.equal(await stack.metric('sharestream_room_silent_total', 'room'), 1);
  await heardNothing(ann, 'still here');
});

test('names are free again when their owner has gone', async (t) => {
  const stack = await start(t);
  for (let i = 0; i < 3; i++) {
    const ann = await join(stack, 'Ann', 'room');
    const other = await connect(stack);
    other.say({ type: 'IDENTIFY', username: 'Ann' });
    assert.equal((await other.told()).message, 'Username already taken.');
    ann.close();
    await ann.closed;
    await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 0, 'both to be gone');
  }
});

test('joining again repeats both messages; another room is left', async (t) => {
  const stack = await start(t);
  const ann = await join(stack, 'Ann', 'one'), bob = await join(stack, 'Bob', 'one');
  const bobId = (await ann.told()).peer.id, annId = idOf(bob, 'Ann');
  bob.say({ type: 'JOIN_ROOM', roomId: 'one' });
  assert.deepEqual(await bob.told(), { type: 'ROOM_MEMBERS', roomId: 'one', members: [{ id: annId, username: 'Ann' }] });
  assert.deepEqual(await ann.told(), { type: 'NEW_PEER_IN_ROOM', roomId: 'one', peer: { id: bobId, username: 'Bob' } });

  // Upper and lower case are one room, which each hears of as it wrote it.
  bob.say({ type: 'JOIN_ROOM', roomId: 'ONE' });
  assert.deepEqual(await bob.told(), { type: 'ROOM_MEMBERS', roomId: 'ONE', members: [{ id: annId, username: 'Ann' }] });
  assert.deepEqual(await ann.told(), { type: 'NEW_PEER_IN_ROOM', roomId: 'one', peer: { id: bobId, username: 'Bob' } });
  ann.say({ type: 'JOIN_ROOM', roomId: 'one' });
  assert.equal((await ann.told()).roomId, 'one');
  assert.equal((await bob.told()).roomId, 'ONE');

  bob.say({ type: 'JOIN_ROOM', roomId: 'two' });
  assert.deepEqual(await bob.told(), { type: 'ROOM_MEMBERS', roomId: 'two', members: [] });
  assert.equal(await ann.hear(), `{"type":"PEER_LEFT","roomId":"one","peerId":"${bobId}"}`);
  // Who is in another room cannot be reached.
  bob.say({ type: 'SDP_OFFER', toPeerId: annId, sdp: { type: 'offer', sdp: 'x' } });
  bob.say({ type: 'JOIN_ROOM', roomId: 'one' });
  assert.equal((await bob.told()).type, 'ROOM_MEMBERS');
  assert.equal((await ann.told()).type, 'NEW_PEER_IN_ROOM', 'and not the offer');
  // Two who cross over.
  bob.say({ type: 'JOIN_ROOM', roomId: 'two' });
  ann.say({ type: 'JOIN_ROOM', roomId: 'two' });
  await until(async () => (await ann.told()).roomId === 'two', 'Ann to be in the other room');
  ann.terminate();
  await until(async () => (await bob.told()).type === 'PEER_LEFT', 'Bob to hear that Ann has gone');
});

test('rooms may be called anything', async (t) => {
  const stack = await start(t);
  for (const [i, roomId] of ['a/b?c#d&e<f>"g"\\', 'Größe 映画', ' ', '%', 'x'.repeat(100), '\u0001'].entries()) {
    const ann = await join(stack, `Ann ${i}`, roomId), bob = await join(stack, `Bob ${i}`, roomId);
    assert.deepEqual(ann.members, []);
    assert.deepEqual(bob.members.map(({ username }) => username), [`Ann ${i}`], roomId);
    assert.equal((await ann.told()).roomId, roomId);
  }
});

test('names that are alike are told as they are', async (t) => {
  const stack = await start(t);
  const ann = await join(stack, 'ann', 'room'), other = await join(stack, 'ANN', 'room'), blank = await join(stack, ' ', 'room');
  assert.equal((await ann.told()).peer.username, 'ANN');
  assert.equal((await ann.told()).peer.username, ' ');
  assert.deepEqual(other.members.map(({ username }) => username), ['ann']);
  assert.deepEqual(blank.members.map(({ username }) => username).sort(), ['ANN', 'ann']);
});

test('what makes no sense is ignored, and hurts nobody', async (t) => {
  const stack = await start(t);
  const ann = await join(stack, 'Ann', 'room'), bob = await join(stack, 'Bob', 'room'), eve = await enter(stack, 'Eve');
  const bobId = (await ann.told()).peer.id, annId = idOf(bob, 'Ann');
  for (const rubbish of ['', 'null', '5', '"x"', '[]', '{', '{"type":5}', '{"type":null}', '{"a":1}', '{"type":"IDENTIFY","username":"Other"}', '{"type":"NOPE"}',
    '{"type":"CHAT_MESSAGE","content":"hello"}', '{"type":"JOIN_ROOM"}', '{"type":"JOIN_ROOM","roomId":""}', '{"type":"JOIN_ROOM","roomId":5}',
    JSON.stringify({ type: 'JOIN_ROOM', roomId: 'x'.repeat(151) }), '['.repeat(10000), `{"type":"${'x'.repeat(50000)}"}`,
    Buffer.from('{"type":"JOIN_ROOM","roomId":"room"}'), Buffer.from([0xff, 0]),
    // In no room, nobody can be reached.
    JSON.stringify({ type: 'SDP_OFFER', toPeerId: annId, fromPeerId: bobId, sdp: { type: 'offer', sdp: 'x' } }),
    JSON.stringify({ type: 'ICE_CANDIDATE', toPeerId: 'nobody', iceCandidate: {} })])
    eve.send(rubbish);
  await heardNothing(eve, 'other');
  eve.say({ type: 'SDP_OFFER', toPeerId: annId, sdp: { type: 'offer', sdp: 'x' } });
  eve.send('x'.repeat(70000));
  assert.equal((await eve.closed).code, 1009);
  // To itself, to nobody, to something that is no id.
  for (const toPeerId of [bobId, 'nobody', '', 5, null, 'x'.repeat(1000)]) bob.say({ type: 'SDP_OFFER', toPeerId, sdp: { type: 'offer', sdp: 'x' } });
  bob.say({ type: 'SDP_OFFER', toPeerId: annId, sdp: { type: 'offer', sdp: 'first' } });
  assert.equal((await ann.told()).sdp.sdp, 'first', 'and nothing of what was before');
});

test('a full room is said to be', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_MAX_MEMBERS: '1' });
  await join(stack, 'Ann', 'room');
  const bob = await enter(stack, 'Bob');
  bob.say({ type: 'JOIN_ROOM', roomId: 'room' });
  assert.deepEqual(await bob.told(), { type: 'ROOM_ERROR', roomId: 'room', message: 'The room is full.' });
  await heardNothing(bob, 'another');
});

test('many join, and each pair is introduced once', async (t) => {
  const stack = await start(t);
  const count = 60, peers = [];
  for (let i = 0; i < count; i++) peers.push(await join(stack, `peer ${i}`, 'crowd'));
  for (const [i, peer] of peers.entries()) {
    assert.equal(peer.members.length, i);
    const later = [];
    while (later.length < count - 1 - i) later.push((await peer.told()).peer.username);
    assert.deepEqual(later, Array.from({ length: count - 1 - i }, (_, k) => `peer ${i + 1 + k}`));
  }
});

test('who is where outlives this process, names too', async (t) => {
  const stack = await start(t);
  const ann = await enter(stack, 'Ann');
  await stack.room.kill();
  await stack.startRoom();
  await until(async () => (await stack.metric('sharestream_room_guests', 'room')) === 1, 'the guest to be known again');
  const other = await connect(stack);
  other.say({ type: 'IDENTIFY', username: 'Ann' });
  assert.equal((await other.told()).message, 'Username already taken.');
  await heardNothing(ann, 'room');
});

test('pages of other sites are kept out, of rooms and of the tracker', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_ROOM_ORIGINS: 'https://rooms.example', SHARESTREAM_HTTP_TRACKER_ORIGINS: 'https://peers.example' });
  for (const [target, origin, opens] of [
    ['/ws', 'https://rooms.example', true], ['/ws', 'https://peers.example', false], ['/ws', undefined, true],
    ['/monkey/ws', 'https://rooms.example', true], ['/monkey/ws', 'https://evil.example', false],
    ['/tracker', 'https://peers.example', true], ['/tracker', 'https://rooms.example', false]]) {
    const ws = await stack.socket(target, { origin }).catch(({ message }) => message);
    if (opens) assert.equal(ws.readyState, 1, `${target} ${origin}`);
    else assert.equal(ws, 'Unexpected server response: 403', `${target} ${origin}`);
  }
});
