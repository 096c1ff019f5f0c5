// SPDX-License-Identifier: MIT
//
// Segments on disk: within their budget whoever asks for what, whole or not at all, and there again after a crash.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { HASH, Stack, made, until, usual } from './harness.mjs';

const MIB = 1 << 20;
// A minute of noise, which does not compress: segments of about 4 MiB.
const noise = ['-f', 'lavfi', '-i', 'color=gray:s=160x120:r=25:d=60,noise=alls=100:allf=t', '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '2', '-g', '25'];

function bytesBelow(folder) {
  let bytes = 0;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    // It may go, or get its name, while we look.
    if (entry.isDirectory()) bytes += bytesBelow(file);
    else bytes += fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

async function segmentsOf(stack, hash) {
  const { status, body } = await stack.get(`/hls/${hash}/0/v/index.m3u8`);
  assert.equal(status, 200);
  return body.toString().match(/^\d+\.m4s$/gm).length;
}

test('the cache never passes its budget', async (t) => {
  const stack = await Stack.start(t, { transcode: true, env: { SHARESTREAM_TRANSCODE_CACHE_SIZE: '16MiB', SHARESTREAM_TRANSCODE_CACHE_FREE: '0' } });
  const folder = path.join(stack.dir, 'data', 'segments');
  const size = await stack.addFilm(HASH, noise);
  await stack.fake.say(`ready ${HASH} 0 ${size}`);
  const count = await segmentsOf(stack, HASH);
  assert.ok(size > 32 * MIB && count >= 9, `${size} bytes, ${count} segments`);

  let most = 0, isOver = false;
  const looking = (async () => {
    for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 1))) most = Math.max(most, bytesBelow(folder));
  })();
  const first = new Map();
  for (let round = 0; round < 3; round++) {
    // Each by two clients at once; one who came too late for what has just left asks again, as it is told.
    await Promise.all([...Array(2 * count).keys()].map((i) => until(async () => {
      const n = i % count, answer = await stack.get(`/hls/${HASH}/0/v/${n}.m4s`);
      assert.ok(answer.status === 200 || answer.status === 503, `segment ${n}: ${answer.status} ${answer.body.subarray(0, 200)}`);
      if (answer.status !== 200) return false;
      assert.ok(answer.body.equals(first.get(n) ?? answer.body), `segment ${n} is always the same`);
      first.set(n, answer.body);
      return true;
    }, `segment ${i % count}`)));
  }
  isOver = true;
  await looking;
  assert.ok(most <= 16 * MIB, `${most} bytes on disk`);
  assert.ok(most > 8 * MIB, 'and is used');
  const { json } = await stack.json('GET', '/api/v1/jobs');
  assert.deepEqual([json.jobs.length, json.cacheLimitBytes], [0, 16 * MIB]);
  assert.ok(json.cacheBytes <= bytesBelow(folder));
});

test('bytes that come late: 503 and Retry-After until then', async (t) => {
  const stack = await Stack.start(t, { transcode: true, env: { SHARESTREAM_TRANSCODE_WAIT: '1s', SHARESTREAM_TRANSCODE_CACHE_FREE: '0' } });
  const size = await stack.addFilm(HASH, usual);
  const target = `/hls/${HASH}/0/v/0.m4s`;
  const early = await stack.get(target);
  assert.equal(early.status, 503);
  assert.ok(Number(early.headers['retry-after']) > 0);
  assert.equal(await stack.metric('sharestream_transcode_requests_total', 'transcode'), 1, 'asked once');
  assert.ok((await stack.fake.counts()).reads > 0, 'torrent-svc was asked for them');
  const waiting = made(() => stack.get(target));
  await until(async () => (await stack.json('GET', '/api/v1/jobs')).json.jobs.some(({ state }) => state === 'waiting for bytes'), 'a job that waits');
  await stack.fake.say(`ready ${HASH} 0 ${size}`);
  assert.equal((await waiting).status, 200);
  assert.equal((await stack.get(target)).status, 200);
});

test('a crash: what was made is there, what was half made is not', async (t) => {
  const stack = await Stack.start(t, { transcode: true, env: { SHARESTREAM_TRANSCODE_CACHE_FREE: '0' } });
  const folder = path.join(stack.dir, 'data', 'segments');
  await stack.fake.say(`ready ${HASH} 0 ${await stack.addFilm(HASH, usual)}`);
  const before = await stack.get(`/hls/${HASH}/0/v/0.m4s`);
  assert.equal(before.status, 200);

  fs.writeFileSync(path.join(folder, 'tmp', '999'), 'half a segment');
  await stack.transcode.kill();
  await until(async () => (await stack.away()).includes('transcode-svc is away'), 'its death to be seen');
  const meanwhile = await stack.get(`/hls/${HASH}/0/master.m3u8`);
  assert.equal(meanwhile.status, 503);
  assert.ok(meanwhile.headers['retry-after']);
  await stack.startTranscode();
  await until(async () => !(await stack.away()).includes('transcode-svc is away'), 'its next life');
  assert.deepEqual(fs.readdirSync(path.join(folder, 'tmp')), []);
  const after = await stack.get(`/hls/${HASH}/0/v/0.m4s`);
  assert.ok(after.body.equals(before.body));
  const { body } = await stack.get('/metrics');
  assert.match(body.toString(), /^sharestream_transcode_segments_total\{[^}]*\} 0$/m, 'nobody made it again');
});

test('segments of another length are not served', async (t) => {
  const stack = await Stack.start(t, { transcode: true, env: { SHARESTREAM_TRANSCODE_CACHE_FREE: '0', SHARESTREAM_TRANSCODE_SEGMENT_DURATION: '2s' } });
  await stack.fake.say(`ready ${HASH} 0 ${await stack.addFilm(HASH, usual)}`);
  assert.equal(await segmentsOf(stack, HASH), 4);
  const short = await stack.get(`/hls/${HASH}/0/v/1.m4s`);
  await stack.transcode.stop();
  await stack.startTranscode({ SHARESTREAM_TRANSCODE_SEGMENT_DURATION: '4s' });
  const long = await until(async () => {
    const answer = await stack.get(`/hls/${HASH}/0/v/1.m4s`);
    return answer.status === 200 && answer;
  }, 'the next life');
  assert.equal(await segmentsOf(stack, HASH), 3, 'the first is a short one');
  assert.ok(!long.body.equals(short.body));
});
