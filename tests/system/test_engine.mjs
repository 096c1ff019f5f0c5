// SPDX-License-Identifier: MIT
//
// sharestream-engine in the place of the app's own: what the Flutter client says to its engine, in its order, with real peers at the
// other end, and what is left when somebody dies.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startChromium } from './chromium.mjs';
import { Engine, processesOf, startSignal } from './dropin.mjs';
import { Yard, bin, canConnect, sha256, until } from './house.mjs';
import { add, fetched, openPage, servePage } from './pages.mjs';

function makeFile(yard, name = 'A film, äöü (1).mp4', bytes = 3 << 20) {
  const file = path.join(yard.dir, name), data = crypto.randomBytes(bytes);
  fs.writeFileSync(file, data);
  return { file, name, data };
}

async function range(url, from, to) {
  const answer = await fetch(url, { headers: { range: `bytes=${from}-${to ?? ''}` } });
  assert.equal(answer.status, 206, url);
  return { data: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
}

// The host's app shares a film and the viewer's plays it; between the two there is no more than the signalling server.
test('the conversation of two apps', async (t) => {
  const yard = new Yard(t), signal = await startSignal(yard), { file, name, data } = makeFile(yard);
  const host = await new Engine(yard).ready(), viewer = await new Engine(yard).ready();

  host.say({ cmd: 'info' });
  assert.deepEqual((await host.next('info')).torrents, []);
  host.say({ cmd: 'seed', filePath: file, trackerUrl: signal.tracker });
  const seeding = await host.next('seeding');
  assert.equal(seeding.name, name);
  assert.equal(seeding.serverUrl, `http://localhost:${host.port}/0/${encodeURIComponent(name)}`);
  const magnet = new URL(seeding.magnetURI);
  assert.match(seeding.magnetURI, /^magnet:\?xt=urn:btih:[0-9a-f]{40}&/);
  assert.equal(magnet.searchParams.get('dn'), name);
  assert.deepEqual(magnet.searchParams.getAll('tr'), [signal.tracker]);
  assert.deepEqual((await range(seeding.serverUrl, 1000, 1999)).data, data.subarray(1000, 2000));

  viewer.say({ cmd: 'add', magnetURI: seeding.magnetURI, trackerUrl: signal.tracker });
  const added = await viewer.next('added');
  assert.equal(added.name, name);
  assert.deepEqual(added.files, [{ name, length: data.length }]);
  assert.equal(added.serverUrl, `http://localhost:${viewer.port}/0/${encodeURIComponent(name)}`);
  // The player opens it at once, and waits for what is not here yet.
  const { data: end, headers } = await range(added.serverUrl, data.length - 5000);
  assert.deepEqual(end, data.subarray(-5000));
  assert.equal(headers.get('content-range'), `bytes ${data.length - 5000}-${data.length - 1}/${data.length}`);
  assert.equal(headers.get('content-length'), '5000');
  assert.equal(headers.get('accept-ranges'), 'bytes');
  assert.equal(headers.get('content-type'), 'video/mp4');
  const whole = await fetch(added.serverUrl);
  assert.equal(sha256(Buffer.from(await whole.arrayBuffer())), sha256(data));
  await viewer.next('done');
  const progress = await viewer.next('progress', ({ downloaded }) => downloaded === 1);
  assert.ok(Number.isInteger(progress.speed) && Number.isInteger(progress.peers), JSON.stringify(progress));
  await host.next('progress', ({ peers }) => peers > 0);

  // The watchdog.
  viewer.say({ cmd: 'info' });
  const info = await viewer.next('info');
  assert.deepEqual([info.serverUrl, info.downloaded, info.torrents.length], [added.serverUrl, 1, 1]);

  host.say({ cmd: 'stop' });
  await host.next('stopped');
  assert.equal((await fetch(seeding.serverUrl)).status, 404);
  viewer.say({ cmd: 'stop' });
  await viewer.next('stopped');
  for (const engine of [host, viewer]) {
    assert.deepEqual(await engine.end(), { code: 0, signal: null });
    assert.deepEqual(engine.bad, []);
    assert.deepEqual(processesOf(engine.dir), []);
  }
  assert.equal(sha256(fs.readFileSync(file)), sha256(data), 'what was shared is still there');
});

test('webtorrent in a page fetches from the engine, by the tracker of the signalling server', async (t) => {
  const yard = new Yard(t), signal = await startSignal(yard), { file, data } = makeFile(yard);
  const engine = await new Engine(yard).ready(), page = await openPage(t, await startChromium(t, yard, { isOpen: false }), await servePage(t), 'page');
  engine.say({ cmd: 'seed', filePath: file, trackerUrl: signal.tracker.replace('localhost', '127.0.0.1') });
  await add(page, (await engine.next('seeding')).magnetURI);
  assert.equal(await fetched(page), sha256(data));
  const { speed } = await engine.next('progress', (one) => one.speed > 0);
  assert.ok(speed <= data.length * 10, `${speed} bytes per second of ${data.length}`);
});

test('one torrent takes the place of the other', async (t) => {
  const yard = new Yard(t), engine = await new Engine(yard).ready();
  const one = makeFile(yard, 'one.mp4', 100000), two = makeFile(yard, 'two.mp4', 100000);
  engine.say({ cmd: 'seed', filePath: one.file });
  const first = await engine.next('seeding');
  // All at once, as when somebody clicks about: the last one counts.
  engine.say({ cmd: 'add', magnetURI: `magnet:?xt=urn:btih:${'1'.repeat(40)}` });
  engine.say({ cmd: 'seed', filePath: one.file });
  engine.say({ cmd: 'seed', filePath: two.file });
  const second = await engine.next('seeding');
  assert.equal(second.name, 'two.mp4');
  await until(async () => (await (await fetch(engine.url('/torrents'))).json()).torrents.length === 1, 'the others to go');
  assert.deepEqual(Buffer.from(await (await fetch(second.serverUrl)).arrayBuffer()), two.data);
  assert.notEqual(first.magnetURI, second.magnetURI);
  // The same again is told again.
  engine.say({ cmd: 'seed', filePath: two.file });
  assert.deepEqual(await engine.next('seeding'), second);
});

test('what makes no sense is an error in a sentence, and the engine goes on', async (t) => {
  const yard = new Yard(t), engine = await new Engine(yard).ready();
  for (const [line, sentence] of [['hello\n', /^invalid command: /], ['{"cmd":"jump"}\n', /^unknown command: jump$/], ['[1]\n', /^invalid command: /],
    [`{"cmd":"${'x'.repeat(70000)}"}\n`, /longer than 64 KiB/], ['{"cmd":"add","magnetURI":"http://x"}\n', /^invalid magnet URI: must start/],
    ['{"cmd":"add","magnetURI":"magnet:?dn=x"}\n', /^invalid magnet URI: /], [`{"cmd":"seed","filePath":"${yard.dir}/none.mp4"}\n`, /./],
    ['{"cmd":"seed","filePath":"relative.mp4"}\n', /absolute/]]) {
    engine.say(line);
    assert.match((await engine.next('error')).message, sentence, line.slice(0, 60));
  }
  engine.say('\n\r\n  \n{"cmd":"info"}\r\n');
  await engine.next('info');
  assert.deepEqual(engine.heard.filter(({ event }) => event !== 'progress'), []);
});

test('services that die come back, and the torrent with them', async (t) => {
  const yard = new Yard(t), engine = await new Engine(yard).ready(), { file, data } = makeFile(yard);
  engine.say({ cmd: 'seed', filePath: file });
  const { serverUrl } = await engine.next('seeding');
  for (const service of ['torrent-svc', 'http-svc']) {
    const { pid } = processesOf(engine.dir).find(({ name }) => name === service);
    process.kill(pid, 'SIGKILL');
    await until(() => !fs.existsSync(`/proc/${pid}`), 'it to die');
    await until(async () => {
      const answer = await fetch(serverUrl).catch(() => ({}));
      return answer.ok && sha256(Buffer.from(await answer.arrayBuffer())) === sha256(data);
    }, `the film after the death of ${service}`);
  }
  engine.heard.length = 0;
  await engine.next('progress');
});

// ---- the end

test('it ends with 0 when told to, by signals, and when its input ends', async (t) => {
  const yard = new Yard(t);
  const ways = { quit: (engine) => engine.say({ cmd: 'quit' }), 'end of input': (engine) => engine.process.stdin.end(), SIGTERM: (engine) => engine.process.kill('SIGTERM'), SIGINT: (engine) => engine.process.kill('SIGINT') };
  for (const [name, end] of Object.entries(ways)) {
    const engine = await new Engine(yard).ready();
    assert.ok(processesOf(engine.dir).length >= 4, 'it has services');
    end(engine);
    assert.deepEqual(await engine.process.gone, { code: 0, signal: null }, name);
    assert.deepEqual(processesOf(engine.dir), [], name);
    assert.equal(await canConnect(engine.port), false);
    if (name === 'quit') await engine.next('stopped');
  }
  // An input that never was one.
  const engine = new Engine(yard, { program: '/bin/sh', before: ['-c', 'exec "$0" "$@" </dev/null', path.join(bin, 'sharestream-engine')] });
  assert.deepEqual(await engine.process.gone, { code: 0, signal: null });
  assert.deepEqual(processesOf(engine.dir), []);
});

test('kill -9 of the engine, of its parent or of sharestreamd leaves no process', async (t) => {
  const yard = new Yard(t), { file } = makeFile(yard, 'film.mp4', 100000);
  // As the app starts it: through a shell.
  const shell = { program: '/bin/sh', before: ['-c', '"$0" "$@"; true', path.join(bin, 'sharestream-engine')] };
  for (const victim of ['sharestream-engine', 'the shell', 'sharestreamd']) {
    const engine = await new Engine(yard, shell).ready();
    engine.say({ cmd: 'seed', filePath: file });
    await engine.next('seeding');
    const all = processesOf(engine.dir), pid = victim === 'the shell' ? engine.process.pid : all.find(({ name }) => name === victim).pid;
    assert.ok(all.length >= 7, all.map(({ name }) => name).join());
    process.kill(pid, 'SIGKILL');
    // Of an app that dies nobody holds the other end.
    if (victim === 'the shell') engine.process.stdin.destroy();
    await until(() => processesOf(engine.dir).length === 0, `all processes to go after the death of ${victim}`);
    // The next one finds nothing in its way.
    const next = await new Engine(yard, { folder: path.basename(engine.dir) }).ready();
    next.say({ cmd: 'seed', filePath: file });
    await next.next('seeding');
    assert.equal((await next.end()).code, 0);
  }
});

test('two engines in one folder do not meet', async (t) => {
  const yard = new Yard(t), { file } = makeFile(yard, 'film.mp4', 100000), folder = 'shared';
  const one = await new Engine(yard, { folder }).ready(), two = await new Engine(yard, { folder }).ready();
  one.say({ cmd: 'seed', filePath: file });
  await one.next('seeding');
  two.say({ cmd: 'info' });
  assert.deepEqual((await two.next('info')).torrents, []);
  assert.deepEqual((await (await fetch(two.url('/torrents'))).json()).torrents, []);
  // A port that is taken is told, and not shared.
  const third = new Engine(yard, { args: ['-http-port', String(one.port), '-port', '0'] });
  assert.match((await third.next('error')).message, /port is taken/);
  assert.equal((await third.process.gone).code, 1);
  await until(() => processesOf(third.dir).length === 0, 'its services to go');
});
