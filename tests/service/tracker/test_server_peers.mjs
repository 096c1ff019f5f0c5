// SPDX-License-Identifier: MIT
//
// Server peers: we are both ends, browsers by WebSocket and a server peer by the bus.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, test } from 'node:test';
import WebSocket from 'ws';
import { HASH, OTHER, Stage, until } from './harness.mjs';

const latin = (bytes) => bytes.toString('latin1');
// Bytes of the bus are base64url, "binary strings" of the WebSocket a code point for each byte.
const bytes = (text) => Buffer.from(text, 'latin1').toString('base64url');
const HERE = Buffer.from('00000000000000000000ffff7f000001', 'hex').toString('base64url'); // 127.0.0.1
const json = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const parsed = (base64) => JSON.parse(Buffer.from(base64, 'base64url').toString());
// All kinds of bytes: NUL, a quote, a backslash, and such as are two in UTF-8.
const id = (n) => `\0"\\\xff\xe9${String(n).padEnd(15, '.')}`;
const browserId = (n) => `-WW0001-${String(n).padStart(12, '0')}`;
const serverId = (n) => `-SS\0\x8001-${String(n).padStart(12, '0')}`;
const say = (n, more) => ({ action: 'announce', info_hash: latin(HASH), peer_id: browserId(n), left: 5, uploaded: 0, downloaded: 0, ...more });
const offer = (name) => ({ offer: { type: 'offer', sdp: name }, offer_id: id(name) });
const own = (n, more) => ({ infoHash: HASH.toString('hex'), peerId: bytes(serverId(n)), ...more });
const ownOffer = (to, name) => ({ toPeerId: bytes(browserId(to)), offerId: bytes(id(name)), session: json({ type: 'offer', sdp: name }) });
const ownAnswer = (n, to, more) => own(n, { toPeerId: bytes(browserId(to)), offerId: bytes(id('a')), session: json({ type: 'answer', sdp: 'ours' }), ...more });
const scrape = { action: 'scrape', info_hash: latin(HASH) };

// Messages to one client stay in order: what was said before this has come.
async function assertSilent(...browsers) {
  for (const browser of browsers) assert.equal((await browser.ask(scrape)).action, 'scrape');
}

async function browser(stage, n, more) {
  const client = await stage.socket('/tracker', WebSocket);
  await client.ask(say(n, more));
  return client;
}

// Greetings and events come by two sockets: events are heard from here on. In a swarm of its own.
async function untilHeard(stage, events) {
  const swarm = { infoHash: OTHER.toString('hex'), peerId: bytes(serverId(999)) };
  const prober = await stage.socket('/tracker', WebSocket);
  await stage.call('Announce', swarm);
  await until(async () => {
    await prober.ask(say(999, { info_hash: latin(OTHER), offers: [offer('probe')] }));
    return events.some((event) => event.offered);
  }, 'events to be heard');
  await stage.call('Announce', { ...swarm, isLeaving: true });
  prober.close();
  return events;
}

// The next event about the swarm of the test.
function next(events) {
  return until(() => {
    while (events.length > 0 && (events[0].offered ?? events[0].answered)?.infoHash !== HASH.toString('hex')) events.shift();
    return events.shift();
  }, 'an event');
}

async function begin(t, env = {}) {
  const stage = await Stage.start(t, { front: true, env });
  return { stage, events: await untilHeard(stage, stage.events()) };
}

async function metric(stage, name) {
  const { text } = await stage.call('Metrics');
  return Number(text.match(new RegExp(`^sharestream_tracker_${name} (\\d+)`, 'm'))[1]);
}

describe('server peers', { concurrency: 2 }, () => {
  test('who is silent for the time of a lease is forgotten', async (t) => {
    const { stage } = await begin(t);
    const other = await browser(stage, 1);
    assert.equal((await stage.call('Announce', own(1))).leaseMs, 45000);
    assert.equal((await stage.call('Stats')).serverPeers, 1);
    await until(async () => (await stage.call('Stats')).serverPeers === 0, 'the lease to end', 120000);
    await browser(stage, 2, { offers: [offer('a')], numwant: 1 });
    assert.equal((await other.next()).offer.sdp, 'a', 'nobody stands before it any more');
  });

  test('each server peer is offered one, before any browser, and its answer reaches who offered', async (t) => {
    const { stage, events } = await begin(t);
    assert.deepEqual(await stage.call('Announce', own(1)), { complete: 0, incomplete: 0, leaseMs: 45000, browsers: [], lost: [] });
    const [one, two] = [await browser(stage, 1), await browser(stage, 2, { left: 0 })];
    // Numbers and escapes stay as they are.
    const raw = JSON.stringify(say(1, { offers: [offer('a'), offer('b')] })).replace('"sdp":"a"', '"sdp":"\\u00e9\\/","x":1.0');
    const reply = await one.ask(raw);
    assert.deepEqual([reply.complete, reply.incomplete], [1, 1], 'server peers are not counted');
    const { offered } = await next(events);
    assert.deepEqual({ ...offered, session: Buffer.from(offered.session, 'base64url').toString() }, { infoHash: HASH.toString('hex'), peerId: bytes(browserId(1)),
      toPeerId: bytes(serverId(1)), offerId: bytes(id('a')), address: HERE, session: '{"type":"offer","sdp":"\\u00e9\\/","x":1.0}' });
    assert.deepEqual(await two.next(), { action: 'announce', offer: { type: 'offer', sdp: 'b' }, offer_id: id('b'), peer_id: browserId(1), info_hash: latin(HASH) });
    assert.deepEqual(await stage.call('Answer', ownAnswer(1, 1)), {});
    assert.deepEqual(await one.next(), { action: 'announce', answer: { type: 'answer', sdp: 'ours' }, offer_id: id('a'), peer_id: serverId(1), info_hash: latin(HASH) });
    // As many as were wanted, and none when it leaves.
    await stage.call('Announce', own(2));
    for (const more of [{ numwant: 0 }, { event: 'stopped' }, { event: 'started', numwant: 2 }]) await one.ask(say(1, { offers: [offer('c'), offer('d'), offer('e')], ...more }));
    const told = [await next(events), await next(events)].map((event) => event.offered);
    assert.deepEqual(told.map((each) => each.toPeerId).sort(), [bytes(serverId(1)), bytes(serverId(2))].sort());
    assert.deepEqual(told.map((each) => parsed(each.session).sdp), ['c', 'd']);
    await assertSilent(one, two);
    // Seeds do without seeds.
    await stage.call('Announce', own(1, { isSeed: true }));
    await two.ask(say(2, { left: 0, offers: [offer('f'), offer('g')] }));
    assert.equal((await next(events)).offered.toPeerId, bytes(serverId(2)));
    assert.equal((await one.next()).offer.sdp, 'g');
    assert.deepEqual((await stage.call('Announce', own(1, { isSeed: true }))).browsers, [bytes(browserId(1))]);
    assert.deepEqual((await stage.call('Announce', own(2))).browsers.sort(), [bytes(browserId(1)), bytes(browserId(2))].sort());
    // One that has left is offered nothing.
    assert.deepEqual(await stage.call('Announce', own(2, { isLeaving: true })), { complete: 1, incomplete: 1, leaseMs: 0, browsers: [], lost: [] });
    await two.ask(say(2, { left: 0, offers: [offer('h')] }));
    assert.equal((await one.next()).offer.sdp, 'h');
    assert.deepEqual((await stage.call('Swarms')).swarms.filter((swarm) => swarm.infoHash === HASH.toString('hex')).map((swarm) => [swarm.sockets, swarm.serverPeers]), [[2, 1]]);
    assert.match((await stage.get('/stats')).body.toString(), /<tr><th>peers on this server<td>1/);
    assert.deepEqual(events.filter((event) => !event.up), []);
  });

  test('an offer of a server peer reaches the browser that it names and nobody else, and the answer comes back', async (t) => {
    const { stage, events } = await begin(t, { SHARESTREAM_TRACKER_MAX_OFFERS: '3' });
    const browsers = [];
    for (let n = 0; n < 4; n++) browsers.push(await browser(stage, n));
    // One of them says that it is the server peer.
    const impostor = await stage.socket('/tracker', WebSocket);
    await impostor.ask(say(4, { peer_id: serverId(1) }));
    const before = await metric(stage, 'offers_from_servers_total');
    const { lost, incomplete } = await stage.call('Announce', own(1, { offers: [ownOffer(2, 'to two'), ownOffer(77, 'nobody'), ownOffer(3, 'to three'), ownOffer(1, 'too many')] }));
    assert.deepEqual(lost, [bytes(id('nobody')), bytes(id('too many'))]);
    assert.equal(incomplete, 5);
    for (const [n, name] of [[2, 'to two'], [3, 'to three']])
      assert.deepEqual(await browsers[n].next(), { action: 'announce', offer: { type: 'offer', sdp: name }, offer_id: id(name), peer_id: serverId(1), info_hash: latin(HASH) });
    assert.equal(await metric(stage, 'offers_from_servers_total') - before, 2);
    await assertSilent(...browsers, impostor);
    browsers[2].say(say(2, { to_peer_id: serverId(1), answer: { type: 'answer', sdp: 'two' }, offer_id: id('to two') }));
    const { answered } = await next(events);
    assert.deepEqual({ ...answered, session: parsed(answered.session) }, { infoHash: HASH.toString('hex'), peerId: bytes(browserId(2)), toPeerId: bytes(serverId(1)),
      offerId: bytes(id('to two')), address: HERE, session: { type: 'answer', sdp: 'two' } });
    await assertSilent(...browsers, impostor);
  });

  test('kill -9 of the tracker: with the first announce to the next life everything works again', async (t) => {
    const { stage, events } = await begin(t);
    const [one, two] = [await browser(stage, 1), await browser(stage, 2)];
    await stage.call('Announce', own(1));
    await stage.tracker.end('SIGKILL');
    events.length = 0;
    await stage.startTracker();
    await until(() => events.some((event) => event.up), 'the next life to greet');
    assert.equal((await stage.call('Stats')).serverPeers, 0);
    await until(async () => (await stage.call('Announce', own(1))).browsers.length === 2, 'both browsers to be there');
    await untilHeard(stage, events);
    await one.ask(say(1, { offers: [offer('a')] }));
    assert.equal((await next(events)).offered.offerId, bytes(id('a')));
    assert.deepEqual(await stage.call('Answer', ownAnswer(1, 1)), {});
    assert.equal((await one.next()).answer.sdp, 'ours');
    assert.deepEqual((await stage.call('Announce', own(1, { offers: [ownOffer(2, 'new')] }))).lost, []);
    assert.equal((await two.next()).offer_id, id('new'));
    two.say(say(2, { to_peer_id: serverId(1), answer: {}, offer_id: id('new') }));
    assert.equal((await next(events)).answered.peerId, bytes(browserId(2)));
  });

  test('what a server peer must not say is refused, and nothing of it is done', async (t) => {
    const { stage } = await begin(t);
    const one = await browser(stage, 1);
    const good = ownOffer(1, 'good');
    const large = (length) => json(`{"type":"offer","sdp":"${'x'.repeat(length - 25)}"}`);
    for (const [method, request, word] of [
      ['Announce', {}, 'invalid'],
      ['Announce', own(1, { infoHash: 'no hash' }), 'invalid'],
      ['Announce', { infoHash: HASH.toString('hex') }, 'invalid'],
      ['Announce', own(1, { peerId: bytes('x'.repeat(21)) }), 'invalid'],
      ['Announce', own(1, { peerId: bytes('short'), isLeaving: true }), 'invalid'],
      ['Announce', own(1, { offers: [good, { ...good, toPeerId: bytes('short') }] }), 'invalid'],
      ['Announce', own(1, { offers: [good, { ...good, offerId: bytes('x'.repeat(19)) }] }), 'invalid'],
      ['Announce', own(1, { offers: [good, {}] }), 'invalid'],
      ['Announce', own(1, { offers: [good, { ...good, session: large(65537) }] }), 'too_large'],
      ['Announce', own(1, { offers: Array(21).fill(good) }), 'too_large'],
      ...['', '{', '{}{}', '[]', '"text"', '{} , "answer": 1', '{"a":1}\0', '{"a":"\n"}', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`].flatMap((text) => [
        ['Announce', own(1, { offers: [good, { ...good, session: json(text) }] }), 'invalid'],
        ['Answer', ownAnswer(1, 1, { session: json(text) }), 'invalid'],
      ]),
      ['Answer', ownAnswer(1, 1, { session: bytes('{"not UTF-8":"\xff"}') }), 'invalid'],
      ['Answer', ownAnswer(1, 1, { session: large(65537) }), 'too_large'],
      ['Answer', ownAnswer(1, 1, { infoHash: '' }), 'invalid'],
      ['Answer', ownAnswer(1, 1, { peerId: '' }), 'invalid'],
      ['Answer', ownAnswer(1, 1, { offerId: bytes('short') }), 'invalid'],
      ['Answer', ownAnswer(1, 7), 'not_found'],
      ['Answer', ownAnswer(1, 1, { infoHash: OTHER.toString('hex') }), 'not_found'],
    ]) assert.equal((await stage.call(method, request)).error, word, JSON.stringify(request).slice(0, 300));
    await assertSilent(one);
    assert.equal((await stage.call('Stats')).serverPeers, 0);
    // As large as may be, and as many as may be.
    assert.deepEqual((await stage.call('Announce', own(1, { offers: [{ ...good, session: large(65536) }] }))).lost, []);
    assert.equal(JSON.stringify((await one.next()).offer).length, 65536);
    for (let n = 2; n <= 16; n++) assert.equal((await stage.call('Announce', own(n))).leaseMs, 45000);
    assert.equal((await stage.call('Announce', own(17))).error, 'busy');
    assert.equal((await stage.call('Announce', own(16))).leaseMs, 45000);
  });

  test('of what a browser says only what a server peer can use reaches it', async (t) => {
    const { stage, events } = await begin(t, { SHARESTREAM_HTTP_WEBSOCKET_MAX_MESSAGE: '1MiB', SHARESTREAM_TRACKER_MAX_OFFERS: '20' });
    const [one, two] = [await browser(stage, 1), await browser(stage, 2)];
    await stage.call('Announce', own(1));
    for (const odd of [{ offer_id: 'x'.repeat(19) }, { offer_id: 'x'.repeat(21) }, { offer_id: `${'x'.repeat(19)}\u0100` }, { offer_id: '' }, { offer: { sdp: 'x'.repeat(65536) } }]) {
      await one.ask(say(1, { offers: [{ ...offer('odd'), ...odd }] }));
      assert.deepEqual((await two.next()).offer_id, odd.offer_id ?? id('odd'), 'browsers make of it what they like');
      one.say(say(1, { to_peer_id: serverId(1), answer: odd.offer ?? {}, offer_id: odd.offer_id ?? id('odd') }));
    }
    for (const offer_id of [undefined, null, 7, {}, ['x'.repeat(20)]]) one.say(say(1, { to_peer_id: serverId(1), answer: {}, offer_id }));
    const stranger = await stage.socket('/tracker', WebSocket); // in no swarm
    stranger.say(say(3, { to_peer_id: serverId(1), answer: {}, offer_id: id('a') }));
    await assertSilent(stranger);
    // The first that it can use, wherever it stands.
    await one.ask(say(1, { offers: [{ ...offer('odd'), offer_id: 'odd' }, offer('good')] }));
    assert.equal((await two.next()).offer_id, 'odd');
    assert.equal((await next(events)).offered.offerId, bytes(id('good')));
    assert.equal(await metric(stage, 'answers_lost_total'), 11);
  });

  test('a torrent that is denied has no server peers', async (t) => {
    const file = `/tmp/ss-tracker-deny-${process.pid}`;
    fs.writeFileSync(file, `${OTHER.toString('hex')}\n`);
    t.after(() => fs.unlinkSync(file));
    const stage = await Stage.start(t, { front: true, env: { SHARESTREAM_TRACKER_DENY_FILE: file } });
    const other = { infoHash: OTHER.toString('hex') };
    assert.equal((await stage.call('Announce', own(1, other))).error, 'denied');
    assert.equal((await stage.call('Announce', own(1, { ...other, isLeaving: true }))).error, 'denied');
    assert.equal((await stage.call('Answer', ownAnswer(1, 1, other))).error, 'denied');
    assert.equal((await stage.call('Announce', own(1))).leaseMs, 45000);
    fs.appendFileSync(file, `${HASH.toString('hex')}\n`);
    stage.tracker.child.kill('SIGHUP');
    await until(async () => (await stage.call('Stats')).serverPeers === 0, 'the list to be read again');
    assert.equal((await stage.call('Announce', own(1))).error, 'denied');
  });
});
