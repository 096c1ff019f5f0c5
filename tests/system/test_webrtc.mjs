// SPDX-License-Identifier: MIT
//
// Browsers as peers of a torrent whose other peers know nothing of WebRTC: unmodified webtorrent in Chromium with its usual settings,
// our server, and ordinary BitTorrent clients.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, { describe } from 'node:test';
import { ownAddress, startChromium } from './chromium.mjs';
import { House, Yard, film, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';
import { add, fetched, openPage, seed, servePage } from './pages.mjs';
import { aria2, arrives, libtorrent, transmission } from './swarm.mjs';
import { startTurn } from './turn.mjs';

const BYTES = Number(process.env.SHARESTREAM_TEST_BYTES ?? 24 << 20), FEW_BYTES = 8 << 20;

const announce = (house) => `ws://${house.env.SHARESTREAM_HTTP_TRACKER_LISTEN}/announce`;
const forPages = (house, hash) => `magnet:?xt=urn:btih:${hash}&tr=${encodeURIComponent(announce(house))}`;

function randomFile(yard, bytes) {
  const file = path.join(yard.dir, 'original', 'data.bin'), data = crypto.randomBytes(bytes);
  fs.writeFileSync(file, data);
  return { file, sha256: sha256(data) };
}

// A file that only aria2 has; the server has not been told of it. `limit`, bytes/s: as fast as aria2 gives.
async function begin(t, { env = {}, make = (yard) => randomFile(yard, FEW_BYTES), limit = 0, isOpen = false } = {}) {
  const yard = new Yard(t), folder = path.join(yard.dir, 'original');
  fs.mkdirSync(folder);
  const content = await make(yard), { torrent, hash } = await makeTorrent(yard, content.file);
  const seeder = await seedWithAria2(yard, torrent, folder, limit), house = await House.start(t, yard, { env });
  const browser = await startChromium(t, yard, { isOpen }), url = await servePage(t);
  return { yard, house, hash, torrent, seeder, content, tell: () => house.json('add', magnet(hash, seeder.port)),
    open: (name = 'page', rtcConfig = undefined) => openPage(t, browser, url, name, rtcConfig), uri: forPages(house, hash) };
}

const stats = (house) => house.json('call', 'rtc', 'Stats', '{}');
const browsers = async (house) => (await house.json('call', 'rtc', 'Peers', '{}')).peers ?? [];
const openOnes = async (house) => (await browsers(house)).filter(({ state }) => state === 'open');
const whole = (house, hash) => until(async () => (await house.json('info', hash)).progress === 1, 'the server to have it all');
const throttle = (page, bytes) => page.evaluate((rate) => globalThis.client.throttleDownload(rate), bytes);
const progress = (page) => page.evaluate(() => globalThis.client.torrents[0].progress);

test('a page fetches what only a client without WebRTC has', async (t) => {
  const { tell, open, uri, content } = await begin(t, { make: (yard) => randomFile(yard, BYTES) });
  await tell();
  const page = await open();
  await add(page, uri);
  assert.equal(await fetched(page), content.sha256);
});

test('a page plays a film while it fetches it', async (t) => {
  const { house, hash, tell, open, uri, content } = await begin(t, { make: (yard) => film(yard, { name: 'original/film.mp4', seconds: 20 }) });
  await tell();
  await whole(house, hash);
  const page = await open();
  await throttle(page, content.size / 60);
  await add(page, uri);
  await page.evaluate(async () => {
    const torrent = globalThis.client.torrents[0], video = document.querySelector('video');
    await navigator.serviceWorker.register('/sw.min.js');
    globalThis.client.createServer({ controller: await navigator.serviceWorker.ready });
    if (!torrent.ready) await new Promise((resolve) => { torrent.once('ready', resolve); });
    torrent.files[0].streamTo(video);
    video.play();
  });
  const playsTo = (seconds) => until(() => page.evaluate((end) => {
    const video = document.querySelector('video');
    if (video.error) throw new Error(`the film does not play: ${video.error.message}`);
    return video.currentTime > end;
  }, seconds), `the film to play to ${seconds} s`);
  await playsTo(1);
  assert.ok(await progress(page) < 1, 'it plays before it is whole');
  await throttle(page, -1);
  assert.equal(await fetched(page), content.sha256);
  await playsTo(3);
});

// They find each other where names of mDNS are found, which a container has not; and share where they do not all fetch from the front.
test('three pages give each other what the server gave one of them', async (t) => {
  const { house, hash, tell, open, uri, content } = await begin(t, { isOpen: true });
  const { size } = fs.statSync(content.file), pages = await Promise.all(['one', 'other', 'third'].map((name) => open(name)));
  await tell();
  await whole(house, hash);
  await house.json('limits', '--up', '2MB', hash);
  await Promise.all(pages.map((page) => add(page, uri, { strategy: 'rarest' })));
  for (const page of pages) assert.equal(await fetched(page), content.sha256);
  const { bytesOut } = await stats(house);
  t.diagnostic(`the server gave ${(bytesOut / size).toFixed(2)} times the file`);
  assert.ok(bytesOut < 3 * size, `the server gave ${bytesOut} bytes of a file of ${size}`);
});

// ---- where networks are in the way

test('a page that reaches others by a TURN server only', async (t) => {
  const { yard, house, tell, open, uri, content } = await begin(t);
  await tell();
  const { server } = await startTurn(yard);
  const page = await open('page', { iceServers: [server], iceTransportPolicy: 'relay' });
  await add(page, uri);
  assert.equal(await fetched(page), content.sha256);
  assert.match((await openOnes(house))[0].path, /<- relay/);
});

test('a page whose UDP does not arrive comes by TCP', async (t) => {
  const { house, tell, open, uri, content } = await begin(t, { env: { SHARESTREAM_RTC_UDP: 'false' } });
  await tell();
  const page = await open();
  await add(page, uri);
  assert.equal(await fetched(page), content.sha256);
  assert.match((await openOnes(house))[0].path, /^tcp/);
});

// What stands between is this machine by its address in the network: no loopback leads there, so nobody can come by an address of his own.
test('torrent-svc may be elsewhere', async (t) => {
  let house, came = 0;
  const between = net.createServer((from) => {
    const to = net.connect(house.peerPort, '127.0.0.1');
    came++;
    for (const [one, other] of [[from, to], [to, from]]) one.pipe(other).on('error', () => other.destroy());
  }).listen(0, ownAddress());
  t.after(() => between.close());
  await once(between, 'listening');
  const story = await begin(t, { env: { SHARESTREAM_RTC_BITTORRENT: `${ownAddress()}:${between.address().port}` } });
  house = story.house;
  await story.tell();
  const page = await story.open();
  await add(page, story.uri);
  assert.equal(await fetched(page), story.content.sha256);
  assert.ok(came > 0);
});

// ---- who comes first

test('a page waits for the server, and the server for the description of the torrent', async (t) => {
  const { house, hash, tell, open, uri, content } = await begin(t);
  const page = await open();
  await add(page, uri);
  await house.json('add', magnet(hash));
  await until(async () => (await openOnes(house)).length > 0, 'the page and the server to meet');
  assert.equal((await house.json('info', hash)).hasMetadata, false);
  await tell();
  assert.equal(await fetched(page), content.sha256);
});

// ---- stories of which most is waiting, all at once

describe('meanwhile', { concurrency: true }, () => {
  test('what only a page has, clients without WebRTC fetch from the server', async (t) => {
    const yard = new Yard(t), house = await House.start(t, yard), browser = await startChromium(t, yard, { isOpen: false });
    const content = await seed(await openPage(t, browser, await servePage(t), 'page'), announce(house), FEW_BYTES);
    await house.json('add', magnet(content.hash));
    const ordinary = `magnet:?xt=urn:btih:${content.hash}&tr=${encodeURIComponent(announce(house).replace('ws:', 'http:'))}`;
    await Promise.all([aria2, transmission].map(async (client) => {
      const folder = path.join(yard.dir, client.name);
      fs.mkdirSync(folder);
      await client(yard, { torrent: ordinary }, folder);
      await arrives(folder, content);
    }));
  });

  for (const name of ['rtc.0', 'torrent.0'])
    test(`kill -9 of ${name} while a page fetches: it meets the server again and goes on`, async (t) => {
      const { house, hash, tell, open, uri, content } = await begin(t);
      await tell();
      await whole(house, hash);
      const page = await open();
      await throttle(page, FEW_BYTES / 40);
      await add(page, uri);
      await until(async () => await progress(page) > 0.1, 'the first bytes');
      const { pid } = await house.service(name);
      await page.evaluate(() => { globalThis.before = globalThis.client.torrents[0].wires.slice(); });
      const killed = Date.now();
      process.kill(pid, 'SIGKILL');
      await until(() => page.evaluate(() => globalThis.client.torrents[0].wires.some((wire) => !globalThis.before.includes(wire) && wire.downloaded > 0)),
        'bytes by a new connection');
      t.diagnostic(`bytes came again after ${Date.now() - killed} ms`);
      await throttle(page, -1);
      assert.equal(await fetched(page), content.sha256);
      assert.equal((await house.json('why', name)).deaths.length, 1);
    });
});

// ---- what is nobody's business

test('other peers are not told of the addresses under which browsers come', async (t) => {
  const { yard, house, hash, torrent, seeder, tell, open, uri } = await begin(t, { limit: 100000 });
  await tell();
  const page = await open(), liar = await open('liar');
  await add(page, uri);
  await add(liar, uri);
  // As a client would that does not know that nobody can reach it.
  await liar.evaluate(() => globalThis.client.torrents[0].on('wire', (wire) => { wire.extendedHandshake.p = 6881; }));
  await until(async () => liar.said.some((line) => /wire webrtc/.test(line)) && (await openOnes(house)).some(({ bytesOut }) => bytesOut > 100000), 'both to be connected');
  const folder = path.join(yard.dir, 'fetched'), ofBrowsers = /\b127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d/;
  assert.match((await openOnes(house))[0].bridge, ofBrowsers);
  fs.mkdirSync(folder);
  const peer = await libtorrent(yard, { torrent }, folder);
  await house.json('add', magnet(hash, peer.port));
  await until(() => peer.process.said.includes(`127.0.0.1:${seeder.port}`), 'the peer to hear of the other');
  assert.doesNotMatch(peer.process.said, ofBrowsers);
});
