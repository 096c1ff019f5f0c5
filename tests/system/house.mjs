// SPDX-License-Identifier: MIT
//
// house: the whole stack as a user has it (sharestreamd with its services, the command line), real seeders beside it, and a real
// film with sound. Everything on free ports and in folders of its own; everything started here is ended with the test.
import { execFile, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const bin = process.env.BIN_DIR ?? new URL('../../build/dev/bin', import.meta.url).pathname;
const DEADLINE_MS = 60000;
// Another house, or a tracker of this machine, may have the usual port.
process.env.SHARESTREAM_HTTP_TRACKER_LISTEN ??= '127.0.0.1:0';
process.env.SHARESTREAM_TRACKER_LISTEN ??= '127.0.0.1:0';

// Until `check` gives something true; no test sleeps for a fixed time.
export async function until(check, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (let pause = 20;; pause = Math.min(pause * 1.1, 200)) { // who has waited for long need not look so often
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

// {code, out, err}; never throws for an exit code.
export function run(program, args, { env = {}, cwd, ms = DEADLINE_MS, input } = {}) {
  return new Promise((resolve) => {
    const child = execFile(program, args, { env: { ...process.env, ...env }, cwd, timeout: ms, maxBuffer: 1 << 26 }, (error, out, err) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, out, err }));
    if (input !== undefined) child.stdin.on('error', () => {}).end(input);
  });
}

// From a stretch of the process's own, below those that the system hands out: nobody else takes it before it is used.
let portsGiven = 0;

export function freePort() {
  const port = 10000 + (process.pid % 220) * 100 + portsGiven++ % 100;
  return new Promise((resolve) => {
    const server = net.createServer().on('error', () => resolve(freePort()));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });
}

export const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');

// A folder for the test, removed at its end; processes end before.
export class Yard {
  constructor(t) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ss-system-'));
    this.children = [];
    t.after(() => this.clear());
  }

  start(program, args, options = {}) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    child.said = '';
    child.stdout.on('data', (data) => { child.said += data; });
    child.stderr.on('data', (data) => { child.said += data; });
    child.gone = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    this.children.push(child);
    return child;
  }

  async clear() {
    for (const child of this.children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      const forced = setTimeout(() => child.kill('SIGKILL'), 20000);
      await child.gone;
      clearTimeout(forced);
    }
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

// A film with picture and sound, index at the front or (as many cameras write it) at the end. Made once for all tests of a file.
const films = new Map();

export async function film(yard, { name = 'film.mp4', seconds = 40, index = 'front' } = {}) {
  const file = path.join(yard.dir, name), kind = `${seconds} ${index}`;
  if (!films.has(kind)) films.set(kind, await makeFilm(file, seconds, index));
  const data = films.get(kind);
  fs.writeFileSync(file, data);
  return { file, name, size: data.length, data, sha256: sha256(data) };
}

async function makeFilm(file, seconds, index) {
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=25', '-f', 'lavfi', '-i', 'sine=440',
    '-t', String(seconds), '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '6M', '-c:a', 'aac',
    ...(index === 'front' ? ['-movflags', '+faststart'] : []), file]);
  if (code !== 0) throw new Error(`ffmpeg: ${err}`);
  return fs.readFileSync(file);
}

// The dictionary of one .torrent, as far as tests need it.
export function infoHash(metainfo) {
  const end = (at) => {
    const c = String.fromCharCode(metainfo[at]);
    if (c === 'i') return metainfo.indexOf('e', at) + 1;
    if (c === 'd' || c === 'l') {
      at++;
      while (metainfo[at] !== 0x65) at = end(at);
      return at + 1;
    }
    const colon = metainfo.indexOf(':', at);
    return colon + 1 + Number(metainfo.subarray(at, colon).toString());
  };
  for (let at = 1; metainfo[at] !== 0x65;) {
    const value = end(at), next = end(value);
    if (metainfo.subarray(at, value).toString() === '4:info')
      return crypto.createHash('sha1').update(metainfo.subarray(value, next)).digest('hex');
    at = next;
  }
  throw new Error('no info in the torrent');
}

// mktorrent comes from Debian; 256 KiB pieces.
export async function makeTorrent(yard, file, name = 'film.torrent') {
  const torrent = path.join(yard.dir, name);
  const { code, err, out } = await run('mktorrent', ['-l', '18', '-a', 'http://127.0.0.1:9/announce', '-o', torrent, file]);
  if (code !== 0) throw new Error(`mktorrent: ${err}${out}`);
  return { torrent, hash: infoHash(fs.readFileSync(torrent)) };
}

// Debian's aria2 as a seeder. `limit` in bytes/s, 0 = none; setLimit() changes it.
export async function seedWithAria2(yard, torrent, folder, limit = 0, ...more) {
  const port = await freePort(), rpc = await freePort();
  const aria2 = yard.start('aria2c', ['--seed-ratio=0', '--check-integrity=true', '--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false',
    '--enable-peer-exchange=false', '--disable-ipv6=true', `--listen-port=${port}`, `--max-overall-upload-limit=${limit}`,
    '--enable-rpc', `--rpc-listen-port=${rpc}`, '--summary-interval=0', ...more, '-d', folder, torrent]);
  await until(() => canConnect(port), 'aria2 to listen');
  await until(() => /seed|SEED|\[#\w+ SEED|complete/i.test(aria2.said) || aria2.exitCode !== null, 'aria2 to seed');
  const setLimit = async (bytes) => {
    const call = { jsonrpc: '2.0', id: 1, method: 'aria2.changeGlobalOption', params: [{ 'max-overall-upload-limit': String(bytes) }] };
    const answer = await fetch(`http://127.0.0.1:${rpc}/jsonrpc`, { method: 'POST', body: JSON.stringify(call) });
    if (!answer.ok) throw new Error(`aria2: ${await answer.text()}`);
  };
  return { port, process: aria2, setLimit };
}

// Debian's transmission-daemon as a seeder.
export async function seedWithTransmission(yard, torrent, folder, limit = 0) {
  const port = await freePort(), rpc = await freePort(), config = path.join(yard.dir, 'transmission');
  fs.mkdirSync(config);
  fs.writeFileSync(path.join(config, 'settings.json'), JSON.stringify({ 'dht-enabled': false, 'lpd-enabled': false, 'utp-enabled': false,
    'pex-enabled': false, 'port-forwarding-enabled': false, 'speed-limit-up-enabled': limit > 0, 'speed-limit-up': Math.floor(limit / 1000),
    'ratio-limit-enabled': false, 'rpc-whitelist-enabled': false, 'rpc-bind-address': '127.0.0.1' }));
  yard.start('transmission-daemon', ['-f', '-g', config, '-P', String(port), '-p', String(rpc), '-w', folder, '--no-portmap']);
  await until(() => canConnect(rpc), 'transmission to answer');
  const remote = (...args) => run('transmission-remote', [`127.0.0.1:${rpc}`, ...args]);
  await until(async () => (await remote('-w', folder, '-a', torrent)).code === 0, 'transmission to take the torrent');
  await until(async () => /(Seeding|Idle)/.test((await remote('-l')).out), 'transmission to seed');
  return { port };
}

export function canConnect(port, host = '127.0.0.1') {
  return new Promise((resolve) => {
    const socket = net.connect(port, host, () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

export const magnet = (hash, ...ports) => `magnet:?xt=urn:btih:${hash}${ports.map((port) => `&x.pe=127.0.0.1:${port}`).join('')}`;

// sharestreamd with its services.
export class House {
  static async start(t, yard, { settings = '', env = {}, address = '127.0.0.1' } = {}) {
    const house = new House();
    house.yard = yard;
    house.dir = path.join(yard.dir, 'house');
    fs.mkdirSync(house.dir);
    house.config = path.join(house.dir, 'config.yaml');
    house.port = await freePort();
    house.peerPort = await freePort();
    fs.writeFileSync(house.config, `common:\n  data_dir: ${house.dir}/data\n  run_dir: ${house.dir}/run\n${settings.includes('http:') ? '' : `http:\n  listen: "${address}:${house.port}"\n`}`
      + (settings.includes('torrent:') ? settings : `torrent:\n  listen: "127.0.0.1:${house.peerPort}"\n  dht: false\n  lsd: false\n  upnp: false\n${settings}`));
    // A free port for the tracker as well, by UDP and by HTTP.
    const tracker = `127.0.0.1:${await freePort()}`;
    house.env = { SHARESTREAM_TRACKER_LISTEN: tracker, SHARESTREAM_HTTP_TRACKER_LISTEN: tracker, ...env };
    await house.up();
    return house;
  }

  async up() {
    this.daemon = this.yard.start(path.join(bin, 'sharestreamd'), ['--config', this.config], { cwd: this.dir, env: { ...process.env, ...this.env } });
    await until(async () => {
      if (this.daemon.exitCode !== null) throw new Error(`sharestreamd ended\n${this.daemon.said}`);
      return (await this.get('/health/ready').catch(() => ({}))).status === 200;
    }, 'the house to be ready');
  }

  cli(...args) {
    return run(path.join(bin, 'sharestream'), ['--config', this.config, ...args], { cwd: this.dir, env: this.env });
  }

  async json(...args) {
    const answer = await this.cli('--json', ...args);
    if (answer.code !== 0) throw new Error(`sharestream ${args.join(' ')}: ${answer.err}`);
    return JSON.parse(answer.out);
  }

  async service(name) {
    return (await this.json('status')).services.find((service) => service.name === name);
  }

  url(target) {
    return `http://127.0.0.1:${this.port}${target}`;
  }

  // A whole answer; `onData` sees parts as they come.
  get(target, headers = {}, onData = () => {}) {
    return new Promise((resolve, reject) => {
      const req = http.get(this.url(target), { headers, agent: false }, (res) => {
        const parts = [];
        res.on('data', (part) => { parts.push(part); onData(part, res); });
        res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts), isWhole: true }));
        res.on('error', () => {});
        res.on('close', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts), isWhole: false }));
      });
      req.on('error', reject);
    });
  }

  // What the API answers to a message.
  async post(target, message, headers = {}) {
    const answer = await fetch(this.url(target), { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(message) }), text = await answer.text();
    if (!answer.ok) throw new Error(`POST ${target}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : {};
  }

  // Reads a file to its end as a player would: when the connection breaks it asks for the rest.
  async watch(target, size, onData = () => {}) {
    let data = Buffer.alloc(0), breaks = 0;
    await until(async () => {
      const answer = await this.get(target, { Range: `bytes=${data.length}-` }, onData).catch(() => undefined);
      if (answer && answer.status === 206) data = Buffer.concat([data, answer.body]);
      if (data.length < size) breaks++;
      return data.length >= size;
    }, 'the film to end', 120000);
    return { data, breaks };
  }
}
