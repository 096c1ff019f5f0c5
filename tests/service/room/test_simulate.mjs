// SPDX-License-Identifier: MIT
//
// `sharestream room simulate` against a real server: many who watch, follow the room's clock, and leave nothing behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { Stack } from '../http/harness.mjs';
import { roomOf } from './page_client.mjs';

const bin = process.env.BIN_DIR ?? new URL('../../../build/dev/bin', import.meta.url).pathname;

function simulate(stack, ...args) {
  const child = spawn(path.join(bin, 'sharestream'), ['--json', 'room', 'simulate', ...args], {
    cwd: stack.dir, env: { ...process.env, SHARESTREAM_COMMON_DATA_DIR: path.join(stack.dir, 'data'), SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'run') } });
  let out = '', err = '';
  child.stdout.on('data', (data) => { out += data; });
  child.stderr.on('data', (data) => { err += data; });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, err, result: out ? JSON.parse(out) : undefined })));
}

test('many watch in a room of their own', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true });
  const { code, err, result } = await simulate(stack, '--viewers', '20', '--seconds', '8', '--latency', '5-50', 'new');
  assert.equal(code, 0, err);
  assert.deepEqual([result.viewers, result.lost], [20, 0]);
  assert.ok(result.changes >= 3, 'loaded, played, jumped');
  assert.ok(result.always.samples > 0 && result.always.medianMs >= 0);
  assert.ok(result.seeks >= 1, 'they follow the room');
  assert.equal((await stack.json('GET', '/api/v1/rooms')).json.total, 0, 'it is gone with them');
});

test('many come into a room that is there, if it lets them in', async (t) => {
  const stack = await Stack.start(t, { torrent: false, room: true, env: { SHARESTREAM_ROOM_MAX_MEMBERS: '8' } });
  const [ann] = await roomOf(t, stack, 'Ann');
  await ann.does('password', { password: 'sesame' });
  const wrong = await simulate(stack, '--viewers', '3', '--seconds', '1', ann.code);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /has a password/);
  const running = simulate(stack, '--viewers', '3', '--seconds', '1', '--password', 'sesame', ann.code);
  for (let i = 0; i < 4; i++) await ann.hears('member', ({ change }) => change === 'joined');
  const { code, result } = await running;
  assert.deepEqual([code, result.code, result.lost], [0, ann.code, 0]);
  const full = await simulate(stack, '--viewers', '20', '--seconds', '1', '--password', 'sesame', ann.code);
  assert.equal(full.code, 1);
  assert.match(full.err, /The room is full/);
  assert.match((await simulate(stack, '--latency', 'far', 'new')).err, /is not like 20-300/);
});
