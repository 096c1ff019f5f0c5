// SPDX-License-Identifier: MIT
//
// Engine.IO: what http-svc and clients say to each other. The real client is engine.io-client; the rest is raw HTTP, byte by byte as the
// package engine.io 6.6 answers. Behind it is the fake actor, which gives back what it is told.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Socket } from 'engine.io-client';
import WebSocket from 'ws';
import { Stack, until } from './harness.mjs';

async function start(t, env = {}) {
  const stack = await Stack.start(t, { env, torrent: false });
  await stack.startActor({ FAKE_ACTOR_NAME: 'room' });
  return stack;
}

const base = '/socket.io/?EIO=4&transport=polling';

// A client of the real package, with everything it was told.
function client(t, stack, options = {}) {
  const socket = new Socket(`ws://127.0.0.1:${stack.port}`, { path: '/socket.io/', ...options });
  socket.heard = [];
  socket.on('message', (data) => socket.heard.push(data));
  socket.opened = new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
  socket.over = new Promise((resolve) => socket.on('close', (reason) => { socket.reason = reason; resolve(reason); }));
  socket.upgraded = new Promise((resolve) => socket.on('upgrade', resolve));
  socket.opened.catch(() => {});
  t.after(() => socket.close());
  socket.ask = async (data) => {
    const had = socket.heard.length;
    socket.send(data);
    return until(() => socket.heard[had], `an answer to ${String(data).slice(0, 40)}`);
  };
  return socket;
}

// A session by polling, by hand.
async function handshake(stack, query = '') {
  const { status, headers, body } = await stack.get(base + query);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['access-control-allow-origin'], '*');
  const open = JSON.parse(/^0(\{.*\})$/.exec(body.toString())[1]);
  assert.match(open.sid, /^[\w-]{20}$/);
  const target = `${base}&sid=${open.sid}`;
  return { open, target, poll: async () => (await stack.get(target)).body.toString(),
    post: (packets) => stack.request('POST', target, { headers: { 'content-type': 'text/plain;charset=UTF-8' }, body: packets }) };
}

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  test(`engine.io-client by ${transports.join(' and ')}`, async (t) => {
    const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '4' });
    const sockets = Array.from({ length: 12 }, () => client(t, stack, { transports }));
    await Promise.all(sockets.map(({ opened }) => opened));
    if (transports.length === 2) await Promise.all(sockets.map(({ upgraded }) => upgraded));
    await Promise.all(sockets.map(async (socket, i) => {
      assert.equal(await socket.ask(`hello ${i} äöü\u{1f600}`), `hello ${i} äöü\u{1f600}`);
      assert.deepEqual(Buffer.from(await socket.ask(Buffer.from([0, 1, 255, i]))), Buffer.from([0, 1, 255, i]));
      const long = 'x'.repeat(300000);
      assert.equal(await socket.ask(long), long);
      const from = socket.heard.length;
      for (let n = 0; n < 50; n++) socket.send(`number ${n}`);
      await until(() => socket.heard.length === from + 50, 'all of them');
      assert.deepEqual(socket.heard.slice(from), Array.from({ length: 50 }, (_, n) => `number ${n}`), 'in their order');
    }));
    assert.equal(await stack.metric('sharestream_http_engine_sessions'), 12);
    for (const socket of sockets) socket.close();
    await until(async () => (await stack.metric('sharestream_http_engine_sessions')) === 0, 'all sessions to end');
    let closed = 0;
    await until(async () => {
      closed += (await stack.actor.heard()).filter(({ what }) => what === 'closed').length;
      return closed === 12;
    }, 'the actor to hear of it');
    // With four loops it is next to impossible that each request came to the loop of its session.
    if (transports[0] === 'polling') assert.ok(await stack.metric('sharestream_http_engine_mails_total') > 0);
  });
}

test('a room has members by polling and by WebSocket', async (t) => {
  const stack = await start(t);
  const sockets = [['polling'], ['websocket'], ['polling', 'websocket']].map((transports) => client(t, stack, { transports }));
  await Promise.all(sockets.map(({ opened }) => opened));
  for (const socket of sockets) assert.equal(await socket.ask('join room'), 'joined');
  sockets[0].send('others room hello');
  for (const socket of sockets.slice(1)) await until(() => socket.heard.at(-1) === 'hello', 'the message to the room');
  assert.equal(await sockets[0].ask('not to me'), 'not to me');
  assert.ok(!sockets[0].heard.includes('hello'));
});

test('messages on the way when the transport changes arrive once, and in order', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '4' });
  const sockets = Array.from({ length: 8 }, () => client(t, stack, { transports: ['polling', 'websocket'] }));
  await Promise.all(sockets.map(async (socket) => {
    await socket.opened;
    let sent = 0;
    let upgraded = false;
    socket.upgraded.then(() => { upgraded = true; });
    while (!upgraded || sent < 200) {
      socket.send(`${sent++}`);
      if (sent % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => socket.heard.length === sent, 'all answers');
    assert.deepEqual(socket.heard, Array.from({ length: sent }, (_, n) => `${n}`));
  }));
  assert.equal(await stack.metric('sharestream_http_engine_upgrades_total'), 8);
});

test('kill -9 of the actor: no session is cut, whatever carries it', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '2' });
  const polling = client(t, stack, { transports: ['polling'] }), socket = client(t, stack, { transports: ['websocket'] });
  await Promise.all([polling.opened, socket.opened]);
  for (const each of [polling, socket]) {
    each.send('tag kept');
    assert.equal(await each.ask('done'), 'done');
  }
  stack.actor.mayDie = true;
  await stack.actor.kill();
  await until(async () => (await stack.metric('sharestream_http_gateways_attached')) === 0, 'the gateway to notice');
  const before = polling.heard.length;
  polling.send('meanwhile');
  await stack.startActor({ FAKE_ACTOR_NAME: 'room' });
  await until(() => polling.heard.slice(before).includes('meanwhile'), 'what was said meanwhile');
  assert.equal(await socket.ask('there'), 'there');
  const opened = (await stack.actor.heard()).filter(({ what }) => what === 'opened');
  assert.deepEqual(opened.map(({ tag }) => tag), ['kept', 'kept']);
  assert.ok(opened.every(({ target }) => target.startsWith('/socket.io/?')));
});

test('polling, as engine.io answers', async (t) => {
  const stack = await start(t);
  const { open, poll, post, target } = await handshake(stack);
  assert.deepEqual({ ...open, sid: '' }, { sid: '', upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 });
  const posted = await post('4one\x1e4two\x1ebAQID');
  assert.deepEqual([posted.status, posted.headers['content-type'], posted.body.toString()], [200, 'text/html', 'ok']);
  let all = await poll();
  while (all.split('\x1e').length < 3) all += `\x1e${await poll()}`;
  assert.equal(all, '4one\x1e4two\x1ebAQID');
  assert.equal((await post('x'.repeat(1000001))).status, 413);
  const waiting = poll();
  await post('4afterwards');
  assert.equal(await waiting, '4afterwards');
  // Two at once: the session is over, as clients know it.
  const first = stack.get(target);
  await until(async () => (await stack.metric('sharestream_http_requests')) >= 2, 'the first to wait');
  const second = await stack.get(target);
  assert.equal(second.status, 400);
  assert.equal((await first).body.toString(), '1');
  assert.deepEqual(JSON.parse((await stack.get(target)).body), { code: 1, message: 'Session ID unknown' });

  const other = await handshake(stack);
  assert.equal((await other.post('1')).body.toString(), 'ok');
  assert.equal((await stack.get(other.target)).status, 400, 'it has said that it leaves');
  for (const bad of ['2', '9', '', '4a\x1ex', 'b***', '0{}', '4\xff']) {
    const session = await handshake(stack);
    assert.equal((await session.post(Buffer.from(bad, 'latin1'))).status, 200, bad);
    assert.equal((await stack.get(session.target)).status, 400, `after '${bad}'`);
  }
  assert.equal(await stack.metric('sharestream_http_engine_sessions'), 0);
});

test('errors have the codes that clients know', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_ROOM_ORIGINS: 'https://good.example' });
  const { open } = await handshake(stack);
  const forged = `${open.sid.slice(0, 19)}${open.sid[19] === 'A' ? 'B' : 'A'}`;
  for (const [method, target, code, message] of [
    ['GET', '/socket.io/?EIO=4&transport=nope', 0, 'Transport unknown'],
    ['GET', '/socket.io/?EIO=4', 0, 'Transport unknown'],
    ['GET', `${base}&sid=unknown`, 1, 'Session ID unknown'],
    ['GET', `${base}&sid=${forged}`, 1, 'Session ID unknown'],
    ['GET', `${base}&sid=____________________`, 1, 'Session ID unknown'],
    ['POST', base, 2, 'Bad handshake method'],
    ['GET', '/socket.io/?EIO=4&transport=websocket', 3, 'Bad request'],
    ['GET', '/socket.io/?EIO=3&transport=polling', 5, 'Unsupported protocol version'],
    ['GET', '/socket.io/?transport=polling', 5, 'Unsupported protocol version'],
  ]) {
    const answer = await stack.request(method, target);
    assert.deepEqual([answer.status, JSON.parse(answer.body)], [400, { code, message }], target);
  }
  assert.equal((await stack.get('/socket.io?EIO=4&transport=polling')).status, 404);
  assert.equal((await stack.get(base, { origin: 'https://evil.example' })).status, 403);
  assert.equal((await stack.get(base, { origin: 'https://good.example' })).status, 200);
  const preflight = await stack.request('OPTIONS', base, { headers: { origin: 'https://good.example' } });
  assert.deepEqual([preflight.status, preflight.headers['access-control-allow-origin']], [204, '*']);

  const upgrade = (query) => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${stack.port}/socket.io/?${query}`);
    ws.on('open', () => reject(new Error('it opened')));
    ws.on('error', () => {});
    ws.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (data) => { body += data; });
      response.on('end', () => resolve([response.statusCode, response.headers['content-type'], body]));
    });
  });
  assert.deepEqual(await upgrade('EIO=4&transport=websocket&sid=zzz'), [400, 'text/html', 'Session ID unknown']);
  assert.deepEqual(await upgrade(`EIO=4&transport=websocket&sid=${forged}`), [400, 'text/html', 'Session ID unknown']);
  assert.deepEqual(await upgrade('EIO=4&transport=foo'), [400, 'text/html', 'Transport unknown']);
  assert.deepEqual(await upgrade('EIO=3&transport=websocket'), [400, 'text/html', 'Unsupported protocol version']);
});

test('who does not answer is gone, who does stays', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_SOCKETIO_PING_INTERVAL: '150ms', SHARESTREAM_HTTP_SOCKETIO_PING_TIMEOUT: '3s' });
  const good = client(t, stack, { transports: ['websocket'] }), patient = client(t, stack, { transports: ['polling'] });
  await Promise.all([good.opened, patient.opened]);
  const silent = new WebSocket(`ws://127.0.0.1:${stack.port}/socket.io/?EIO=4&transport=websocket`), heard = [];
  silent.on('message', (data) => heard.push(data.toString()));
  const { target } = await handshake(stack);
  assert.equal((await stack.get(target)).body.toString(), '2');
  const code = await new Promise((resolve) => silent.on('close', resolve));
  assert.equal(code, 1005, 'without a code');
  assert.equal(heard[1], '2');
  await until(async () => (await stack.get(target)).status === 400, 'a session without pong to end');
  let pings = 0;
  good.on('ping', () => pings++);
  patient.on('ping', () => pings++);
  await until(() => pings > 8, 'more pings');
  assert.equal(await good.ask('here'), 'here');
  assert.equal(await patient.ask('here'), 'here');
});

test('a client that leaves its poll is gone; the actor may end a session', async (t) => {
  const stack = await start(t);
  const { open } = await handshake(stack);
  const raw = stack.raw(`GET ${base}&sid=${open.sid} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await until(async () => (await stack.metric('sharestream_http_requests')) >= 2, 'it to wait');
  raw.destroy();
  await until(async () => (await stack.metric('sharestream_http_engine_sessions')) === 0, 'its session to end');
  for (const transports of [['polling'], ['websocket']]) {
    const socket = client(t, stack, { transports });
    await socket.opened;
    socket.send('close 1000 enough');
    assert.equal(await socket.over, 'transport close');
  }
  assert.equal(await stack.metric('sharestream_http_engine_sessions'), 0);
});

test('sessions by polling count for their address', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_MAX_CLIENTS_PER_ADDRESS: '5', SHARESTREAM_HTTP_LIMITS_LOOPBACK: 'true' });
  for (let i = 0; i < 4; i++) await handshake(stack);
  assert.equal((await stack.get(base)).status, 503);
});
