// SPDX-License-Identifier: MIT
//
// compose: the stack of docker-compose.yml as its users meet it, from outside its containers. tools/check-compose brings it up and runs
// this; ctest does not. Needs besides what other tests here need: docker, docker-compose, root (it kills processes of containers).
import { Client } from 'bittorrent-tracker';
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import test from 'node:test';
import { roomOf } from '../service/room/page_client.mjs';
import { Yard, run, sha256, until } from './house.mjs';
import { Door, cli, container, inspect, kill, networkOf, seedFilm, within } from './stack.mjs';

const { SHARESTREAM_TRACKER_PORT: trackerPort, SHARESTREAM_TURN_PORT: turnPort } = process.env;
const services = ['tracker-svc', 'torrent-svc', 'transcode-svc', 'room-svc', 'rtc-svc', 'http-svc'];
const door = await Door.of('http-svc');

// Added by the command line.
async function addFilm(t) {
  const yard = new Yard(t), film = await seedFilm(yard);
  await cli('add', film.link, '--wait');
  return { yard, film, link: (await cli('stream', film.hash)).trim() };
}

async function readWhole(url, { movie }) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  assert.equal(sha256(Buffer.from(await answer.arrayBuffer())), movie.sha256);
}

test('who has no token may not, who has may', async () => {
  assert.equal((await fetch(`${door.origin}/api/v1/torrents`)).status, 401);
  assert.equal((await door.get('/api/v1/torrents')).status, 200);
});

test('a film plays: ranges byte by byte, and HLS', async (t) => {
  const { yard, film, link } = await addFilm(t), { movie, hash } = film;
  for (const [from, to] of [[0, 0], [1000, 99999], [movie.size - 70000, movie.size - 1], [Math.floor(movie.size / 2), Math.floor(movie.size / 2) + 300000]]) {
    const answer = await fetch(link, { headers: { Range: `bytes=${from}-${to}` } });
    assert.equal(answer.status, 206);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(movie.data.subarray(from, to + 1)), `${from}-${to}`);
  }
  await readWhole(link, film);
  await door.playsByHls(yard, film);

  // It announces to the tracker in the other container.
  const target = `http://127.0.0.1:${trackerPort}/scrape?info_hash=${hash.replace(/../g, '%$&')}`;
  await until(async () => /8:completei1e/.test(Buffer.from(await (await fetch(target)).arrayBuffer()).toString('latin1')), 'torrent-svc to announce');
});

test('people meet in a room, and stay in it when room-svc is killed', async (t) => {
  const [ann, bob] = await roomOf(t, door, 'Ann', 'Bob'), hears = (who, words) => who.hears('chat', ({ text }) => text === words);
  await ann.does('say', { text: 'hello from Ann' });
  await hears(bob, 'hello from Ann');
  await killAndWait('room-svc');
  await bob.does('say', { text: 'still here' });
  await hears(ann, 'still here');
  assert.deepEqual([ann.reason, bob.reason], [undefined, undefined], 'no connection was lost');
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
  const { iceServers } = await (await door.get('/ice-servers')).json().then((said) => (Array.isArray(said) ? { iceServers: said } : said));
  const { username, credential } = iceServers.find((server) => server.username);
  const allocate = (password) => run('turnutils_uclient', ['-v', '-y', '-c', '-n', '1', '-p', turnPort, '-u', username, '-w', password, '127.0.0.1'], { ms: 20000 });
  assert.match(await allocate(credential).then(({ out, err }) => out + err), /allocate response received: *success|clnet_allocate: rtv=0/);
  assert.doesNotMatch(await allocate('wrong').then(({ out, err }) => out + err), /clnet_allocate: rtv=0/);
});

async function killAndWait(service) {
  await kill(service);
  await until(() => door.isReady(), `all to be ready after ${service} was killed`);
}

test('kill -9 of each service: all come back, and the film plays on', async (t) => {
  const { film, link } = await addFilm(t);
  await readWhole(link, film);
  for (const service of services) {
    await killAndWait(service);
    await readWhole(link, film);
    assert.equal((await door.get(`/hls/${film.hash}/0/master.m3u8`)).status, 200, service);
  }
});

test('containers have no more rights than they need, and tell no secret', async () => {
  const secrets = await Promise.all(['admin-token', 'turn-secret', 'bus-secret'].map((name) => within('http-svc', 1, 'cat', `/secrets/${name}`)));
  for (const service of [...services, 'coturn', 'redis']) {
    const found = await inspect(service), { Pid } = found.State;
    assert.ok(found.HostConfig.ReadonlyRootfs, service);
    const status = fs.readFileSync(`/proc/${Pid}/status`, 'utf8');
    for (const line of [/^Uid:\t10001\t/m, /^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m]) assert.match(status, line, service);
    const shown = JSON.stringify(found) + fs.readFileSync(`/proc/${Pid}/environ`) + fs.readFileSync(`/proc/${Pid}/cmdline`);
    for (const secret of secrets) assert.ok(!shown.includes(secret.trim()), service);
  }
  // Where films of strangers are opened nothing leads to the outside.
  const { IPAddress } = networkOf(await inspect('http-svc'));
  const reaches = async (service) => run('docker', ['exec', await container(service), 'timeout', '5', 'bash', '-c', `</dev/tcp/${IPAddress}/8080`]);
  assert.equal((await reaches('torrent-svc')).code, 0);
  assert.notEqual((await reaches('transcode-svc')).code, 0);
});
