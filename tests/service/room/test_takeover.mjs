// SPDX-License-Identifier: MIT
//
// Rooms in Redis: one process holds them, others stand by. Whatever happens to it, nobody in a room notices.
import assert from 'node:assert/strict';
import test from 'node:test';
import { until } from '../http/harness.mjs';
import { Cluster, Line, Redis, talk } from './cluster.mjs';
import { Member } from './page_client.mjs';

async function people(t, cluster, count) {
  const all = Array.from({ length: count }, (_, i) => new Member(t, cluster.fronts[i % cluster.fronts.length], `P${i}`, { reconnection: false }));
  await all[0].create();
  for (const one of all.slice(1)) await one.join(all[0].code);
  return all;
}

test('the holder is killed while fifty people talk by two fronts: another one goes on', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis);
  await cluster.startRoom(0);
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 50);
  const first = await cluster.holder();
  await talk(all, 4, async () => {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await first.kill();
    await cluster.holder(first);
  });
  const second = await cluster.holder();
  assert.notEqual(second, first);

  // The first comes back, as a standby, and takes over when the second is stopped.
  await cluster.startRoom(cluster.rooms.indexOf(first));
  await talk(all, 2, async () => {
    await second.stop();
    await cluster.holder(second);
  });
  assert.equal(second.exited.code, 0);
  // Whoever asks finds who holds them.
  for (const front of cluster.fronts) {
    const { json } = await front.json('GET', '/api/v1/rooms');
    assert.deepEqual(json.rooms.map((room) => room.code), [all[0].code]);
  }
  await cluster.startRoom(cluster.rooms.indexOf(second));
  assert.match(await cluster.cli('rooms'), new RegExp(all[0].code));
});

test('who stood still for longer than the lease says nothing more', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis);
  await cluster.startRoom(0);
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 6);
  const first = await cluster.holder();
  await talk(all, 4, async () => {
    first.child.kill('SIGSTOP');
    await cluster.holder(first);
    first.child.kill('SIGCONT');
    await until(() => first.exited, 'it to end');
  });
  assert.match(first.log, /msg="gives up" instance=room\.\d why="another process has taken the rooms"/);
  assert.equal(first.exited.code, 75);
});

test('the holder alone is cut off from Redis: another one goes on, and it ends when it learns of that', async (t) => {
  const redis = await Redis.start(t);
  const line = await Line.start(t, redis.port);
  const cluster = await Cluster.start(t, redis);
  const first = await cluster.startRoom(0, { SHARESTREAM_ROOM_REDIS_URL: line.url });
  await cluster.holder();
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 6);
  await talk(all, 1, async () => {});
  line.cut();
  const second = await cluster.holder(first);
  assert.notEqual(second, first);
  await cluster.attached(second);
  await talk(all, 3, async () => {
    line.mend();
    await until(() => first.exited, 'it to end');
  });
  assert.match(first.log, /another process has taken the rooms/);
});

// So that who holds them is back in time also on a slow machine.
const slow = { env: { SHARESTREAM_ROOM_REDIS_LEASE: '2s' } };

test('Redis is gone for a while: rooms go on, and are written when it is back', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis, slow);
  await cluster.startRoom(0);
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 6);
  const first = await cluster.holder();
  await talk(all, 3, async () => {
    await redis.kill();
    await until(() => /msg=degraded why="rooms cannot be stored"/.test(first.log), 'it to be degraded');
  });
  await redis.begin();
  await until(() => /msg="well again" was="rooms cannot be stored"/.test(first.log), 'it to be well again');
  assert.equal(first.exited, undefined, 'nobody else took the rooms');
  // What was said meanwhile is there: another one has it.
  await talk(all, 1, async () => {
    await first.kill();
    await cluster.holder(first);
  });
  const { room } = await all[0].join(all[0].code);
  assert.equal(room.chat.length, 6 * 4);
});

test('the holder dies while Redis is gone: what was not written is lost, and people go on', async (t) => {
  const redis = await Redis.start(t);
  const cluster = await Cluster.start(t, redis);
  await cluster.startRoom(0);
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 4);
  const first = await cluster.holder();
  await talk(all, 2, async () => {});
  await redis.kill();
  await talk(all, 2, async () => {});
  await first.kill();
  await redis.begin();
  await cluster.holder(first);
  await cluster.reached();
  await talk(all, 1, async () => {});
  const { room } = await all[0].join(all[0].code);
  assert.equal(room.chat.length, 4 * 3);
});

test('Redis comes back empty: the holder writes everything again', async (t) => {
  const redis = await Redis.start(t, ['--appendonly', 'no']);
  const cluster = await Cluster.start(t, redis, slow);
  await cluster.startRoom(0);
  await cluster.startRoom(1);
  await cluster.reached();
  const all = await people(t, cluster, 3);
  const first = await cluster.holder();
  await talk(all, 2, async () => {});
  await redis.kill();
  await redis.begin();
  await until(async () => (await redis.ask('EXISTS sharestream:{rooms}:parts')).startsWith(':1'), 'the rooms to be in Redis');
  await talk(all, 1, async () => {
    await first.kill();
    await cluster.holder(first);
  });
  const { room } = await all[0].join(all[0].code);
  assert.equal(room.chat.length, 3 * 3);
});

test('without Redis it stands by and says why; a wrong address is refused', async (t) => {
  const redis = await Redis.start(t);
  await redis.kill();
  const cluster = await Cluster.start(t, redis, { fronts: 1 });
  const room = await cluster.startRoom(0);
  await until(() => /msg=degraded why="the store of the rooms cannot be reached"/.test(room.log), 'it to say so');
  await redis.begin();
  await cluster.reached();
  for (const [url, why] of [['http://127.0.0.1', /is not like redis:/], ['redis://:secret@127.0.0.1', /room\.redis_password/], ['redis://h/x', /is not like redis:/]]) {
    const refused = cluster.startRoom(1, { SHARESTREAM_ROOM_REDIS_URL: url });
    await assert.rejects(refused, why);
    assert.equal(cluster.rooms[1].exited.code, 78);
    cluster.rooms[1].mayGiveUp = true;
    assert.doesNotMatch(cluster.rooms[1].log, /secret/);
  }
});
