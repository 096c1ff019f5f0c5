// SPDX-License-Identifier: MIT
//
// deploy/kubernetes, without a cluster: its documents by schema, what they name, and the programs as the pods would have them, by their
// environment, configuration, secrets and probes, each pod in a mount namespace, all in one network namespace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { isAlone, runAlone } from '../support/netns.mjs';
import { Yard, bin, film, run, sha256, until } from './house.mjs';
import { build, flaws, folder, readBase, root, typeErrors, whyNoKustomize } from './kubernetes.mjs';

const whyNoPods = spawnSync('unshare', ['--net', '--mount', '--pid', '--fork', 'ip', 'link', 'set', 'lo', 'up']).status === 0 ? undefined : 'needs root, for namespaces, and ip';

const find = (documents, kind, name) => documents.find((one) => one.kind === kind && one.metadata.name === name);

async function assertGood(t, documents) {
  assert.deepEqual(flaws(documents), []);
  assert.deepEqual(await typeErrors(new Yard(t).dir, documents), []);
}

// What somebody could do to them by mistake: by which word it is told.
const mistakes = [
  [(all) => { find(all, 'StatefulSet', 'room').spec.template.metadata.labels['app.kubernetes.io/name'] = 'rooms'; }, /StatefulSet room: does not select its own pods/],
  [(all) => { find(all, 'StatefulSet', 'torrent').spec.serviceName = 'torrents'; }, /there is no service torrents/],
  [(all) => { find(all, 'Service', 'sharestream').spec.ports[0].targetPort = 'web'; }, /Deployment http has no port web/],
  [(all) => { find(all, 'Service', 'tracker-udp').spec.ports[0].protocol = 'TCP'; }, /has no port tracker\/TCP/],
  [(all) => { find(all, 'Service', 'room-svc').spec.clusterIP = undefined; }, /room=tcp.*is no name of all instances/],
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.containers[0].env[0].name = 'SHARESTREAM_HTTP_LISTENS'; }, /SHARESTREAM_HTTP_LISTENS is no setting/],
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.containers[0].image = 'sharestream/https-svc'; }, /there is no image/],
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.containers[0].livenessProbe.httpGet.path = '/healthz'; }, /there is no \/healthz/],
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.volumes.find(({ name }) => name === 'secrets').secret.items[0].key = 'password'; }, /nobody makes the secret password/],
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.volumes.find(({ name }) => name === 'secrets').secret.items[0].path = 'password'; }, /bus-secret is not there/],
  [(all) => { find(all, 'StatefulSet', 'room').spec.template.spec.containers[0].readinessProbe.exec.command[6] = 'rtc'; }, /its probe asks rtc for Ping/],
  [(all) => { find(all, 'StatefulSet', 'room').spec.template.spec.containers[0].env[1].value = 'tcp://0.0.0.0:7021'; }, /nobody of room listens there/],
  [(all) => { find(all, 'StatefulSet', 'room').spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem = false; }, /is not confined/],
  [(all) => { find(all, 'NetworkPolicy', 'room').spec.ingress.pop(); }, /http to room:7020\/TCP is let out, but not in/],
  [(all) => { find(all, 'NetworkPolicy', 'tracker').spec.egress.shift(); }, /tracker to http:7040\/TCP is let in, but not out/],
];
const misspellings = [
  [(all) => { find(all, 'Deployment', 'http').spec.template.spec.containers[0].readynessProbe = {}; }, /readynessProbe/],
  [(all) => { find(all, 'Service', 'sharestream').spec.ports[0].protocol = 'tcp'; }, /"tcp"/],
  [(all) => { find(all, 'StatefulSet', 'room').spec.replicas = '1'; }, /"1"|'string'/],
  [(all) => { find(all, 'StatefulSet', 'room').metadata.label = {}; }, /label/],
  [(all) => { find(all, 'NetworkPolicy', 'room').spec.podSelector.matchLabel = {}; }, /matchLabel/],
  [(all) => { delete find(all, 'StatefulSet', 'room').spec.selector; }, /selector/],
  [(all) => { find(all, 'PodDisruptionBudget', 'room').apiVersion = 'policy/v2'; }, /there is no PodDisruptionBudget in policy\/v2/],
];

if (!isAlone) {
  test('the base is valid, and names nothing that is not there', (t) => assertGood(t, readBase()));

  test('mistakes are found', () => {
    for (const [make, word] of mistakes) {
      const all = structuredClone(readBase());
      make(all);
      assert.match(flaws(all).join('\n'), word, String(make));
    }
  });

  test('misspellings are found', async (t) => {
    const good = readBase().map((one) => JSON.stringify(one)), wrong = misspellings.flatMap(([make]) => {
      const all = readBase();
      make(all);
      return all.filter((one) => !good.includes(JSON.stringify(one)));
    });
    const said = await typeErrors(new Yard(t).dir, wrong);
    for (const [make, word] of misspellings) assert.ok(said.some((line) => word.test(line)), `${make}\n${said.join('\n')}`);
  });

  for (const overlay of ['single-node', 'cluster'])
    test(`so is what kustomize makes of ${overlay}`, { skip: whyNoKustomize }, async (t) => assertGood(t, await build(path.join(folder, overlay))));

  test('and of all components on one machine', { skip: whyNoKustomize }, async (t) => {
    const { dir } = new Yard(t), from = (name) => path.relative(dir, path.join(folder, name));
    fs.writeFileSync(path.join(dir, 'kustomization.yaml'), JSON.stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization',
      resources: [from('single-node')], components: ['redis', 'turn', 'ingress'].map(from) }));
    await assertGood(t, await build(dir));
  });

  test('the programs of the pods', { skip: whyNoPods, timeout: 300000 }, () => runAlone(import.meta.filename));
} else {
  test('run, find each other, answer their probes, and end as they are told to', async (t) => {
    assert.equal(spawnSync('ip', ['link', 'set', 'lo', 'up']).status, 0);
    const containers = [];
    t.after(() => containers.filter(({ child }) => child.exitCode === null).forEach(({ pid }) => process.kill(pid, 'SIGKILL'))); // unshare does not hear SIGTERM
    const yard = new Yard(t), documents = readBase(), secrets = path.join(yard.dir, 'secrets'), hosts = path.join(yard.dir, 'hosts');
    fs.mkdirSync(secrets);
    assert.equal((await run('sh', [path.join(root, 'deploy/docker/make-secrets'), secrets])).code, 0);
    fs.writeFileSync(path.join(secrets, 'link-key'), 'x'.repeat(32));
    // All pods have one address here.
    const names = documents.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name);
    fs.writeFileSync(hosts, ['localhost', ...names].map((name) => `127.0.0.1 ${name}\n`).join(''));
    const workloads = documents.filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');
    const pods = workloads.map((workload) => new Pod(yard, workload, find(documents, 'ConfigMap', 'sharestream').data, secrets, hosts));
    for (const pod of pods) await pod.start(containers);

    const [http, torrents] = ['http-svc', 'torrent-svc'].map((wanted) => containers.find(({ name }) => name === wanted));
    for (const container of containers)
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
        await until(() => container.answers(probe), `${container.name} to answer its ${probe}: ${container.child.said.slice(-2000)}`);

    const token = fs.readFileSync(path.join(secrets, 'admin-token'), 'utf8'), ask = (word) => fetch('http://127.0.0.1:8080/api/v1/stats', { headers: { Authorization: `Bearer ${word}` } });
    assert.equal((await ask('wrong')).status, 401);
    const answer = await ask(token);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).torrent.torrents, 0);

    const status = await http.run(['sharestream', 'status']);
    assert.equal(status.code, 0, status.out + status.err);

    // A film on the volume of torrent-svc plays by http-svc, which has none of it; also what transcode-svc beside that makes of it.
    const movie = await film(yard, { seconds: 10 });
    fs.copyFileSync(movie.file, path.join(torrents.pod.dir, 'data/film.mp4'));
    const { code, out, err } = await torrents.run(['env', 'SHARESTREAM_BUS_PEERS=torrent=tcp://127.0.0.1:7010', 'sharestream', '--json', 'call', 'torrent', 'Seed',
      JSON.stringify({ path: '/data/film.mp4', waitMs: 30000 })]);
    assert.equal(code, 0, err);
    const { infoHash } = JSON.parse(out), get = async (target) => Buffer.from(await (await fetch(new URL(target, 'http://127.0.0.1:8080'), { headers: { Authorization: `Bearer ${token}` } })).arrayBuffer());
    await until(async () => sha256(await get(`/stream/${infoHash}/0`)) === movie.sha256, 'the film to come whole');
    // Whoever is told to ask again in a moment does so, as players do.
    const patiently = (target, how) => until(async () => {
      const body = await get(target);
      return how.test(body.toString('latin1', 0, 8)) && body;
    }, target);
    const first = (text, under) => new URL(String(text).split('\n').find((line) => line && !line.startsWith('#')), under).href;
    const master = `http://127.0.0.1:8080/hls/${infoHash}/0/master.m3u8`, playlist = first(await patiently(master, /^#EXTM3U/), master);
    await patiently(first(await patiently(playlist, /^#EXTM3U/), playlist), /^.{4}moof/s);

    // What is told before SIGTERM is enough for it to end, and well.
    await http.run(http.spec.lifecycle.preStop.exec.command);
    assert.deepEqual(await http.child.gone, { code: 0, signal: null }, http.child.said.slice(-2000));
    assert.match(http.child.said, /msg=stopping why=replaced/);
    for (const container of containers.filter((one) => one !== http)) {
      process.kill(container.pid, 'SIGTERM');
      assert.deepEqual(await container.child.gone, { code: 0, signal: null }, container.child.said.slice(-2000));
    }
  });
}

// A pod's folders are here, and stand in place of theirs in all that its containers are told.
class Pod {
  constructor(yard, { metadata, spec: { template: { spec } } }, config, secrets, hosts) {
    Object.assign(this, { yard, spec, config, secrets, hosts, name: `${metadata.name}-0`, dir: path.join(yard.dir, metadata.name) });
  }

  volume(name) {
    const { configMap, secret } = this.spec.volumes.find((one) => one.name === name) ?? {}, dir = path.join(this.dir, name);
    fs.mkdirSync(dir, { recursive: true });
    for (const { key, path: file } of secret?.items ?? []) fs.copyFileSync(path.join(this.secrets, key), path.join(dir, file));
    return { dir, config: configMap && this.config };
  }

  async start(started) {
    const make = (spec) => new Container(this, spec);
    for (const container of (this.spec.initContainers ?? []).map(make)) {
      const [program, ...args] = container.placed(container.spec.command), { code, err } = await run(program, args);
      assert.equal(code, 0, err);
    }
    for (const container of this.spec.containers.map(make)) {
      await container.start();
      started.push(container);
    }
  }
}

class Container {
  constructor(pod, spec) {
    Object.assign(this, { pod, spec, name: spec.name });
    this.places = spec.volumeMounts.map(({ name, mountPath }) => ({ mountPath, ...pod.volume(name) }));
    for (const { dir, config } of this.places) // each container reads it with its own folders
      for (const [file, text] of Object.entries(config ?? {})) fs.writeFileSync(path.join(dir, `${this.name}-${file}`), this.place(text));
    const fields = { 'metadata.name': pod.name };
    this.env = Object.fromEntries((spec.env ?? []).map(({ name, value, valueFrom }) => [name, valueFrom ? fields[valueFrom.fieldRef.fieldPath] : this.place(value)]));
    if (this.env.SHARESTREAM_CONFIG) this.env.SHARESTREAM_CONFIG = this.env.SHARESTREAM_CONFIG.replace('config.yaml', `${this.name}-config.yaml`);
    this.env.PATH = `${bin}:${process.env.PATH}`;
  }

  place(text) {
    const dirs = new Map(this.places.map(({ mountPath, dir }) => [mountPath, dir]));
    return text.replace(new RegExp(`(?<![\\w/.-])(${[...dirs.keys()].join('|')})(?![\\w-])`, 'g'), (mountPath) => dirs.get(mountPath));
  }

  placed(words) {
    return words.map((word) => this.place(word));
  }

  async start() {
    this.child = this.pod.yard.start('unshare', ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', this.pod.hosts,
      path.join(bin, this.spec.image.replace('sharestream/', ''))], { env: this.env });
    this.pid = await until(() => fs.readFileSync(`/proc/${this.child.pid}/task/${this.child.pid}/children`, 'utf8').trim(), `${this.name} to be there`).then(Number);
  }

  // As the kubelet does: with the environment of the container, in its namespaces.
  run(command) {
    return run('env', ['-i', ...Object.entries(this.env).map(([key, value]) => `${key}=${value}`), 'nsenter', '--target', String(this.pid), '--mount', '--pid', ...this.placed(command)]);
  }

  async answers(probe) {
    const { exec, httpGet } = this.spec[probe] ?? {};
    if (exec) return (await this.run(exec.command)).code === 0;
    if (!httpGet) return true;
    const { containerPort } = this.spec.ports.find(({ name }) => name === httpGet.port);
    return fetch(`http://127.0.0.1:${containerPort}${httpGet.path}`).then(({ status }) => status === 200, () => false);
  }
}
