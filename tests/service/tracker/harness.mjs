// SPDX-License-Identifier: MIT
//
// harness: a real tracker-svc, if asked for a real http-svc in front of it, and raw UDP, HTTP, WebSocket and bus towards them. On
// free ports and in a folder of its own; everything that was started is ended with the test that started it.
import { execFile, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const bin = process.env.BIN_DIR ?? new URL('../../../build/dev/bin', import.meta.url).pathname;
const DEADLINE_MS = 60000;

export async function until(check, what = 'a condition', ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (let pause = 10;; pause = Math.min(pause * 1.1, 200)) { // who has waited for long need not look so often
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export const HASH = Buffer.from(`c3ff${'61'.repeat(18)}`, 'hex');
export const OTHER = Buffer.from('7a'.repeat(20), 'hex');
export const escaped = (bytes) => [...bytes].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('');
export const peerId = (n) => Buffer.from(`-TR2940-${String(n).padStart(12, '0')}`);

class Process {
  constructor(name, env) {
    this.log = '';
    // Descriptor 3 is where a service says that it is ready.
    this.child = spawn(path.join(bin, name), [], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, SHARESTREAM_READY_FD: '3', ...env } });
    this.child.stderr.on('data', (data) => { this.log += data; });
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

  async end(signal) {
    if (!this.exited) this.child.kill(signal);
    return this.exit;
  }
}

export class Stage {
  static async start(t, { env = {}, front = false } = {}) {
    const stage = new Stage();
    stage.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-tracker-'));
    stage.env = { SHARESTREAM_COMMON_RUN_DIR: `${stage.dir}/run`, SHARESTREAM_COMMON_DATA_DIR: `${stage.dir}/data`, SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0',
      SHARESTREAM_HTTP_TRACKER_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_THREADS: '2', SHARESTREAM_TRACKER_LISTEN: '127.0.0.1:0, [::1]:0', ...env };
    stage.clients = [];
    stage.hearers = [];
    t.after(() => stage.stop());
    await stage.startTracker();
    if (front) {
      stage.front = new Process('http-svc', stage.env);
      const text = await stage.front.ready;
      stage.port = Number(text.match(/tracker_port=(\d+)/)[1]);
      await until(async () => (await stage.get('/stats.json')).status === 200, 'http-svc to see tracker-svc');
    }
    return stage;
  }

  async startTracker() {
    this.tracker = new Process('tracker-svc', this.env);
    this.udpPort = Number((await this.tracker.ready).match(/udp_port=(\d+)/)[1]);
  }

  // Asks tracker-svc over the bus: its reply, or { error, message }.
  call(method, request = {}) {
    return new Promise((resolve, reject) => {
      const child = execFile(path.join(bin, 'sharestream'), ['--json', 'call', 'tracker', method, '-'], { env: { ...process.env, ...this.env } },
        (error, out, complaint) => {
          try {
            resolve(JSON.parse(error ? complaint : out));
          } catch {
            reject(new Error(`${method}: ${error} ${out} ${complaint}`));
          }
        });
      child.stdin.end(JSON.stringify(request));
    });
  }

  // A list into which comes what tracker-svc publishes, as it comes.
  events() {
    const child = spawn(path.join(bin, 'print_events'), [this.env.SHARESTREAM_COMMON_RUN_DIR], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exit = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    const events = [];
    readline.createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line)));
    this.hearers.push({ end: () => { child.stdin.end(); return exit; } });
    return events;
  }

  async stop() {
    for (const client of this.clients) client.close();
    const ended = await Promise.all([this.front, this.tracker, ...this.hearers].map((process) => process?.end('SIGTERM')));
    fs.rmSync(this.dir, { recursive: true, force: true });
    for (const how of ended) if (how && how.signal !== 'SIGKILL' && how.code !== 0) throw new Error(`ended ${JSON.stringify(how)}\n${this.tracker.log}`);
  }

  get(target) {
    return new Promise((resolve, reject) => {
      http.get({ port: this.port, host: '127.0.0.1', path: target }, (res) => {
        const parts = [];
        res.on('data', (part) => parts.push(part));
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
      }).on('error', reject);
    });
  }

  udp(family = 4) {
    const client = new UdpClient(this.udpPort, family);
    this.clients.push(client);
    return client;
  }

  socket(target = '/tracker', WebSocketClass) {
    const client = new SocketClient(new WebSocketClass(`ws://127.0.0.1:${this.port}${target}`));
    this.clients.push(client);
    return client.opened;
  }
}

export class UdpClient {
  constructor(port, family) {
    this.port = port;
    this.host = family === 6 ? '::1' : '127.0.0.1';
    this.peerBytes = family === 6 ? 18 : 6;
    this.socket = dgram.createSocket(`udp${family}`);
    this.arrived = [];
    this.waiting = [];
    this.received = 0;
    this.socket.on('message', (message) => {
      this.received += message.length;
      const next = this.waiting.shift();
      if (next) next(message);
      else this.arrived.push(message);
    });
    this.id = Buffer.alloc(8);
  }

  send(message) {
    return new Promise((resolve, reject) => this.socket.send(message, this.port, this.host, (error) => (error ? reject(error) : resolve())));
  }

  next() {
    return this.arrived.length ? Promise.resolve(this.arrived.shift()) : new Promise((resolve) => this.waiting.push(resolve));
  }

  async ask(message) {
    await this.send(message);
    return this.next();
  }

  async connect() {
    const reply = await this.ask(Buffer.from('00000417271019800000000000000007', 'hex'));
    this.id = reply.subarray(8, 16);
    return reply;
  }

  announce({ hash = HASH, n = 1, port = 1000 + n, left = 5, event = 0, want = -1, path: url = '' } = {}) {
    const message = Buffer.alloc(98);
    this.id.copy(message);
    message.writeUInt32BE(1, 8);
    message.writeUInt32BE(n, 12);
    hash.copy(message, 16);
    peerId(n).copy(message, 36);
    message.writeBigUInt64BE(BigInt(left), 64);
    message.writeUInt32BE(event, 80);
    message.writeInt32BE(want, 92);
    message.writeUInt16BE(port, 96);
    return url === '' ? message : Buffer.concat([message, Buffer.from([2, url.length]), Buffer.from(url)]);
  }

  async told(options) {
    const reply = await this.ask(this.announce(options));
    if (reply.readUInt32BE(0) === 3) return { error: reply.subarray(8).toString() };
    const ports = [];
    for (let at = 20; at < reply.length; at += this.peerBytes) ports.push(reply.readUInt16BE(at + this.peerBytes - 2));
    return { interval: reply.readUInt32BE(8), incomplete: reply.readUInt32BE(12), complete: reply.readUInt32BE(16), ports: ports.sort((a, b) => a - b) };
  }

  async scrape(...hashes) {
    const head = Buffer.alloc(16);
    this.id.copy(head);
    head.writeUInt32BE(2, 8);
    const reply = await this.ask(Buffer.concat([head, ...hashes]));
    return hashes.map((_, i) => [0, 4, 8].map((at) => reply.readUInt32BE(8 + 12 * i + at)));
  }

  close() {
    this.socket.close();
  }
}

// What came, one message after the other.
export class SocketClient {
  constructor(socket) {
    this.socket = socket;
    this.arrived = [];
    this.waiting = [];
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      const next = this.waiting.shift();
      if (next) next(message);
      else this.arrived.push(message);
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
    this.opened = new Promise((resolve, reject) => {
      socket.on('open', () => resolve(this));
      socket.on('unexpected-response', (_, res) => reject(new Error(`answered ${res.statusCode}`)));
    });
  }

  say(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  next() {
    return this.arrived.length ? Promise.resolve(this.arrived.shift()) : new Promise((resolve) => this.waiting.push(resolve));
  }

  ask(message) {
    this.say(message);
    return this.next();
  }

  close() {
    this.socket.terminate();
  }
}
