// SPDX-License-Identifier: MIT
//
// Whatever is killed while a film plays, it plays on; and the cache keeps to its size.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, film, until } from './house.mjs';
import { body, makeFilms, metric, packets, parseFramecrc, parseMedia, pids, share } from './hls.mjs';

const SHORT = 'transcode:\n  segment_duration: 2s\n';

async function openHouse(t, names, settings) {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  await makeFilms(yard, folder, names);
  const house = await House.start(t, yard, { settings });
  return { yard, house, at: await share(house, folder), source: path.join(folder, names[0]) };
}

test('a worker killed over a segment is replaced', async (t) => {
  const { house, at } = await openHouse(t, ['plain.mp4'], SHORT), base = at['plain.mp4'];
  const before = await body(house, `${base}/v/3.m4s`), [worker] = pids(house, 'transcode-worker');
  process.kill(worker, 'SIGSTOP');
  const asked = house.get(`${base}/v/4.m4s`);
  await until(async () => (await metric(house, 'jobs')) === 1, 'the worker to have a job');
  process.kill(worker, 'SIGKILL');
  assert.equal((await asked).status, 200);
  assert.equal(await metric(house, 'workers_died_total'), 1);
  assert.equal(await metric(house, 'retries_total'), 1);
  assert.deepEqual(await body(house, `${base}/v/3.m4s`), before);
});

test('ffmpeg plays on while transcode-svc and its workers are killed', async (t) => {
  const { yard, house, at, source } = await openHouse(t, ['tracks.mkv'], SHORT);
  const player = yard.start('ffmpeg', ['-v', 'warning', '-copyts', '-readrate', '5', '-i', house.url(`${at['tracks.mkv']}/v/index.m3u8`), '-c', 'copy', '-f', 'framecrc', '-flush_packets', '1', '-']);
  for (let kills = 1; kills <= 3; kills++) {
    const enough = player.said.length + 3000;
    await until(() => player.said.length > enough, 'it to play');
    // Asked while it cannot answer, so that it dies over a question.
    const [service] = pids(house, 'transcode-svc');
    process.kill(service, 'SIGSTOP');
    const asked = house.get(`${at['tracks.mkv']}/a1t/${10 - kills}.m4s`);
    await house.get('/health/live');
    for (const pid of [...pids(house, 'transcode-worker'), service]) process.kill(pid, 'SIGKILL');
    assert.equal((await asked).status, 200);
  }
  assert.equal((await player.gone).code, 0, player.said);
  const crcs = (list) => list.map(({ crc }) => crc);
  assert.deepEqual(crcs(parseFramecrc(player.said)), crcs(await packets(source)));
});

test('the cache never takes more than it may', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), limit = 16 << 20;
  fs.mkdirSync(folder);
  fs.renameSync((await film(yard)).file, path.join(folder, 'film.mp4'));
  const house = await House.start(t, yard, { settings: 'transcode:\n  cache_size: 16MiB\n' }), at = await share(house, folder);
  const cache = path.join(house.dir, 'data/segments'), targets = [];
  for (const name of ['v/index.m3u8', 'a1/index.m3u8', 'playlist.m3u8']) {
    const target = `${at['film.mp4']}/${name}`;
    targets.push(...parseMedia((await body(house, target)).toString()).uris.map((uri) => `${path.dirname(target)}/${uri}`));
  }
  let most = 0, isWatching = true;
  const watching = (async () => {
    while (isWatching) {
      let bytes = 0;
      for (const entry of fs.readdirSync(cache, { withFileTypes: true, recursive: true }))
        if (entry.isFile()) bytes += fs.statSync(path.join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
      most = Math.max(most, bytes);
      await new Promise(setImmediate);
    }
  })();
  for (const target of [...targets, ...targets]) await body(house, target);
  isWatching = false;
  await watching;
  assert.ok(await metric(house, 'cache_evicted_total') > 5);
  assert.ok(most > limit / 2 && most <= limit, `${most} of ${limit} bytes`);
});
