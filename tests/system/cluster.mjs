// SPDX-License-Identifier: MIT
//
// cluster: services on several hosts, as far as they can tell: each has a run dir and a data dir of its own and an address of its own
// (127.0.0.x), and meets the others over encrypted tcp, by names that stand for several addresses. The names stand in a file that takes the
// place of /etc/hosts in a mount namespace; it may change while they run. That needs root. With a Lan (tests/support/netns.mjs) they are on
// its machines, and the names come from a DNS server, Debian's dnsmasq, which is where the test is.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { bin, freePort, run, until } from './house.mjs';

export const whyNot = spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'needs root, for a mount namespace';

// For a start: which services there are, and the last number of the address of their first instance.
const NETS = { torrent: 10, tracker: 40, http: 70, transcode: 100, room: 130, rtc: 160 };

export class Instance {
  constructor(cluster, name, number, env, machine) {
    const last = NETS[name] + number, address = machine ? machine.address.replace(/1$/, last) : `127.0.0.${last}`;
    Object.assign(this, { cluster, name, number, machine, address, front: machine ? address : '127.0.0.1' });
    this.dir = path.join(cluster.dir, `${name}-${number}`);
    this.env = env;
  }

  async start() {
    const { cluster, machine, front } = this;
    const how = ['unshare', ['--mount', 'sh', '-c', `mount --bind "$0" ${machine ? '/etc/resolv.conf' : '/etc/hosts'} && exec "$@"`,
      machine ? cluster.resolver : cluster.hosts, path.join(bin, `${this.name}-svc`)]];
    this.child = cluster.yard.start(...(machine ? machine.command(...how) : how), {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'], cwd: cluster.dir,
      env: { ...process.env, ...cluster.env, SHARESTREAM_COMMON_RUN_DIR: `${this.dir}/run`, SHARESTREAM_COMMON_DATA_DIR: `${this.dir}/data`, SHARESTREAM_READY_FD: '3',
        SHARESTREAM_BUS_LISTEN: `tcp://${this.address}:${cluster.port}`, SHARESTREAM_BUS_NODE: `node-${this.number}`,
        SHARESTREAM_HTTP_LISTEN: `${front}:0`, SHARESTREAM_HTTP_TRACKER_LISTEN: `${front}:0`, SHARESTREAM_TRACKER_LISTEN: `${front}:0`, SHARESTREAM_TORRENT_LISTEN: `${front}:0`, ...this.env },
    });
    this.text = await new Promise((resolve, reject) => {
      readline.createInterface({ input: this.child.stdio[3] }).on('line', resolve);
      this.child.gone.then((how) => reject(new Error(`${this.name}-svc ended ${JSON.stringify(how)}\n${this.child.said}`)));
    });
    this.port = Number(this.text.match(/(?:^| )port=(\d+)/)?.[1]);
    this.udpPort = Number(this.text.match(/udp_port=(\d+)/)?.[1]);
    return this;
  }

  async kill(signal = 'SIGKILL') {
    this.child.kill(signal);
    await this.child.gone;
  }

  // Of this one alone, over the bus.
  async call(method, request = {}) {
    const { code, out, err } = await run(path.join(bin, 'sharestream'), ['--json', 'call', this.name, method, JSON.stringify(request)], {
      env: { ...this.cluster.env, SHARESTREAM_BUS_PEERS: `${this.name}=tcp://${this.address}:${this.cluster.port}` } });
    if (code !== 0) throw new Error(`${this.name}-${this.number} ${method}: ${err}`);
    return JSON.parse(out);
  }

  url(target) {
    return `http://${this.front}:${this.port}${target}`;
  }

  async get(target, headers = {}) {
    const answer = await fetch(this.url(target), { headers: { ...this.cluster.headers, ...headers } });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  }

  async json(target) {
    return JSON.parse((await this.get(target)).body);
  }

  async post(target, body) {
    const answer = await fetch(this.url(target), { method: 'POST', headers: { ...this.cluster.headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  }
}

export class Cluster {
  static async make(yard, env = {}, lan) {
    const cluster = new Cluster();
    Object.assign(cluster, { yard, dir: yard.dir, port: await freePort(), hosts: path.join(yard.dir, 'hosts'), instances: [], names: {} });
    await freePort(); // of the events
    cluster.env = {
      SHARESTREAM_BUS_SECRET: 'the same on all of these machines',
      SHARESTREAM_BUS_PEERS: Object.keys(NETS).map((name) => `${name}=tcp://${name}.test:${cluster.port}`).join(','),
      SHARESTREAM_HTTP_THREADS: '2', SHARESTREAM_TORRENT_DHT: 'false', SHARESTREAM_TORRENT_LSD: 'false',
      SHARESTREAM_TORRENT_UPNP: 'false', SHARESTREAM_TORRENT_PUBLIC_URL: '', ...env,
    };
    delete cluster.env.SHARESTREAM_TORRENT_PUBLIC_URL;
    cluster.tell();
    if (lan) await cluster.serveNames(lan);
    return cluster;
  }

  async serveNames(lan) {
    this.resolver = path.join(this.dir, 'resolv.conf');
    fs.writeFileSync(this.resolver, `nameserver ${lan.address}\n`);
    this.dns = this.yard.start('dnsmasq', ['--keep-in-foreground', '--log-facility=-', '--user=root', '--conf-file=/dev/null', '--pid-file', '--no-resolv', '--no-hosts',
      `--addn-hosts=${this.hosts}`, '--local=/test/', `--listen-address=${lan.address}`, '--bind-interfaces']);
    await until(() => this.dns.said.includes('read ') || this.dns.exitCode !== null, 'the DNS server');
    if (this.dns.exitCode !== null) throw new Error(`dnsmasq: ${this.dns.said}`);
  }

  // Which addresses the name of a service stands for from now on.
  tell() {
    const lines = ['127.0.0.1 localhost', ...Object.entries(this.names).flatMap(([name, addresses]) => addresses.map((address) => `${address} ${name}.test`))];
    fs.writeFileSync(this.hosts, lines.map((line) => `${line}\n`).join(''));
    this.dns?.kill('SIGHUP');
  }

  // One more instance; it is named before it answers, as a container is.
  async add(name, env = {}, machine = undefined) {
    const instance = new Instance(this, name, this.instances.filter((other) => other.name === name).length + 1, env, machine);
    await machine?.addAddress(instance.address);
    this.instances.push(instance);
    this.names[name] = [...this.names[name] ?? [], instance.address];
    this.tell();
    return instance.start();
  }
}
