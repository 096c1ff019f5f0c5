// SPDX-License-Identifier: MIT
//
// Several instances of a service, each on a "host" of its own: cluster.mjs.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Cluster, whyNot } from './cluster.mjs';
import WebSocket from 'ws';
import { SocketClient, UdpClient, escaped, peerId } from '../service/tracker/harness.mjs';
import { Yard, film, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';

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

// A client as they are: what is not answered is sent again.
class PatientClient extends UdpClient {
  static transaction = 1;

  ask(message) {
    const transaction = PatientClient.transaction++, once = Buffer.from(message);
    once.writeUInt32BE(transaction, 12);
    return new Promise((resolve) => {
      const again = setInterval(() => this.send(once).catch(() => clearInterval(again)), 1000);
      const hear = (reply) => {
        if (reply.readUInt32BE(4) !== transaction) return;
        clearInterval(again);
        this.socket.off('message', hear);
        resolve(reply);
      };
      this.socket.on('message', hear);
      this.send(once);
    });
  }
}

const latin = (bytes) => bytes.toString('latin1');
const TORRENTS = 12;

test('peers of a swarm meet, by whichever gateway or UDP socket they come, also after one instance was killed', options, async (t) => {
  const yard = new Yard(t), cluster = await Cluster.make(yard, { SHARESTREAM_TRACKER_REQUESTS_PER_S: '0', SHARESTREAM_HTTP_REQUESTS_PER_S: '0', SHARESTREAM_HTTP_THREADS: '1' });
  const trackers = [await cluster.add('tracker'), await cluster.add('tracker')], fronts = [await cluster.add('http'), await cluster.add('http')];
  const hashes = Array.from({ length: TORRENTS }, () => crypto.randomBytes(20));
  const clients = [];
  t.after(() => { for (const client of clients) client.close(); });
  const get = async (front, target) => Buffer.from(await (await fetch(`http://127.0.0.1:${front.text.match(/tracker_port=(\d+)/)[1]}${target}`)).arrayBuffer());
  const announce = (front, hash, n) => get(front, `/announce?info_hash=${escaped(hash)}&peer_id=${peerId(n)}&port=${1000 + n}`);
  const swarms = () => Promise.all(trackers.map(async (tracker) => Number((await tracker.call('Stats')).swarms ?? 0)));
  const udpTo = async (tracker) => {
    const client = new PatientClient(tracker.udpPort, 4);
    clients.push(client);
    await client.connect();
    return client;
  };

  const udps = [await udpTo(trackers[0]), await udpTo(trackers[1])];
  // Until everybody knows of everybody, the same swarm may be in two places. Of many torrents some are the one's and some the other's.
  const agree = () => until(async () => {
    for (let i = 0; i < 16; i++) {
      const hash = crypto.randomBytes(20);
      await udps[0].told({ hash, n: 1 });
      if ((await udps[1].told({ hash, n: 2 })).ports.length !== 1) return false;
      for (const [n, front] of fronts.entries())
        if (!latin(await announce(front, hash, 3 + n)).includes(`10:incompletei${3 + n}e`)) return false;
    }
    return true;
  }, 'all to know each other');
  await agree();

  const before = await swarms();
  for (const hash of hashes) {
    assert.deepEqual((await udps[0].told({ hash, n: 1 })).ports, []);
    assert.deepEqual((await udps[1].told({ hash, n: 2 })).ports, [1001]);
    for (const [i, front] of fronts.entries()) assert.match(latin(await announce(front, hash, 3 + i)), new RegExp(`10:incompletei${3 + i}e`));
    assert.deepEqual((await udps[1].told({ hash, n: 5, left: 0 })).ports, [1001, 1002, 1003, 1004]);
  }
  const after = await swarms();
  assert.equal(after[0] + after[1] - before[0] - before[1], TORRENTS, 'each swarm is in one place');
  assert.ok(after[0] > before[0] && after[1] > before[1], 'and they are shared out');

  for (const udp of udps) assert.deepEqual(await udp.scrape(...hashes), hashes.map(() => [1, 0, 4]));
  for (const front of fronts)
    assert.equal(latin(await get(front, `/scrape?${hashes.map((hash) => `info_hash=${escaped(hash)}`).join('&')}`)).match(/8:completei1e10:downloadedi0e10:incompletei4e/g).length, TORRENTS);

  // Browsers, each in all swarms over one WebSocket.
  const browsers = await Promise.all(fronts.map((front) => {
    const client = new SocketClient(new WebSocket(`ws://127.0.0.1:${front.text.match(/tracker_port=(\d+)/)[1]}/announce`));
    clients.push(client);
    return client.opened;
  }));
  const say = (n, hash, more) => ({ action: 'announce', info_hash: latin(hash), peer_id: `-WW0001-${String(n).padStart(12, '0')}`, left: 5, uploaded: 0, downloaded: 0, ...more });
  const offer = (text) => ({ offer: { type: 'offer', sdp: text }, offer_id: text.padEnd(20, '.') });
  const meet = async (what) => {
    const [one, other] = browsers;
    for (const [i, hash] of hashes.entries()) {
      assert.equal((await one.ask(say(1, hash, { offers: [] }))).action, 'announce');
      assert.equal((await other.ask(say(2, hash, { offers: [offer(`${what}${i}`)], numwant: 1 }))).info_hash, latin(hash));
      const heard = await one.next();
      assert.deepEqual([heard.offer.sdp, heard.info_hash], [`${what}${i}`, latin(hash)]);
      one.say(say(1, hash, { to_peer_id: heard.peer_id, answer: { type: 'answer', sdp: `to ${what}${i}` }, offer_id: heard.offer_id }));
      assert.equal((await other.next()).answer.sdp, `to ${what}${i}`);
    }
  };
  await meet('first');
  const { files } = await browsers[0].ask({ action: 'scrape', info_hash: hashes.map(latin) });
  assert.deepEqual(Object.values(files).map(({ incomplete }) => incomplete), hashes.map(() => 6));

  // It comes back within the patience of the others: its swarms are its own again, and browsers are in them at once.
  await trackers[0].kill();
  await trackers[0].start();
  await until(async () => (await swarms())[0] >= after[0] - before[0], 'the browsers to be in their swarms again');
  await meet('second');
  udps[0].close();
  clients.splice(clients.indexOf(udps[0]), 1);
  udps[0] = await udpTo(trackers[0]);
  await agree();

  // It goes for good: what was its own is the other's.
  await trackers[0].kill();
  cluster.names.tracker.shift();
  cluster.tell();
  for (const hash of hashes)
    await until(async () => (await udps[1].told({ hash, n: 7 })).ports !== undefined && /10:incompletei\d+e/.test(latin(await announce(fronts[0], hash, 8))) && (await udps[1].told({ hash, n: 7 })).ports.includes(1008), 'the other to take over');
});

test('HLS is made of a film that lies on another host', options, async (t) => {
  const yard = new Yard(t), cluster = await Cluster.make(yard);
  const [, torrent] = [await cluster.add('torrent'), await cluster.add('torrent')];
  // Beside each other, as they share the files that are made: here they do, for it is one machine.
  const http = await cluster.add('http');
  await cluster.add('transcode');
  const movie = await film(yard, { seconds: 8 }), file = path.join(torrent.dir, 'film.mp4');
  fs.copyFileSync(movie.file, file);
  const { infoHash: hash } = await torrent.call('Seed', { path: file, waitMs: 30000 });
  const text = (target) => until(async () => {
    const { status, body } = await http.get(target);
    return status === 200 && body.toString();
  }, target);
  const master = await text(`/hls/${hash}/0/master.m3u8`);
  const best = [...master.matchAll(/#EXT-X-STREAM-INF:.*?BANDWIDTH=(\d+).*\n(.+)/g)].sort((a, b) => b[1] - a[1])[0][2];
  const list = new URL(best, `http://x/hls/${hash}/0/`).pathname;
  const playlist = await text(list), target = (name) => new URL(name, `http://x${list}`).pathname;
  const names = playlist.split('\n').filter((line) => line !== '' && !line.startsWith('#')), init = playlist.match(/URI="([^"]+)"/)?.[1];
  const parts = [];
  for (const name of [...init ? [init] : [], ...names])
    parts.push(await until(async () => {
      const { status, body } = await http.get(target(name));
      return status === 200 && body;
    }, name));
  const made = path.join(yard.dir, 'made.mp4');
  fs.writeFileSync(made, Buffer.concat(parts));
  const frames = async (source) => (await run('ffprobe', ['-v', 'error', '-count_frames', '-select_streams', 'v:0', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', source]));
  const ours = await frames(made), theirs = await frames(movie.file);
  assert.deepEqual([ours.err, ours.out.trim()], ['', theirs.out.trim()]);
});
