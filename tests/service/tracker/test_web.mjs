// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { HASH, OTHER, Stage, escaped, peerId, until } from './harness.mjs';

const latin = (bytes) => bytes.toString('latin1');
const query = (n, more = '') => `info_hash=${escaped(HASH)}&peer_id=${peerId(n)}&port=${1000 + n}${more}`;
const say = (n, more) => ({ action: 'announce', info_hash: latin(HASH), peer_id: `-WW0001-${String(n).padStart(12, '0')}`, left: 5, uploaded: 0, downloaded: 0, ...more });
const offer = (text) => ({ offer: { type: 'offer', sdp: text }, offer_id: text.padEnd(20, '.') });

test('announces and scrapes by HTTP, of the same swarm as by UDP', async (t) => {
  const stage = await Stage.start(t, { front: true });
  const udp = stage.udp();
  await udp.connect();
  await udp.told({ n: 1, left: 0 });
  const { status, headers, body } = await stage.get(`/announce?${query(2, '&left=7&event=started')}`);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain');
  assert.equal(latin(body), 'd8:completei1e11:external ip4:\x7f\0\0\x0110:incompletei1e8:intervali600e12:min intervali60e5:peers6:\x7f\0\0\x01\x03\xe96:peers60:e');
  assert.match(latin((await stage.get(`/announce?${query(3, '&compact=0')}`)).body), /5:peersl(d2:ip9:127\.0\.0\.14:porti100[12]ee){2}ee$/);
  assert.deepEqual((await udp.told({ n: 4 })).ports, [1001, 1002, 1003]);
  assert.equal(latin((await stage.get(`/scrape?info_hash=${escaped(HASH)}&info_hash=${escaped(OTHER)}`)).body),
    `d5:filesd20:${latin(OTHER)}d8:completei0e10:downloadedi0e10:incompletei0ee20:${latin(HASH)}d8:completei1e10:downloadedi0e10:incompletei3eee5:flagsd20:min_request_intervali60eee`);
});

test('broken queries are answered in the words of the protocol', async (t) => {
  const stage = await Stage.start(t, { front: true });
  for (const [target, reason] of [
    ['/announce', 'invalid info_hash'],
    [`/announce?info_hash=${escaped(HASH)}`, 'invalid peer_id'],
    [`/announce?${query(1)}&port=7`, 'a parameter comes twice'],
    [`/announce?${query(1, '&event=bogus')}`, 'invalid event'],
    ['/scrape', 'a scrape names 1 to 64 torrents: info_hash=...'],
    ['/scrape?info_hash=short', 'a scrape names 1 to 64 torrents: info_hash=...'],
  ]) {
    const { status, body } = await stage.get(target);
    assert.equal(status, 200);
    assert.ok(latin(body).startsWith(`d14:failure reason${reason.length}:${reason}`), `${target}: ${body}`);
  }
});

test('browsers are offered to each other and answer, and only what was sent is passed on', async (t) => {
  const stage = await Stage.start(t, { front: true });
  const [a, b] = [await stage.socket('/tracker', WebSocket), await stage.socket('/announce', WebSocket)];
  assert.deepEqual(await a.ask(say(1, { left: 0, offers: [offer('A')], numwant: 1 })), { complete: 1, incomplete: 0, action: 'announce', interval: 120, info_hash: latin(HASH) });
  // Numbers and escapes stay as they are: 1.0 is not 1, an escaped slash stays escaped.
  const raw = JSON.stringify(say(2, { offers: [] })).replace('"offers":[]', '"offers":[{"offer":{"type":"offer","sdp":"B\\u00e9\\/","x":1.0},"offer_id":"bbbbbbbbbbbbbbbbbbbb"}]');
  let seen = '';
  a.socket.once('message', (data) => { seen = data.toString(); });
  assert.equal((await b.ask(raw)).incomplete, 1);
  const offered = await a.next();
  assert.deepEqual(offered, { action: 'announce', offer: { type: 'offer', sdp: 'Bé/', x: 1 }, offer_id: 'b'.repeat(20), peer_id: say(2).peer_id, info_hash: latin(HASH) });
  assert.ok(seen.includes('"sdp":"B\\u00e9\\/","x":1.0'), seen);
  a.say(say(1, { to_peer_id: say(2).peer_id, answer: { type: 'answer', sdp: 'ANS' }, offer_id: offered.offer_id }));
  assert.deepEqual(await b.next(), { action: 'announce', answer: { type: 'answer', sdp: 'ANS' }, offer_id: offered.offer_id, peer_id: say(1).peer_id, info_hash: latin(HASH) });
  assert.deepEqual((await b.ask({ action: 'scrape', info_hash: [latin(HASH), latin(OTHER)] })).files,
    { [latin(HASH)]: { complete: 1, incomplete: 1, downloaded: 0 }, [latin(OTHER)]: { complete: 0, incomplete: 0, downloaded: 0 } });
  a.close();
  await until(async () => Object.values((await b.ask({ action: 'scrape', info_hash: latin(HASH) })).files)[0].complete === 0, 'a to be gone');
});

test('what is no message is told, and the connection stays', async (t) => {
  const stage = await Stage.start(t, { front: true });
  const client = await stage.socket('/tracker', WebSocket);
  for (const [text, reason] of [
    ['not json', 'this is not a JSON object'],
    [JSON.stringify({ action: 'zzz' }), 'invalid action in WS request: zzz'],
    [JSON.stringify({ action: 'announce', info_hash: 'short' }), 'invalid info_hash'],
    [`${'['.repeat(5000)}`, 'this is not a JSON object'],
    [JSON.stringify({ action: 'announce', info_hash: '\u0100'.repeat(20), peer_id: 'x' }), 'invalid info_hash'],
  ]) assert.deepEqual(await client.ask(text), { 'failure reason': reason });
  assert.deepEqual(await client.ask(say(1, { event: 'bogus' })), { action: 'announce', 'failure reason': 'invalid event', info_hash: latin(HASH) });
  client.say(say(1, { to_peer_id: 'nobody'.padEnd(20), answer: {}, offer_id: 'x' })); // to nobody: dropped
  const zero = '\u0000'.repeat(20);
  assert.equal((await client.ask(say(1, { info_hash: zero }))).info_hash, zero);
  client.socket.send(Buffer.from('binary'));
  assert.equal(await client.closed, 1003);
});

test('one socket has so many torrents, and so many offers are passed on', async (t) => {
  const stage = await Stage.start(t, { front: true, env: { SHARESTREAM_TRACKER_MAX_SWARMS_PER_SOCKET: '3', SHARESTREAM_TRACKER_MAX_OFFERS: '2' } });
  const one = await stage.socket('/tracker', WebSocket);
  for (let i = 0; i < 3; i++) assert.equal((await one.ask(say(1, { info_hash: String(i).repeat(20) }))).incomplete, 1);
  assert.match((await one.ask(say(1)))['failure reason'], /too many torrents/);
  await one.ask(say(1, { info_hash: '0'.repeat(20), event: 'stopped' }));
  assert.equal((await one.ask(say(1))).incomplete, 1);
  const others = [];
  for (let n = 2; n < 6; n++) {
    others.push(await stage.socket('/tracker', WebSocket));
    await others.at(-1).ask(say(n));
  }
  await others[0].ask(say(2, { offers: ['a', 'b', 'c', 'd'].map(offer) }));
  const metrics = () => stage.get('/stats.json').then(({ body }) => JSON.parse(body));
  assert.equal((await metrics()).peersWebSocket, 7);
  await until(() => [one, ...others].reduce((sum, client) => sum + client.arrived.length, 0) === 2, 'two offers');
});

test('kill -9 of the tracker: every WebSocket stays open, and its swarms are back at once', async (t) => {
  const stage = await Stage.start(t, { front: true });
  const clients = [];
  for (let n = 0; n < 20; n++) {
    clients.push(await stage.socket('/tracker', WebSocket));
    await clients[n].ask(say(n, { left: n % 2 }));
    await clients[n].ask(say(n, { left: n % 2, info_hash: latin(OTHER) }));
  }
  await clients[0].ask(say(0, { event: 'stopped', left: 0, info_hash: latin(OTHER) }));
  await stage.tracker.end('SIGKILL');
  await stage.startTracker();
  // Nobody has announced in this life; the gateway brought them back.
  await until(async () => {
    const { status, body } = await stage.get('/stats.json');
    return status === 200 && JSON.parse(body).peersWebSocket === 39;
  }, 'the swarms to be back');
  const counts = (await clients[5].ask({ action: 'scrape', info_hash: [latin(HASH), latin(OTHER)] })).files;
  assert.deepEqual(counts[latin(HASH)], { complete: 10, incomplete: 10, downloaded: 0 });
  assert.deepEqual(counts[latin(OTHER)], { complete: 9, incomplete: 10, downloaded: 0 });
  const reply = await clients[1].ask(say(1, { left: 1, offers: [offer('new')] }));
  assert.equal(reply.incomplete, 10);
  await until(() => clients.some((client, n) => n !== 1 && client.arrived.some((message) => message.offer?.sdp === 'new')), 'the offer to arrive');
  assert.ok(clients.every((client) => client.socket.readyState === WebSocket.OPEN));
});

test('private: without a key a WebSocket is closed, and HTTP is refused for good', async (t) => {
  const fs = await import('node:fs');
  const keys = `/tmp/ss-tracker-keys-${process.pid}`;
  fs.writeFileSync(keys, 'anna-1234\n');
  t.after(() => fs.unlinkSync(keys));
  const stage = await Stage.start(t, { front: true, env: { SHARESTREAM_TRACKER_KEYS_FILE: keys } });
  const stranger = await stage.socket('/tracker', WebSocket);
  assert.equal(await stranger.closed, 1008);
  assert.match(latin((await stage.get(`/announce?${query(1)}`)).body), /wants a key.*8:retry in5:never/);
  assert.match(latin((await stage.get(`/announce/anna-1234?${query(1)}`)).body), /^d8:complete/);
  const anna = await stage.socket('/tracker/anna-1234', WebSocket);
  assert.equal((await anna.ask(say(2))).incomplete, 2);
});

test('statistics for people and for programs', async (t) => {
  const stage = await Stage.start(t, { front: true });
  const udp = stage.udp();
  await udp.connect();
  await udp.told({ n: 1, left: 0 });
  const client = await stage.socket('/tracker', WebSocket);
  await client.ask(say(1));
  assert.deepEqual(JSON.parse((await stage.get('/stats.json')).body), { torrents: 1, activeTorrents: 1, peersAll: 2, peersSeederOnly: 1, peersLeecherOnly: 1, peersSeederAndLeecher: 0,
    peersIPv4: 1, peersIPv6: 0, peersWebSocket: 1, clients: { Transmission: { 2940: 1 }, WebTorrent: { '0001': 1 } } });
  const page = await stage.get('/stats');
  assert.match(page.headers['content-type'], /text\/html/);
  assert.match(page.body.toString(), /<tr><th>peers in browsers<td>1/);
});
