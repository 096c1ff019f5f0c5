// SPDX-License-Identifier: MIT
//
// netns: two network namespaces with a long line between them (tests/support/link.c), or several at one switch, and programs inside. The
// namespaces have no names: each lives as long as a process in it, which ends when its standard input does. So neither they nor the line
// stay behind, not even of a test that was killed.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { bin, run, until } from '../system/house.mjs';

// Why there can be no namespaces here, else undefined: for the option `skip` of a test.
export const whyNot = spawnSync('unshare', ['--net', 'true']).status === 0 && fs.existsSync('/dev/net/tun') ? undefined
  : 'needs root, for network namespaces, and /dev/net/tun';

class Namespace {
  constructor(yard, address) {
    this.yard = yard;
    this.address = address;
    this.begin();
  }

  begin() {
    const { yard } = this;
    // The line is said from within: only then has the process left our namespace.
    this.holder = yard.start('unshare', ['--net', 'sh', '-c', 'echo here; exec cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.path = `/proc/${this.holder.pid}/ns/net`;
  }

  command(program, args) {
    return ['nsenter', [`--net=${this.path}`, program, ...args]];
  }

  start(program, args, options) {
    return this.yard.start(...this.command(program, args), options);
  }

  run(program, args, options) {
    return run(...this.command(program, args), options);
  }

  ip(...commands) {
    return feed(this.run.bind(this), 'ip', ['-batch', '-'], commands.join('\n'));
  }

  // On the network of a Lan.
  async addAddress(address) {
    await this.ip(addressOn(address));
    this.addresses.push(address);
  }
}

const addressOn = (address) => `address add ${address}/16 dev eth0`;

async function feed(runner, program, args, input) {
  const { code, err } = await runner(program, args, { input });
  if (code !== 0) throw new Error(`${program}: ${err}`);
}

// This process's own.
const here = { address: '10.77.0.1', path: `/proc/${process.pid}/ns/net` };

// A whole file of tests in a namespace of its own, so that all it does by itself is at one end of the line (or mounted for nobody else). There,
// `isAlone` is true and the file says which tests there are; before, it has one test, which is all of them.
export const isAlone = process.env.SHARESTREAM_TEST_ALONE !== undefined;

export function runAlone(file, namespace = '--net') {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, SHARESTREAM_TEST_ALONE: '1', NODE_TEST_CONTEXT: undefined };
    const child = spawn('unshare', [namespace, 'setpriv', '--pdeathsig', 'KILL', process.execPath, file], { env, stdio: 'inherit' });
    child.on('exit', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${file}: ${code ?? signal}`))));
  });
}

// Not its exit: that may be seen before its last words.
const hasFallenSilent = (child) => child.stdout.readableEnded && child.stderr.readableEnded;

async function untilSaid(child, word) {
  await until(() => child.said.includes(word) || hasFallenSilent(child), `"${word}"`);
  if (!child.said.includes(word)) throw new Error(`${child.spawnfile}: ${child.said}`);
}

// Two namespaces, a and b, and the line between them, with options as the program has them: { 'delay-ms': 20, rate: '50MB' }.
// Of use in both: address, start() and run(). The yard ends it all, the programs inside first. Who `isAlone` is a himself.
export class Line {
  static async start(yard, options = {}) {
    const line = new Line(), made = isAlone ? ['b'] : ['a', 'b'];
    line.a = isAlone ? here : new Namespace(yard, '10.77.0.1');
    line.b = new Namespace(yard, '10.77.0.2');
    for (const end of made) await untilSaid(line[end].holder, 'here');
    line.link = yard.start(path.join(bin, 'link'), ['--a', line.a.path, '--b', line.b.path,
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])], { stdio: ['pipe', 'pipe', 'pipe'] });
    await untilSaid(line.link, 'ready');
    return line;
  }

  // Takes the line away and gives its counters: { aToB: { packets, bytes, lost, dropped, missed }, bToA, cpuMs }.
  async stop() {
    this.link.stdin.end();
    await until(() => hasFallenSilent(this.link), 'the counters');
    return JSON.parse(this.link.said.split('\n')[1]);
  }
}

// Machines at one switch, which is in this process's own namespace: who uses it `isAlone`. What goes from one to another may be lost.
export class Lan {
  static async start(yard) {
    const lan = new Lan();
    Object.assign(lan, { yard, address: '10.77.0.1', machines: [] });
    await feed(run, 'ip', ['-batch', '-'], `link set lo up\nlink add lan type bridge\naddress add ${lan.address}/16 dev lan\nlink set lan up`);
    await lan.rules('table bridge lan { chain lost { type filter hook forward priority 0; }; }');
    return lan;
  }

  rules(text) {
    return feed(run, 'nft', ['-f', '-'], text);
  }

  // With an address of its own; addAddress() gives it more.
  async add() {
    const number = this.machines.length + 1, machine = new Namespace(this.yard, `10.77.${number}.1`);
    this.machines.push(Object.assign(machine, { port: `port${number}`, addresses: [machine.address] }));
    await this.plug(machine);
    return machine;
  }

  async plug(machine) {
    await untilSaid(machine.holder, 'here');
    await feed(run, 'ip', ['-batch', '-'], `link add ${machine.port} type veth peer name eth0 netns ${machine.holder.pid}\nlink set ${machine.port} master lan up`);
    await machine.ip('link set lo up', 'link set eth0 up', ...machine.addresses.map(addressOn));
  }

  // Its power is cut: nobody hears of it. Who is on it is to be killed then; what comes back is a machine that knows of no connection.
  unplug(machine) {
    return feed(run, 'ip', ['-batch', '-'], `link delete ${machine.port}`);
  }

  async plugAnew(machine) {
    machine.holder.stdin.end();
    await machine.holder.gone;
    machine.begin();
    await this.plug(machine);
  }

  // From now on nothing that the one sends reaches the other.
  lose(from, to) {
    return this.rules(`add rule bridge lan lost iifname ${from.port} oifname ${to.port} drop`);
  }

  async cut(one, others) {
    for (const other of others) {
      await this.lose(one, other);
      await this.lose(other, one);
    }
  }

  mend() {
    return this.rules('flush chain bridge lan lost');
  }
}
