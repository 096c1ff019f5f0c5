// SPDX-License-Identifier: MIT
//
// cluster: a real Redis, processes of room-svc that take over from each other, and several http-svc before them. What was started is
// ended with the test.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Process, Stack, until } from '../http/harness.mjs';

export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.on('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

// Between a process and Redis; cut() breaks what there is and lets nothing through until mend().
export class Line {
  static async start(t, to) {
    const line = new Line();
    line.sockets = new Set();
    line.server = net.createServer((near) => {
      if (line.isCut) return near.destroy();
      const far = net.connect(to, '127.0.0.1');
      for (const [one, other] of [[near, far], [far, near]]) {
        line.sockets.add(one);
        one.on('error', () => {});
        one.on('close', () => { line.sockets.delete(one); other.destroy(); });
        one.pipe(other);
      }
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => line.server.on('listening', resolve));
    line.url = `redis://127.0.0.1:${line.server.address().port}`;
    t.after(() => { line.cut(); line.server.close(); });
    return line;
  }

  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend() {
    this.isCut = false;
  }
}

export class Redis {
  static async start(t, options = []) {
    const redis = new Redis();
    redis.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-redis-'));
    redis.port = await freePort();
    redis.url = `redis://127.0.0.1:${redis.port}`;
    redis.options = options;
    t.after(async () => {
      await redis.kill();
      fs.rmSync(redis.dir, { recursive: true, force: true });
    });
    await redis.begin();
    return redis;
  }

  async begin() {
    this.child = spawn('redis-server', ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.dir, '--save', '', '--appendonly', 'yes', ...this.options],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    this.log = '';
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (data) => { this.log += data; });
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
    await until(async () => (await this.ask('PING').catch(() => '')).startsWith('+PONG'), 'Redis');
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  // One command, in line; the bytes of the answer that came first.
  ask(line) {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write(`${line}\r\n`));
      socket.on('error', reject);
      socket.once('data', (data) => { socket.destroy(); resolve(data.toString()); });
      socket.setTimeout(5000, () => socket.destroy(new Error('Redis does not answer')));
    });
  }
}

export class Cluster {
  // `rooms` and `fronts`: how many processes may ever be of each; `env` for all.
  static async start(t, redis, { rooms = 2, fronts = 2, env = {} } = {}) {
    const cluster = new Cluster();
    cluster.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-cluster-'));
    fs.mkdirSync(path.join(cluster.dir, 'data'));
    cluster.rooms = [];
    cluster.fronts = [];
    cluster.env = { SHARESTREAM_ROOM_REDIS_URL: redis.url, SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_THREADS: '2',
      SHARESTREAM_BUS_PEERS: Array.from({ length: rooms }, (_, i) => `room=ipc://${cluster.dir}/run/room.${i}`).join(','), ...env };
    t.after(() => cluster.end());
    for (let i = 0; i < fronts; i++) await cluster.startFront(i);
    return cluster;
  }

  async startFront(instance) {
    // A Stack as far as its clients and the metrics of it go.
    const front = Object.assign(new Stack(), { dir: this.dir, env: { ...this.env, SHARESTREAM_INSTANCE: `${instance}` } });
    await front.startHttp();
    this.fronts[instance] = front;
  }

  // Another life of that instance.
  async startRoom(instance, env = {}) {
    this.rooms[instance] = new Process('room-svc', { ...this.env, SHARESTREAM_INSTANCE: `${instance}`, ...env }, this.dir);
    await this.rooms[instance].ready;
    return this.rooms[instance];
  }

  // The process that holds the rooms.
  holder(but) {
    return until(() => this.rooms.find((room) => room !== but && !room.exited && /msg="rooms opened again"/.test(room.log)), 'one to hold the rooms');
  }

  // The process that holds that seat.
  seat(seat, but) {
    return until(() => this.rooms.find((room) => room !== but && room !== undefined && !room.exited && new RegExp(`msg="rooms opened again" rooms=\\d+ seat=${seat} `).test(room.log)),
      `one to hold seat ${seat}`);
  }

  // Until the loops of all fronts speak with that process.
  attached(room) {
    return until(() => (room.log.match(/msg="gateway has told its connections"/g) ?? []).length >= 2 * this.fronts.length, 'the gateways to turn to it');
  }

  // Until all fronts reach the rooms.
  reached() {
    return Promise.all(this.fronts.map((front) => until(async () => !(await front.away()).includes('room-svc is away'), 'http-svc to reach the rooms')));
  }

  // What the command line prints.
  async cli(...args) {
    const bin = process.env.BIN_DIR ?? new URL('../../../build/dev/bin', import.meta.url).pathname;
    const env = { ...process.env, ...this.env, SHARESTREAM_COMMON_DATA_DIR: path.join(this.dir, 'data'), SHARESTREAM_COMMON_RUN_DIR: path.join(this.dir, 'run') };
    return (await promisify(execFile)(path.join(bin, 'sharestream'), args, { env, cwd: this.dir })).stdout;
  }

  async end() {
    const unclean = [];
    for (const { http } of this.fronts) await http.stop();
    for (const room of this.rooms) {
      if (room === undefined) continue;
      room.child.kill('SIGCONT');
      const { code, signal } = await room.stop();
      // On a machine that is slow enough a lease runs out by itself, and that is no fault.
      const hasLost = /another process has taken the rooms/.test(room.log);
      if ((code !== 0 && signal !== 'SIGKILL' && !room.mayGiveUp && !hasLost) || /AddressSanitizer|LeakSanitizer|runtime error/.test(room.log))
        unclean.push(`room-svc ended ${code} ${signal}\n${room.log.slice(-4000)}`);
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
    if (unclean.length > 0) throw new Error(unclean.join('\n'));
  }
}

// Each says `lines` lines, of which five may come at once, with pauses; `meanwhile` happens among them. Everybody must hear all lines once, all in the same order, those of
// each in his own order, on the connection that he has.
export async function talk(people, lines, meanwhile) {
  const from = people.map((one) => one.heard.length);
  const said = people.map(async (one, i) => {
    for (let n = 0; n < lines; n++) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
      one.socket.emit('say', { text: `${i} ${n}` });
    }
  });
  await Promise.all([...said, meanwhile()]);
  const heard = (one) => one.heard.slice(from[people.indexOf(one)]).filter(([event]) => event === 'chat').map(([, line]) => line.text);
  await until(() => people.every((one) => heard(one).length >= people.length * lines), 'all lines')
    .catch((error) => { throw new Error(`${error.message}; heard ${people.map((one) => heard(one).length)}`); });
  const all = heard(people[0]);
  for (const [i, one] of people.entries()) {
    assert.deepEqual(heard(one), all, 'all hear the same');
    assert.deepEqual(all.filter((text) => text.startsWith(`${i} `)), Array.from({ length: lines }, (_, n) => `${i} ${n}`));
    assert.equal(one.reason, undefined, 'no connection broke');
  }
}

// The seat of a room's code, as processes of any build have to see it: what is stored hangs on it.
export function seatOf(code, seats) {
  const mask = (1n << 64n) - 1n, hash = (text) => [...Buffer.from(text)].reduce((sum, byte) => ((sum ^ BigInt(byte)) * 0x100000001b3n) & mask, 0xcbf29ce484222325n);
  const weight = (seat) => {
    let w = hash(String.fromCharCode(seat)) ^ hash(code.toUpperCase());
    w = ((w ^ (w >> 33n)) * 0xff51afd7ed558ccdn) & mask;
    w = ((w ^ (w >> 33n)) * 0xc4ceb9fe1a85ec53n) & mask;
    return w ^ (w >> 33n);
  };
  return Array.from({ length: seats }, (_, seat) => seat).reduce((best, seat) => (weight(seat) > weight(best) ? seat : best), 0);
}

// A code that is not in use, of that seat.
let made = 0;
export function codeOf(seat, seats) {
  for (;;) {
    const code = `SEAT-${++made}`;
    if (seatOf(code, seats) === seat) return code;
  }
}
