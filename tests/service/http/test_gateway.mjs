// SPDX-License-Identifier: MIT
//
// What http-svc and an actor tell each other, above all when the actor dies.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { Stack, until } from './harness.mjs';

const start = (t, env = {}, more = {}) => Stack.start(t, { env, torrent: false, actor: true, ...more });

// The fake of this test may die; the next one is another process.
async function kill(stack) {
  stack.actor.mayDie = true;
  await stack.actor.kill();
  // What is sent to it before that is seen dies with it.
  await until(async () => (await stack.metric('sharestream_http_gateways_attached')) === 0, 'the gateway to notice');
}

test('a question is answered as the actor says', async (t) => {
  const stack = await start(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (const target of ['/announce?info_hash=%00%ff&port=1', '/announce', '/announce/key/x?y', '/scrape?info_hash=a', '/scrape/x', '/stats', '/stats.json?mode=x', '/announce?x=%zz']) {
    const { status, headers, body } = await stack.request('GET', target, { agent, headers: { host: 'any.example', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } });
    assert.equal(status, 200, target);
    assert.equal(body.toString(), `127.0.0.1 127.0.0.1 ${target}`);
    assert.equal(headers['content-length'], String(body.length));
    assert.equal(headers['access-control-allow-origin'], '*');
    assert.equal(headers['content-type'], 'text/plain');
  }
  assert.equal(await stack.metric('sharestream_http_connections'), 2, 'kept alive, and this one');
  const large = await stack.get('/announce/large');
  assert.equal(large.body.length, 200000);
  assert.equal((await stack.get('/announce/bad')).status, 400);
  assert.equal((await stack.request('POST', '/announce')).status, 405);
  const preflight = await stack.request('OPTIONS', '/announce', { headers: { origin: 'https://any.example' } });
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [204, '*']);
  // Several in one packet, answered in order.
  const raw = stack.raw([1, 2, 3].map((i) => `GET /announce/${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
  await until(() => raw.received.includes('/announce/3'), 'three answers');
  assert.deepEqual(raw.received.toString().match(/\/announce\/\d/g), ['/announce/1', '/announce/2', '/announce/3']);
});

test('a client that leaves while it waits is noticed', async (t) => {
  const stack = await start(t);
  const raw = stack.raw('GET /announce/hang HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(async () => (await stack.actor.heard()).some(({ what }) => what === 'asked'), 'the question');
  raw.destroy();
  await until(async () => (await stack.metric('sharestream_http_aborts_seen_total')) === 1, 'it to be noticed');
  assert.equal(await stack.metric('sharestream_http_gateway_questions_failed_total'), 0);
});

test('groups: one message for many, without those who are spared', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all(Array.from({ length: 50 }, () => stack.socket('/tracker')));
  for (const ws of sockets.slice(0, 40)) assert.equal((await ws.ask('join room')).data, 'joined');
  assert.equal((await sockets[0].ask('join room')).data, 'joined', 'twice is once');
  assert.equal((await sockets[0].ask('join other')).data, 'joined');
  sockets[1].send('others room hello');
  for (const [i, ws] of sockets.slice(0, 40).entries()) if (i !== 1) assert.equal((await ws.next()).data, 'hello');
  sockets[45].send('all room everybody');
  for (const ws of sockets.slice(0, 40)) assert.equal((await ws.next()).data, 'everybody');
  sockets[2].send('leave room');
  sockets[3].close();
  await sockets[3].closed;
  sockets[4].send('all room again');
  for (const [i, ws] of sockets.slice(0, 40).entries()) if (i !== 2 && i !== 3) assert.equal((await ws.next()).data, 'again');
  sockets[0].send('all nowhere x');
  for (const i of [0, 2, 45]) assert.equal((await sockets[i].ask('nothing else came')).data, 'nothing else came');
});

test('what the actor says unasked comes at once', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all([1, 2, 3].map(() => stack.socket('/tracker')));
  for (const ws of sockets) await ws.ask('the actor knows me');
  for (let round = 0; round < 20; round++) {
    await stack.actor.say(`push news ${round}`);
    for (const ws of sockets) assert.equal((await ws.next()).data, `news ${round}`);
  }
  assert.equal((await sockets[0].ask('later by itself')).data, 'by itself');
});

test('kill -9 of the actor: nobody is cut, and the next one is told of all, with tags', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all(Array.from({ length: 30 }, (_, i) => stack.socket(`/tracker/${i}`, { origin: `https://${i}.example` })));
  for (const [i, ws] of sockets.entries()) {
    ws.send(`tag first ${i}`);
    if (i % 2) ws.send(`tag second ${i}`);
    await ws.ask('done');
  }
  sockets[0].send('join room');
  await sockets[0].next();
  const before = (await stack.actor.heard()).filter(({ what }) => what === 'opened').map(({ number }) => number);
  await kill(stack);
  // While it is away: messages wait, one opens, one leaves, one opens and leaves.
  sockets[5].send('meanwhile');
  const late = await stack.socket('/tracker/late');
  late.send('from the late one');
  sockets[6].close();
  await sockets[6].closed;
  const short = await stack.socket('/tracker/short');
  short.close();
  await short.closed;
  await stack.startActor();
  assert.equal((await sockets[5].next()).data, 'meanwhile');
  assert.equal((await late.next()).data, 'from the late one');
  for (const [i, ws] of sockets.entries()) if (i !== 6) assert.equal((await ws.ask(`after ${i}`)).data, `after ${i}`);
  const log = await stack.actor.heard();
  const replayed = log.filter(({ what, first, target }) => what === 'opened' && first && /\/\d/.test(target));
  assert.equal(replayed.length, 29);
  for (const { number, target, tag, origin, address } of replayed) {
    const i = Number(target.split('/')[2]);
    assert.equal(tag, i % 2 ? `second ${i}` : `first ${i}`);
    assert.deepEqual([origin, address], [`https://${i}.example`, '127.0.0.1']);
    assert.ok(before.includes(number), 'under the same number');
  }
  const lates = log.filter(({ target }) => target === '/tracker/late');
  assert.equal(lates.length, 1);
  assert.equal(lates[0].tag, '');
  assert.ok(log.indexOf(lates[0]) > log.indexOf(replayed.at(-1)), 'first who was there, then who came');
  assert.deepEqual(log.filter(({ number }) => number === log.find(({ target }) => target === '/tracker/short').number).map(({ what }) => what), ['opened', 'closed']);
  // Groups are the actor's to make again.
  sockets[1].send('all room x');
  assert.equal((await sockets[0].ask('nothing came')).data, 'nothing came');
  assert.equal(await stack.metric('sharestream_http_websockets'), 30);
});

test('more than fits into one Delivery is told in several', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all(Array.from({ length: 40 }, (_, i) => stack.socket(`/tracker/${i}`)));
  for (const [i, ws] of sockets.entries()) {
    ws.send(`tag ${i} ${'x'.repeat(60000)}`);
    await ws.ask('done');
  }
  sockets[1].send(`tag ${'y'.repeat(65532)}`);
  await sockets[1].ask('done');
  await kill(stack);
  await stack.startActor();
  for (const [i, ws] of sockets.entries()) assert.equal((await ws.ask(`${i}`)).data, `${i}`);
  const opened = (await stack.actor.heard()).filter(({ what }) => what === 'opened');
  assert.equal(opened.length, 40);
  assert.ok(opened.some(({ first }) => first) && opened.some(({ first }) => !first));
  for (const { target, tag } of opened) {
    const i = Number(target.split('/')[2]);
    assert.equal(tag, i === 1 ? 'y'.repeat(65532) : `${i} ${'x'.repeat(60000)}`);
  }
});

test('a message that kills does not kill again', async (t) => {
  const stack = await start(t);
  const ws = await stack.socket('/tracker'), other = await stack.socket('/tracker');
  ws.send('tag kept');
  await ws.ask('done');
  stack.actor.mayDie = true;
  ws.send('die');
  assert.equal((await stack.actor.exit).signal, 'SIGABRT');
  other.send('after it');
  await stack.startActor();
  assert.equal((await other.next()).data, 'after it');
  assert.equal((await ws.ask('alive')).data, 'alive');
  assert.ok((await stack.actor.heard()).some(({ tag }) => tag === 'kept'));
  assert.ok(await stack.metric('sharestream_http_gateway_events_lost_total') >= 1);
});

test('a question that kills is answered 503, and not asked again', async (t) => {
  const stack = await start(t);
  const waiting = stack.get('/announce/hang');
  await until(async () => (await stack.actor.heard()).some(({ what }) => what === 'asked'), 'the question');
  stack.actor.mayDie = true;
  const deadly = await stack.get('/announce/die');
  assert.equal(deadly.status, 503);
  assert.equal((await waiting).status, 503, 'who waited for the same life too');
  await stack.startActor();
  assert.equal((await stack.get('/announce')).status, 200);
  assert.deepEqual((await stack.actor.heard()).map(({ target }) => target), ['/announce']);
});

test('questions while the actor is away wait a little, then fail in words trackers have', async (t) => {
  const stack = await start(t, {}, { actor: false });
  const begun = Date.now();
  const [announce, scrape, stats] = await Promise.all(['/announce?x', '/scrape', '/stats'].map((target) => stack.get(target)));
  const waited = Date.now() - begun;
  assert.ok(waited >= 1900 && waited < 15000, `${waited} ms`);
  for (const answer of [announce, scrape]) {
    assert.equal(answer.status, 503);
    assert.equal(answer.body.toString(), 'd14:failure reason32:tracker is restarting, try again8:retry ini1ee');
    assert.equal(answer.headers['access-control-allow-origin'], '*');
  }
  assert.deepEqual([stats.status, stats.headers['access-control-allow-origin']], [503, '*']);
  const patient = stack.get('/announce/soon');
  await stack.startActor();
  assert.equal((await patient).body.toString(), '127.0.0.1 127.0.0.1 /announce/soon', 'who asks just before it comes gets an answer');
});

test('an actor that hangs: questions fail, messages wait, and it is told all anew', async (t) => {
  const stack = await start(t);
  const ws = await stack.socket('/tracker');
  await ws.ask('x');
  await stack.actor.say('mute on');
  const failed = await stack.get('/announce');
  assert.equal(failed.status, 503);
  ws.send('waits');
  const replays = await stack.metric('sharestream_http_gateway_replays_total');
  await stack.actor.say('mute off');
  assert.equal((await ws.next()).data, 'waits');
  assert.ok(await stack.metric('sharestream_http_gateway_replays_total') >= replays);
  assert.equal((await stack.get('/announce')).status, 200);
});

test('an actor that forgot the gateway is told all, and then what it did not do', async (t) => {
  const stack = await start(t);
  const ws = await stack.socket('/tracker'), other = await stack.socket('/tracker');
  await ws.ask('x');
  await stack.actor.heard();
  ws.send('forget');
  const { data } = await other.ask('repeated');
  assert.equal(data, 'repeated');
  assert.equal((await stack.get('/announce')).status, 200);
  const log = await stack.actor.heard();
  assert.equal(log.filter(({ what, first }) => what === 'opened' && first).length, 2);
  assert.equal(log.filter(({ what, bytes }) => what === 'received' && bytes === 8).length, 1, 'done once');
});

test('when too much waits, WebSockets are told to come back later', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_WEBSOCKET_MAX_MESSAGE: '1MiB' }, { actor: false });
  const ws = await stack.socket('/tracker'), quiet = await stack.socket('/tracker');
  const megabyte = Buffer.alloc(1 << 20);
  for (let i = 0; i < 18; i++) ws.send(megabyte);
  assert.equal((await ws.closed).code, 1013);
  assert.equal(await stack.metric('sharestream_http_websockets_busy_total'), 1);
  await stack.startActor();
  const log = await until(async () => {
    const heard = await stack.actor.heard();
    return heard.length > 0 && heard;
  }, 'what had waited');
  assert.ok(log.length > 0);
  assert.equal((await quiet.ask('there')).data, 'there');
});

test('many events go in one message when the actor is busy', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all(Array.from({ length: 100 }, () => stack.socket('/tracker')));
  const before = await stack.metric('sharestream_http_gateway_deliveries_total');
  const rounds = 20;
  await Promise.all(sockets.map(async (ws) => {
    for (let i = 0; i < rounds; i++) ws.send(`x ${i}`);
    for (let i = 0; i < rounds; i++) assert.equal((await ws.next()).data, `x ${i}`);
  }));
  const deliveries = (await stack.metric('sharestream_http_gateway_deliveries_total')) - before;
  assert.ok(deliveries < sockets.length * rounds / 3, `${deliveries} deliveries`);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => stack.get(`/announce/${i}`)));
  for (const [i, { body }] of answers.entries()) assert.equal(body.toString(), `127.0.0.1 127.0.0.1 /announce/${i}`);
});

test('two loops are two gateways', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '2' });
  const sockets = await Promise.all(Array.from({ length: 40 }, () => stack.socket('/tracker')));
  for (const [i, ws] of sockets.entries()) assert.equal((await ws.ask(`${i}`)).data, `${i}`);
  await kill(stack);
  await stack.startActor();
  for (const [i, ws] of sockets.entries()) assert.equal((await ws.ask(`again ${i}`)).data, `again ${i}`);
  const answers = await Promise.all(Array.from({ length: 40 }, () => stack.get('/announce')));
  assert.ok(answers.every(({ status }) => status === 200));
});

test('behind a proxy that is trusted, the client is who the proxy says', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.1', SHARESTREAM_HTTP_MAX_CLIENTS_PER_ADDRESS: '2', SHARESTREAM_HTTP_ACCESS_LOG: '-' });
  const asked = async (headers) => (await stack.get('/announce', headers)).body.toString().split(' ')[0];
  assert.equal(await asked({ 'x-forwarded-for': '203.0.113.9' }), '203.0.113.9');
  assert.equal(await asked({ 'x-forwarded-for': '1.1.1.1, 203.0.113.9, 10.0.0.1' }), '203.0.113.9');
  assert.equal(await asked({ forwarded: 'for=1.1.1.1, for="[2001:db8::7]:4711";proto=https' }), '2001:db8::7');
  assert.equal(await asked({ 'x-forwarded-for': 'nonsense' }), '127.0.0.1');
  assert.equal(await asked({}), '127.0.0.1');
  const headers = { 'x-forwarded-for': '203.0.113.9' };
  const sockets = [await stack.socket('/tracker', { headers }), await stack.socket('/tracker', { headers })];
  await assert.rejects(stack.socket('/tracker', { headers }), /503/, 'a third one from there');
  await stack.socket('/tracker', { headers: { 'x-forwarded-for': '203.0.113.10' } });
  sockets[0].close();
  await sockets[0].closed;
  await stack.socket('/tracker', { headers });
  await until(async () => (await stack.actor.heard()).some(({ what, address }) => what === 'opened' && address === '203.0.113.10'), 'the actor to hear of it');

  const distrustful = await start(t, { SHARESTREAM_HTTP_TRUSTED_PROXIES: '10.0.0.1' });
  const answer = await distrustful.get('/announce', { 'x-forwarded-for': '203.0.113.9' });
  assert.equal(answer.body.toString().split(' ')[0], '127.0.0.1', 'anybody may write that header');
  const wrong = new stack.http.constructor('http-svc', { ...stack.env, SHARESTREAM_HTTP_TRUSTED_PROXIES: '10.0.0.0/33', SHARESTREAM_COMMON_RUN_DIR: `${stack.dir}/run2` }, stack.dir);
  assert.equal((await wrong.exit).code, 78);
  assert.match(wrong.log, /http\.trusted_proxies/);
});
