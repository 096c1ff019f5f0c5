// SPDX-License-Identifier: MIT
//
// What ./run does: one command, a URL on the screen, a line that lives, Ctrl-C ends it all.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, bin, canConnect, film, freePort, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';
import fs from 'node:fs';

async function up(t, yard, source) {
  const port = await freePort(), config = path.join(yard.dir, 'config.yaml');
  fs.writeFileSync(config, `common:\n  data_dir: ${yard.dir}/data\n  run_dir: ${yard.dir}/run\nhttp:\n  listen: "127.0.0.1:${port}"\n  tracker_listen: ""\ntracker:\n  listen: ""\ntorrent:\n  listen: "127.0.0.1:${await freePort()}"\n  dht: false\n  lsd: false\n  upnp: false\n`);
  const child = yard.start(path.join(bin, 'sharestream'), ['--config', config, 'up', source], { cwd: yard.dir });
  const url = await until(() => /http:\/\/\S+\/stream\/\S+/.exec(child.said)?.[0] || (child.exitCode !== null && 'ended'), 'the URL');
  assert.notEqual(url, 'ended', child.said);
  return { child, url, port };
}

async function playsAndEnds(t, yard, source, movie) {
  const { child, url, port } = await up(t, yard, source);
  const house = Object.assign(new House(), { port });
  assert.equal(sha256((await house.watch(new URL(url).pathname, movie.size)).data), movie.sha256);
  await until(() => /100(\.0)? ?%/.test(child.said), 'the progress line to reach the end');
  child.kill('SIGINT');
  assert.deepEqual(await child.gone, { code: 0, signal: null }, child.said);
  assert.equal(await canConnect(port), false);
}

test('a magnet', async (t) => {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 20 });
  const { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir, 8000000);
  await playsAndEnds(t, yard, magnet(hash, seeder.port), movie);
});

test('a film of your own', async (t) => {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 10 });
  await playsAndEnds(t, yard, movie.file, movie);
});

test('every service is confined', async (t) => {
  const yard = new Yard(t), house = await House.start(t, yard), { services } = await house.json('status');
  for (const { name, pid } of services) {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    assert.match(status, /^NoNewPrivs:\s1$/m, name);
    assert.match(status, /^Seccomp:\s2$/m, name);
  }
  assert.ok(services.length >= 6);
});

test('nonsense is refused with a sentence and leaves nothing running', async (t) => {
  const yard = new Yard(t);
  const { code, err, out } = await run(path.join(bin, 'sharestream'), ['up', 'magnet:?xt=urn:btih:nonsense'],
    { cwd: yard.dir, env: { SHARESTREAM_COMMON_RUN_DIR: `${yard.dir}/run`, SHARESTREAM_COMMON_DATA_DIR: `${yard.dir}/data`, PORT: String(await freePort()), SHARESTREAM_TORRENT_LISTEN: '127.0.0.1:0', SHARESTREAM_TORRENT_DHT: 'false', SHARESTREAM_TRACKER_LISTEN: '', SHARESTREAM_HTTP_TRACKER_LISTEN: '' } });
  assert.notEqual(code, 0);
  assert.match(err + out, /info-hash/);
});
