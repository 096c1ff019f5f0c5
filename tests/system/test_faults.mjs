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

const SECONDS = Number(process.env.SHARESTREAM_TEST_FAULTS_S ?? 3), REPORT = process.env.SHARESTREAM_TEST_FAULTS_REPORT;
const IS_LONG = process.env.SHARESTREAM_TEST_FAULTS_S !== undefined, ONLY = process.env.SHARESTREAM_TEST_FAULTS_ONLY;
const SIZE = 6 << 20, PEOPLE = 6, TOKEN = 'the token of the operator', HOURS = 5, LINK_HOURS = 6;
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';

class World {
  static async make(t) {
    const world = new World();
    t.after(() => { // before all is ended
      world.isOver = true;
      for (const reader of world.readers ?? []) reader.isOver = true;
    });
    const yard = new Yard(t), lan = await Lan.start(yard), key = crypto.randomBytes(32);
    const cluster = await Cluster.make(yard, { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN, SHARESTREAM_HTTP_MIRROR_SIZE: '2MiB', SHARESTREAM_ROOM_REDIS_URL: 'redis://redis.test' }, lan);
    cluster.headers = { Authorization: `Bearer ${TOKEN}` };
    Object.assign(world, { t, yard, lan, cluster, deaths: [], given: [] });
    world.machines = [await lan.add(), await lan.add(), await lan.add()];
    world.store = await lan.add();
    cluster.names.redis = [world.store.address];
    await world.startRedis();
    for (const data of [1, 2].map((number) => path.join(yard.dir, `http-${number}`, 'data'))) {
      fs.mkdirSync(data, { recursive: true });
      fs.writeFileSync(path.join(data, 'link-key'), key, { mode: 0o600 });
    }
    const [a, b, c] = world.machines;
    for (const [name, machine] of [['tracker', a], ['tracker', c], ['torrent', a], ['torrent', c], ['room', a], ['room', b], ['room', c], ['http', a], ['http', b]]) {
      const instance = await cluster.add(name, { SHARESTREAM_COMMON_LOG_LEVEL: 'debug' }, machine);
      if (name === 'http') instance.env.SHARESTREAM_HTTP_LISTEN = `${instance.address}:${instance.port}`; // also of its next life
      world.keep(instance);
    }
    await world.watch();
    return world;
  }

  of(name) { return this.cluster.instances.filter((instance) => instance.name === name); }
  on(...machines) { return this.cluster.instances.filter(({ machine }) => machines.includes(machine)); }
  others(machine) { return [...this.machines, this.store].filter((other) => other !== machine); }

  async startRedis() {
    const dir = path.join(this.yard.dir, 'redis');
    fs.mkdirSync(dir, { recursive: true });
    this.redis = this.store.start('redis-server', ['--bind', this.store.address, '--protected-mode', 'no', '--dir', dir, '--save', '', '--appendonly', 'yes']);
    await until(() => this.redis.said.includes('Ready to accept connections'), 'Redis');
    return dir;
  }

  async killRedis() {
    this.redis.kill('SIGKILL');
    await this.redis.gone;
  }

  // What ends is started again, as systemd and Kubernetes do; after what was ended here, when it is let.
  async keep(instance) {
    for (;;) {
      const { child } = instance, how = await child.gone;
      if (this.isOver) return;
      if (!instance.isDown) this.deaths.push(`${instance.name}-${instance.number} ended with ${how.signal ?? how.code}: ${child.said.trim().split('\n').at(-1)}`);
      await until(() => !instance.isDown || this.isOver, `${instance.name} to be let live again`, 3600000);
      if (this.isOver) return;
      await instance.start();
      instance.lives = (instance.lives ?? 0) + 1;
    }
  }

  async down(instances) {
    for (const instance of instances) instance.isDown = true;
    await Promise.all(instances.map((instance) => instance.kill()));
  }

  async up(instances) {
    const before = instances.map(({ lives }) => lives);
    for (const instance of instances) instance.isDown = false;
    await until(() => instances.every(({ lives }, i) => lives !== before[i]), 'what was ended to live again');
  }

  // Two who read each of three films by each of two http-svc, and people in a room.
  async watch() {
    const { t, yard } = this, fronts = this.of('http'), [a, c] = this.of('torrent'), films = [];
    for (const torrent of [a, c]) {
      const file = path.join(torrent.dir, 'film.bin'), data = crypto.randomBytes(SIZE);
      fs.writeFileSync(file, data);
      const { infoHash } = await torrent.call('Seed', { path: file, waitMs: 30000 });
      films.push({ hash: infoHash, data, machine: torrent.machine });
    }
    const file = path.join(yard.dir, 'coming.bin'), data = crypto.randomBytes(IS_LONG ? 16 * SIZE : SIZE);
    fs.writeFileSync(file, data);
    const { torrent, hash } = await makeTorrent(yard, file);
    const seeder = await seedWithAria2(yard, torrent, yard.dir, SIZE / 16);
    for (const http of fronts) await until(async () => (await http.json('/api/v1/torrents')).torrents?.length === 2, 'http-svc to see both torrent-svc');
    await until(async () => (await fronts[0].post('/api/v1/torrents', { source: `magnet:?xt=urn:btih:${hash}&x.pe=${this.lan.address}:${seeder.port}` })).status === 201, 'it to be added');
    films.push({ hash, data, machine: null });

    // By a link that the other one signed.
    this.readers = [];
    for (const [i, http] of fronts.entries())
      for (const film of films) {
        const { url } = await until(async () => (await fronts[1 - i].get(`/api/v1/torrents/${film.hash}/files/0/link`)).status === 200 && fronts[1 - i].json(`/api/v1/torrents/${film.hash}/files/0/link`), 'a link');
        const { pathname, search } = new URL(url);
        for (let n = 0; n < 2; n++) this.readers.push(Object.assign(new Reader(http, pathname + search, film.data, { isPatient: true }), { film, http }));
      }
    this.company = await Company.meet(t, fronts.map((http) => ({ origin: `http://${http.address}:${http.port}` })), PEOPLE);
    this.company.people.forEach((one, i) => { one.http = fronts[i % 2]; });
    const [host] = this.company.people;
    this.code = host.code;
    await host.does('queueAdd', { source: 'https://films.example/long.mp4', name: 'Long', durationMs: 48 * 3600000 });
    await host.does('play');
  }

  // Which room-svc has the room.
  holder(but) {
    return until(async () => {
      for (const room of this.of('room'))
        if (room !== but && room.child.exitCode === null && await room.call('Show', { code: this.code }).catch(() => null)) return room;
    }, 'a room-svc to have the room');
  }

  async reads(readers) {
    const before = readers.map(({ parts }) => parts);
    assert.ok(readers.length > 0);
    const isDone = () => {
      assert.deepEqual(readers.flatMap(({ failures }) => failures), [], 'wrong bytes, or answers that make no sense');
      return readers.every((reader, i) => reader.parts >= before[i] + 2);
    };
    await until(isDone, 'them to read on', 60000)
      .catch((error) => { throw new Error(`${error.message}: ${readers.filter((reader, i) => reader.parts < before[i] + 2).map(({ http, film }) => `${film.hash} by ${http.address}`)}`); });
  }

  // Each of them says something from now on that all of them hear.
  async talk(people) {
    const from = people.map((one) => one.said + 1);
    const unheard = () => {
      const heard = people.map((one) => new Set(one.lines.values()));
      return people.filter((one, i) => !Array.from({ length: Math.max(0, one.said - from[i]) }, (_, n) => `${one.name} ${from[i] + n}`)
        .some((line) => heard.every((lines) => lines.has(line)))).map(({ name }) => name);
    };
    await until(() => unheard().length === 0, 'them to talk').catch((error) => { throw new Error(`${error.message}: ${unheard()}`); });
  }

  async well() {
    await Promise.all([this.reads(this.readers), this.talk(this.company.people)]);
    for (const http of this.of('http'))
      await until(async () => !/(torrent|tracker|room)-svc/.test((await http.get('/health/ready')).body), `${http.address} to see all others`);
  }

  // What these say from now until a little after `over` may be lost: it was given up beforehand.
  gives(people) {
    const given = people.map((one) => ({ name: one.name, from: one.said - 1, to: Infinity }));
    this.given.push(...given);
    return () => given.forEach((span, i) => { span.to = people[i].said; });
  }

  isGiven(line) {
    const [name, n] = line.split(' ');
    return this.given.some((span) => span.name === name && Number(n) >= span.from && Number(n) <= span.to);
  }

  // Where the film is in the room, by the clock of the room.
  async position() {
    const [one] = this.company.people;
    await until(() => one.isIn, 'somebody to be in the room');
    const { room: { clock }, nowMs } = await one.join(one.code);
    assert.ok(clock.isPlaying);
    return clock.positionMs + (nowMs - clock.atMs) * clock.rate;
  }

  // Ahead only: with a clock that is behind libfaketime (0.9.10) delays timers that it should not touch.
  async setClocks(machines, hours) {
    const instances = this.on(...machines), fake = { LD_PRELOAD: FAKETIME, FAKETIME: `+${hours}h`, FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_FORCE_MONOTONIC_FIX: '0' };
    await this.down(instances);
    for (const instance of instances)
      instance.env = hours === 0 ? Object.fromEntries(Object.entries(instance.env).filter(([name]) => !(name in fake))) : { ...instance.env, ...fake };
    await this.up(instances);
  }
}

// Each: what happens, what is to be seen meanwhile (`promise`, for people; the checks are in `happens`, which ends when it is over). Short: it is
// in every run of the tests.
const faults = [
  {
    name: 'two machines do not see each other',
    promise: 'Films that the machine of an http-svc reaches go on; others wait. Rooms go on; who cannot reach the one that holds them waits. No line is lost.',
    async happens(world, lasts) {
      const [a, b, c] = world.machines;
      await world.lan.cut(a, [c]);
      await Promise.all([lasts(), world.reads(world.readers.filter(({ film, http }) => film.machine === a || (film.machine === c && http.machine === b)))]);
      await world.lan.mend();
    },
  },
  {
    name: 'what one machine says does not reach another, which it hears',
    promise: 'As when neither sees the other.',
    async happens(world, lasts) {
      const [a, b, c] = world.machines;
      await world.lan.lose(c, a);
      await Promise.all([lasts(), world.reads(world.readers.filter(({ film, http }) => film.machine === a || (film.machine === c && http.machine === b)))]);
      await world.lan.mend();
    },
  },
  {
    name: 'the machine that holds the rooms is alone', isShort: true,
    promise: 'Another one holds them within seconds. Who is connected to the machine that is alone goes on there, with who else is; what these people say in the meantime may be lost. Films that they reach go on.',
    async happens(world, lasts) {
      const [, , c] = world.machines;
      let holder = await world.holder();
      if (holder.machine === c) {
        await world.down([holder]);
        await world.up([holder]);
        holder = await world.holder();
      }
      const { machine } = holder, isOurs = (one) => one.http.machine === machine;
      const near = world.readers.filter((one) => isOurs(one) && one.film.machine === machine);
      const ends = world.gives(world.company.people.filter(isOurs));
      await world.lan.cut(machine, world.others(machine));
      await Promise.all([lasts(), world.holder(holder), world.talk(world.company.people.filter((one) => !isOurs(one))), near.length > 0 && world.reads(near)]);
      await world.lan.mend();
      return ends;
    },
  },
  {
    name: 'who holds the rooms does not reach Redis',
    promise: 'Another one holds them within seconds, and all turn to that. What is said until then may be lost, nothing later.',
    async happens(world, lasts) {
      const holder = await world.holder(), ends = world.gives(world.company.people);
      await world.lan.cut(holder.machine, [world.store]);
      await world.holder(holder);
      await world.talk(world.company.people);
      ends();
      await Promise.all([lasts(), world.reads(world.readers), world.talk(world.company.people)]);
      await world.lan.mend();
    },
  },
  {
    name: 'Redis is gone for a while',
    promise: 'Rooms go on in memory, degraded, and are written when it is back. No line is lost.',
    async happens(world, lasts) {
      await world.killRedis();
      await Promise.all([lasts(), world.reads(world.readers), world.talk(world.company.people)]);
      await world.startRedis();
    },
  },
  {
    name: 'Redis comes back empty', isShort: true,
    promise: 'Rooms go on in memory; who holds them writes everything again. No line is lost.',
    async happens(world, lasts) {
      await world.killRedis();
      fs.rmSync(path.join(world.yard.dir, 'redis'), { recursive: true });
      await Promise.all([lasts(), world.talk(world.company.people)]);
      await world.startRedis();
    },
  },
  {
    name: 'the DNS server does not answer',
    promise: 'Nobody notices. Who is started meanwhile is found by the others, and finds them when it answers again.',
    async happens(world, lasts) {
      const [, torrent] = world.of('torrent');
      world.cluster.dns.kill('SIGSTOP');
      await Promise.all([lasts(), world.reads(world.readers), world.talk(world.company.people)]);
      await world.down([torrent]);
      await world.up([torrent]);
      await world.reads(world.readers);
      world.cluster.dns.kill('SIGCONT');
    },
  },
  {
    name: 'all names are wrong',
    promise: 'Nobody notices: who answers stays, whatever its name says.',
    async happens(world, lasts) {
      const { cluster } = world, right = cluster.names;
      cluster.names = Object.fromEntries(Object.keys(right).map((name) => [name, ['10.77.99.99']]));
      cluster.tell();
      await Promise.all([lasts(), world.reads(world.readers), world.talk(world.company.people)]);
      cluster.names = right;
      cluster.tell();
    },
  },
  {
    name: 'half of the machines are away', isShort: true,
    promise: 'Who is connected to one that is there sees the films that are there and talks on. Who was connected to others comes back with them, into the same room. No line is lost.',
    async happens(world, lasts) {
      const [a, b, c] = world.machines, gone = world.on(b, c), here = (one) => one.http.machine === a;
      await world.down(gone);
      await Promise.all([lasts(), world.reads(world.readers.filter((one) => here(one) && one.film.machine === a)), world.talk(world.company.people.filter(here))]);
      await world.up(gone);
    },
  },
  {
    name: 'a machine loses its power',
    promise: 'What it has is away until it is back; all else goes on, and the others find it again. No line is lost.',
    async happens(world, lasts) {
      const [a, , c] = world.machines, gone = world.on(c);
      await world.lan.unplug(c);
      await world.down(gone);
      await Promise.all([lasts(), world.reads(world.readers.filter(({ film }) => film.machine === a)), world.talk(world.company.people)]);
      await world.lan.plugAnew(c);
      await world.up(gone);
    },
  },
  ...['ahead', 'behind'].map((how) => ({
    name: `the clock of one machine is ${HOURS} hours ${how}`,
    promise: 'Nobody notices. Rooms go by the clock of Redis. Links of either http-svc open at the other, as long as clocks differ by less than `http.link_lifetime`.',
    async happens(world, lasts) {
      const [a, b, c] = world.machines, ahead = how === 'ahead' ? [b] : [a, c];
      await world.setClocks(ahead, HOURS);
      // Its room-svc has to hold them for once.
      while ((await world.holder()).machine !== b) {
        const before = [await world.position(), performance.now()], rest = world.of('room').filter(({ machine }) => machine !== b);
        await world.down(rest);
        assert.equal((await world.holder()).machine, b);
        const after = [await world.position(), performance.now()];
        assert.ok(Math.abs((after[0] - before[0]) - (after[1] - before[1])) < 600000, `the film jumped from ${before[0]} to ${after[0]}`);
        await world.up(rest);
      }
      await Promise.all([lasts(), world.reads(world.readers), world.talk(world.company.people)]);
      const [{ film }] = world.readers, fronts = world.of('http');
      for (const [one, other] of [fronts, fronts.toReversed()]) {
        const { url, expiresUnixS } = await one.json(`/api/v1/torrents/${film.hash}/files/0/link`), { pathname, search } = new URL(url);
        const late = Math.round((expiresUnixS - Date.now() / 1000) / 3600) - LINK_HOURS;
        assert.equal(late, ahead.includes(one.machine) ? HOURS : 0, 'the clock is what it should be');
        const answer = await fetch(other.url(pathname + search));
        assert.deepEqual([answer.status, Buffer.from(await answer.arrayBuffer()).compare(film.data)], [200, 0]);
      }
      await world.setClocks(ahead, 0);
    },
  })),
];

if (!isAlone) {
  test('bad days of a cluster', { skip: whyNot, timeout: (SECONDS + 240) * faults.length * 1000 }, () => runAlone(import.meta.filename));
} else {
  test('bad days of a cluster', { timeout: (SECONDS + 240) * faults.length * 1000 }, async (t) => {
    const world = await World.make(t), began = Date.now(), rows = [];
    await world.well();
    for (const fault of faults.filter(({ name, isShort }) => (ONLY ? name.includes(ONLY) : IS_LONG || isShort))) {
      const parts = () => world.readers.reduce((sum, reader) => sum + reader.parts, 0), lines = () => world.company.people.reduce((sum, one) => sum + one.said, 0);
      const start = Date.now(), before = [parts(), lines()], lasts = () => new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
      const ends = await fault.happens(world, lasts), over = Date.now(), during = [parts(), lines()];
      await world.well();
      ends?.();
      rows.push({ ...fault, lasted: (over - start) / 1000, parts: during[0] - before[0], lines: during[1] - before[1], recovered: (Date.now() - over) / 1000 });
      const { name, lasted, recovered } = rows.at(-1);
      t.diagnostic(`${name}: ${lasted.toFixed(1)} s, ${during[0] - before[0]} parts read and ${during[1] - before[1]} lines said meanwhile; well again after ${recovered.toFixed(1)} s`);
    }
    world.readers.forEach((reader) => { reader.isOver = true; });
    await Promise.all(world.readers.map((reader) => reader.over));
    assert.deepEqual(world.readers.flatMap(({ failures }) => failures), [], 'wrong bytes, or answers that make no sense');
    await world.company.stop();
    const lines = await world.company.checkLines((line) => world.isGiven(line));
    // Who was forestalled ends; nobody else ends by itself.
    assert.deepEqual(world.deaths.filter((death) => !/^room-\d+ ended with 75: .*another process has taken the rooms/.test(death)), []);

    const sum = (what) => world.readers.reduce((total, reader) => total + reader[what], 0);
    const figures = { 'parts of films read right': sum('parts'), 'requests that broke or were refused, and were asked again': sum('repeats'), 'wrong bytes, or senseless answers': 0,
      'lines said': lines, 'of these, lines that were given up beforehand': world.given.reduce((total, { from, to }) => total + to - from, 0), 'other lines lost, or told twice': 0,
      'people who were dropped, rooms lost': 0, 'processes that ended by themselves, other than a room-svc that was forestalled': 0 };
    for (const [name, value] of Object.entries(figures)) t.diagnostic(`${name}: ${value}`);
    if (REPORT) {
      const table = rows.map(({ name, promise, lasted, parts, lines: said, recovered }) => `| ${name} | ${promise} | ${lasted.toFixed(0)} s; ${parts} parts read, ${said} lines said | ${recovered.toFixed(1)} s |`);
      fs.writeFileSync(REPORT, `# Bad days of a cluster\n\n\`SHARESTREAM_TEST_FAULTS_S=${SECONDS} SHARESTREAM_TEST_FAULTS_REPORT=docs/faults.md node --test tests/system/test_faults.mjs\`, on ${new Date(began).toISOString().slice(0, 10)}, `
        + `${os.cpus().length} processors, load ${os.loadavg()[0].toFixed(0)} at its end. Three machines, namespaces at one switch: http-svc on two, torrent-svc and tracker-svc on two, room-svc on all, Redis on a fourth; names by DNS, `
        + `the bus encrypted. ${world.readers.length} who read three films by either http-svc, one of which is being fetched; ${PEOPLE} who talk in a room. What ends is started again, as systemd and Kubernetes do.\n\n`
        + `| what happens | what is promised | meanwhile | until everybody reads, talks and is heard again |\n|---|---|---|---|\n${table.join('\n')}\n\n| in all | |\n|---|---|\n${Object.entries(figures).map(([name, value]) => `| ${name} | ${value} |`).join('\n')}\n`
        + '\nWhat a single machine runs out of (disk, memory, file descriptors) is `tests/system/test_scarce.mjs`; services that are killed all the time, [chaos.md](chaos.md).\n');
    }
  });
}
