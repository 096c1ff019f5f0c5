// SPDX-License-Identifier: MIT
//
// A backup of a running server brings everything back on another: torrents, rooms, keys; films that are there are verified, others fetched.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Member } from '../service/room/page_client.mjs';
import { House, Yard, film, magnet, makeTorrent, seedWithAria2, sha256, until } from './house.mjs';

test('a backup of a running server is restored into an empty data folder', async (t) => {
  const yard = new Yard(t), movie = await film(yard, { seconds: 4 }), { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir), data = path.join(yard.dir, 'house/data'), kept = path.join(yard.dir, 'kept');
  // Wide, so that there is an admin token.
  const house = await House.start(t, yard, { address: '0.0.0.0' });
  await house.json('add', magnet(hash, seeder.port), '--wait');
  const own = await house.json('seed', movie.file);
  await until(async () => (await house.json('info', hash)).readyBytes === movie.size, 'the film to be there');
  const ann = new Member(t, house, 'Ann');
  await ann.create();
  await ann.does('say', { text: 'remember me', key: '1' });
  fs.mkdirSync(path.join(data, 'subtitles'), { recursive: true });
  fs.writeFileSync(path.join(data, 'subtitles/1.srt'), 'words');
  const secret = (name, folder = data) => fs.readFileSync(path.join(folder, name)).toString('hex');
  const token = secret('admin-token'), key = secret('link-key');

  assert.equal((await house.cli('backup', kept)).code, 0);
  assert.deepEqual(fs.readdirSync(kept).sort(), ['admin-token', 'config.yaml', 'link-key', 'rooms.db', 'sharestream-backup', 'subtitles', 'torrents.sqlite']);
  for (const name of ['', 'admin-token', 'link-key', 'rooms.db', 'torrents.sqlite']) assert.equal(fs.statSync(path.join(kept, name)).mode & 0o077, 0, `${name} is nobody else's to read`);
  // What cannot be done is refused, and changes nothing.
  assert.match((await house.cli('backup', kept)).err, /is there already; name a new folder/);
  assert.match((await house.cli('restore', kept)).err, /runs; stop everything first/);
  assert.equal((await house.cli('stop')).code, 0);
  assert.match((await house.cli('restore', kept)).err, /holds the state of a server already \(torrents\.sqlite\); move it away first/);
  assert.match((await house.cli('restore', yard.dir)).err, /is no backup, or one that was not finished/);

  // Another machine, with another data folder, and without the film that was downloaded.
  fs.renameSync(data, path.join(yard.dir, 'lost'));
  fs.writeFileSync(house.config, fs.readFileSync(house.config, 'utf8').replace(/data_dir: .*/, `data_dir: ${yard.dir}/elsewhere`));
  assert.match((await house.cli('backup', path.join(yard.dir, 'nothing'))).err, /holds no state of a server/);
  assert.equal((await house.cli('restore', kept)).code, 0);
  const elsewhere = path.join(yard.dir, 'elsewhere');
  assert.equal(secret('admin-token', elsewhere), token);
  assert.equal(secret('link-key', elsewhere), key);
  assert.equal(fs.readFileSync(path.join(elsewhere, 'subtitles/1.srt'), 'utf8'), 'words');
  await house.up();
  assert.deepEqual((await house.json('list')).torrents.map(({ infoHash }) => infoHash).sort(), [hash, own.infoHash].filter((one, i, all) => all.indexOf(one) === i).sort());
  // It is fetched again, into the new folder.
  const { data: got } = await house.watch(`/stream/${hash}/0?token=${Buffer.from(token, 'hex').toString()}`, movie.size);
  assert.equal(sha256(got), movie.sha256);
  await until(async () => (await house.json('info', hash)).readyBytes === movie.size, 'the film to be there again');
  assert.ok(!fs.existsSync(data), 'nothing is written where it was');
  // The room is there, with what was said, and knows its host.
  const again = await until(() => ann.join(ann.code).catch(() => null), 'the room to be there');
  assert.equal(again.room.chat.at(-1).text, 'remember me');
});
