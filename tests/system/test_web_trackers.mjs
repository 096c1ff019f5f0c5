// SPDX-License-Identifier: MIT
//
// WebSocket trackers elsewhere, by which browsers and the server meet who have no other way: npm's tracker, unmodified webtorrent in
// Chromium, and trackers that mean no good.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { WebSocketServer } from 'ws';
import { startChromium } from './chromium.mjs';
import { House, Yard, canConnect, freePort, run, sha256, until } from './house.mjs';
import { add, fetched, openPage, servePage } from './pages.mjs';

const BYTES = Number(process.env.SHARESTREAM_TEST_BYTES ?? 8 << 20);

// A house whose torrents are not at its own tracker.
const build = (t, yard, rtc = '', env = {}) => House.start(t, yard, { env, settings: 'torrent:\n  listen: "127.0.0.1:0"\n  own_tracker: false\n  '
  + `dht: false\n  lsd: false\n  upnp: false\nrtc:\n  allow_private_urls: true\n${rtc}` });

async function startTracker(yard, port, ...tls) {
  const tracker = yard.start(process.execPath, [new URL('web_tracker.mjs', import.meta.url).pathname, String(port), ...tls.map(String)]);
  await until(async () => await canConnect(port) && (tls.length === 0 || await canConnect(tls[0])), 'the tracker to listen');
  return tracker;
}

// The house shares a file of its own, and names these trackers.
async function seed(yard, house, ...trackers) {
  const file = path.join(yard.dir, 'data.bin'), data = crypto.randomBytes(BYTES);
  fs.writeFileSync(file, data);
  const { infoHash: hash } = await house.json('seed', ...trackers.flatMap((url) => ['--tracker', url]), file);
  return { hash, digest: sha256(data), magnetFor: (url) => `magnet:?xt=urn:btih:${hash}&tr=${encodeURIComponent(url)}` };
}

const trackers = async (house) => (await house.json('call', 'rtc', 'Peers')).trackers ?? [];
const isAt = (house, url, state = 'connected') =>
  until(async () => (await trackers(house)).find((one) => one.url === url && one.state === state), `${url} to be ${state}`);
const metrics = async (house) => Object.fromEntries([...(await house.cli('metrics', 'rtc')).out.matchAll(/^sharestream_rtc_(\w+)\S* (\d+)$/gm)]
  .map(([, name, value]) => [name, Number(value)]));
const counted = (house, name, least = 1) =>
  until(async () => (await metrics(house))[name] >= least, `${name} to be ${least}`);

async function startPage(t, yard) {
  const browser = await startChromium(t, yard, { isOpen: false });
  return openPage(t, browser, await servePage(t), 'page');
}

test('a page that knows nothing but a tracker elsewhere fetches from the server', async (t) => {
  const yard = new Yard(t), port = await freePort(), url = `ws://127.0.0.1:${port}`;
  await startTracker(yard, port);
  const house = await build(t, yard), { digest, magnetFor } = await seed(yard, house, url);
  await isAt(house, url);
  const page = await startPage(t, yard);
  await add(page, magnetFor(url));
  assert.equal(await fetched(page), digest);
  const { peers } = await house.json('call', 'rtc', 'Peers');
  assert.deepEqual(peers.map(({ state, via }) => [state, via]), [['open', url]]);
});

test('the server fetches from a page, with no more than a magnet link', async (t) => {
  const yard = new Yard(t), port = await freePort(), url = `ws://127.0.0.1:${port}`;
  await startTracker(yard, port);
  const house = await build(t, yard), page = await startPage(t, yard);
  const { magnet, digest } = await page.evaluate(async ([announce, bytes]) => {
    const data = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
    const torrent = await new Promise((resolve) => globalThis.client.seed(new File([data], 'data.bin'), { announce: [announce] }, resolve));
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
    return { magnet: torrent.magnetURI, digest: Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('') };
  }, [url, BYTES]);
  const { infoHash } = await house.json('add', magnet);
  await until(async () => (await house.json('call', 'torrent', 'Get', JSON.stringify({ infoHash }))).state === 'seeding', 'the file to arrive', 120000);
  assert.equal(sha256((await house.get(`/stream/${infoHash}/0`)).body), digest);
});

test('a page fetches by wss, when a certificate vouches for the tracker', async (t) => {
  const yard = new Yard(t), port = await freePort(), tlsPort = await freePort(), url = `wss://localhost:${tlsPort}/announce`;
  const key = path.join(yard.dir, 'key.pem'), ca = path.join(yard.dir, 'ca.pem');
  assert.equal((await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', ca, '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])).code, 0);
  await startTracker(yard, port, tlsPort, key, ca);
  const house = await build(t, yard, `  tracker_ca: ${ca}\n`);
  // The name in the certificate counts, not only who signed it.
  const other = `wss://127.0.0.1:${tlsPort}/announce`, { digest, magnetFor } = await seed(yard, house, url, other);
  await isAt(house, url);
  assert.match((await isAt(house, other, 'waiting')).message, /certificate/i);
  const page = await startPage(t, yard);
  await add(page, magnetFor(`ws://127.0.0.1:${port}`));
  assert.equal(await fetched(page), digest);
});

test('a tracker for which nobody vouches is not spoken to', async (t) => {
  const yard = new Yard(t), port = await freePort(), tlsPort = await freePort(), url = `wss://localhost:${tlsPort}`;
  const key = path.join(yard.dir, 'key.pem'), ca = path.join(yard.dir, 'ca.pem');
  assert.equal((await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', ca, '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost'])).code, 0);
  await startTracker(yard, port, tlsPort, key, ca);
  const house = await build(t, yard);
  await seed(yard, house, url);
  assert.match((await isAt(house, url, 'waiting')).message, /certificate/i);
  assert.equal((await metrics(house)).tracker_connects_total, 0);
});

test('private addresses are for the trackers of the settings alone', async (t) => {
  const yard = new Yard(t), named = await freePort(), set = await freePort();
  await startTracker(yard, named);
  await startTracker(yard, set);
  const house = await build(t, yard, `  trackers: ["ws://localhost:${set}"]\n`, { SHARESTREAM_RTC_ALLOW_PRIVATE_URLS: 'false' });
  await seed(yard, house, `ws://localhost:${named}`);
  await isAt(house, `ws://localhost:${set}`);
  assert.match((await isAt(house, `ws://localhost:${named}`, 'waiting')).message, /private/);
});

test('a tracker that was away is found again', async (t) => {
  const yard = new Yard(t), port = await freePort(), url = `ws://127.0.0.1:${port}/`;
  const tracker = await startTracker(yard, port);
  const house = await build(t, yard), { digest, magnetFor } = await seed(yard, house, url);
  await isAt(house, url);
  tracker.kill('SIGKILL');
  await tracker.gone;
  await isAt(house, url, 'waiting');
  await startTracker(yard, port);
  await isAt(house, url);
  const page = await startPage(t, yard);
  await add(page, magnetFor(url));
  assert.equal(await fetched(page), digest);
});

// ---- trackers that look on

// What the house says to it, as it came; `said` are announces.
async function startFake(t, onSocket = () => {}) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(server, 'listening');
  const fake = { url: `ws://127.0.0.1:${server.address().port}/x`, said: [] };
  fake.send = (message) => fake.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  server.on('connection', (socket, req) => {
    fake.socket = socket;
    fake.headers = req.headers;
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      fake.said.push(message);
      fake.onSaid?.(socket, message);
    });
    onSocket(socket);
  });
  t.after(() => {
    server.clients.forEach((socket) => socket.terminate());
    server.close();
  });
  return fake;
}

const binary = (hex) => Buffer.from(hex, 'hex').toString('latin1');
const random = () => crypto.randomBytes(20).toString('latin1');
const session = (type) => ({ type, sdp: ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0',
  `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`, 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=mid:0',
  'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx', `a=setup:${type === 'offer' ? 'actpass' : 'active'}`, 'a=sctp-port:5000', ''].join('\r\n') });

test('it says what it has, offers itself when somebody is there, and says good-bye', async (t) => {
  const yard = new Yard(t), fake = await startFake(t), house = await build(t, yard);
  fake.onSaid = (socket, { info_hash: hash, event }) => {
    if (event !== 'stopped') socket.send(JSON.stringify({ action: 'announce', info_hash: hash, complete: 1, incomplete: 2, interval: 120 }));
  };
  const { hash } = await seed(yard, house, fake.url);
  await until(() => fake.said.length >= 2, 'the house to offer itself');
  const [first, second] = fake.said;
  assert.deepEqual([first.action, first.event, first.left, first.info_hash, first.numwant ?? 0], ['announce', 'started', 0, binary(hash), 0]);
  assert.deepEqual([second.event ?? '', second.offers.length], ['', 2]);
  assert.ok(second.offers.every(({ offer, offer_id: id }) => offer.type === 'offer' && offer.sdp.includes('candidate') && id.length === 20));
  assert.match(fake.headers['user-agent'], /^ShareStream\/\d/);
  assert.equal(fake.headers.cookie, undefined);

  // The offer of a browser is answered, once, to whom it came from.
  const offer = { action: 'announce', info_hash: binary(hash), peer_id: random(), offer_id: random(), offer: session('offer') };
  fake.send(offer);
  const answer = await until(() => fake.said.find((message) => message.answer), 'an answer');
  assert.deepEqual([answer.to_peer_id, answer.offer_id, answer.answer.type, answer.peer_id], [offer.peer_id, offer.offer_id, 'answer', first.peer_id]);

  await house.json('rm', hash);
  await until(() => fake.said.some(({ event }) => event === 'stopped'), 'the torrent to leave');
  await until(async () => (await trackers(house)).length === 0, 'the tracker to be left');
});

test('our own tracker is not met by WebSocket as well', async (t) => {
  const yard = new Yard(t), fake = await startFake(t), house = await build(t, yard);
  const own = [`ws://127.0.0.1:${house.port}/any`, `ws://${house.env.SHARESTREAM_HTTP_TRACKER_LISTEN}/announce`];
  await seed(yard, house, fake.url, ...own);
  await isAt(house, fake.url);
  await until(async () => (await trackers(house)).length === 1, 'the others to be left');
});

test('a private torrent is announced to its own trackers alone', async (t) => {
  const yard = new Yard(t), named = await startFake(t), set = await startFake(t), house = await build(t, yard, `  trackers: ["${set.url}"]\n`);
  const file = path.join(yard.dir, 'data.bin'), torrent = path.join(yard.dir, 'private.torrent');
  fs.writeFileSync(file, crypto.randomBytes(1 << 20));
  assert.equal((await run('mktorrent', ['-p', '-a', named.url, '-o', torrent, file])).code, 0);
  const { infoHash: secret } = await house.json('add', torrent), { hash: open } = await seed(yard, house, named.url);
  await until(() => named.said.length >= 2 && set.said.length >= 1, 'the announces');
  assert.deepEqual(new Set(named.said.map((said) => said.info_hash)), new Set([binary(secret), binary(open)]));
  assert.deepEqual(set.said.map((said) => said.info_hash), [binary(open)]);
});

test('the house ends with a good-bye to its trackers', async (t) => {
  const yard = new Yard(t), fake = await startFake(t), house = await build(t, yard);
  await seed(yard, house, fake.url);
  await isAt(house, fake.url);
  await until(() => fake.said.length > 0, 'an announce');
  house.daemon.kill('SIGTERM');
  assert.equal((await house.daemon.gone).code, 0);
  await until(() => fake.said.some(({ event }) => event === 'stopped'), 'the good-bye');
});

// ---- trackers that mean no good

const rss = async (house) => {
  const { pid } = await house.service('rtc.0');
  return { pid, kib: Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) };
};

// What stands there instead of a WebSocket.
async function startRaw(t, onSocket) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `ws://127.0.0.1:${server.address().port}`;
}

test('trackers that mean no good are borne', async (t) => {
  const yard = new Yard(t), house = await build(t, yard), before = await rss(house);
  const good = await startFake(t), victim = await startFake(t);
  // Each: what it does, and what becomes of the connection.
  const whole = 'x'.repeat(1 << 20), part = Buffer.alloc(60000, 0x61);
  const endless = (socket) => socket.send(part, { fin: false, binary: false }, (error) => error || endless(socket));
  const flood = (socket, { info_hash: hash }) => {
    for (let i = 0; i < 3000; i++)
      socket.send(JSON.stringify({ action: 'announce', info_hash: hash, peer_id: random(), offer_id: random(), offer: session('offer') }));
  };
  const large = await startFake(t, (socket) => socket.send(whole)), parts = await startFake(t, endless), offers = await startFake(t);
  offers.onSaid = flood;
  const drop = await startFake(t, (socket) => socket.terminate());
  const ends = [
    [large.url, /too large/], [parts.url, /too large/], [offers.url, /too much/], [drop.url, /./],
    [await startRaw(t, (socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n')), /status 302/],
    [await startRaw(t, (socket) => socket.write(`HTTP/1.1 101 x\r\n${'A: b\r\n'.repeat(5000)}`)), /too long/],
    [await startRaw(t, (socket) => socket.write(crypto.randomBytes(100000))), /./],
    [await startRaw(t, () => {}), /too long/],
  ];
  const { hash } = await seed(yard, house, good.url, victim.url, ...ends.map(([url]) => url));
  for (const [url, why] of ends)
    assert.match((await isAt(house, url, 'waiting')).message, why, url);

  // One that stays connected, and says what makes no sense.
  const said = ['', '{', '[]', '"x"', 'null', '{"action":"announce"}', `{"a":${'['.repeat(2000)}`, '{"action":"announce","info_hash":"\\ud800"}', '\0'];
  await isAt(house, victim.url);
  said.forEach((text) => victim.send(text));
  victim.socket.send(crypto.randomBytes(1000));
  victim.send({ action: 'announce', info_hash: binary(hash), complete: 1e300, incomplete: -1, interval: 0.001 });
  victim.send({ action: 'announce', info_hash: random(), offer: session('offer'), offer_id: random(), peer_id: random() });
  victim.send({ action: 'announce', info_hash: binary(hash), answer: session('answer'), offer_id: random(), peer_id: random() });
  victim.send({ action: 'announce', info_hash: binary(hash), offer: { type: 'offer', sdp: 'v=0' }, offer_id: random(), peer_id: random() });
  victim.send({ 'failure reason': `no ${'\u00e4'.repeat(500)}` });
  await until(async () => (await trackers(house)).some(({ url, message }) => url === victim.url && message.startsWith('no ä')), 'its words to be shown');
  const { tracker_bad_total: wrong, signals_lost_total: lost, peers } = await metrics(house);
  assert.ok(wrong >= 6, `${wrong} messages were bad`);
  assert.ok(lost >= 1);
  assert.ok(peers <= 32, `${peers} connections were begun`);

  // All the while the others are served.
  await isAt(house, good.url);
  const offer = { action: 'announce', info_hash: binary(hash), peer_id: random(), offer_id: random(), offer: session('offer') };
  good.send(offer);
  await until(() => good.said.some(({ offer_id: id, answer }) => answer && id === offer.offer_id), 'an answer');
  const after = await rss(house);
  assert.equal(after.pid, before.pid, 'it is the same process');
  assert.ok(after.kib < before.kib + 64 * 1024, `it grew from ${before.kib} to ${after.kib} KiB`);
});

test('no more than twenty trackers, and fifty torrents at one', async (t) => {
  const yard = new Yard(t), fake = await startFake(t), house = await build(t, yard, `  trackers: ["${fake.url}"]\n`);
  for (let i = 0; i < 25; i++)
    await house.json('add', `magnet:?xt=urn:btih:${crypto.randomBytes(20).toString('hex')}&tr=${encodeURIComponent(`ws://127.0.0.1:1/${i}`)}`);
  await until(async () => (await trackers(house)).length === 20, 'twenty trackers');
  await counted(house, 'tracker_limits_total', 6);
  for (let i = 0; i < 27; i++) await house.json('add', `magnet:?xt=urn:btih:${crypto.randomBytes(20).toString('hex')}`);
  await until(() => new Set(fake.said.map(({ info_hash: hash }) => hash)).size === 50, 'fifty torrents');
  await counted(house, 'tracker_limits_total', 8);
  assert.equal((await trackers(house)).find(({ url }) => url === fake.url).torrents, 50);
});
