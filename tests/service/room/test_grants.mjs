// SPDX-License-Identifier: MIT
//
// Guests of a room on a server that wants a token: by what they see its film, and what they may put into its queue.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HASH, OTHER, Stack, until } from '../http/harness.mjs';
import { Member } from './page_client.mjs';

const TOKEN = 'correct-horse', UNKNOWN = 'e'.repeat(40), authorization = `Bearer ${TOKEN}`;

async function start(t, env = {}) {
  const stack = await Stack.start(t, { room: true, env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN, ...env } });
  for (const hash of [HASH, OTHER]) {
    await stack.fake.say(`torrent ${hash} 65536 1000`);
    await stack.fake.say(`ready ${hash} 0 0`);
  }
  return stack;
}

async function roomWith(stack, source) {
  const { status, json } = await stack.json('POST', '/api/v1/rooms', { source }, { authorization });
  assert.equal(status, 201);
  return json.code;
}

// What the grant opens.
async function opens(stack, { infoHash, query }, status = 200) {
  for (const target of [`/api/v1/torrents/${infoHash}`, `/stream/${infoHash}/0`]) {
    assert.equal((await stack.get(target)).status, 401, target);
    assert.equal((await stack.get(`${target}?${query}`)).status, status, target);
  }
}

const operator = (t, stack, name) => new Member(t, stack, name, { query: { token: TOKEN } });

test('members are granted the film that plays, and the next one when it does', async (t) => {
  const stack = await start(t), code = await roomWith(stack, HASH), ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  const entered = await ann.join(code), first = entered.grants[0] ?? await ann.hears('grant');
  assert.equal(first.infoHash, HASH);
  assert.ok(first.untilMs > Date.now());
  await opens(stack, first);
  await opens(stack, { infoHash: OTHER, query: first.query }, 403);
  assert.deepEqual((await bob.join(code)).grants, [first], 'who comes later has the same one at once');

  await ann.does('queueAdd', { source: OTHER });
  assert.ok(!(await bob.names()).includes('grant'), 'not for what does not play yet');
  await ann.does('queueNext');
  const second = await bob.hears('grant');
  assert.equal(second.infoHash, OTHER);
  await opens(stack, second);
  await ann.does('queueNext');
  assert.deepEqual((await bob.join(code)).grants, [], 'nothing plays');
});

test('who is not in yet is granted nothing', async (t) => {
  const stack = await start(t), code = await roomWith(stack, HASH), ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  await ann.join(code);
  await ann.does('password', { password: 'open sesame' });
  await bob.isRefused('password_needed', 'join', { ...bob.identity, code });
  await ann.does('password');
  const { room } = await ann.join(code);
  await ann.does('configure', { ...room.choices, needsApproval: true });
  await bob.does('knock', { ...bob.identity, code });
  await ann.does('queueAdd', { source: OTHER });
  await ann.does('queueNext');
  await ann.hears('grant', ({ infoHash }) => infoHash === OTHER);
  assert.deepEqual(await bob.names(), []);
});

test('without a token there is nothing to grant', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_ADMIN_TOKEN: '' }), ann = new Member(t, stack, 'Ann');
  await ann.create();
  await ann.does('queueAdd', { source: HASH });
  assert.deepEqual((await ann.join(ann.code)).grants, []);
  assert.ok(!(await ann.names()).includes('grant'));
  await ann.does('queueAdd', { source: UNKNOWN });
});

test('a grant is renewed before it ends, also by the next life of room-svc', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_GRANT_LIFETIME: '10s' }), code = await roomWith(stack, HASH), ann = new Member(t, stack, 'Ann');
  const entered = await ann.join(code), first = entered.grants[0] ?? await ann.hears('grant');
  const second = await ann.hears('grant', ({ untilMs }) => untilMs > first.untilMs);
  await opens(stack, second);
  await until(async () => (await stack.get(`/stream/${HASH}/0?${first.query}`)).status === 403, 'the first one to end');
  stack.room.mayDie = true;
  await stack.room.kill();
  await stack.startRoom();
  const third = await ann.hears('grant', ({ untilMs }) => untilMs > second.untilMs);
  await opens(stack, third);
});

test('guests queue what the server has', async (t) => {
  const stack = await start(t), ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  const { room } = await ann.create();
  const { adds } = await stack.fake.counts();
  assert.match(await ann.isRefused('not_on_server', 'queueAdd', { source: UNKNOWN }), /admin token/);
  await ann.isRefused('not_on_server', 'queueAdd', { source: `magnet:?xt=urn:btih:${UNKNOWN}&dn=Film` });
  await ann.does('queueAdd', { source: `magnet:?xt=urn:btih:${HASH}` });
  const [item] = (await ann.hears('queue')).queue;
  assert.deepEqual([item.infoHash, item.name], [HASH, 'Fake torrent'], 'by the name that the server knows');
  await ann.does('queueAdd', { source: OTHER, name: 'Mine' });
  assert.equal((await ann.hears('queue')).queue[1].name, 'Mine');
  await ann.does('queueAdd', { source: 'https://films.example/a.mp4' });
  await bob.join(ann.code);
  assert.deepEqual(room.choices.mayQueue, 'moderator');
  await bob.isRefused('not_allowed', 'queueAdd', { source: HASH });
  await ann.isRefused('invalid', 'queueAdd', { source: 'nonsense' });
  // One question at a time of each, and who left while it was asked gets nothing.
  await stack.fake.say('mute on');
  const lost = ann.ask('queueAdd', { source: HASH });
  await ann.isRefused('too_fast', 'queueAdd', { source: HASH });
  await ann.does('leave');
  assert.equal((await lost).error.code, 'room_not_found');
  assert.equal((await stack.fake.counts()).adds, adds, 'nothing was added');
});

test('while torrent-svc is away guests hear that nobody can look', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true, env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN } }), ann = new Member(t, stack, 'Ann');
  await ann.create();
  await ann.isRefused('unavailable', 'queueAdd', { source: HASH });
});

test('what the operator queues is added when it is played, by whichever life', async (t) => {
  const stack = await start(t), ann = operator(t, stack, 'Ann'), eve = new Member(t, stack, 'Eve', { query: { token: 'guessed' } });
  const adds = async () => (await stack.fake.counts()).adds;
  await ann.create();
  await ann.does('queueAdd', { source: HASH });
  await until(async () => (await adds()) === 1, 'the film to be added');
  await ann.does('queueAdd', { source: UNKNOWN });
  await ann.names();
  assert.equal(await adds(), 1, 'not yet');
  await eve.join(ann.code);
  await ann.does('role', { id: eve.id, role: 'moderator' });
  await eve.isRefused('not_on_server', 'queueAdd', { source: 'd'.repeat(40) });
  stack.room.mayDie = true;
  await stack.room.kill();
  await stack.startRoom();
  await eve.does('queueNext');
  await until(async () => (await adds()) === 2, 'the next film to be added');
  // Once is enough, also when it did not go well; and who the operator is has been told again.
  await ann.does('queueAdd', { source: 'd'.repeat(40) });
  await ann.names();
  assert.equal(await adds(), 2);
});

test('guests may add films where the operator lets them', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_GUESTS_MAY_ADD: 'true' }), ann = new Member(t, stack, 'Ann');
  await ann.create();
  await ann.does('queueAdd', { source: UNKNOWN });
  await until(async () => (await stack.fake.counts()).adds === 1, 'the film to be added');
});
