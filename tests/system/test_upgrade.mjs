// SPDX-License-Identifier: MIT
//
// Each service is replaced while a hundred players read and thirty people chat: nobody notices, by the clients' own account.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { Member } from '../service/room/page_client.mjs';
import { House, Yard, freePort, until } from './house.mjs';

const READERS = 100, PEOPLE = 30, SIZE = 24 << 20, PART = 256 << 10;

// Reads parts of the file, one after the other on one connection, as long as it is wanted; counts what went right and lists what did not.
class Reader {
  constructor(house, target, data) {
    Object.assign(this, { house, target, data, parts: 0, connections: new Set(), failures: [] });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.over = this.read();
  }

  async read() {
    while (!this.isOver) {
      const from = Math.floor(Math.random() * (SIZE - PART)), began = Date.now();
      try {
        const { status, body } = await this.part(from);
        if (status !== 206 || !body.equals(this.data.subarray(from, from + PART))) this.failures.push(`status ${status}, ${body.length} bytes from ${from}`);
        else this.parts++;
      } catch (error) { this.failures.push(`${error.code} ${error.message}`); }
      this.slowest = Math.max(this.slowest ?? 0, Date.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
    }
    this.agent.destroy();
  }

  part(from) {
    return new Promise((resolve, reject) => {
      const req = http.get(this.house.url(this.target), { agent: this.agent, headers: { range: `bytes=${from}-${from + PART - 1}` } }, (res) => {
        const parts = [];
        this.connections.add(res.socket);
        res.on('data', (part) => parts.push(part));
        res.on('end', () => resolve({ status: res.statusCode, body: Buffer.concat(parts) }));
        res.on('error', reject);
      });
      req.on('error', reject);
    });
  }
}

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

// Somebody in the room, as our page does it: who comes back enters anew, and what is not answered is said again by the same key.
function somebody(t, house, i) {
  const one = new Member(t, house, `P${i}`, { reconnectionDelay: 50, reconnectionDelayMax: 500 });
  Object.assign(one, { lines: new Map(), heardTwice: 0, said: 0, breaks: 0 });
  one.socket.on('chat', ({ number, text }) => {
    one.heardTwice += one.lines.has(number);
    one.lines.set(number, text);
  });
  one.socket.on('disconnect', () => {
    one.breaks++;
    one.isIn = false;
  });
  one.socket.on('connect', async () => {
    if (!one.code) return;
    const { ok, room } = await one.socket.emitWithAck('join', { ...one.identity, code: one.code }).catch(() => ({}));
    if (!ok) return;
    room.chat.forEach(({ number, text }) => one.lines.set(number, text));
    one.isIn = true;
  });
  one.say = async () => {
    const text = `${one.name} ${one.said++}`;
    for (;;) {
      await until(() => one.isIn, `${one.name} to be in the room`);
      const answer = await one.socket.timeout(5000).emitWithAck('say', { text, key: text }).catch(() => null);
      if (answer?.ok) return;
      assert.ok(!answer, JSON.stringify(answer));
    }
  };
  return one;
}

test('each service is replaced under load: no failed request, no wrong byte, each line once', { timeout: 300000 }, async (t) => {
  const yard = new Yard(t), data = crypto.randomBytes(SIZE), file = path.join(yard.dir, 'film.mp4');
  fs.writeFileSync(file, data);
  const house = await House.start(t, yard), { infoHash } = await house.json('seed', file), target = `/stream/${infoHash}/0`;
  await until(async () => (await house.json('info', infoHash)).readyBytes === SIZE, 'the film to be there');
  const readers = Array.from({ length: READERS }, () => new Reader(house, target, data));
  let isOver = false;
  t.after(() => { isOver = true; readers.forEach((reader) => { reader.isOver = true; }); });
  const people = Array.from({ length: PEOPLE }, (_, i) => somebody(t, house, i));
  await people[0].create();
  for (const one of people.slice(1)) await one.join(people[0].code);
  people.forEach((one) => { one.isIn = true; });
  const talk = people.map(async (one) => {
    while (!isOver) {
      await one.say();
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1000));
    }
  });
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
    t.diagnostic(`${name}: ${people.reduce((sum, one) => sum + one.breaks, 0)} connections of people broke so far, slowest part ${Math.max(...readers.map(({ slowest }) => slowest))} ms`);
  }
  // The old http-svc is still there for those who watch.
  const old = before.find(({ name }) => name === 'http.0').pid;
  process.kill(old, 0);
  for (const { finish } of films) assert.equal(await finish(), whole);

  isOver = true;
  await Promise.all(talk);
  readers.forEach((reader) => { reader.isOver = true; });
  await Promise.all(readers.map(({ over }) => over));
  assert.deepEqual(readers.flatMap(({ failures }) => failures), []);
  t.diagnostic(`${readers.reduce((sum, { parts }) => sum + parts, 0)} parts right, on ${readers.reduce((sum, { connections }) => sum + connections.size, 0)} connections`);

  // Everybody knows every line, once; the tail of the chat holds the last ones, and who was away for a moment took them from there.
  const lines = people.flatMap((one) => Array.from({ length: one.said }, (_, n) => `${one.name} ${n}`)).sort();
  await until(() => people.every((one) => one.lines.size >= lines.length), 'everybody to know all lines')
    .catch((error) => { throw new Error(`${error.message}: ${lines.length}; known: ${people.map((one) => one.lines.size)}`); });
  for (const one of people) {
    assert.deepEqual([...one.lines.values()].sort(), lines);
    assert.equal(one.heardTwice, 0);
  }
  const { room } = await people[0].join(people[0].code);
  assert.equal(room.members.length, PEOPLE, 'nobody is there twice, and nobody was dropped');
  t.diagnostic(`${lines.length} lines`);
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
