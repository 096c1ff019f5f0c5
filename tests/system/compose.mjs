// SPDX-License-Identifier: MIT
//
// compose: the stack of docker-compose.yml as its users meet it, from outside its containers. tools/check-compose brings it up and runs
// this; ctest does not. Needs besides what other tests here need: docker, docker-compose, root (it kills processes of containers).
import { Client } from 'bittorrent-tracker';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { Yard, film, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';

const { io } = createRequire(new URL('../service/http/package.json', import.meta.url))('socket.io-client-4.8');
const { SHARESTREAM_HTTP_PORT: httpPort, SHARESTREAM_TRACKER_PORT: trackerPort, SHARESTREAM_TURN_PORT: turnPort } = process.env;
const services = ['tracker-svc', 'torrent-svc', 'transcode-svc', 'room-svc', 'rtc-svc', 'http-svc'];
const base = `http://127.0.0.1:${httpPort}`;

async function must(program, args) {
  const { code, out, err } = await run(program, args);
  assert.equal(code, 0, `${program} ${args.join(' ')}: ${err}${out}`);
  return out;
}

// In the project of tools/check-compose, by COMPOSE_PROJECT_NAME.
const compose = (...args) => must('docker-compose', args);
const cli = (...args) => compose('exec', '-T', 'http-svc', 'sharestream', ...args);
const inspect = async (service) => JSON.parse(await must('docker', ['inspect', (await compose('ps', '-q', service)).trim()]))[0];
const token = (await compose('exec', '-T', 'http-svc', 'cat', '/secrets/admin-token')).trim();
const get = (target, headers = {}) => fetch(base + target, { headers: { Authorization: `Bearer ${token}`, ...headers } });
const isReady = () => get('/health/ready').then((answer) => answer.status === 200, () => false);

// A film of a seeder on this machine, added by the command line.
async function addFilm(t) {
  const yard = new Yard(t), movie = await film(yard, { seconds: 60 }), { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir);
  const { Gateway } = (await inspect('torrent-svc')).NetworkSettings.Networks[`${process.env.COMPOSE_PROJECT_NAME}_default`];
  await cli('add', magnet(hash, seeder.port).replace('127.0.0.1', Gateway), '--wait');
  return { yard, movie, hash };
}

async function readWhole(url, movie) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), movie.sha256);
}

test('who has no token may not, who has may', async () => {
  assert.equal((await fetch(`${base}/api/v1/torrents`)).status, 401);
  assert.equal((await get('/api/v1/torrents')).status, 200);
});

test('a film plays: ranges byte by byte, and HLS', async (t) => {
  const { yard, movie, hash } = await addFilm(t);
  const link = (await cli('stream', hash)).trim().replace('http://localhost:8080', base);
  for (const [from, to] of [[0, 0], [1000, 99999], [movie.size - 70000, movie.size - 1], [Math.floor(movie.size / 2), Math.floor(movie.size / 2) + 300000]]) {
    const answer = await fetch(link, { headers: { Range: `bytes=${from}-${to}` } });
    assert.equal(answer.status, 206);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(movie.data.subarray(from, to + 1)), `${from}-${to}`);
  }
  await readWhole(link, movie);

  const master = await (await get(`/hls/${hash}/0/master.m3u8`)).text();
  assert.match(master, /^#EXTM3U/);
  const file = path.join(yard.dir, 'hls.mkv');
  await must('ffmpeg', ['-v', 'error', '-xerror', '-headers', `Authorization: Bearer ${token}\r\n`, '-i', `${base}/hls/${hash}/0/master.m3u8`, '-c', 'copy', file]);
  const { format, streams } = JSON.parse(await must('ffprobe', ['-v', 'error', '-print_format', 'json', '-show_streams', '-show_format', file]));
  assert.deepEqual(streams.map((stream) => stream.codec_name).sort(), ['aac', 'h264']);
  assert.ok(Math.abs(Number(format.duration) - 60) < 1, format.duration);

  // It announces to the tracker in the other container.
  const target = `http://127.0.0.1:${trackerPort}/scrape?info_hash=${hash.replace(/../g, '%$&')}`;
  await until(async () => /8:completei1e/.test(Buffer.from(await (await fetch(target)).arrayBuffer()).toString('latin1')), 'torrent-svc to announce');
});

async function member(t, name) {
  const socket = io(`${base}/room`, { transports: ['websocket'], reconnectionDelay: 50 });
  t.after(() => socket.io._close());
  const it = { name, id: `${name}-1`, secret: `the secret of ${name}`, heard: [], breaks: 0 };
  socket.onAny((event, what) => it.heard.push([event, what]));
  socket.on('disconnect', () => { it.breaks++; });
  it.does = async (event, what = {}) => {
    const answer = await socket.timeout(60000).emitWithAck(event, what);
    assert.ok(answer.ok, `${name}: ${event}: ${JSON.stringify(answer)}`);
    return answer;
  };
  it.hears = (text) => until(() => it.heard.some(([, what]) => JSON.stringify(what).includes(text)), `${name} to hear "${text}"`);
  return it;
}

test('people meet in a room, and stay in it when room-svc is killed', async (t) => {
  const ann = await member(t, 'Ann'), bob = await member(t, 'Bob');
  const me = ({ id, secret, name }) => ({ id, secret, name });
  const { room } = await ann.does('create', me(ann));
  await bob.does('join', { ...me(bob), code: room.code });
  await ann.does('say', { text: 'hello from Ann' });
  await bob.hears('hello from Ann');
  await kill('room-svc');
  await bob.does('say', { text: 'still here' });
  await ann.hears('still here');
  assert.deepEqual([ann.breaks, bob.breaks], [0, 0]);
});

test('peers find each other by the tracker, by UDP and by HTTP', async (t) => {
  const infoHash = crypto.randomBytes(20).toString('hex');
  const peer = (scheme, port) => {
    const client = new Client({ infoHash, announce: [`${scheme}://127.0.0.1:${trackerPort}/announce`], port, peerId: crypto.randomBytes(20).toString('hex') });
    client.on('error', () => {});
    client.seen = [];
    client.on('peer', (address) => client.seen.push(address));
    t.after(() => client.destroy());
    client.start();
    return client;
  };
  const one = peer('udp', 51001), other = peer('http', 51002);
  await until(() => {
    one.update();
    other.update();
    return one.seen.some((address) => address.endsWith(':51002')) && other.seen.some((address) => address.endsWith(':51001'));
  }, 'two peers to find each other');
});

test('coturn takes the credentials that room-svc gives, and no others', async () => {
  const { iceServers } = await (await get('/ice-servers')).json().then((said) => (Array.isArray(said) ? { iceServers: said } : said));
  const { username, credential } = iceServers.find((server) => server.username);
  const allocate = (password) => run('turnutils_uclient', ['-v', '-y', '-c', '-n', '1', '-p', turnPort, '-u', username, '-w', password, '127.0.0.1'], { ms: 20000 });
  assert.match(await allocate(credential).then(({ out, err }) => out + err), /allocate response received: *success|clnet_allocate: rtv=0/);
  assert.doesNotMatch(await allocate('wrong').then(({ out, err }) => out + err), /clnet_allocate: rtv=0/);
});

// As the kernel does when memory is short.
async function kill(service) {
  const before = (await inspect(service)).State;
  process.kill(before.Pid, 'SIGKILL');
  await until(async () => {
    const { State } = await inspect(service);
    return State.Running && State.StartedAt !== before.StartedAt;
  }, `${service} to be started again`);
  await until(isReady, `all to be ready after ${service} was killed`);
}

test('kill -9 of each service: all come back, and the film plays on', async (t) => {
  const { movie, hash } = await addFilm(t);
  const link = (await cli('stream', hash)).trim().replace('http://localhost:8080', base);
  await readWhole(link, movie);
  for (const service of services) {
    await kill(service);
    await readWhole(link, movie);
    assert.equal((await get(`/hls/${hash}/0/master.m3u8`)).status, 200, service);
  }
});

test('containers have no more rights than they need, and tell no secret', async () => {
  const secrets = await Promise.all(['admin-token', 'turn-secret', 'bus-secret'].map((name) => compose('exec', '-T', 'http-svc', 'cat', `/secrets/${name}`)));
  for (const service of [...services, 'coturn', 'redis']) {
    const container = await inspect(service), { Pid } = container.State;
    assert.ok(container.HostConfig.ReadonlyRootfs, service);
    const status = fs.readFileSync(`/proc/${Pid}/status`, 'utf8');
    for (const line of [/^Uid:\t10001\t/m, /^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m]) assert.match(status, line, service);
    const shown = JSON.stringify(container) + fs.readFileSync(`/proc/${Pid}/environ`) + fs.readFileSync(`/proc/${Pid}/cmdline`);
    for (const secret of secrets) assert.ok(!shown.includes(secret.trim()), service);
  }
  // Where films of strangers are opened nothing leads to the outside.
  const { IPAddress } = (await inspect('http-svc')).NetworkSettings.Networks[`${process.env.COMPOSE_PROJECT_NAME}_default`];
  const reaches = (service) => run('docker-compose', ['exec', '-T', service, 'timeout', '5', 'bash', '-c', `</dev/tcp/${IPAddress}/8080`]);
  assert.equal((await reaches('torrent-svc')).code, 0);
  assert.notEqual((await reaches('transcode-svc')).code, 0);
});
