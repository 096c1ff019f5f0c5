// SPDX-License-Identifier: MIT
//
// The tracker, asked by clients that others wrote. Browsers are in test_browsers.mjs.
import assert from 'node:assert/strict';
import { Client } from 'bittorrent-tracker';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { WebSocket } from 'ws';
import { House, Yard, run, sha256, until } from './house.mjs';
import { aria2, arrives, counts, isOurs, libtorrent, makeContent, startTracker, transmission } from './swarm.mjs';

const empty = (yard, name = 'fetched') => {
  const folder = path.join(yard.dir, name);
  fs.mkdirSync(folder);
  return folder;
};

// ---- bittorrent-tracker's client

// Offers need WebRTC, which is not there: `numwant` 0 asks for none, and any `wrtc` lets the client try.
function client(t, announce, infoHash, port) {
  const it = new Client({ infoHash, announce, port, peerId: crypto.randomBytes(20).toString('hex'), wrtc: {} });
  it.warnings = [];
  it.peers = new Set();
  it.on('warning', (warning) => it.warnings.push(warning.message));
  it.on('error', (error) => it.warnings.push(error.message));
  it.on('peer', (peer) => it.peers.add(peer));
  t.after(() => new Promise((resolve) => it.destroy(resolve)));
  it.says = async (verb, options) => {
    it.peers.clear();
    const answer = once(it, 'update', { signal: AbortSignal.timeout(10000) });
    it[verb]({ uploaded: 0, downloaded: 0, ...options });
    const [{ complete, incomplete }] = await answer.catch((error) => { throw new Error(`${verb}: ${it.warnings.join('; ') || error}`); });
    return { complete, incomplete };
  };
  return it;
}

// By UDP the client wants hashes as buffers, whatever its README says.
function scrape(announce, hashes) {
  const wanted = hashes.map((hash) => (announce.startsWith('udp:') ? Buffer.from(hash, 'hex') : hash)), infoHash = wanted.length > 1 ? wanted : wanted[0];
  return new Promise((resolve, reject) => Client.scrape({ announce, infoHash, wrtc: {} }, (error, data) => (error ? reject(error) : resolve(data))));
}
// Bytes below 128: by HTTP the client reads the keys of a scrape as UTF-8, and its server writes them so.
const anyHash = () => crypto.randomBytes(20).map((byte) => byte & 127).toString('hex');
const figures = ({ complete, incomplete, downloaded }) => ({ complete, incomplete, downloaded });

async function lifeOfTwo(t, scheme) {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard), hash = anyHash(), numwant = scheme === 'ws' ? 0 : 50;
  // Two WebSockets, not one shared by both, as they are two programs in the real world.
  const seed = client(t, scheme === 'ws' ? `${tracker.ws}/?seed` : tracker[scheme], hash, 7001);
  const peer = client(t, scheme === 'ws' ? `${tracker.ws}/?peer` : tracker[scheme], hash, 7002);

  assert.deepEqual(await seed.says('start', { left: 0, numwant }), { complete: 1, incomplete: 0 });
  assert.deepEqual(await peer.says('start', { left: 1000, numwant }), { complete: 1, incomplete: 1 });
  if (scheme !== 'ws') await until(() => peer.peers.has('127.0.0.1:7001'), 'the peer to be told of the seed');
  assert.deepEqual(await seed.says('update', { left: 0, numwant }), { complete: 1, incomplete: 1 });
  if (scheme !== 'ws') await until(() => seed.peers.has('127.0.0.1:7002'), 'the seed to be told of the peer');
  assert.deepEqual(await peer.says('complete', { left: 0, downloaded: 1000, numwant }), { complete: 2, incomplete: 0 });

  const announce = scheme === 'ws' ? `${tracker.ws}/?scrape` : tracker[scheme], other = anyHash();
  const known = { complete: 2, incomplete: 0, downloaded: isOurs ? 1 : 2 }; // its server counts seeds, not downloads
  assert.deepEqual(figures(await scrape(announce, [hash])), known);
  const several = await scrape(announce, [hash, other]);
  assert.deepEqual(figures(several[hash]), known);
  assert.deepEqual(figures(several[other]), { complete: 0, incomplete: 0, downloaded: 0 });

  assert.deepEqual(await peer.says('stop', { left: 0, numwant: 0 }), { complete: 1, incomplete: 0 });
  assert.deepEqual(await seed.says('update', { left: 0, numwant }), { complete: 1, incomplete: 0 });
  assert.equal(seed.peers.has('127.0.0.1:7002'), false, 'who has stopped is not told any more');
  assert.deepEqual([...seed.warnings, ...peer.warnings], []);
}

for (const scheme of ['udp', 'http', 'ws'])
  test(`bittorrent-tracker's client starts, completes, scrapes and stops by ${scheme}`, (t) => lifeOfTwo(t, scheme));

// ---- torrent clients

// `fetcher` starts first when it cannot be the one that connects: transmission takes no peer on a loopback address from a tracker.
async function moves(t, { scheme, host, seeder, fetcher, isFetcherFirst = false }) {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard, { host });
  const content = await makeContent(yard, tracker[scheme]), folder = empty(yard);
  const start = [[seeder, content.folder, 'complete'], [fetcher, folder, 'incomplete']];
  if (isFetcherFirst) start.reverse();
  const [[first, where, counted], [second, elsewhere]] = start;
  await first(yard, content, where, host);
  await until(async () => (await counts(tracker, content.hash))[counted] === 1, 'the first client to announce');
  await second(yard, content, elsewhere, host);
  await arrives(folder, content);
  if (isOurs) await until(async () => (await counts(tracker, content.hash)).complete === 2, 'the tracker to count two seeds');
}

test('aria2 fetches from transmission by UDP', (t) => moves(t, { scheme: 'udp', seeder: transmission, fetcher: aria2 }));
test('transmission fetches from libtorrent by HTTP', (t) =>
  moves(t, { scheme: 'http', seeder: libtorrent, fetcher: transmission, isFetcherFirst: true }));
test('libtorrent fetches from aria2 by HTTP', (t) => moves(t, { scheme: 'http', seeder: aria2, fetcher: libtorrent }));
test('aria2 fetches from libtorrent by HTTP over IPv6', (t) => moves(t, { scheme: 'http', host: '::1', seeder: libtorrent, fetcher: aria2 }));
test('libtorrent fetches from libtorrent by UDP over IPv6', (t) => moves(t, { scheme: 'udp', host: '::1', seeder: libtorrent, fetcher: libtorrent }));

test('others find what we seed by our own tracker', { skip: !isOurs }, async (t) => {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard);
  const mine = path.join(empty(yard, 'mine'), 'data.bin'), torrent = path.join(yard.dir, 'mine.torrent'), folder = empty(yard);
  fs.writeFileSync(mine, crypto.randomBytes(3 << 20));
  const { infoHash } = await tracker.house.json('seed', mine);
  await until(async () => (await counts(tracker, infoHash)).complete === 1, 'torrent-svc to announce');
  fs.writeFileSync(torrent, (await tracker.house.get(`/api/v1/torrents/${infoHash}/metainfo`)).body);
  const aria2c = await run('aria2c', ['--seed-time=0', '--enable-dht=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false',
    '--disable-ipv6=true', `--bt-tracker=${tracker.http}`, '-d', folder, torrent]);
  assert.equal(aria2c.code, 0, aria2c.out);
  assert.equal(sha256(fs.readFileSync(path.join(folder, 'data.bin'))), sha256(fs.readFileSync(mine)));
});

// As in containers, where 127.0.0.1 is another for each.
test('what we seed is announced where tracker.own_url says', { skip: !isOurs }, async (t) => {
  const yard = new Yard(t), elsewhere = await startTracker(t, new Yard(t)), mine = path.join(yard.dir, 'mine.bin');
  fs.writeFileSync(mine, crypto.randomBytes(1 << 20));
  const house = await House.start(t, yard, { env: { SHARESTREAM_TRACKER_OWN_URL: elsewhere.udp,
    SHARESTREAM_TRACKER_PUBLIC_URLS: 'http://127.0.0.1:9/announce' } }); // nobody there: the next one is tried
  const { infoHash } = await house.json('seed', mine);
  await until(async () => (await counts(elsewhere, infoHash)).complete === 1, 'the announce');
});

// Whoever makes a torrent chooses where its downloaders send requests. Of what this machine serves they reach announces.
test('a torrent has this machine asked for announces, and nothing else', { skip: !isOurs }, async (t) => {
  for (const allowed of [false, true]) {
    const yard = new Yard(t), data = path.join(yard.dir, 'data.bin'), torrent = path.join(yard.dir, 'data.torrent'), asked = new Set();
    const server = http.createServer((req, res) => { asked.add(req.url.split(/[?&]info_hash/)[0]); res.end('d8:intervali1800e5:peers0:e'); }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    fs.writeFileSync(data, crypto.randomBytes(1 << 20));
    assert.equal((await run('mktorrent', ['-l', '18', '-a', `${url}/lights/off`, '-a', `${url}/announce`, '-w', `${url}/data.bin?lights=off`, '-o', torrent, data])).code, 0);
    const house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_ALLOW_PRIVATE_URLS: String(allowed) } });
    const { infoHash } = await house.json('add', torrent);
    await until(() => asked.has('/announce'), 'the announce');
    if (allowed) {
      await until(() => asked.has('/lights/off') && asked.has('/data.bin?lights=off'), 'what was allowed');
    } else {
      await until(async () => (await house.json('peers', infoHash)).trackers.some(({ url, message }) => url.endsWith('/lights/off') && /blocked/.test(message)), 'the refusal');
      assert.deepEqual([...asked], ['/announce']);
    }
  }
});

// ---- kill -9

// A browser as the tracker sees one.
async function browser(t, url, name) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  const it = { heard: [], isClosed: false, peerId: `-WW0208-${name.padStart(12, '0')}` };
  socket.on('message', (data) => it.heard.push(JSON.parse(data)));
  socket.on('close', () => { it.isClosed = true; });
  t.after(() => socket.terminate());
  await once(socket, 'open');
  it.say = (message) => socket.send(JSON.stringify({ action: 'announce', info_hash: 'a torrent of browser', peer_id: it.peerId, ...message }));
  it.hears = (check, what) => until(() => it.heard.find(check), what, 10000);
  return it;
}

const offers = (name, count) => Array.from({ length: count }, (_, i) =>
  ({ offer: { type: 'offer', sdp: `offer ${i} of ${name}` }, offer_id: `${i} ${name}`.padEnd(20, '.') }));

test('kill -9 of tracker-svc: WebSockets stay open, and a new browser is brought together with the old ones', { skip: !isOurs }, async (t) => {
  const yard = new Yard(t);
  const { house, ws } = await startTracker(t, yard);
  const old = [];
  for (const name of ['a', 'b', 'c']) {
    const one = await browser(t, `${ws}/`, name);
    one.say({ event: 'started', left: 10, numwant: 0, offers: [] });
    await one.hears((message) => message.interval > 0, 'the reply');
    old.push(one);
  }
  const before = await house.service('tracker.0');
  process.kill(before.pid, 'SIGKILL');
  // At once: no waiting until the supervisor has it up again.
  const late = await browser(t, `${ws}/`, 'late');
  late.say({ event: 'started', left: 10, numwant: 5, offers: offers('late', 5) });
  const { incomplete } = await late.hears((message) => message.interval > 0, 'the reply to the new browser');
  assert.equal(incomplete, 4);
  for (const one of old) {
    const offer = await one.hears((message) => message.offer, 'an offer to an old browser');
    assert.equal(offer.peer_id, late.peerId);
    one.say({ to_peer_id: offer.peer_id, answer: { type: 'answer', sdp: `of ${one.peerId}` }, offer_id: offer.offer_id });
    const answer = await late.hears((message) => message.answer?.sdp === `of ${one.peerId}`, 'the answer');
    assert.deepEqual([answer.peer_id, answer.offer_id], [one.peerId, offer.offer_id]);
  }
  const now = await house.service('tracker.0');
  assert.equal(now.state, 'ready');
  assert.notEqual(now.generation, before.generation);
  assert.ok(![...old, late].some((one) => one.isClosed), 'no WebSocket was closed');
});
