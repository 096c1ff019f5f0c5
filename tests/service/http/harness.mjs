// SPDX-License-Identifier: MIT
//
// harness: a real http-svc, a fake torrent-svc beside it, if asked for a real tracker-svc, transcode-svc or room-svc, and raw HTTP towards it.
// Everything on port 0 and in a folder of its own; everything that was started is ended with the test that started it.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import WebSocket from 'ws';

export const bin = process.env.BIN_DIR ?? new URL('../../../build/dev/bin', import.meta.url).pathname;
const DEADLINE_MS = 60000;

export const HASH = '0123456789abcdef0123456789abcdef01234567';
export const OTHER = 'ffffffffffffffffffffffffffffffffffffffff';

// Until `check` gives something true; no test sleeps for a fixed time.
export async function until(check, what = 'a condition', ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (let pause = 10;; pause = Math.min(pause * 1.1, 200)) { // who has waited for long need not look so often
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// Of `ask`, which asks for what transcode-svc makes: does as a client that was told to ask again because it is not made yet.
export function made(ask) {
  return until(async () => {
    const answer = await ask();
    return !(answer.status === 503 && answer.headers['retry-after'] && /not made yet/.test(answer.body)) && answer;
  }, 'it to be made');
}

export function pattern(from, length) {
  const out = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    const at = from + i;
    out[i] = (at * 7 + Math.floor(at / 251) + Math.floor(at / 65536)) & 255;
  }
  return out;
}

export class Process {
  constructor(name, env, dir, extra = []) {
    this.name = name;
    this.log = '';
    // Descriptor 3 is where a service says that it is ready.
    this.child = spawn(extra[0] ?? path.join(bin, name), extra.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      cwd: dir,
      env: { ...process.env, SHARESTREAM_COMMON_DATA_DIR: path.join(dir, 'data'), SHARESTREAM_COMMON_RUN_DIR: path.join(dir, 'run'),
        SHARESTREAM_COMMON_LOG_LEVEL: 'debug', SHARESTREAM_HTTP_TRACKER_LISTEN: '',
        SHARESTREAM_TRACKER_LISTEN: '127.0.0.1:0', SHARESTREAM_READY_FD: '3', ...env },
    });
    this.child.stderr.on('data', (data) => { this.log += data; });
    this.child.stdin.on('error', () => {});
    this.exit = new Promise((resolve) => this.child.on('exit', (code, signal) => {
      this.exited = { code, signal };
      resolve(this.exited);
    }));
    this.ready = new Promise((resolve, reject) => {
      readline.createInterface({ input: this.child.stdio[3] }).on('line', resolve);
      this.exit.then((how) => reject(new Error(`${name} ended ${JSON.stringify(how)}\n${this.log}`)));
    });
    this.ready.catch(() => {});
  }

  async stop() {
    if (!this.exited) this.child.kill('SIGTERM');
    return this.exit;
  }

  async kill() {
    if (!this.exited) this.child.kill('SIGKILL');
    return this.exit;
  }
}

export class Fake extends Process {
  constructor(dir) {
    super('fake_torrent', {}, dir);
    this.waiting = [];
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift()?.(line));
  }

  say(line) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${line}\n`);
    });
  }

  async counts() {
    return JSON.parse(await this.say('counts'));
  }
}

// A fake actor: what clients say makes it do things (tests/support/fake_actor.c).
export class Actor extends Process {
  constructor(dir, env = {}) {
    super('fake_actor', env, dir);
    this.waiting = [];
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => this.waiting.shift()?.(line));
  }

  say(line) {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${line}\n`);
    });
  }

  // What happened since the last time.
  async heard() {
    return JSON.parse(await this.say('log'));
  }
}

const films = new Map();

export class Stack {
  // `t` is the test's context; `env` settings of http-svc.
  static async start(t, { env = {}, torrent = true, tracker = false, transcode = false, room = false, rtc = false, actor = false, wrapper = [] } = {}) {
    const stack = new Stack();
    stack.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-http-'));
    fs.mkdirSync(path.join(stack.dir, 'data'));
    stack.env = { SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_THREADS: '1', ...env };
    t.after(() => stack.end());
    if (torrent) await stack.startFake();
    if (tracker) await stack.startTracker();
    if (transcode) await stack.startTranscode();
    if (room) await stack.startRoom();
    if (rtc) await stack.startRtc();
    await stack.startHttp(wrapper);
    const there = Object.entries({ torrent, tracker, transcode, room, rtc }).filter(([, is]) => is).map(([name]) => `${name}-svc is away`);
    if (there.length > 0) await until(async () => {
      const away = await stack.away();
      return !there.some((reason) => away.includes(reason));
    }, 'http-svc to see its neighbours');
    if (actor) await stack.startActor();
    return stack;
  }

  async startHttp(wrapper = []) {
    this.http = new Process('http-svc', this.env, this.dir, wrapper);
    this.ready = await this.http.ready;
    const port = (name) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(this.ready)?.[1] ?? 0);
    this.port = port('port');
    this.trackerPort = port('tracker_port');
    this.signalPort = port('signal_port');
    this.monkeyPort = port('monkey_port');
    this.tlsPort = port('tls_port');
  }

  async startFake() {
    this.fake = new Fake(this.dir);
    await this.fake.ready;
  }

  async startTracker() {
    this.tracker = new Process('tracker-svc', {}, this.dir);
    await this.tracker.ready;
  }

  async startTranscode(env = {}) {
    this.transcode = new Process('transcode-svc', { ...this.env, ...env }, this.dir);
    await this.transcode.ready;
  }

  async startRoom(env = {}) {
    this.room = new Process('room-svc', { ...this.env, ...env }, this.dir);
    await this.room.ready;
  }

  async startRtc(env = {}) {
    this.rtc = new Process('rtc-svc', { ...this.env, ...env }, this.dir);
    await this.rtc.ready;
  }

  // With tracker-svc, which is its only service.
  async startSupervisor() {
    this.supervisor = new Process('sharestreamd', { ...this.env, SHARESTREAM_SUPERVISOR_SERVICES: 'tracker' }, this.dir);
    await this.supervisor.ready;
  }

  // A torrent of one file, which ffmpeg makes of `args`, once for all tests of a file; returns its size. None of its pieces is ready.
  async addFilm(hash, args, name = 'film.mkv') {
    const made = path.join(this.dir, name), how = [...args, name].join(' ');
    if (!films.has(how)) {
      execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args, made], { cwd: this.dir });
      films.set(how, fs.readFileSync(made));
    }
    const film = films.get(how);
    await this.fake.say(`torrent ${hash} 16384 ${film.length} sparse`);
    fs.writeFileSync(path.join(this.dir, 'data', `${hash}-0`), film);
    return film.length;
  }

  // What http-svc misses, in its own words.
  async away() {
    return JSON.parse((await this.get('/health/ready')).body).reasons;
  }

  // Ready when http-svc has found it.
  async startActor(env = {}) {
    const replays = await this.metric('sharestream_http_gateway_replays_total');
    this.actor = new Actor(this.dir, env);
    (this.actors ??= []).push(this.actor);
    await this.actor.ready;
    await until(async () => (await this.metric('sharestream_http_gateway_replays_total')) > replays, 'the gateway to find the actor');
  }

  // http-svc dies and comes back on the same port.
  async restartHttp() {
    await this.http.kill();
    this.http = new Process('http-svc', { ...this.env, SHARESTREAM_HTTP_LISTEN: `127.0.0.1:${this.port}` }, this.dir);
    await this.http.ready;
  }

  // A Socket.IO server on lib/sio (tests/support/socketio_echo.c). Clients may come at once: what they say waits for it.
  async startEcho(env = {}) {
    this.echo = new Process('socketio_echo', env, this.dir);
    (this.actors ??= []).push(this.echo);
    await this.echo.ready;
  }

  async killEcho() {
    this.echo.mayDie = true;
    await this.echo.kill();
  }

  async end() {
    this.sockets?.forEach((socket) => socket.destroy());
    const how = await this.http?.stop();
    await this.fake?.stop();
    await this.tracker?.stop();
    await this.transcode?.stop();
    const room = await this.room?.stop(), rtc = await this.rtc?.stop();
    for (const actor of this.actors ?? []) await actor.stop();
    await this.supervisor?.stop();
    fs.rmSync(this.dir, { recursive: true, force: true });
    this.ended = how;
    for (const actor of this.actors ?? [])
      if (actor.exited.code !== 0 && !actor.mayDie) throw new Error(`the actor ended ${JSON.stringify(actor.exited)}\n${actor.log.slice(-4000)}`);
    const isUnclean = (service) => /AddressSanitizer|LeakSanitizer|runtime error/.test(service?.log);
    for (const [ended, service] of [[how, this.http], [room, this.room], [rtc, this.rtc]].filter(([ended]) => ended))
      if ((ended.code !== 0 || isUnclean(service)) && !this.mayFail)
        throw new Error(`${service.name} ended ${JSON.stringify(ended)}\n${service.log.slice(-4000)}`);
    if (isUnclean(this.transcode)) throw new Error(`transcode-svc or a worker of it\n${this.transcode.log.slice(-4000)}`);
  }

  // Asks, and waits for no answer: leave() is what a browser does that closes a tab or jumps elsewhere.
  ask(target) {
    const req = http.get({ host: '127.0.0.1', port: this.port, path: target });
    req.on('error', () => {});
    return { leave: () => req.destroy() };
  }

  // A whole answer: {status, headers, body}.
  request(method, target, { headers = {}, body, agent } = {}) {
    return new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: this.port, method, path: target, headers, agent }, (res) => {
        const parts = [];
        res.on('data', (part) => parts.push(part));
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
        res.on('error', (error) => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts), error }));
      });
      req.on('error', reject);
      req.end(body);
    });
  }

  get(target, headers = {}) {
    return this.request('GET', target, { headers });
  }

  async json(method, target, value, headers = {}) {
    const answer = await this.request(method, target, {
      headers: value === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: value === undefined ? undefined : JSON.stringify(value),
    });
    answer.json = answer.body.length > 0 && /json/.test(answer.headers['content-type'] ?? '') ? JSON.parse(answer.body) : undefined;
    return answer;
  }

  // Of a process that has just begun, or is busy, /metrics does not know for once.
  async metric(name, service = 'http') {
    const line = new RegExp(`^${name}\\{[^}]*service="${service}"[^}]*\\} (\\d+)`, 'm');
    const [, value] = await until(async () => line.exec((await this.get('/metrics')).body), `the metric ${name}`);
    return Number(value);
  }

  // A WebSocket that is open: next() is the next message {data, binary}, ask() sends and gives the next one, `closed` is a
  // promise of {code, reason}.
  async socket(target, { port = this.port, ...options } = {}) {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${target}`, { perMessageDeflate: false, ...options });
    const came = [], waiting = [];
    (this.sockets ??= []).push({ destroy: () => ws.terminate() });
    ws.on('message', (data, binary) => {
      const message = { data: binary ? data : data.toString(), binary };
      if (waiting.length > 0) waiting.shift().resolve(message);
      else came.push(message);
    });
    ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      waiting.forEach(({ reject }) => reject(new Error(`closed with ${code} ${reason}`)));
    }));
    ws.next = () => new Promise((resolve, reject) => {
      if (came.length > 0) return resolve(came.shift());
      waiting.push({ resolve, reject });
      setTimeout(reject, DEADLINE_MS, new Error('waited in vain for a message')).unref();
    });
    ws.ask = (message) => { ws.send(message); return ws.next(); };
    await new Promise((resolve, reject) => {
      ws.on('open', resolve);
      ws.on('error', reject);
    });
    return ws;
  }

  // A raw connection: `text` is sent; `received` and its length `total` grow; `gone` is a promise.
  raw(text = '', options = {}) {
    const socket = net.connect({ host: '127.0.0.1', port: this.port, ...options });
    (this.sockets ??= []).push(socket);
    let parts = [];
    socket.total = 0;
    Object.defineProperty(socket, 'received', {
      get: () => (parts.length > 1 && (parts = [Buffer.concat(parts)]), parts[0] ?? Buffer.alloc(0)),
      set: (value) => { parts = [value]; },
    });
    socket.on('data', (data) => {
      parts.push(data);
      socket.total += data.length;
    });
    socket.on('error', () => {});
    socket.gone = new Promise((resolve) => socket.on('close', resolve));
    if (text) socket.write(text);
    return socket;
  }
}

// Eight seconds of H.264, a keyframe each second, and AAC; what lies behind the options of ffmpeg is up to the test.
export const picture = ['-f', 'lavfi', '-i', 'testsrc=s=160x120:r=25:d=8'];
export const tone = ['-f', 'lavfi', '-i', 'sine=d=8'];
export const usual = [...picture, ...tone, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-c:a', 'aac'];

export const request = (method, target, more = '') => `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

// `count` clients in a process of their own that take all they get; resolves when each has got something.
export async function downloads(t, port, target, count) {
  const script = `
    const net = require('node:net');
    let begun = 0;
    for (let i = 0; i < ${count}; i++) {
      let first = true;
      const socket = net.connect({ host: '127.0.0.1', port: ${port}, onread: { buffer: Buffer.alloc(1 << 20), callback: () => {
        if (first) { first = false; if (++begun === ${count}) console.log('begun'); }
        return true;
      } } });
      socket.on('close', () => console.log('ended'));
      socket.on('error', () => {});
      socket.write('GET ${target} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n');
    }`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  child.ended = 0;
  await new Promise((resolve) => readline.createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'begun') resolve();
    else child.ended++;
  }));
  return child;
}
