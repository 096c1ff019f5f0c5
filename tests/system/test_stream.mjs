// SPDX-License-Identifier: MIT
//
// A magnet goes in, it plays: real seeders, a real film with sound, real players.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, film, magnet, makeTorrent, run, seedWithAria2, seedWithTransmission, sha256, until } from './house.mjs';

// Seen by ffprobe through our URL, it is the film that was made.
async function assertFilm(url, seconds) {
  const { code, out, err } = await run('ffprobe', ['-v', 'error', '-print_format', 'json', '-show_streams', '-show_format', url]);
  assert.equal(code, 0, err);
  const probed = JSON.parse(out);
  assert.deepEqual(probed.streams.map((stream) => stream.codec_name).sort(), ['aac', 'h264']);
  assert.ok(Math.abs(Number(probed.format.duration) - seconds) < 0.5);
}

async function streamsFrom(t, seed, index) {
  const yard = new Yard(t);
  const movie = await film(yard, { index });
  const { torrent, hash } = await makeTorrent(yard, movie.file);
  // Slow enough that everything below happens while it downloads.
  const seeder = await seed(yard, torrent, yard.dir, 6000000);
  const house = await House.start(t, yard);
  const listed = await house.get(`/torrent/${encodeURIComponent(magnet(hash, seeder.port))}`);
  assert.equal(listed.status, 200, listed.body.toString());
  const { infoHash, files } = JSON.parse(listed.body);
  assert.equal(infoHash, hash);
  assert.deepEqual(files.map(({ id, name, size }) => ({ id, name, size })), [{ id: 0, name: 'film.mp4', size: movie.size }]);

  const target = `/stream/${hash}/0`;
  let isComplete = true;
  const playing = house.watch(target, movie.size, () => {});
  await assertFilm(house.url(target), 40);
  isComplete = JSON.parse((await house.get(`/torrent/${hash}`)).body).files[0].progress === 1;
  assert.equal(isComplete, false, 'the seeder was too fast for this test to mean anything');
  const { data, breaks } = await playing;
  assert.equal(sha256(data), movie.sha256);
  assert.equal(breaks, 0);

  await until(async () => JSON.parse((await house.get(`/torrent/${hash}`)).body).files[0].progress === 1, 'the download to end');
  assert.equal(sha256((await house.get(target)).body), movie.sha256);
  await assertFilm(house.url(target), 40);
}

test('plays while aria2 seeds it, index at the front', (t) => streamsFrom(t, seedWithAria2, 'front'));
test('plays while transmission seeds it, index at the end', (t) => streamsFrom(t, seedWithTransmission, 'end'));

test('curl, ffmpeg and mpv play and seek', async (t) => {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 60 });
  const { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir, 12000000);
  const house = await House.start(t, yard);
  await house.json('add', magnet(hash, seeder.port), '--wait');
  const url = (await house.cli('stream', hash)).out.trim();
  assert.match(url, new RegExp(`/stream/${hash}/0/film\\.mp4$`));

  // A seek far ahead is answered before the film is here.
  const from = Math.floor(movie.size * 0.8);
  const curl = await run('curl', ['-s', '-r', `${from}-${from + 99999}`, '-o', path.join(yard.dir, 'part'), '-w', '%{http_code}', url]);
  assert.equal(curl.out, '206');
  assert.ok(fs.readFileSync(path.join(yard.dir, 'part')).equals(movie.data.subarray(from, from + 100000)));

  // The same picture comes out of the stream as out of the file, here at 50 s.
  const picture = (input) => run('ffmpeg', ['-v', 'error', '-ss', '50', '-i', input, '-frames:v', '1', '-f', 'framemd5', '-']);
  const [ours, theirs] = [await picture(url), await picture(movie.file)];
  assert.equal(ours.code, 0, ours.err);
  assert.equal(ours.out, theirs.out);

  const mpv = await run('mpv', ['--no-config', '--ao=null', '--vo=null', '--untimed', '--start=30', '--length=5', '--msg-level=all=warn', url]);
  assert.equal(mpv.code, 0, mpv.out + mpv.err);
  const whole = await run('ffmpeg', ['-v', 'error', '-xerror', '-i', url, '-map', '0', '-c', 'copy', '-f', 'null', '-']);
  assert.equal(whole.code, 0, whole.err);
});

// Whoever loses interest for a moment waits for the seeder's next round, 10 s later. By chance it went well in every second try where
// everything is fetched; where only readers fetch, never.
for (const background of ['true', 'false']) {
  test(`an index at the end, then the beginning: the seeder hears all the time that it is wanted, background ${background}`, async (t) => {
    const yard = new Yard(t), log = path.join(yard.dir, 'aria2.log');
    const movie = await film(yard, { index: 'end' });
    const { torrent, hash } = await makeTorrent(yard, movie.file);
    const seeder = await seedWithAria2(yard, torrent, yard.dir, 1500000, `--log=${log}`, '--log-level=info');
    const house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_BACKGROUND: background } });
    await house.json('add', magnet(hash, seeder.port), '--wait');
    const target = `/stream/${hash}/0`;
    const look = async (from, bytes) => {
      let got = 0;
      const { body } = await house.get(target, { Range: `bytes=${from}-` }, (part, res) => {
        got += part.length;
        if (got >= bytes) res.destroy();
      });
      assert.ok(body.length >= bytes && body.equals(movie.data.subarray(from, from + body.length)), `from ${from}`);
    };
    await look(0, 1000);
    await look(movie.size - 3000000, 3000000);
    await look(48, 1000000);
    assert.ok(JSON.parse((await house.get(`/torrent/${hash}`)).body).files[0].progress < 1, 'the seeder was too fast for this test to mean anything');
    seeder.process.kill('SIGTERM');
    await seeder.process.gone;
    const heard = [...fs.readFileSync(log, 'utf8').matchAll(/From: \S+ (not interested|interested)/g)].map(([, word]) => word);
    // Until somebody reads, there may be nothing that is wanted.
    assert.deepEqual(heard.slice(background === 'true' ? 0 : -1), ['interested']);
    assert.ok(heard.length <= 3, heard.join());
  });
}

test('a local file becomes a torrent that others fetch from us', async (t) => {
  const yard = new Yard(t);
  const movie = await film(yard, { seconds: 20, name: 'my film.mp4' });
  const house = await House.start(t, yard);
  const { infoHash } = await house.json('seed', movie.file);
  assert.match(infoHash, /^[0-9a-f]{40}$/);
  const metainfo = await house.get(`/api/v1/torrents/${infoHash}/metainfo`);
  assert.equal(metainfo.status, 200);
  const torrent = path.join(yard.dir, 'mine.torrent'), folder = path.join(yard.dir, 'theirs');
  fs.writeFileSync(torrent, metainfo.body);
  // aria2 finds us by the address of the magnet's peer, here given as its only one.
  const tracker = await peersOnly(t, house.peerPort);
  const aria2 = await run('aria2c', ['--seed-time=0', '--enable-dht=false', '--bt-enable-lpd=false', '--disable-ipv6=true', `--bt-tracker=${tracker}`, '-d', folder, torrent]);
  assert.equal(aria2.code, 0, aria2.out);
  assert.equal(sha256(fs.readFileSync(path.join(folder, 'my film.mp4'))), movie.sha256);
  assert.equal(sha256((await house.get(`/stream/${infoHash}/0`)).body), movie.sha256);
});

// The smallest tracker: everybody is told of the one peer at `port`.
async function peersOnly(t, port) {
  const { default: http } = await import('node:http');
  const server = http.createServer((req, res) => {
    const peer = Buffer.from([127, 0, 0, 1, port >> 8, port & 255]);
    res.end(Buffer.concat([Buffer.from('d8:intervali60e5:peers6:'), peer, Buffer.from('e')]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/announce`;
}
