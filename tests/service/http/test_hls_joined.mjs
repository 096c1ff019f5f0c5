// SPDX-License-Identifier: MIT
//
// Viewers of one room ask for the same at nearly the same time: transcode-svc is asked once, and each gets what is its own.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { HASH, Stack, until, usual } from './harness.mjs';

const base = `/hls/${HASH}/0`, CLIENTS = 5;

// A film of which nothing is here until come() is called; questions wait until then.
async function openFilm(t, env = {}) {
  const stack = await Stack.start(t, { transcode: true, env: { SHARESTREAM_TRANSCODE_WAIT: '120s', SHARESTREAM_TRANSCODE_CACHE_FREE: '0', ...env } });
  const size = await stack.addFilm(HASH, usual);
  stack.come = () => stack.fake.say(`ready ${HASH} 0 ${size}`);
  return stack;
}

const asked = (stack) => stack.metric('sharestream_transcode_requests_total', 'transcode');
const left = (stack) => stack.metric('sharestream_transcode_left_total', 'transcode');
const joined = (stack) => stack.metric('sharestream_http_hls_joined_total');
const remembered = (stack) => stack.metric('sharestream_http_hls_remembered_total');
const segment = (stack) => path.join(stack.dir, 'data/segments', fs.readdirSync(path.join(stack.dir, 'data/segments'), { recursive: true }).find((name) => name.endsWith('.v.0')));

test('the same question is put once, and answered to each', async (t) => {
  const stack = await openFilm(t), targets = ['v/0.m4s', 'master.m3u8'];
  const answers = targets.flatMap((target) => [...Array(CLIENTS)].map((_, i) => stack.request(i ? 'GET' : 'HEAD', `${base}/${target}`)));
  await until(async () => (await joined(stack)) === targets.length * (CLIENTS - 1), 'all to ask');
  await until(async () => (await asked(stack)) === targets.length, 'transcode-svc to be asked');
  await stack.come();
  const all = await Promise.all(answers);
  for (const [i, { status, body, headers }] of all.entries()) {
    const like = all[i - i % CLIENTS + 1];
    assert.equal(status, 200);
    assert.equal(Number(headers['content-length']), like.body.length);
    assert.ok(body.equals(i % CLIENTS ? like.body : Buffer.alloc(0)), `answer ${i}`);
  }
  assert.equal(await asked(stack), targets.length);
  assert.equal(await left(stack), 0);
});

test('questions that differ in anything are not the same', async (t) => {
  const stack = await openFilm(t), queries = ['', '?a=1', '?a=2', '?can=avc1', '?can=vp9', '?delay=5', '?delay=-5'];
  const answers = queries.map((query) => stack.get(`${base}/master.m3u8${query}`));
  await until(async () => (await asked(stack)) === queries.length, 'all to ask');
  await stack.come();
  const bodies = (await Promise.all(answers)).map(({ body }) => body.toString());
  for (const [i, body] of bodies.entries()) assert.ok(body.includes(`index.m3u8${queries[i]}\n`), body);
  assert.deepEqual([bodies[3], bodies[4]].map((body) => body.includes('\nv/index.m3u8')), [true, false], 'by what each can play');
  assert.equal(await joined(stack), 0);
});

test('an error is told to each', async (t) => {
  const stack = await openFilm(t), target = `${base}/v/99.m4s`, answers = [stack.get(target), stack.get(target)];
  await until(async () => (await joined(stack)) === 1, 'both to ask');
  await stack.come();
  for (const { status } of await Promise.all(answers)) assert.equal(status, 404);
});

test('who leaves does not take it from the others', async (t) => {
  const stack = await openFilm(t), target = `${base}/v/0.m4s`;
  const clients = [...Array(3)].map(() => stack.ask(target));
  await until(async () => (await joined(stack)) === 2, 'all to ask');
  clients[0].leave();
  const seen = () => stack.metric('sharestream_http_aborts_seen_total');
  await until(async () => (await seen()) === 1, 'it to be seen');
  const late = stack.get(target);
  await until(async () => (await joined(stack)) === 3, 'another one to join');
  clients[1].leave();
  clients[2].leave();
  await until(async () => (await seen()) === 3, 'them to be seen');
  assert.equal(await left(stack), 0);
  await stack.come();
  assert.equal((await late).status, 200);
  assert.equal(await asked(stack), 1);
});

test('all leave: it is given up', async (t) => {
  const stack = await openFilm(t), clients = [...Array(3)].map(() => stack.ask(`${base}/v/0.m4s`));
  await until(async () => (await joined(stack)) === 2, 'all to ask');
  await until(async () => (await asked(stack)) === 1, 'transcode-svc to be asked');
  clients.forEach((client) => client.leave());
  await until(async () => (await left(stack)) === 1, 'transcode-svc to hear of it');
  const again = stack.get(`${base}/v/0.m4s`);
  await until(async () => (await asked(stack)) === 2, 'it to be asked anew');
  await stack.come();
  assert.equal((await again).status, 200);
});

test('where a segment lies is remembered, until it is gone', async (t) => {
  const stack = await openFilm(t), target = `${base}/v/0.m4s`;
  await stack.come();
  const { body } = await stack.get(target);
  await until(async () => (await stack.get(target)) && (await stack.get(target)) && (await remembered(stack)) > 0, 'somebody not to ask');
  let turn = 0;
  await until(async () => {
    const before = [await remembered(stack), await asked(stack)], fresh = `${target}?turn=${++turn}`;
    await stack.get(fresh);
    fs.unlinkSync(segment(stack));
    const answer = await stack.get(fresh);
    assert.equal(answer.status, 200);
    assert.ok(answer.body.equals(body));
    assert.equal(await asked(stack), before[1] + 2);
    return (await remembered(stack)) > before[0];
  }, 'it to go while it is remembered');
});

test('what somebody may have is not for everybody', async (t) => {
  const stack = await openFilm(t, { SHARESTREAM_HTTP_ADMIN_TOKEN: 'a-token-of-some-length' }), target = `${base}/v/0.m4s`;
  const authorization = 'Bearer a-token-of-some-length';
  stack.get = (target, headers = { authorization }) => stack.request('GET', target, { headers });
  const answer = stack.get(target);
  await until(async () => (await asked(stack)) === 1, 'transcode-svc to be asked');
  assert.equal((await stack.get(target, {})).status, 401, 'while it is asked for');
  await stack.come();
  assert.equal((await answer).status, 200);
  await until(async () => {
    const before = await remembered(stack);
    await stack.get(target);
    assert.equal((await stack.get(target, {})).status, 401, 'when it is known');
    await stack.get(target);
    return (await remembered(stack)) > before;
  }, 'it to be known');
});

test('transcode-svc dies over it: its next life is asked for all', async (t) => {
  const stack = await openFilm(t), answers = [...Array(3)].map(() => stack.get(`${base}/v/0.m4s`));
  await until(async () => (await joined(stack)) === 2, 'all to ask');
  await until(async () => (await asked(stack)) === 1, 'transcode-svc to be asked');
  await stack.transcode.kill();
  await stack.startTranscode();
  await until(async () => (await asked(stack)) === 1, 'the next life to be asked');
  await stack.come();
  for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
});
