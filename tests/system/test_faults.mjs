// SPDX-License-Identifier: MIT
//
// Bad days of a cluster: three machines (network namespaces at one switch) with a film on each of two, one that is being fetched, rooms in Redis on
// a fourth, and people who watch and talk all the time. To these happens what happens to networks, clocks and names. What is to be seen meanwhile
// stands with each fault; always: no wrong byte, no line lost that was not given up beforehand, and all of it well again by itself.
// SHARESTREAM_TEST_FAULTS_S: how long each of them lasts, then all of them are tried, not only some (30 is the run in docs/faults.md);
// SHARESTREAM_TEST_FAULTS_REPORT: a file for what came out of it, Markdown.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Lan, isAlone, runAlone, whyNot } from '../support/netns.mjs';
import { Cluster } from './cluster.mjs';
import { Company, Reader } from './crowd.mjs';
import { Yard, makeTorrent, seedWithAria2, until } from './house.mjs';

const SECONDS = Number(process.env.SHARESTREAM_TEST_FAULTS_S ?? 4), REPORT = process.env.SHARESTREAM_TEST_FAULTS_REPORT;
const IS_LONG = process.env.SHARESTREAM_TEST_FAULTS_S !== undefined, ONLY = process.env.SHARESTREAM_TEST_FAULTS_ONLY;
const SIZE = 6 << 20, PEOPLE = 6, TOKEN = 'the token of the operator';
const lasts = () => new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));

class World {
  static async make(t) {
    const world = new World(), yard = new Yard(t), lan = await Lan.start(yard), key = crypto.randomBytes(32);
    const cluster = await Cluster.make(yard, { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN, SHARESTREAM_HTTP_MIRROR_SIZE: '2MiB', SHARESTREAM_ROOM_REDIS_URL: 'redis://redis.test' }, lan);
    cluster.headers = { Authorization: `Bearer ${TOKEN}` };
    Object.assign(world, { t, yard, lan, cluster, deaths: [] });
    world.machines = [await lan.add(), await lan.add(), await lan.add()];
    world.store = await lan.add();
    cluster.names.redis = [world.store.address];
    await world.startRedis();
    const [a, b, c] = world.machines, at = [['tracker', a], ['tracker', c], ['torrent', a], ['torrent', c], ['room', a], ['room', b], ['room', c], ['http', a], ['http', b]];
    for (const [name, machine] of at) {
      const instance = await cluster.add(name, {}, machine);
      if (name === 'http') instance.env = { SHARESTREAM_HTTP_LISTEN: `${instance.address}:${instance.port}` }; // also of its next life
      world.keep(instance);
    }
    t.after(() => { world.isOver = true; });
    return world;
  }

  of(name) { return this.cluster.instances.filter((instance) => instance.name === name); }
  on(machine) { return this.cluster.instances.filter((instance) => instance.machine === machine); }

  async startRedis() {
    const dir = path.join(this.yard.dir, 'redis');
    fs.mkdirSync(dir, { recursive: true });
    this.redis = this.store.start('redis-server', ['--bind', this.store.address, '--protected-mode', 'no', '--dir', dir, '--save', '', '--appendonly', 'yes']);
    await until(() => this.redis.said.includes('Ready to accept connections'), 'Redis');
  }

  // What ends is started again, as systemd and Kubernetes do.
  async keep(instance) {
    for (;;) {
      const { child } = instance, how = await child.gone;
      if (this.isOver) return;
      if (!instance.isStruck) this.deaths.push(`${instance.name}-${instance.number} ${how.signal ?? how.code}: ${child.said.trim().split('\n').at(-1)}`);
      await until(() => !instance.isStruck || this.isOver, 'it to be let live again', 600000);
      if (this.isOver) return;
      await instance.start();
    }
  }
}

if (!isAlone) test('bad days of a cluster', { skip: whyNot, timeout: (SECONDS + 120) * 20 * 1000 }, () => runAlone(import.meta.filename));
else test('it starts', async (t) => {
  const world = await World.make(t);
  console.log('up');
  for (const http of world.of('http')) await until(async () => { const r = await http.get('/health/ready'); if (r.status !== 200) console.log(r.body.toString()); return r.status === 200; }, 'ready');
});
