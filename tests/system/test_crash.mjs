// SPDX-License-Identifier: MIT
//
// kill -9 of any process in mid-stream: no byte served is ever wrong, nothing downloaded is lost, ready data keeps flowing.
import assert from 'node:assert/strict';
import test from 'node:test';
import { House, Yard, film, magnet, makeTorrent, seedWithAria2, sha256, until } from './house.mjs';

async function playing(t, limit = 5000000) {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 60 });
  const { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir, limit);
  const house = await House.start(t, yard);
  await house.json('add', magnet(hash, seeder.port), '--wait');
  return { yard, movie, hash, seeder, house, target: `/stream/${hash}/0` };
}

const readyBytes = async (house, hash) => (await house.json('info', hash)).readyBytes;

test('kill -9 of torrent-svc: the download resumes and the player never notices', async (t) => {
  const { movie, hash, house, target } = await playing(t);
  let got = 0;
  const watching = house.watch(target, movie.size, (part) => { got += part.length; });
  await until(() => got > movie.size / 4, 'a quarter of the film');
  const before = await house.service('torrent.0'), had = await readyBytes(house, hash);
  process.kill(before.pid, 'SIGKILL');
  await until(async () => {
    const now = await house.service('torrent.0');
    return now.state === 'ready' && now.generation !== before.generation;
  }, 'torrent-svc to be back');
  await until(async () => (await readyBytes(house, hash).catch(() => 0)) >= had, 'what was there to be there');
  const { data, breaks } = await watching;
  assert.equal(sha256(data), movie.sha256);
  assert.equal(breaks, 0, 'the connection should outlive torrent-svc');
  const { deaths } = await house.json('why', 'torrent');
  assert.equal(deaths.length, 1);
  assert.match(deaths[0].cause, /SIGKILL/);
});

test('ready data keeps flowing while torrent-svc is away', async (t) => {
  const { movie, hash, house, target } = await playing(t, 0);
  await until(async () => (await readyBytes(house, hash)) === movie.size, 'the whole film');
  await house.json('call', 'supervisor', 'Stop', '{"name":"torrent"}');
  await until(async () => (await house.service('torrent.0')).state === 'stopped', 'torrent-svc to stop');
  const answer = await house.get(target);
  assert.equal(answer.status, 200);
  assert.equal(sha256(answer.body), movie.sha256);
  assert.equal((await house.get('/health/ready')).status, 503);
  assert.equal((await house.get('/health/live')).status, 200);
});

test('kill -9 of http-svc: it is back at once and the rest of the film is right', async (t) => {
  const { movie, house, target } = await playing(t);
  let got = 0;
  const watching = house.watch(target, movie.size, (part) => { got += part.length; });
  await until(() => got > movie.size / 4, 'a quarter of the film');
  const before = await house.service('http.0');
  process.kill(before.pid, 'SIGKILL');
  const { data } = await watching;
  assert.equal(sha256(data), movie.sha256);
  assert.notEqual((await house.service('http.0')).generation, before.generation);
});

test('kill -9 of sharestreamd: nothing is orphaned and the next start is clean', async (t) => {
  const { movie, hash, house, target } = await playing(t);
  let got = 0;
  const watching = house.watch(target, movie.size, (part) => { got += part.length; });
  await until(() => got > movie.size / 4, 'a quarter of the film');
  const pids = (await house.json('status')).services.map((service) => service.pid), had = await readyBytes(house, hash);
  house.daemon.kill('SIGKILL');
  await until(() => pids.every((pid) => !isAlive(pid)), 'the services to go');
  await house.up();
  assert.ok((await readyBytes(house, hash)) >= had - 16 * 262144, 'what was downloaded is still there');
  const { data } = await watching;
  assert.equal(sha256(data), movie.sha256);
});

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
