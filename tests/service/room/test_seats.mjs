// SPDX-License-Identifier: MIT
//
// Rooms parted among several processes, by seats: nobody who is in one, goes from one to the next, or asks about one notices where it is.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import { until } from '../http/harness.mjs';
import { Cluster, codeOf, Redis, seatOf, talk } from './cluster.mjs';
import { io, Member } from './page_client.mjs';

const msgpack = createRequire(new URL('../http/harness.mjs', import.meta.url))('socket.io-msgpack-parser');

// A cluster with `seats`, of which `processes` run; all fronts speak with each holder.
async function start(t, { seats = 3, processes = seats + 1, env = {} } = {}) {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { rooms: seats + 1, env: { SHARESTREAM_ROOM_SEATS: `${seats}`, SHARESTREAM_ROOM_REQUESTS_PER_S: '0', ...env } });
  for (let i = 0; i < processes; i++) await cluster.startRoom(i);
  const held = Math.min(seats, processes);
  await until(() => cluster.rooms.filter((room) => /msg="rooms opened again"/.test(room.log)).length === held, `${held} seats to be held`);
  await attached(cluster, held);
  return { redis, cluster };
}

function attached(cluster, held) {
  return Promise.all(cluster.fronts.map((front) => until(async () => (await front.metric('sharestream_http_gateways_attached')) >= 2 * held, 'the gateways to know the seats')));
}

const member = (t, cluster, name, i, options = {}) => new Member(t, cluster.fronts[i % cluster.fronts.length], name, { reconnection: false, ...options });

// A room of that code, and people in it by all fronts and both parsers.
async function roomOf(t, cluster, code, count) {
  const all = Array.from({ length: count }, (_, i) => member(t, cluster, `P${i}`, i, i % 3 === 2 ? { parser: msgpack } : {}));
  assert.equal((await all[0].create({ code })).room.code, code);
  for (const one of all.slice(1)) await one.join(code);
  return all;
}

test('people in rooms of all seats talk, and the holders of two are killed one after the other', async (t) => {
  const { cluster } = await start(t);
  const rooms = [];
  for (let seat = 0; seat < 3; seat++) rooms.push(await roomOf(t, cluster, codeOf(seat, 3), 8));
  // Who makes a room without a name for it gets one of the seat where it is; those begin here and there.
  const made = new Set();
  for (let i = 0; i < 12; i++) made.add(seatOf((await member(t, cluster, `M${i}`, i).create()).room.code, 3));
  assert.deepEqual([...made].sort(), [0, 1, 2]);

  for (const seat of [1, 2]) {
    const first = await cluster.seat(seat);
    await Promise.all(rooms.map((all, i) => talk(all, seat === 1 ? 3 : 2, async () => {
      if (i !== seat) return;
      await new Promise((resolve) => setTimeout(resolve, 300));
      await first.kill();
      await cluster.seat(seat, first);
    })));
    await cluster.startRoom(cluster.rooms.indexOf(first));
    await attached(cluster, 3);
  }
  for (const front of cluster.fronts) {
    assert.ok((await front.metric('sharestream_http_gateway_moved_total')) > 0, 'some began elsewhere');
    assert.equal(await front.metric('sharestream_http_gateway_events_lost_total'), 0);
  }
});

test('who goes from a room to one of another seat says things on the way: all of it in order, once', async (t) => {
  const { cluster } = await start(t, { seats: 2, processes: 2 });
  const codes = [codeOf(0, 2), codeOf(1, 2)];
  const hosts = [];
  for (const [i, code] of codes.entries()) hosts.push((await roomOf(t, cluster, code, 1 + i))[0]);
  const walkers = Array.from({ length: 6 }, (_, i) => member(t, cluster, `W${i}`, i, i % 2 === 1 ? { parser: msgpack } : {}));
  for (const one of walkers) await one.does('time');
  const expected = [[], []];
  for (let round = 0; round < 4; round++) {
    // Nobody waits for an answer: what follows is on its way when the connection moves.
    const answers = walkers.map((one, i) => {
      const to = (round + i) % 2;
      const entered = one.join(codes[to]);
      for (let n = 0; n < 2; n++) {
        one.socket.emit('say', { text: `${one.name} ${round} ${n}` });
        expected[to].push(`${one.name} ${round} ${n}`);
      }
      return entered;
    });
    for (const [i, { room }] of (await Promise.all(answers)).entries()) assert.equal(room.code, codes[(round + i) % 2]);
  }
  for (const [i, host] of hosts.entries()) {
    const heard = () => host.heard.filter(([event]) => event === 'chat').map(([, line]) => line.text);
    await until(() => heard().length >= expected[i].length, 'all lines').catch((error) => { throw new Error(`${error.message}: ${heard()} of ${expected[i]}`); });
    for (const { name } of walkers) {
      const of = (lines) => lines.filter((text) => text.startsWith(`${name} `));
      assert.deepEqual(of(heard()), of(expected[i]), `what ${name} said in room ${i}`);
    }
    await until(async () => {
      const { json } = await cluster.fronts[0].json('GET', `/api/v1/rooms/${codes[i]}`);
      return json.members.filter(({ presence }) => presence === 'here' || presence === undefined).length === 1 + i + 3;
    }, 'three of the walkers to be in each').catch(async (error) => { throw new Error(`${error.message} ${(await cluster.fronts[0].get(`/api/v1/rooms/${codes[i]}`)).body}`); });
  }
  assert.ok(walkers.every((one) => one.reason === undefined), 'no connection broke');
});

test('holders on both sides are killed while people go from one to the other', async (t) => {
  const { cluster } = await start(t, { seats: 2, processes: 3 });
  const codes = [codeOf(0, 2), codeOf(1, 2)];
  const hosts = [];
  for (const code of codes) hosts.push((await roomOf(t, cluster, code, 1))[0]);
  const walkers = Array.from({ length: 8 }, (_, i) => member(t, cluster, `W${i}`, i));
  for (const one of walkers) await one.does('time');
  const expected = [[], []];
  let isOver = false;
  const walk = Promise.all(walkers.map(async (one, i) => {
    for (let round = 0; !isOver; round++) {
      const to = (round + i) % 2;
      const { room } = await one.join(codes[to]);
      assert.equal(room.code, codes[to]);
      one.socket.emit('say', { text: `${one.name} ${round}` });
      expected[to].push(`${one.name} ${round}`);
      await new Promise((resolve) => setTimeout(resolve, 250 + Math.random() * 100));
    }
  }));
  for (const seat of [0, 1]) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const holder = await cluster.seat(seat);
    await holder.kill();
    await cluster.seat(seat, holder);
    await cluster.startRoom(cluster.rooms.indexOf(holder));
  }
  isOver = true;
  await walk;
  for (const [i, host] of hosts.entries()) {
    const heard = () => host.heard.filter(([event]) => event === 'chat').map(([, line]) => line.text);
    await until(() => heard().length >= expected[i].length, 'all lines').catch((error) => { throw new Error(`${error.message}: missing ${expected[i].filter((text) => !heard().includes(text))}`); });
    for (const { name } of walkers) {
      const of = (lines) => lines.filter((text) => text.startsWith(`${name} `));
      assert.deepEqual(of(heard()), of(expected[i]), `what ${name} said in room ${i}`);
    }
  }
  assert.ok([...walkers, ...hosts].every((one) => one.reason === undefined), 'no connection broke');
});

// One of the dialect, connected by that front.
const dialects = {
  async signal(t, front, name, code) {
    const socket = io(`http://127.0.0.1:${front.port}`, { transports: ['websocket'], forceNew: true, reconnection: false });
    t.after(() => socket.io._close());
    const heard = [];
    socket.on('chat-message', ({ text }) => heard.push(text));
    const entered = await socket.timeout(20000).emitWithAck('create-room', { requestedCode: code, participantId: `signal-${name}`, name });
    const joined = entered.room?.code === code ? entered : await socket.timeout(20000).emitWithAck('join-room', { code, participantId: `signal-${name}`, name });
    assert.equal(joined.room?.code, code, JSON.stringify(joined));
    return { heard, say: (text) => socket.emit('chat-message', { text }) };
  },
  async streamshare(t, front, name, code) {
    const socket = io(`http://127.0.0.1:${front.port}`, { transports: ['websocket'], forceNew: true, reconnection: false });
    t.after(() => socket.io._close());
    const heard = [];
    socket.on('message', (message) => heard.push(message.command === 'SYNC' ? message.text : message.command));
    socket.send({ command: 'JOIN', name, roomId: code });
    await until(() => heard.includes('HELLO'), 'HELLO');
    return { heard, say: (text) => socket.send({ command: 'SYNC', text }) };
  },
  async p2p(t, front, name, code) {
    const ws = await front.socket('/ws');
    t.after(() => ws.terminate?.());
    const heard = [];
    ws.send(JSON.stringify({ type: 'IDENTIFY', username: name }));
    ws.send(JSON.stringify({ type: 'JOIN_ROOM', roomId: code }));
    assert.equal(JSON.parse((await ws.next()).data).type, 'AUTH_SUCCESS');
    const { type, members } = JSON.parse((await ws.next()).data);
    assert.equal(type, 'ROOM_MEMBERS');
    (async () => { for (;;) { const { sdp } = JSON.parse((await ws.next()).data); if (sdp) heard.push(sdp.sdp); } })().catch(() => {});
    return { heard, members, say: (text) => ws.send(JSON.stringify({ type: 'SDP_OFFER', toPeerId: members[0].id, sdp: { type: 'offer', sdp: text } })) };
  },
};

test('every dialect meets in rooms of other seats, and the hub of all in one place', async (t) => {
  const { cluster } = await start(t, { seats: 3, processes: 3 });
  for (const [dialect, connect] of Object.entries(dialects))
    for (let seat = 0; seat < 3; seat++) {
      const code = codeOf(seat, 3);
      const [ann, bob] = [await connect(t, cluster.fronts[0], `Ann${seat}`, code), await connect(t, cluster.fronts[1], `Bob${seat}`, code)];
      bob.say(`${dialect} to ${code}`);
      await until(() => ann.heard.includes(`${dialect} to ${code}`), `a line of ${dialect} at seat ${seat}`).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(ann.heard)}`); });
    }
  const apes = [];
  for (let i = 0; i < 6; i++) apes.push(await cluster.fronts[i % 2].socket('/monkey/ws'));
  // Each says something until it hears itself: then it is there.
  for (const [i, ape] of apes.entries()) {
    ape.send(`{"type":"here","data":${i}}`);
    for (let heard; heard !== i;) heard = JSON.parse((await ape.next()).data).data;
  }
  apes[5].send('{"type":"to","data":"all"}');
  for (const ape of apes) for (let heard; heard !== 'all';) heard = JSON.parse((await ape.next()).data).data;
});

test('the operator and plain HTTP find rooms wherever they are', async (t) => {
  const { cluster } = await start(t, { seats: 3, processes: 3 });
  const [front, other] = cluster.fronts, codes = [];
  for (let i = 0; i < 9; i++) {
    const { status, json } = await front.json('POST', '/api/v1/rooms', i < 3 ? { code: codeOf(i, 3).toLowerCase() } : {});
    assert.equal(status, 201, JSON.stringify(json));
    codes.push(json.code);
  }
  codes.sort();
  assert.equal(new Set(codes.map((code) => seatOf(code, 3))).size, 3);
  for (const code of codes) {
    assert.equal((await other.json('GET', `/api/v1/rooms/${code.toLowerCase()}`)).json.code, code);
    for (let i = 0; i < 3; i++) assert.equal((await other.json('GET', `/api/room/${code.toLowerCase()}`)).json.code, code);
  }
  const pages = [];
  for (let after = ''; after !== undefined;) {
    const { json } = await other.json('GET', `/api/v1/rooms?limit=4${after && `&after=${after}`}`);
    assert.equal(json.total, 9);
    pages.push(json.rooms.map(({ code }) => code));
    after = json.next || undefined;
  }
  assert.deepEqual(pages, [codes.slice(0, 4), codes.slice(4, 8), codes.slice(8)]);
  for (const code of codes) assert.match(await cluster.cli('room', 'show', code), new RegExp(code));
  const listed = await cluster.cli('rooms');
  for (const code of codes) assert.match(listed, new RegExp(code));
  assert.equal((await front.json('DELETE', `/api/v1/rooms/${codes[4]}`)).status, 204);
  assert.equal((await other.json('GET', `/api/v1/rooms/${codes[4]}`)).status, 404);
});

test('a seat that nobody holds: its rooms are away and that is said, the others go on', async (t) => {
  const { cluster } = await start(t, { seats: 3, processes: 2, env: { SHARESTREAM_ROOM_REDIS_LEASE: '500ms' } });
  const held = cluster.rooms.map((room) => Number(/rooms opened again" rooms=\d+ seat=(\d)/.exec(room.log)[1]));
  const [missing] = [0, 1, 2].filter((seat) => !held.includes(seat));
  for (const room of cluster.rooms) await until(() => /msg=degraded why="nobody holds some seats/.test(room.log), 'it to be degraded');
  const code = codeOf(missing, 3);
  const ann = member(t, cluster, 'Ann', 0);
  await ann.isRefused('room_away', 'join', { ...ann.identity, code });
  await ann.isRefused('room_away', 'create', { ...ann.identity, code });
  const { status, json } = await cluster.fronts[0].json('GET', `/api/v1/rooms/${code}`);
  assert.deepEqual([status, json.error.code], [503, 'unavailable']);
  assert.match(json.error.message, /nobody holds that part of room/);
  assert.equal(await cluster.fronts[0].metric('sharestream_room_seats_free', 'room'), 1);
  // The others are as ever.
  const all = await roomOf(t, cluster, codeOf(held[0], 3), 3);
  await talk(all, 1, async () => {});
  await cluster.startRoom(2);
  await cluster.seat(missing);
  await until(() => cluster.rooms.slice(0, 2).every((room) => /msg="well again" was="nobody holds some seats/.test(room.log)), 'the others to be well again');
  await ann.create({ code });
});

test('several seats without Redis are refused', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { fronts: 0 });
  await assert.rejects(cluster.startRoom(0, { SHARESTREAM_ROOM_SEATS: '2', SHARESTREAM_ROOM_REDIS_URL: '' }), /room\.redis_url is missing/);
  assert.equal(cluster.rooms[0].exited.code, 78);
  cluster.rooms[0].mayGiveUp = true;
});

// What that many seats there are from now on, as whoever starts last says.
async function grow(cluster, instance, seats) {
  const room = await cluster.startRoom(instance, { SHARESTREAM_ROOM_SEATS: `${seats}` });
  for (let seat = 0; seat < seats; seat++) await cluster.seat(seat);
  return room;
}

// Each room is with the seat that is to have it.
function settled(cluster, seats) {
  return until(async () => {
    const holders = cluster.rooms.filter((room) => !room.exited && new RegExp(`msg="(rooms opened again|rooms are parted anew)".* seats=${seats}\\b`).test(room.log));
    return holders.length >= seats;
  }, `${seats} seats`);
}

test('one seat becomes two, then four, then one again, while people talk', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { rooms: 5 });
  await cluster.startRoom(0);
  await cluster.reached();
  const rooms = [];
  for (let i = 0; i < 8; i++) rooms.push(await roomOf(t, cluster, codeOf(i % 4, 4), 4));
  // One alone has them where they were before there were seats.
  assert.match(await redis.ask('EXISTS sharestream:{rooms}:parts sharestream:{rooms}:gateways'), /^:2/);
  assert.match(await redis.ask('EXISTS sharestream:{rooms}:seats'), /^:0/);
  const all = (lines, meanwhile) => Promise.all(rooms.map((people, i) => talk(people, lines, async () => {
    if (i > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
    await meanwhile();
  })));
  // Who comes meanwhile finds his room wherever it is just then.
  let isOver = false;
  const coming = (async () => {
    for (let n = 0; !isOver; n++) {
      const [{ code }] = rooms[n % 8], one = member(t, cluster, `N${n}`, n);
      assert.equal((await one.join(code)).room.code, code);
      await one.does('leave');
      one.socket.disconnect();
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })();
  const moved = async () => { let sum = 0; for (const front of cluster.fronts) sum += await front.metric('sharestream_http_gateway_moved_total'); return sum; };

  await all(3, () => grow(cluster, 1, 2));
  await settled(cluster, 2);
  await until(async () => (await moved()) >= 16, 'the people of half of the rooms to follow');
  await all(2, async () => { cluster.startRoom(2, { SHARESTREAM_ROOM_SEATS: '4' }); await grow(cluster, 3, 4); });
  await settled(cluster, 4);
  await until(async () => (await moved()) >= 32, 'the people of half of the rooms to follow again');

  // Down again: those that hold no seat any more begin anew, as standbys.
  for (const room of cluster.rooms) room.mayGiveUp = true;
  await all(2, () => cluster.startRoom(4, { SHARESTREAM_ROOM_SEATS: '1' }));
  await until(() => cluster.rooms.filter((room) => /its seat is none any more/.test(room.log)).length === 3, 'three to leave their seats');
  await all(1, async () => {});
  isOver = true;
  await coming;
  for (const front of cluster.fronts) {
    const { json } = await front.json('GET', '/api/v1/rooms');
    assert.deepEqual(json.rooms.map(({ code }) => code), rooms.map(([{ code }]) => code).sort());
  }
  // What was said is all there, and nobody was ever taken for gone.
  for (const people of rooms) {
    const { room } = await people[0].join(people[0].code);
    assert.equal(room.chat.length, 4 * 8);
    for (const one of people)
      assert.deepEqual(one.heard.filter(([event, what]) => event === 'expelled' || (/left|member/.test(event) && /^p/.test(what.id ?? what.member.id) && !what.member?.isHere)), []);
  }
});

test('a holder is killed while the number of seats changes', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { rooms: 3 });
  await cluster.startRoom(0);
  await cluster.reached();
  const rooms = [];
  for (let i = 0; i < 6; i++) rooms.push(await roomOf(t, cluster, codeOf(i % 2, 2), 4));
  for (const seats of [2, 1]) {
    for (const room of cluster.rooms) room.mayGiveUp = true;
    await Promise.all(rooms.map((people, i) => talk(people, 2, async () => {
      if (i > 0) return;
      await cluster.startRoom(seats === 2 ? 1 : 2, { SHARESTREAM_ROOM_SEATS: `${seats}` });
      const giver = await until(() => cluster.rooms.find((room) => !room.exited && new RegExp(`msg="rooms are parted anew" seats=${seats} `).test(room.log)), 'rooms to be parted anew');
      await giver.kill();
      await cluster.startRoom(cluster.rooms.indexOf(giver), { SHARESTREAM_ROOM_SEATS: `${seats}` });
    })));
  }
  for (const room of cluster.rooms) room.mayGiveUp = true;
  // Whoever took the seat over that is none any more gives its rooms away as well.
  const codes = rooms.map(([{ code }]) => code).sort().join();
  await until(async () => (await cluster.fronts[0].json('GET', '/api/v1/rooms')).json.rooms?.map(({ code }) => code).join() === codes, `${codes} to be listed`);
  await Promise.all(rooms.map((people) => talk(people, 1, async () => {})));
});

// Prolonged by SEATS_CHAOS_S, in seconds.
test('processes are killed and started with any number of seats, at random, while people talk', async (t) => {
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms)), any = (count) => Math.floor(Math.random() * count);
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, { rooms: 5 });
  const begin = async (i, seats) => { (await cluster.startRoom(i, { SHARESTREAM_ROOM_SEATS: `${seats}` })).mayGiveUp = true; };
  for (let i = 0; i < 5; i++) await begin(i, 1);
  await cluster.reached();
  const rooms = [];
  for (let i = 0; i < 6; i++) rooms.push(await roomOf(t, cluster, codeOf(i % 3, 3), 4));
  let isOver = false;
  // A line a second is what one may say; each is acknowledged at some time.
  const talking = rooms.flatMap((people) => people.map(async (one, i) => {
    one.lines = [];
    while (!isOver) {
      await pause(1050 + any(400));
      one.lines.push(`${i} ${one.lines.length}`);
      one.socket.emit('say', { text: one.lines.at(-1) });
    }
  }));
  for (const until = Date.now() + 1000 * (process.env.SEATS_CHAOS_S ?? 8); Date.now() < until;) {
    await pause(1000 + any(2000));
    const i = any(5), seats = 1 + any(3);
    if (any(2)) await cluster.rooms[i].kill();
    else await cluster.rooms[i].stop();
    // As whoever supervises them would do.
    for (let j = 0; j < 5; j++) if (cluster.rooms[j].exited) await begin(j, seats);
  }
  isOver = true;
  await Promise.all(talking);
  for (const people of rooms) {
    const heard = (one) => one.heard.filter(([event]) => event === 'chat').map(([, { text }]) => text);
    const count = people.reduce((sum, { lines }) => sum + lines.length, 0);
    await until(() => people.every((one) => heard(one).length >= count), `${count} lines`).catch((error) => { throw new Error(`${error.message}; heard ${people.map((one) => heard(one).length)}`); });
    for (const [i, one] of people.entries()) {
      assert.deepEqual(heard(one), heard(people[0]), 'all hear the same');
      assert.deepEqual(heard(one).filter((text) => text.startsWith(`${i} `)), one.lines);
      assert.equal(one.reason, undefined, 'no connection broke');
    }
  }
});
