// SPDX-License-Identifier: MIT
//
// The nine settings of tod-p2m, from config.yaml and from plain environment names, in the running system.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, bin, film, freePort, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';

const effective = async (house, service) => Object.fromEntries(
  (await house.json('config', service)).settings.map(({ name, value, origin }) => [name, { value, origin }]));

test('top-level keys of the file reach the services', async (t) => {
  const yard = new Yard(t);
  const port = await freePort();
  const house = new House();
  Object.assign(house, { yard, dir: yard.dir, config: path.join(yard.dir, 'config.yaml'), port, env: {} });
  fs.writeFileSync(house.config, `port: "${port}"
log_level: debug
torrent_timeout: 7s
max_connections: 33
download_rate_limit: 1234567
upload_rate_limit: 7654321
cache_size: 12
cleanup_interval: 3m
hls_segment_duration: 6
common:
  data_dir: ${yard.dir}/data
  run_dir: ${yard.dir}/run
torrent:
  listen: "127.0.0.1:${await freePort()}"
  dht: false
  lsd: false
  upnp: false
`);
  await house.up();
  const torrent = await effective(house, 'torrent'), front = await effective(house, 'http');
  assert.deepEqual(torrent['torrent.metadata_timeout'], { value: '7s', origin: 'file' });
  assert.deepEqual(torrent['torrent.max_connections'], { value: '33', origin: 'file' });
  assert.deepEqual(torrent['torrent.download_limit'], { value: '1234567', origin: 'file' });
  assert.deepEqual(torrent['torrent.upload_limit'], { value: '7654321', origin: 'file' });
  assert.deepEqual(torrent['torrent.max_torrents'], { value: '12', origin: 'file' });
  assert.deepEqual(torrent['torrent.cleanup_interval'], { value: '3m', origin: 'file' });
  assert.deepEqual(front['http.listen'], { value: `127.0.0.1:${port}`, origin: 'file' });
  assert.deepEqual(front['common.log_level'], { value: 'debug', origin: 'file' });
  assert.match(house.daemon.said, /lvl=debug/);
  assert.deepEqual(await house.json('limits'), { download: 1234567, upload: 7654321, maxConnections: 33 });
});

test('plain environment names beat the file', async (t) => {
  const yard = new Yard(t);
  const house = await House.start(t, yard, { env: { TORRENT_TIMEOUT: '9s', MAX_CONNECTIONS: '44', LOG_LEVEL: 'warn' } });
  const torrent = await effective(house, 'torrent');
  assert.deepEqual(torrent['torrent.metadata_timeout'], { value: '9s', origin: 'environment' });
  assert.deepEqual(torrent['torrent.max_connections'], { value: '44', origin: 'environment' });
  assert.doesNotMatch(house.daemon.said, /lvl=info/);
});

test('torrent_timeout ends a request for metadata that nobody has', async (t) => {
  const yard = new Yard(t);
  const house = await House.start(t, yard, { env: { TORRENT_TIMEOUT: '1s' } });
  const answer = await house.get('/torrent/0123456789abcdef0123456789abcdef01234567');
  assert.equal(answer.status, 500);
  assert.deepEqual(JSON.parse(answer.body), { error: 'timeout waiting for torrent info' });
});

test('download_rate_limit holds for a seeder on this machine when asked to', async (t) => {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 20 });
  const { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir);
  const limit = 1000000;
  const house = await House.start(t, yard, { env: { DOWNLOAD_RATE_LIMIT: String(limit), SHARESTREAM_TORRENT_LIMIT_LOCAL_PEERS: 'true' } });
  const started = Date.now();
  await house.json('add', magnet(hash, seeder.port), '--wait');
  await until(async () => (await house.json('info', hash)).readyBytes > 4 * limit, 'four seconds worth of data');
  const seconds = (Date.now() - started) / 1000, ready = (await house.json('info', hash)).readyBytes;
  // Not a measure of speed: a limit that does not hold gives the whole film in one of these seconds.
  assert.ok(ready / seconds < 2 * limit, `${ready} bytes in ${seconds} s`);
});

test('a wrong setting is named with file, line and what to do', async (t) => {
  const yard = new Yard(t);
  const config = path.join(yard.dir, 'config.yaml');
  const check = async (text) => {
    fs.writeFileSync(config, text);
    return run(path.join(bin, 'sharestreamd'), ['--config', config, '--check']);
  };
  const typo = await check('torrent:\n  listen: "127.0.0.1:0"\n  uppload_limit: 5\n');
  assert.equal(typo.code, 78);
  assert.match(typo.err, /config\.yaml:3: unknown key 'uppload_limit' in section torrent; did you mean 'upload_limit'\?/);
  const value = await check('torrent_timeout: soon\n');
  assert.equal(value.code, 78);
  assert.match(value.err, /config\.yaml:1 torrent_timeout: 'soon' is not a duration such as 30s/);
  assert.equal((await check('log_level: debug\n')).code, 0);
});
