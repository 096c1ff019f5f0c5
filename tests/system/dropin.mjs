// SPDX-License-Identifier: MIT
//
// dropin: sharestream-engine as the app runs it, and sharestream-signal, each in folders of its own in the yard, and quiet towards the
// network around.
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { bin, freePort, until } from './house.mjs';
import { ownAddress } from './chromium.mjs';

const quiet = { SHARESTREAM_TORRENT_DHT: 'false', SHARESTREAM_TORRENT_LSD: 'false', SHARESTREAM_TORRENT_UPNP: 'false', SHARESTREAM_RTC_ADDRESSES: ownAddress() };

function environment(yard, more) {
  const env = { ...process.env, ...quiet, HOME: yard.dir, XDG_RUNTIME_DIR: yard.dir, ...more };
  for (const name of ['SHARESTREAM_HTTP_TRACKER_LISTEN', 'SHARESTREAM_TRACKER_LISTEN']) delete env[name];
  return env;
}

let engines = 0;

export class Engine {
  // `args` besides the folder; `program` and `before` for what starts it in another way.
  constructor(yard, { args = ['-http', ':0', '-port', '0'], folder = `engine-${++engines}`, env = {}, program = path.join(bin, 'sharestream-engine'), before = [] } = {}) {
    this.dir = path.join(yard.dir, folder);
    this.process = yard.start(program, [...before, ...args, '-data-dir', this.dir], { stdio: ['pipe', 'pipe', 'pipe'], env: environment(yard, env), cwd: yard.dir });
    this.process.stdin.on('error', () => {});
    this.heard = [];
    this.bad = [];
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
      try { this.heard.push(JSON.parse(line)); } catch { this.bad.push(line); }
    });
  }

  say(command) {
    this.process.stdin.write(typeof command === 'string' ? command : `${JSON.stringify(command)}\n`);
  }

  // The first event of this name that nobody has taken yet.
  async next(event, matches = () => true) {
    const found = await until(() => {
      if (this.process.exitCode !== null && !this.heard.some((one) => one.event === event)) throw new Error(`the engine has ended\n${this.process.said}`);
      return this.heard.find((one) => one.event === event && matches(one));
    }, `the event ${event}`).catch((error) => { throw new Error(`${error.message}\n${JSON.stringify(this.heard.slice(-10))}\n${this.process.said.slice(-3000)}`); });
    this.heard.splice(this.heard.indexOf(found), 1);
    return found;
  }

  async ready() {
    this.port = (await this.next('ready')).port;
    return this;
  }

  url(target) {
    return `http://127.0.0.1:${this.port}${target}`;
  }

  async end() {
    this.say({ cmd: 'quit' });
    return this.process.gone;
  }
}

// All processes that were told of this folder, by argument or environment: nothing is left of an engine when there are none. By name.
export function processesOf(dir) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const read = (name) => fs.readFileSync(`/proc/${pid}/${name}`, 'latin1');
      const isOurs = read('environ').includes(`=${dir}\0`) || read('cmdline').includes(`\0${dir}\0`);
      return isOurs && !read('stat').includes(') Z ') ? [{ pid: Number(pid), name: path.basename(fs.readlinkSync(`/proc/${pid}/exe`)) }] : [];
    } catch {
      return []; // it has ended, or is somebody else's
    }
  });
}

export async function startSignal(yard, { args, env = {} } = {}) {
  const port = await freePort(), dir = path.join(yard.dir, `signal-${port}`);
  const child = yard.start(path.join(bin, 'sharestream-signal'), [...(args ?? ['-port', String(port)]), '-data-dir', dir], { env: environment(yard, { PORT: String(port), ...env }), cwd: yard.dir });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`sharestream-signal ended\n${child.said}`);
    return (await fetch(`${url}/api/tunnel`).catch(() => ({}))).ok; // the rooms answer
  }, 'the signalling server');
  return { port, dir, process: child, url, tracker: `ws://localhost:${port}/` };
}
