// SPDX-License-Identifier: MIT
//
// Clients that go before they got what they asked for: nothing goes on for nobody.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { HASH, Stack, until } from './harness.mjs';

const PIECE = 16384;
// Longer than any test lasts: what ends, ends because nobody waits.
const env = { SHARESTREAM_TRANSCODE_WAIT: '120s', SHARESTREAM_TRANSCODE_CACHE_FREE: '0', SHARESTREAM_TRANSCODE_LADDER: 'always' };

// Half a minute of noise, which does not compress, and subtitles. `ready`: its beginning with the first segment, and its end.
async function openFilm(t, ready) {
  const stack = await Stack.start(t, { transcode: true, env });
  fs.writeFileSync(path.join(stack.dir, 'lines.srt'), '1\n00:00:01,000 --> 00:00:03,000\nHello\n\n2\n00:00:25,000 --> 00:00:27,000\nAgain\n');
  const size = await stack.addFilm(HASH, ['-f', 'lavfi', '-i', 'color=gray:s=320x240:r=25:d=30,noise=alls=60:allf=t', '-i', 'lines.srt', '-pix_fmt', 'yuv420p',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '12', '-g', '25', '-c:s', 'srt']);
  const last = stack.last = Math.ceil(size / PIECE) - 1;
  assert.ok(size > 8 << 20, `${size} bytes`);
  if (ready) {
    await stack.fake.say(`ready ${HASH} 0 ${Math.floor(last / 3)}`);
    await stack.fake.say(`ready ${HASH} ${last - 8} ${last}`);
    assert.equal((await stack.get(`/hls/${HASH}/0/v/index.m3u8`)).status, 200);
  }
  return stack;
}

const jobs = async (stack) => (await stack.json('GET', '/api/v1/jobs')).json.jobs;

// What waits; for so many, if that is said.
async function waiting(stack, clients) {
  return until(async () => (await jobs(stack)).find((job) => job.state === 'waiting for bytes' && job.clients === (clients ?? job.clients))?.what, 'a job that waits for bytes');
}

// No job, and no reader that torrent-svc would fetch anything for.
async function nothing(stack) {
  await until(async () => (await jobs(stack)).length === 0, 'no jobs');
  await until(async () => (await stack.fake.counts()).open === 0, 'no readers');
  assert.equal(await stack.metric('sharestream_transcode_jobs', 'transcode'), 0);
}

const left = (stack) => stack.metric('sharestream_transcode_left_total', 'transcode');

for (const [what, target] of [['a film', `/hls/${HASH}/0/master.m3u8`], ['what is in a film', `/api/v1/torrents/${HASH}/files/0/media`],
  ['the subtitles of a film', `/api/v1/torrents/${HASH}/files/0/subtitles`]])
  test(`who waited for ${what} of which nothing is here`, async (t) => {
    const stack = await openFilm(t, false), client = stack.ask(target);
    await until(async () => (await jobs(stack)).some(({ what, state }) => what === 'open' && state === 'waiting for bytes'), 'it to be opened');
    client.leave();
    await nothing(stack);
    assert.equal(await stack.metric('sharestream_bus_requests_cancelled_total', 'transcode'), 1);
  });

for (const [what, name] of [['a segment', 'v/3.m4s'], ['a picture made anew', 'v240/3.m4s'], ['all subtitles', 's1/all.vtt']])
  test(`who waited for ${what}`, async (t) => {
    const stack = await openFilm(t, true), client = stack.ask(`/hls/${HASH}/0/${name}`);
    await waiting(stack);
    assert.equal(await left(stack), 0);
    client.leave();
    await nothing(stack);
    assert.equal(await left(stack), 1);
    await until(async () => (await stack.metric('sharestream_transcode_encoders', 'transcode')) === 0, 'no encoders');
    assert.equal((await stack.get(`/hls/${HASH}/0/v/0.m4s`)).status, 200);
  });

test('an encoder that is ahead of somebody goes on', async (t) => {
  const stack = await openFilm(t, true), metric = (name) => stack.metric(`sharestream_transcode_${name}`, 'transcode');
  assert.equal((await stack.get(`/hls/${HASH}/0/v240/0.m4s`)).status, 200);
  const client = stack.ask(`/hls/${HASH}/0/${await waiting(stack, 0)}.m4s`);
  await waiting(stack, 1);
  client.leave();
  await waiting(stack, 0);
  const [made, workers] = [await metric('segments_total'), await metric('workers_total')];
  await stack.fake.say(`ready ${HASH} 0 ${stack.last}`);
  await until(async () => (await metric('segments_total')) > made, 'what nobody waits for');
  assert.equal(await metric('workers_total'), workers);
  assert.equal(await left(stack), 1);
});

test('one of two leaves: the other one still waits', async (t) => {
  const stack = await openFilm(t, true), target = `/hls/${HASH}/0/v/3.m4s`, clients = [stack.ask(target), stack.ask(target)];
  await waiting(stack);
  clients[0].leave();
  const other = stack.ask(`/hls/${HASH}/0/v/4.m4s`);
  await until(async () => (await jobs(stack)).length === 2, 'another job behind it');
  other.leave();
  await until(async () => (await jobs(stack)).length === 1, 'that one to leave the queue');
  await waiting(stack);
  clients[1].leave();
  await nothing(stack);
});

test('what waits behind it is made at once', async (t) => {
  const stack = await openFilm(t, true), client = stack.ask(`/hls/${HASH}/0/v/3.m4s`);
  await waiting(stack);
  let status;
  const behind = stack.get(`/hls/${HASH}/0/v/0.m4s`).then((answer) => { status = answer.status; });
  // Who waits for bytes lets it go first: it may be made before anybody looks.
  await until(async () => status !== undefined || (await jobs(stack)).length === 2, 'another job behind it');
  client.leave();
  await behind;
  assert.equal(status, 200);
  await nothing(stack);
});

test('http-svc is killed: its next life is not waited for by the jobs of this one', async (t) => {
  const stack = await openFilm(t, true);
  stack.ask(`/hls/${HASH}/0/v/3.m4s`);
  await waiting(stack);
  await stack.http.kill();
  await stack.startHttp();
  await nothing(stack);
  assert.equal(await left(stack), 1);
});

test('a question that was answered 503 while transcode-svc was away is not worked on by its next life', async (t) => {
  const stack = await openFilm(t, true);
  await stack.transcode.kill();
  await until(async () => (await stack.away()).includes('transcode-svc is away'), 'its death to be seen');
  assert.equal((await stack.get(`/hls/${HASH}/0/v/3.m4s`)).status, 503);
  const client = stack.ask(`/hls/${HASH}/0/v/4.m4s`);
  client.leave();
  await stack.startTranscode();
  assert.equal((await stack.get(`/hls/${HASH}/0/v/0.m4s`)).status, 200);
  await nothing(stack);
  assert.ok((await stack.metric('sharestream_bus_requests_late_total', 'transcode')) >= 1);
});
