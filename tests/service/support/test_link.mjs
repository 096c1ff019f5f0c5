// SPDX-License-Identifier: MIT
//
// The line between two namespaces (tests/support/link.c, netns.mjs) does what other tests rely on: it is as long as asked, loses
// what was asked, and is gone afterwards.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { Yard, until } from '../../system/house.mjs';
import { Line, whyNot } from '../../support/netns.mjs';

const udp = new URL('udp.mjs', import.meta.url).pathname;
const kept = { skip: whyNot };

async function answering(namespace) {
  const child = namespace.start('node', [udp, 'answer']);
  await until(() => child.said.includes('listening'), 'the one that answers');
}

async function ask(namespace, host, count = 0, size = 0) {
  const { code, out, err } = await namespace.run('node', [udp, 'ask', host, String(count), String(size)]);
  assert.equal(code, 0, err);
  return JSON.parse(out);
}

async function lineWithAnswers(t, options) {
  const line = await Line.start(new Yard(t), options);
  await answering(line.b);
  return line;
}

test('there and back takes twice the delay at least, and inside there is a loopback', kept, async (t) => {
  const line = await lineWithAnswers(t, { 'delay-ms': 20 });
  const answer = await ask(line.a, line.b.address, 10, 1000);
  assert.equal(answer.came, 10);
  assert.ok(answer.ms >= 40, `${answer.ms} ms`);
  await ask(line.b, '127.0.0.1');

  const { aToB, bToA } = await line.stop();
  assert.ok(aToB.packets >= 11 && aToB.bytes > 10 * 1028, JSON.stringify(aToB));
  assert.ok(bToA.packets >= 1);
  assert.equal(aToB.lost + aToB.dropped + aToB.missed + bToA.lost + bToA.dropped + bToA.missed, 0);
});

test('with jitter it takes longer, and the order is kept', kept, async (t) => {
  const digests = [];
  for (const jitter of [0, 200]) {
    const line = await lineWithAnswers(t, { 'delay-ms': 1, 'jitter-ms': jitter });
    const answer = await ask(line.a, line.b.address, 50, 100);
    assert.equal(answer.came, 50);
    if (jitter) assert.ok(answer.ms >= 100, `${answer.ms} ms`); // of 400
    digests.push(answer.digest);
  }
  assert.equal(digests[0], digests[1]);
});

test('the share that was asked for is lost, the same packets for the same seed', kept, async (t) => {
  const digests = [];
  for (const seed of [1, 1, 2]) {
    const line = await lineWithAnswers(t, { loss: 0.2, seed });
    const answer = await ask(line.a, line.b.address, 250, 100); // as many as the socket holds when nobody reads it
    assert.ok(answer.came > 150 && answer.came < 240, `${answer.came} of 250 came`); // 6 standard deviations
    digests.push(answer.digest);
    const { aToB } = await line.stop();
    assert.ok(aToB.lost >= 250 - answer.came && aToB.dropped === 0 && aToB.missed === 0, JSON.stringify(aToB));
  }
  assert.equal(digests[0], digests[1]);
  assert.notEqual(digests[0], digests[2]);
});

test('bytes take their time at the rate, those behind them wait', kept, async (t) => {
  const line = await lineWithAnswers(t, { rate: '100KB', 'queue-ms': 10000 });
  const answer = await ask(line.a, line.b.address, 20, 972); // 1000 bytes each with their headers
  assert.equal(answer.came, 20);
  assert.ok(answer.ms >= 200, `${answer.ms} ms`);
});

test('what would wait longer than the queue is long is dropped', kept, async (t) => {
  const line = await lineWithAnswers(t, { rate: '10KB', 'queue-ms': 100 });
  const answer = await ask(line.a, line.b.address, 500, 972);
  const { aToB } = await line.stop();
  assert.ok(answer.came >= 1 && answer.came < 500, `${answer.came} of 500 came`);
  assert.ok(aToB.dropped >= 500 - answer.came && aToB.lost === 0 && aToB.missed === 0, JSON.stringify(aToB));
});

test('what makes no sense is refused with a sentence', kept, async (t) => {
  const yard = new Yard(t);
  await assert.rejects(Line.start(yard, { loss: '2' }), /--loss: 2 is no share/);
  await assert.rejects(Line.start(yard, { rate: 'much' }), /--rate: much is no size/);
});

test('the device goes with the line, the namespaces with the yard', kept, async (t) => {
  let clear;
  const line = await Line.start(new Yard({ after: (end) => { clear = end; } }));
  t.after(() => clear());
  const devices = async () => (await line.a.run('cat', ['/proc/net/dev'])).out;
  assert.match(await devices(), /link0/);
  assert.match((await line.a.run('cat', ['/proc/net/route'])).out, /^link0\t00000000/m); // the default route
  await line.stop();
  assert.doesNotMatch(await devices(), /link0/);
  assert.ok(fs.existsSync(line.a.path) && fs.existsSync(line.b.path));
  await clear();
  assert.ok(!fs.existsSync(line.a.path) && !fs.existsSync(line.b.path));
});

test('nothing is left of a test that was killed', kept, async (t) => {
  const yard = new Yard(t);
  const child = yard.start('node', ['--input-type=module', '-e', `
    import { Yard } from '${new URL('../../system/house.mjs', import.meta.url)}';
    import { Line } from '${new URL('../../support/netns.mjs', import.meta.url)}';
    const line = await Line.start(new Yard({ after() {} }));
    console.log(JSON.stringify([line.a.path, line.b.path, '/proc/' + line.link.pid + '/ns/net']));
  `], { env: { ...process.env, TMPDIR: yard.dir } });
  const paths = JSON.parse(await until(() => child.said.match(/^\[.*\]$/m)?.[0], 'the line'));
  for (const path of paths) assert.ok(fs.existsSync(path), path);
  child.kill('SIGKILL');
  await until(() => !paths.some((path) => fs.existsSync(path)), 'the end of all processes');
});
