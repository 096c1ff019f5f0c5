// SPDX-License-Identifier: MIT
//
// The protocol of our own page: everything that it can say, by real clients, and what strangers might.
import assert from 'node:assert/strict';
import test from 'node:test';
import { HASH, Stack, until } from '../http/harness.mjs';
import { Member, io, roomOf } from './page_client.mjs';

async function start(t, env = {}) {
  return Stack.start(t, { torrent: false, room: true, env });
}

const roleOf = (room, id) => room.members.find((member) => member.id === id)?.role;

test('a room is made, entered and left', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_STUN_URLS: 'stun:one.example', SHARESTREAM_ROOM_TURN_URLS: 'turn:relay.example', SHARESTREAM_ROOM_TURN_SECRET: 'x' });
  const ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  const made = await ann.create();
  assert.match(made.room.code, /^[A-Z]{6}$/);
  assert.deepEqual([made.you, roleOf(made.room, ann.id), made.room.hasPassword], [ann.id, 'host', false]);
  assert.deepEqual(made.iceServers.map(({ urls }) => urls), ['stun:one.example', 'turn:relay.example']);
  assert.ok(made.iceServers[1].credential, 'members get credentials');
  assert.ok(Math.abs(made.nowMs - Date.now()) < 60000);

  const came = await bob.join(made.room.code.toLowerCase(), { capabilities: 'plays hevc' });
  assert.deepEqual(came.room.members.map(({ id, role }) => [id, role]), [[ann.id, 'host'], [bob.id, 'viewer']]);
  const { member, change } = await ann.hears('member');
  assert.deepEqual([member.id, member.name, member.capabilities, change], [bob.id, 'Bob', 'plays hevc', 'joined']);
  assert.deepEqual(await bob.names(), [], 'who comes is not told that he came');

  await bob.does('rename', { name: 'Ann' });
  assert.equal((await ann.hears('member')).member.name, 'Ann 2', 'names differ');
  await bob.does('capabilities', { capabilities: '' });
  await bob.does('leave');
  assert.deepEqual(await ann.hears('left'), { id: bob.id, why: 'left' });
  await bob.isRefused('room_not_found', 'say', { text: 'still here?' });
  await ann.does('say', { text: 'alone' });
  assert.ok(!(await bob.names()).includes('chat'), 'who left hears nothing more');
});

test('roles: what each may', async (t) => {
  const stack = await start(t);
  const [ann, bob, cid] = await roomOf(t, stack, 'Ann', 'Bob', 'Cid');
  for (const [event, what] of [['kick', { id: cid.id }], ['ban', { id: cid.id }], ['mute', { id: cid.id, isMuted: true }], ['role', { id: bob.id, role: 'host' }],
    ['password', { password: 'x' }], ['close', {}], ['start', {}], ['queueNext', {}], ['answer', { id: cid.id, admits: true }]])
    await bob.isRefused('not_allowed', event, what);
  await ann.does('role', { id: bob.id, role: 'moderator' });
  assert.equal((await bob.hears('member')).member.role, 'moderator');
  await bob.does('mute', { id: cid.id, isMuted: true });
  assert.equal((await cid.hears('member', ({ member }) => member.id === cid.id)).member.isMuted, true);
  await cid.isRefused('muted', 'say', { text: 'mmh' });
  await bob.isRefused('not_allowed', 'kick', { id: ann.id });
  await bob.isRefused('no_member', 'kick', { id: 'nobody' });

  const { room } = await cid.join(cid.code);
  await cid.isRefused('not_allowed', 'configure', room.choices);
  await ann.isRefused('invalid', 'configure', {}); // all of it at once
  await ann.does('configure', { ...room.choices, title: 'Film night', mayPlay: 'host', mayQueue: 'viewer', stragglers: 'slow' });
  const { choices, by } = await cid.hears('choices');
  assert.deepEqual([choices.title, choices.mayPlay, choices.stragglers, by], ['Film night', 'host', 'slow', ann.id]);
  await bob.isRefused('not_allowed', 'play');
  await cid.does('queueAdd', { source: HASH });

  await ann.does('role', { id: cid.id, role: 'host' });
  assert.deepEqual(await bob.hears('host'), { id: cid.id, moderators: [bob.id, ann.id].sort((a) => (a === ann.id ? -1 : 1)) });
  await ann.isRefused('not_allowed', 'configure', choices);
  await cid.does('close');
  for (const member of [ann, bob, cid]) assert.deepEqual(await member.hears('expelled'), { why: 'closed' });
  await ann.isRefused('room_not_found', 'join', { ...ann.identity, code: ann.code });
});

test('a password, and who guesses', async (t) => {
  const stack = await start(t);
  const [ann] = await roomOf(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  await ann.does('password', { password: 'open sesame' });
  assert.equal((await ann.hears('choices')).hasPassword, true);
  const asks = (password) => ({ ...bob.identity, code: ann.code, password });
  await bob.isRefused('password_needed', 'join', asks());
  await bob.isRefused('password_wrong', 'join', asks('open barley'));
  await bob.join(ann.code, { password: 'open sesame' });
  await bob.does('leave');
  await bob.join(ann.code); // who was let in once need not say it again
  await ann.does('password');
  assert.equal((await ann.hears('choices')).hasPassword, false);
  assert.doesNotMatch(JSON.stringify([ann.heard, bob.heard]), /sesame/);
});

test('who is kicked is out, who is banned stays out', async (t) => {
  const stack = await start(t);
  const [ann, bob, cid] = await roomOf(t, stack, 'Ann', 'Bob', 'Cid');
  await ann.does('kick', { id: bob.id });
  assert.deepEqual(await bob.hears('expelled'), { why: 'kicked' });
  assert.deepEqual(await cid.hears('left'), { id: bob.id, why: 'kicked' });
  await bob.isRefused('room_not_found', 'say', { text: 'hey' });
  await bob.join(ann.code);
  await ann.does('ban', { id: bob.id });
  assert.deepEqual(await bob.hears('expelled'), { why: 'banned' });
  await bob.isRefused('banned', 'join', { ...bob.identity, code: ann.code });
  assert.deepEqual((await ann.join(ann.code)).room.banned.map(({ id }) => id), [bob.id]);
  assert.deepEqual((await cid.join(ann.code)).room.banned, [], 'nothing for viewers');
  await ann.does('unban', { id: bob.id });
  await bob.join(ann.code);
  await ann.does('ban', { id: bob.id, byAddress: true });
  const eve = new Member(t, stack, 'Eve');
  await eve.isRefused('banned', 'join', { ...eve.identity, code: ann.code });
});

test('where it has to be asked, somebody is let in', async (t) => {
  const stack = await start(t, { SHARESTREAM_ROOM_NEEDS_APPROVAL: 'true' });
  const ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob'), cid = new Member(t, stack, 'Cid');
  const { room } = await ann.create();
  const there = (member) => ({ ...member.identity, code: room.code });
  await bob.isRefused('approval_needed', 'join', there(bob));
  await bob.does('knock', there(bob));
  assert.equal((await ann.hears('knock')).name, 'Bob');
  assert.deepEqual((await ann.join(room.code)).room.waiting.map(({ id }) => id), [bob.id]);
  for (const [event, what] of [['say', { text: 'let me in' }], ['queueAdd', { source: HASH }], ['play', {}], ['answer', { id: bob.id, admits: true }], ['rtc', {}]])
    await bob.isRefused('not_allowed', event, what); // not in yet
  await ann.does('say', { text: 'shall we?' });
  assert.deepEqual(await bob.names(), [], 'who waits hears nothing');
  await ann.does('answer', { id: bob.id, admits: true });
  assert.deepEqual(await bob.hears('answered'), { isAdmitted: true });
  assert.deepEqual(await ann.hears('knockOver'), { id: bob.id });
  await bob.join(room.code);
  assert.ok(!(await bob.names()).includes('knock'));

  await cid.does('knock', there(cid));
  await ann.hears('knock');
  assert.deepEqual((await bob.names()).filter((name) => name === 'knock'), [], 'viewers are not asked');
  await ann.does('answer', { id: cid.id, admits: false });
  assert.deepEqual(await cid.hears('answered'), { isAdmitted: false });
  await cid.isRefused('approval_needed', 'join', there(cid));
  await cid.does('knock', there(cid));
  await ann.hears('knock');
  cid.socket.io._close(); // who goes waits no longer
  await ann.hears('knockOver', ({ id }) => id === cid.id);
});

test('lines, reactions, typing', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  const { number } = await ann.does('say', { text: 'hello \u{1f44b} "\\\n', key: 'k1' });
  for (const member of [ann, bob]) {
    const line = await member.hears('chat');
    assert.deepEqual([line.number, line.id, line.name, line.role, line.key, line.text], [number, ann.id, 'Ann', 'host', 'k1', 'hello \u{1f44b} "\\\n']);
  }
  await bob.does('react', { line: number, what: '\u{1f600}' });
  assert.deepEqual(await ann.hears('reaction'), { id: bob.id, line: number, what: '\u{1f600}', isOn: true });
  assert.deepEqual((await ann.join(ann.code)).room.chat[0].reactions, [{ id: bob.id, what: '\u{1f600}' }]);
  await bob.does('react', { line: number, what: '\u{1f600}' });
  assert.equal((await ann.hears('reaction')).isOn, false);
  await bob.does('react', { what: 'wow' });
  assert.deepEqual(await ann.hears('reaction'), { id: bob.id, line: 0, what: 'wow', isOn: true });
  await bob.does('typing', { isOn: true });
  assert.deepEqual(await ann.hears('typing'), { id: bob.id, isOn: true });
  assert.ok(!(await bob.names()).includes('typing'), 'nobody is told that he types himself');
  await bob.isRefused('no_line', 'react', { line: 99, what: 'x' });
  await bob.isRefused('invalid', 'say', { text: ' \n' });
  await bob.isRefused('too_long', 'say', { text: 'x'.repeat(2001) });
  assert.equal((await bob.names()).filter((name) => name === 'chat').length, 0);

  // Nobody talks faster than others can read.
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => bob.ask('say', { text: `${i}` })));
  assert.ok(answers.some(({ ok }) => ok) && answers.some(({ error }) => error?.code === 'too_fast'));
});

test('the queue, and votes for the next film', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  const magnet = `magnet:?xt=urn:btih:${HASH}&dn=One`;
  await bob.isRefused('not_allowed', 'queueAdd', { source: magnet });
  const one = await ann.does('queueAdd', { source: magnet, file: '0', name: 'One', durationMs: 60000 });
  const [item] = (await bob.hears('queue')).queue;
  assert.deepEqual(item, { number: one.number, kind: 'torrent', source: magnet, file: '0', name: 'One', durationMs: 60000, addedBy: ann.id, infoHash: HASH });
  assert.deepEqual([(await bob.hears('clock')).clock.durationMs], [60000]);
  const two = await ann.does('queueAdd', { source: 'https://films.example/two.mp4', name: 'Two' });
  const three = await ann.does('queueAdd', { source: HASH, name: 'Three' });
  assert.deepEqual((await bob.hears('queue', ({ queue }) => queue.length === 3)).queue.map(({ kind }) => kind), ['torrent', 'url', 'torrent']);
  for (const source of ['', 'javascript:alert(1)', 'file:///etc/passwd', 'magnet:?dn=nothing', 'http://', 'not a hash'])
    await ann.isRefused('invalid', 'queueAdd', { source });

  await ann.does('queueMove', { number: three.number, index: 1 });
  assert.deepEqual((await bob.hears('queue', ({ queue }) => queue[1]?.name === 'Three')).queue.map(({ name }) => name), ['One', 'Three', 'Two']);
  await ann.does('queueRemove', { number: three.number });
  await ann.isRefused('no_item', 'queueRemove', { number: three.number });
  await ann.isRefused('invalid', 'queueMove', { number: two.number, index: 7 });

  await ann.does('configure', { ...(await ann.join(ann.code)).room.choices, skipPercent: 100 });
  await bob.does('vote', { wants: true });
  assert.deepEqual(await ann.hears('vote'), { id: bob.id, wants: true, votes: 1, needed: 2 });
  assert.equal((await ann.join(ann.code)).room.members.find(({ id }) => id === bob.id).votesToSkip, true);
  await ann.does('vote', { wants: true });
  await bob.hears('queue', ({ queue }) => queue.length === 1 && queue[0].name === 'Two');
  assert.equal((await bob.hears('clock', ({ cause, clock }) => cause === 'load' && clock.durationMs === 0)).clock.positionMs, 0);
  await ann.does('describe', { name: 'Two and a half', durationMs: 5000 });
  assert.equal((await bob.hears('queue', ({ queue }) => queue[0].name === 'Two and a half')).queue[0].durationMs, 5000);
  await ann.does('queueNext');
  assert.deepEqual((await bob.hears('queue', ({ queue }) => queue.length === 0)).queue, []);
});

test('the clock: the same for all', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  await ann.does('queueAdd', { source: HASH, durationMs: 3600000 });
  const { heardMs, answeredMs } = await bob.does('time');
  assert.ok(heardMs <= answeredMs && Math.abs(answeredMs - Date.now()) < 60000);
  await bob.does('delay', { delayMs: 12.5 });
  await bob.does('play', { key: 'mine' });
  const [first, second] = await Promise.all([ann, bob].map((member) => member.hears('clock', ({ cause }) => cause === 'play')));
  assert.deepEqual(first, second);
  assert.deepEqual([first.by, first.key, first.clock.isPlaying, first.clock.wantsPlay, first.clock.rate, first.clock.positionMs], [bob.id, 'mine', true, true, 1, 0]);
  assert.ok(first.clock.atMs > heardMs, 'begins a little later, so that all have heard');

  await bob.does('seek', { positionMs: 600000 });
  const sought = (await ann.hears('clock', ({ cause }) => cause === 'seek')).clock;
  assert.equal(sought.positionMs, 600000);
  assert.ok(sought.epoch > first.clock.epoch);
  assert.deepEqual((await ann.join(ann.code)).room.clock, sought, 'who comes gets the same');
  await bob.does('undo', { key: 'oops' });
  const undone = await ann.hears('clock', ({ key }) => key === 'oops');
  assert.ok(undone.clock.positionMs < 300000);
  await bob.does('rate', { rate: 1.25 });
  assert.equal((await ann.hears('clock', ({ cause }) => cause === 'rate')).clock.wantedRate, 1.25);
  for (const rate of [0, -1]) await bob.isRefused('invalid', 'rate', { rate });
  await bob.does('pause', { isElsewhere: true, positionMs: 1800000 });
  const paused = (await ann.hears('clock', ({ cause }) => cause === 'pause')).clock;
  assert.deepEqual([paused.isPlaying, paused.positionMs], [false, 1800000], 'who pauses elsewhere means that place');
  await bob.does('report', { epoch: paused.epoch, positionMs: 1800000, bufferedMs: -1 });

  await bob.does('ready');
  assert.deepEqual(await ann.hears('ready'), { id: bob.id, ready: 1, here: 2 });
  await ann.does('start');
  assert.deepEqual(await bob.hears('started'), { by: ann.id });
});

test('all wait for who stalls, and know for whom', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  await ann.does('configure', { ...(await ann.join(ann.code)).room.choices, stragglers: 'wait', waitMs: 30000 });
  await ann.does('queueAdd', { source: HASH, durationMs: 3600000 });
  await ann.does('play');
  const { clock } = await bob.hears('clock', ({ cause }) => cause === 'play');
  // Bob stands still at the beginning, with nothing to play.
  const reports = setInterval(() => bob.socket.emit('report', { epoch: clock.epoch, positionMs: 0, bufferedMs: 0 }), 250);
  t.after(() => clearInterval(reports));
  const held = (await ann.hears('clock', ({ cause }) => cause === 'hold')).clock;
  assert.deepEqual([held.isPlaying, held.wantsPlay, held.waitsFor], [false, true, [bob.id]]);
});

test('browsers are brought together', async (t) => {
  const stack = await start(t);
  const [ann, bob, cid] = await roomOf(t, stack, 'Ann', 'Bob', 'Cid');
  await ann.does('rtc');
  await bob.does('rtc');
  const [toAnn, toBob] = [await ann.hears('rtc'), await bob.hears('rtc')];
  assert.deepEqual([toAnn.id, toBob.id, toAnn.offers !== toBob.offers], [bob.id, ann.id, true]);
  const data = JSON.stringify({ type: 'offer', sdp: 'v=0\r\n', n: 12.0 });
  await ann.does('relay', { to: bob.id, kind: 'offer', data });
  assert.deepEqual(await bob.hears('relay'), { from: ann.id, kind: 'offer', data });
  await ann.does('relay', { to: bob.id, kind: 'candidate', data: 'null' });
  assert.equal((await bob.hears('relay')).data, 'null');
  assert.deepEqual((await cid.names()).filter((name) => name === 'relay'), [], 'nobody else hears it');
  for (const broken of ['', '{', '{"a":1}{"b":2}', 'x', `"${'\\u0000'}`]) await ann.isRefused('invalid', 'relay', { to: bob.id, data: broken });
  await ann.isRefused('invalid', 'relay', { to: bob.id, data: '['.repeat(40) + ']'.repeat(40) });
  await ann.isRefused('too_long', 'relay', { to: bob.id, data: JSON.stringify('x'.repeat(65536)) });
  await ann.isRefused('no_member', 'relay', { to: 'nobody', data: '1' });
  await ann.isRefused('no_member', 'relay', { data: '1' }); // there are two others
});

test('who talks is known to all, and outlives a broken connection', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  await ann.does('call', { call: 'first' });
  for (const one of [ann, bob]) assert.deepEqual(await one.hears('member').then(({ change, member }) => [change, member.id, member.call]), ['changed', ann.id, 'first']);
  await ann.isRefused('too_long', 'call', { call: 'x'.repeat(33) });
  ann.socket.io.engine.close();
  await bob.hears('member', ({ change, member }) => change === 'lost' && member.call === 'first');
  const { room } = await ann.join(ann.code, { call: 'first' });
  assert.deepEqual(room.members.map(({ call }) => call), ['first', '']);
  assert.equal((await bob.hears('member', ({ change }) => change === 'back')).member.call, 'first');
  await ann.does('call');
  assert.equal((await bob.hears('member', ({ change }) => change === 'changed')).member.call, '');
});

test('the operator makes a room, and is heard in it', async (t) => {
  const stack = await start(t), api = '/api/v1/rooms';
  const { json: made } = await stack.json('POST', api, { source: 'https://films.example/a.mp4', durationMs: 60000, password: 'sesame', title: 'Tonight' });
  const ann = new Member(t, stack, 'Ann'), bob = new Member(t, stack, 'Bob');
  await ann.isRefused('password_needed', 'join', { ...ann.identity, code: made.code });
  assert.equal(roleOf((await ann.join(made.code, { password: 'sesame' })).room, ann.id), 'host', 'who comes first');
  await bob.join(made.code, { password: 'sesame' });
  const tell = async (action, what) => assert.ok((await stack.json('POST', `${api}/${made.code}/${action}`, what)).status < 300);
  await tell('say', { text: 'good evening' });
  const line = await bob.hears('chat');
  assert.deepEqual([line.text, line.id, line.name], ['good evening', '', '']);
  await tell('play');
  assert.deepEqual((({ by, clock }) => [by, clock.isPlaying])(await bob.hears('clock')), ['', true]);
  await tell('kick', { id: ann.id, bans: true });
  assert.deepEqual(await ann.hears('expelled'), { why: 'banned' });
  assert.deepEqual((await bob.hears('host')).id, bob.id);
  const { json } = await stack.json('GET', `${api}/${made.code}`);
  assert.deepEqual([json.banned.map(({ id }) => id), json.members.map(({ id }) => id)], [[ann.id], [bob.id]]);
  assert.doesNotMatch(JSON.stringify(json), /the secret of|sesame|127\.0\.0\.1/);
  assert.deepEqual((await stack.json('GET', api)).json.rooms.map(({ code, members, isPlaying }) => [code, members, isPlaying]), [[made.code, 1, true]]);
  assert.equal((await stack.request('DELETE', `${api}/${made.code}`)).status, 204);
  assert.deepEqual(await bob.hears('expelled'), { why: 'closed' });
});

test('who loses the connection comes back as the same', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  await bob.does('say', { text: 'one' });
  ann.socket.io.engine.close();
  const lost = await bob.hears('member', ({ change }) => change === 'lost');
  assert.deepEqual([lost.member.id, lost.member.role, lost.member.isHere], [ann.id, 'host', false]);
  await bob.does('say', { text: 'two' });
  await until(() => ann.socket.connected, 'Ann to connect again');
  ann.heard.length = 0;

  const eve = new Member(t, stack, 'Eve');
  await eve.isRefused('identity_in_use', 'join', { ...ann.identity, code: ann.code, secret: 'a secret of somebody else' });
  await eve.isRefused('invalid', 'join', { id: ann.id, name: 'Ann', code: ann.code });
  await eve.isRefused('identity_in_use', 'create', { ...ann.identity, code: ann.code, secret: 'a secret of somebody else' });

  const { room } = await ann.join(ann.code);
  assert.deepEqual([roleOf(room, ann.id), room.members.length], ['host', 2]);
  assert.deepEqual(room.chat.map(({ text }) => text), ['one', 'two']);
  assert.equal((await bob.hears('member', ({ change }) => change === 'back')).member.id, ann.id);
  await bob.does('say', { text: 'three' });
  assert.equal((await ann.hears('chat')).text, 'three');

  // The same in another tab: the first one is out, and its going is nobody's.
  const tab = new Member(t, stack, 'Ann');
  Object.assign(tab, { id: ann.id, secret: ann.secret });
  bob.heard.length = 0;
  await tab.join(ann.code);
  assert.deepEqual(await ann.hears('expelled'), { why: 'replaced' });
  ann.socket.io._close();
  await until(() => ann.reason, 'the first tab to close');
  await tab.does('say', { text: 'four' });
  await bob.hears('chat');
  assert.deepEqual(await bob.names(), ['member']);
  assert.equal(roleOf((await bob.join(ann.code)).room, ann.id), 'host');
});

test('rooms are apart, and a client is in one', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  const [cid, dan] = await roomOf(t, stack, 'Cid', 'Dan');
  await cid.does('say', { text: 'here' });
  await dan.hears('chat');
  await cid.isRefused('no_member', 'kick', { id: bob.id });
  await cid.isRefused('no_member', 'relay', { to: bob.id, data: '1' });
  assert.deepEqual([await ann.names(), await bob.names()], [[], []]);
  await dan.join(ann.code);
  assert.deepEqual(await cid.hears('left'), { id: dan.id, why: 'left' });
  await cid.does('say', { text: 'there' });
  assert.deepEqual((await dan.names()).filter((name) => name === 'chat'), []);

  // A name of one's own, but nobody takes the room of others by it.
  const eve = new Member(t, stack, 'Eve');
  assert.equal((await eve.create({ code: 'film night' })).room.code, 'FILM NIGHT');
  const fay = new Member(t, stack, 'Fay');
  assert.notEqual((await fay.create({ code: 'FILM NIGHT' })).room.code, 'FILM NIGHT');
  await eve.isRefused('bad_code', 'create', { ...eve.identity, code: 'a/b' });
});

test('what makes no sense is refused, and hurts nobody', async (t) => {
  const stack = await start(t);
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob'), out = new Member(t, stack, 'Out');
  for (const event of ['say', 'kick', 'play', 'leave', 'close', 'queueAdd', 'configure', 'rtc', 'relay', 'answer']) // not in a room: above all not the operator
    await out.isRefused('room_not_found', event);
  await out.isRefused('room_not_found', 'join', { ...out.identity, code: 'NOWHERE' });
  await out.isRefused('too_long', 'join', { ...out.identity, id: 'x'.repeat(65), code: ann.code });
  await out.isRefused('too_long', 'create', { ...out.identity, id: 'x'.repeat(65) });
  await out.isRefused('too_long', 'join', { ...out.identity, capabilities: 'x'.repeat(1025), code: ann.code });
  await out.isRefused('invalid', 'join', { ...out.identity, secret: 'short', code: ann.code });

  assert.match(await bob.isRefused('invalid', 'seek', { positionMs: 'here' }), /positionMs/);
  assert.match(await bob.isRefused('invalid', 'seek', { position: 1 }), /position/);
  for (const what of [{ positionMs: 1.5 }, { positionMs: 1e300 }, { positionMs: {} }, { positionMs: [] }, [], 'text', 7, true, null])
    await bob.isRefused('invalid', 'seek', what);
  for (let i = 0; i < 4; i++) await bob.isRefused('invalid', 'seek', { [`${'x'.repeat(i)}${'\u{1f600}'.repeat(30)}`]: 1 }); // cut anywhere in the answer
  await bob.isRefused('invalid', 'role', { id: ann.id, role: 'emperor' });
  await bob.isRefused('invalid', 'say', { text: 'nul \u0000 byte' });
  await bob.isRefused('invalid', 'say', { text: Buffer.from('bytes') });
  await bob.isRefused('invalid', 'say', { text: 'x'.repeat(900000) });
  for (const event of ['Say', 'sAy', 'toString', '__proto__', 'nothing', 'x'.repeat(1000), ' say']) await bob.isRefused('invalid', event);
  const deep = (depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
  await bob.isRefused('invalid', 'say', { text: deep(12) });
  assert.deepEqual((await bob.ask('say', { text: 'a' }, { text: 'b' })).ok, false, 'one argument');
  bob.socket.emit('say'); // no ack is wanted
  bob.socket.emit('seek', { positionMs: Number.MAX_SAFE_INTEGER });
  bob.socket.emit('report', { epoch: 0, atMs: -Number.MAX_SAFE_INTEGER, positionMs: -Number.MAX_SAFE_INTEGER, bufferedMs: Number.MAX_SAFE_INTEGER });
  await bob.does('delay', { delayMs: -1e300 });

  assert.ok((await ann.hears('clock')).clock.positionMs <= 1 << 30, 'as far as films go');
  assert.deepEqual(await ann.names(), []);
  await bob.does('say', { text: 'all is well' });
  assert.equal((await ann.hears('chat')).text, 'all is well');
  assert.equal(bob.reason, undefined, 'nobody was thrown out');
});

test('people of earlier systems are in the same room', async (t) => {
  const stack = await start(t);
  const [ann] = await roomOf(t, stack, 'Ann');
  // By Socket.IO, in the dialect of the earlier signalling server.
  const bob = io(`http://127.0.0.1:${stack.port}`, { transports: ['websocket'], forceNew: true });
  t.after(() => bob.io._close());
  const heard = [];
  bob.onAny((event, what) => heard.push([event, what]));
  const hears = (name, text = '') => until(() => heard.some(([event, what]) => event === name && JSON.stringify(what).includes(text)), `Bob to hear ${name}`);
  await new Promise((resolve) => bob.emit('join-room', { code: ann.code, participantId: 'bob', name: 'Bob' }, resolve));
  assert.deepEqual(((({ id, name }) => [id, name]))((await ann.hears('member')).member), ['bob', 'Bob']);
  bob.emit('chat-message', { text: 'hello from afar' });
  assert.equal((await ann.hears('chat')).text, 'hello from afar');
  await ann.does('say', { text: 'hello' });
  await hears('chat-message', '"hello"');
  await ann.does('queueAdd', { source: HASH, durationMs: 3600000 });
  await ann.does('play');
  await hears('sync-play');
  bob.emit('sync-seek', { time: 100, actionId: 'a' });
  assert.equal((await ann.hears('clock', ({ cause }) => cause === 'seek')).clock.positionMs, 100000);

  // By a WebSocket, in p2p-go-app's.
  const cid = await stack.socket('/ws');
  await cid.ask(JSON.stringify({ type: 'IDENTIFY', username: 'Cid' }));
  await cid.ask(JSON.stringify({ type: 'JOIN_ROOM', roomId: ann.code }));
  const { member } = await ann.hears('member', (told) => told.member.name === 'Cid');
  const data = JSON.stringify({ type: 'offer', sdp: 'v=0' });
  await ann.does('relay', { to: member.id, kind: 'offer', data });
  assert.deepEqual(JSON.parse((await cid.next()).data), { type: 'SDP_OFFER', fromPeerId: ann.id, toPeerId: member.id, sdp: JSON.parse(data) });
  cid.send(JSON.stringify({ type: 'SDP_ANSWER', toPeerId: ann.id, sdp: { type: 'answer', sdp: 'v=0' } }));
  assert.deepEqual(await ann.hears('relay', ({ from }) => from === member.id), { from: member.id, kind: 'answer', data: '{"type":"answer","sdp":"v=0"}' });
});

test('room-svc is killed while people talk: nobody notices', async (t) => {
  const stack = await start(t), LINES = 8;
  const people = await roomOf(t, stack, 'Ann', 'Bob', 'Cid');
  const { json: made } = await stack.json('POST', '/api/v1/rooms', { title: 'Tomorrow', password: 'sesame' });
  await people[0].does('queueAdd', { source: HASH, durationMs: 60000 });
  const before = (await people[1].join(people[0].code)).room;
  const saying = people.map(async (one) => {
    for (let i = 0; i < LINES; i++) // as fast as one may
      await until(async () => (await one.ask('say', { text: `${one.name} ${i}`, key: `${i}` })).ok, 'a line to be taken');
  });
  await people[0].hears('chat', ({ text }) => text === 'Ann 2');
  await stack.room.kill();
  await stack.startRoom();
  await Promise.all(saying);
  for (const one of people) {
    for (const other of people)
      await until(() => one.heard.some(([event, { text }]) => event === 'chat' && text === `${other.name} ${LINES - 1}`), 'the last line');
    assert.equal(one.reason, undefined, 'no connection broke');
  }
  const lines = people[1].heard.filter(([event]) => event === 'chat').map(([, { number }]) => number);
  assert.deepEqual(lines, Array.from({ length: LINES * people.length }, (_, i) => i + 1), 'each once, in order');
  const after = (await people[1].join(people[0].code)).room;
  assert.deepEqual([after.members, after.queue], [before.members, before.queue]);
  const dan = new Member(t, stack, 'Dan');
  assert.equal((await dan.join(made.code, { password: 'sesame' })).room.choices.title, 'Tomorrow');
});
