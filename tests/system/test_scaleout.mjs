// SPDX-License-Identifier: MIT
//
// Several instances of a service, each on a "host" of its own: cluster.mjs.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Cluster, whyNot } from './cluster.mjs';
import { Yard, magnet, makeTorrent, seedWithAria2, sha256, until } from './house.mjs';

const options = { skip: whyNot };

// A file with bytes of its own in the instance's folder, seeded by it.
async function seed(instance, name, size) {
  const file = path.join(instance.dir, name), data = crypto.randomBytes(size);
  fs.writeFileSync(file, data);
  const { infoHash } = await instance.call('Seed', { path: file, waitMs: 30000 });
  assert.match(infoHash, /^[0-9a-f]{40}$/);
  return { hash: infoHash, data, size };
}

const plays = (film, http) => until(async () => {
  const { status, body } = await http.get(`/stream/${film.hash}/0`);
  return status === 200 && sha256(body) === sha256(film.data);
}, `${film.hash} to come whole`);

test('torrents of either host are played by either http-svc, to the byte, also while one is away', options, async (t) => {
  const yard = new Yard(t), cluster = await Cluster.make(yard);
  const torrents = [await cluster.add('torrent'), await cluster.add('torrent')], fronts = [await cluster.add('http'), await cluster.add('http')];
  const films = [];
  for (const instance of torrents) // hashing says of some that they are the other's
    for (let i = 0; i < 3; i++) films.push({ ...await seed(instance, `film-${i}.bin`, 3000000 + 77777 * i), instance });

  for (const http of fronts) {
    await until(async () => (await http.json('/api/v1/torrents')).torrents?.length === films.length, 'the list to hold those of both');
    for (const film of films) {
      await plays(film, http);
      const { status, headers, body } = await http.get(`/stream/${film.hash}/0`, { Range: 'bytes=1048570-1300000' });
      assert.deepEqual([status, headers.get('content-range')], [206, `bytes 1048570-1300000/${film.size}`]);
      assert.equal(sha256(body), sha256(film.data.subarray(1048570, 1300001)));
      const last = await http.get(`/stream/${film.hash}/0`, { Range: 'bytes=-5' });
      assert.equal(sha256(last.body), sha256(film.data.subarray(-5)));
    }
    assert.equal((await http.json('/api/v1/stats')).torrent.torrents, films.length);
  }
  // Nobody fetched a film again from somewhere else: each is where it was.
  for (const instance of torrents) assert.equal((await instance.call('List')).torrents.length, 3);

  const [gone, stays] = torrents;
  await gone.kill();
  for (const http of fronts)
    for (const film of films.filter(({ instance }) => instance === stays)) await plays(film, http);
  await gone.start();
  for (const http of fronts)
    for (const film of films) await plays(film, http);
  for (const instance of torrents) assert.equal((await instance.call('List')).torrents.length, 3);
});

test('a torrent that is added goes to one host, is added once, and plays on the other while it comes', options, async (t) => {
  const yard = new Yard(t), cluster = await Cluster.make(yard, { SHARESTREAM_HTTP_MIRROR_SIZE: '1MiB' });
  const torrents = [await cluster.add('torrent'), await cluster.add('torrent')], fronts = [await cluster.add('http'), await cluster.add('http')];
  const data = crypto.randomBytes(24 << 20), file = path.join(yard.dir, 'film.bin');
  fs.writeFileSync(file, data);
  const { torrent, hash } = await makeTorrent(yard, file), seeder = await seedWithAria2(yard, torrent, yard.dir, 8000000);
  const counts = () => Promise.all(torrents.map(async (instance) => (await instance.call('List')).torrents?.length ?? 0));

  for (const http of fronts) await until(async () => (await http.get('/api/v1/torrents')).status === 200, 'http-svc to see torrent-svc');
  await until(async () => (await fronts[0].post('/api/v1/torrents', { source: magnet(hash, seeder.port) })).status === 201, 'it to be added');
  const bodies = await Promise.all(fronts.map((http) => http.get(`/stream/${hash}/0`)));
  for (const { status, body } of bodies) assert.deepEqual([status, sha256(body)], [200, sha256(data)]);
  assert.deepEqual((await counts()).sort(), [0, 1]);
  assert.equal((await fronts[1].post('/api/v1/torrents', { source: magnet(hash) })).status, 200);
  assert.deepEqual((await counts()).sort(), [0, 1]);

  // A third one comes: whatever hashing says now, the torrent is found where it is.
  torrents.push(await cluster.add('torrent'));
  await seed(torrents[2], 'other.bin', 300000);
  await until(async () => (await fronts[0].json('/api/v1/torrents')).torrents?.length === 2, 'the third to be found');
  assert.equal((await fronts[0].post('/api/v1/torrents', { source: magnet(hash) })).status, 200);
  assert.deepEqual((await counts()).sort(), [0, 1, 1]);

  // What was fetched for it is not kept beyond what is allowed.
  const used = fronts.map(({ dir }) => Number(fs.readdirSync(`${dir}/run`).filter((name) => name.startsWith('mirror.')).flatMap((name) =>
    fs.readdirSync(`${dir}/run/${name}`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && !entry.name.endsWith('.map')).map((entry) =>
      fs.statSync(path.join(entry.parentPath ?? entry.path, entry.name)).blocks * 512)).reduce((sum, bytes) => sum + bytes, 0)));
  for (const bytes of used) assert.ok(bytes > 0 && bytes <= 12 << 20, `${bytes} bytes are kept`);
  assert.equal((await fetch(fronts[0].url(`/api/v1/torrents/${hash}`), { method: 'DELETE' })).status, 204);
  for (const http of fronts) await until(async () => (await http.get(`/api/v1/torrents/${hash}`)).status === 404, 'it to be gone');
});
