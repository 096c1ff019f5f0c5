// SPDX-License-Identifier: MIT
//
// room-svc cannot write: another process holds its database. (A full disk fails in the same way; permissions stop nobody
// who is root.)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';
import { roomOf } from './page_client.mjs';

// Holds the database until the function that it gives is called.
async function lock(t, file) {
  const script = 'import sqlite3, sys\n' +
    'base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)\n' +
    'base.execute("BEGIN IMMEDIATE")\nprint("held", flush=True)\nsys.stdin.read()\n';
  const child = spawn('/usr/bin/python3', ['-c', script, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  t.after(() => child.kill());
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    ended.then(() => reject(new Error('the database cannot be held')));
  });
  return () => { child.stdin.end(); return ended; };
}

const lacks = (stack) => [...stack.room.log.matchAll(/msg=degraded why="(.*?)"/g)].map(([, why]) => why);

test('rooms go on while they cannot be stored, and are stored when they can be', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true });
  const [ann, bob] = await roomOf(t, stack, 'Ann', 'Bob');
  const release = await lock(t, path.join(stack.dir, 'data', 'rooms.db'));
  for (const text of ['one', 'two', 'three']) {
    await ann.does('say', { text });
    await bob.hears('chat', (line) => line.text === text);
  }
  await until(() => lacks(stack).includes('rooms cannot be stored'), 'it to be degraded');
  await until(async () => (await stack.metric('sharestream_room_commits_failed_total', 'room')) > 10, 'more tries');
  assert.match(stack.room.log, /msg="rooms are not stored" error=".*database is locked"/);
  assert.equal(stack.room.log.match(/rooms are not stored/g).length, 1, 'said once');
  await release();
  // Nobody says anything more.
  await until(() => /msg="well again" was="rooms cannot be stored"/.test(stack.room.log), 'it to be well again');

  await stack.room.kill();
  await stack.startRoom();
  const { room } = await bob.join(ann.code);
  assert.deepEqual(room.chat.map((line) => line.text), ['one', 'two', 'three']);
});

test('the gravest of what is missing is told', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true, env: {
    SHARESTREAM_ROOM_CLOUDFLARE_KEY_ID: 'key', SHARESTREAM_ROOM_CLOUDFLARE_TOKEN: 'token', SHARESTREAM_ROOM_CLOUDFLARE_URL: 'https://127.0.0.1:1' } });
  const [ann] = await roomOf(t, stack, 'Ann');
  const told = [];
  const tells = (why) => {
    told.push(why);
    return until(() => lacks(stack).length >= told.length, why);
  };
  await tells('no TURN credentials from Cloudflare');
  const release = await lock(t, path.join(stack.dir, 'data', 'rooms.db'));
  await ann.does('say', { text: 'one' });
  await tells('rooms cannot be stored');
  await until(async () => (await stack.metric('sharestream_room_commits_failed_total', 'room')) > 10, 'some seconds to pass');
  await release();
  await tells('no TURN credentials from Cloudflare');
  assert.deepEqual(lacks(stack), told);
  assert.doesNotMatch(stack.room.log, /well again/);
});
