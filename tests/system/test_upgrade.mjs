// SPDX-License-Identifier: MIT
//
// Each service is replaced while a hundred players read and thirty people chat: nobody notices, by the clients' own account.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { Company, Reader } from './crowd.mjs';
import { House, Yard, freePort, until } from './house.mjs';

const READERS = 100, PEOPLE = 30, SIZE = 24 << 20;

// One that takes the whole file, most of it when it is told to go on, as a player does whose buffer is full.
function film(house, target) {
  return new Promise((resolve, reject) => {
    const hash = crypto.createHash('sha256');
    http.get(house.url(target), { agent: false }, (res) => {
      res.once('data', (part) => {
        hash.update(part);
        res.pause();
        resolve({ finish: () => new Promise((done, failed) => {
          res.on('data', (more) => hash.update(more));
          res.on('end', () => done(hash.digest('hex')));
          res.on('error', failed);
          res.resume();
        }) });
      });
    }).on('error', reject);
  });
}

test('each service is replaced under load: no failed request, no wrong byte, each line once', { timeout: 300000 }, async (t) => {
  const yard = new Yard(t), data = crypto.randomBytes(SIZE), file = path.join(yard.dir, 'film.mp4');
  fs.writeFileSync(file, data);
  const house = await House.start(t, yard), { infoHash } = await house.json('seed', file), target = `/stream/${infoHash}/0`;
  await until(async () => (await house.json('info', infoHash)).readyBytes === SIZE, 'the film to be there');
  const readers = Array.from({ length: READERS }, () => new Reader(house, target, data));
  t.after(() => { readers.forEach((reader) => { reader.isOver = true; }); });
  const company = await Company.meet(t, house, PEOPLE);
  const whole = crypto.createHash('sha256').update(data).digest('hex');
  const films = await Promise.all([film(house, target), film(house, target), film(house, target)]);
  await until(() => readers.every(({ parts }) => parts > 0), 'all to read');

  const before = (await house.json('status')).services;
  for (const { name, generation, pid } of before) {
    const parts = readers.map((reader) => reader.parts);
    const { code, err } = await house.cli('upgrade', name);
    assert.equal(code, 0, err);
    const now = await house.service(name);
    assert.equal(now.state, 'ready');
    assert.notEqual(now.generation, generation, name);
    assert.notEqual(now.pid, pid, name);
    await until(() => readers.every((reader, i) => reader.parts > parts[i]), `all to read on behind ${name}`);
    t.diagnostic(`${name}: ${company.breaks} connections of people broke so far, slowest part ${Math.max(...readers.map(({ slowest }) => slowest))} ms`);
  }
  // The old http-svc is still there for those who watch.
  const old = before.find(({ name }) => name === 'http.0').pid;
  process.kill(old, 0);
  for (const { finish } of films) assert.equal(await finish(), whole);

  await company.stop();
  readers.forEach((reader) => { reader.isOver = true; });
  await Promise.all(readers.map(({ over }) => over));
  assert.deepEqual(readers.flatMap(({ failures }) => failures), []);
  t.diagnostic(`${readers.reduce((sum, { parts }) => sum + parts, 0)} parts right, on ${readers.reduce((sum, { connections }) => sum + connections.size, 0)} connections`);

  t.diagnostic(`${await company.checkLines()} lines`);
  assert.equal((await house.json('why', 'http')).deaths.length, 0);
  // With nobody left it goes by itself.
  await until(() => new RegExp(`replaced service ended" name=http\\.0 pid=${old} status=0`).test(house.daemon.said), 'the old http-svc to end well');
  assert.doesNotMatch(house.daemon.said, /Sanitizer|runtime error/);
});

test('kill -9 of http-svc: who connects waits a moment; stopped, they are refused, and later it listens again', async (t) => {
  const house = await House.start(t, new Yard(t)), before = await house.service('http.0');
  process.kill(before.pid, 'SIGKILL');
  // Between two lives there is always a socket that takes them.
  await Promise.all(Array.from({ length: 50 }, async () => assert.equal((await house.get('/health/live')).status, 200)));
  assert.notEqual((await house.service('http.0')).generation, before.generation);
  assert.equal((await house.cli('stop', 'http')).code, 0);
  await assert.rejects(house.get('/health/live'), { code: 'ECONNREFUSED' });
  assert.equal((await house.cli('restart', 'http')).code, 0);
  assert.equal((await house.get('/health/live')).status, 200);
  // Another address in the configuration: the old one is given up.
  const port = house.port;
  house.port = await freePort();
  fs.writeFileSync(house.config, fs.readFileSync(house.config, 'utf8').replace(`:${port}"`, `:${house.port}"`));
  assert.equal((await house.cli('upgrade', 'http')).code, 0);
  assert.equal((await house.get('/health/live')).status, 200);
  house.port = port;
  await until(() => house.get('/health/live').then(() => false, ({ code }) => code === 'ECONNREFUSED'), 'the old address to be given up');
});

test('upgrade without a name replaces all, and leaves alone what is stopped', async (t) => {
  const house = await House.start(t, new Yard(t)), before = (await house.json('status')).services;
  assert.equal((await house.cli('stop', 'transcode')).code, 0);
  const { code, out } = await house.cli('upgrade');
  assert.equal(code, 0);
  assert.match(out, /^tracker\.0 is replaced after [\s\S]*http\.0 is replaced after/);
  for (const { name, generation, state } of (await house.json('status')).services) {
    const was = before.find((service) => service.name === name);
    assert.equal(state, name === 'transcode.0' ? 'stopped' : 'ready');
    assert.equal(generation !== was.generation, name !== 'transcode.0', name);
  }
  assert.equal((await house.cli('upgrade', 'nobody')).code, 2);
});
