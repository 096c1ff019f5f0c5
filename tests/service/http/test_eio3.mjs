// SPDX-License-Identifier: MIT
//
// Clients of Socket.IO 2, where the setting lets them in: the real one, against a server on lib/sio, and what browsers say that it does not
// say in Node, byte by byte.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import WebSocket from 'ws';
import { Stack, until } from './harness.mjs';

const require = createRequire(import.meta.url);
const io = require('socket.io-client-2.5');
const io4 = require('socket.io-client-4.8').io;

async function start(t, env = {}) {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_THREADS: '2', SHARESTREAM_HTTP_SOCKETIO_ALLOW_EIO3: 'true', ...env }, torrent: false });
  await stack.startEcho();
  return stack;
}

// `heard` is a list of [event, ...arguments].
function listen(socket) {
  socket.heard = [];
  for (const event of ['auth', 'kept', 'message-back', 'said', 'answered', 'unanswered'])
    socket.on(event, (...args) => socket.heard.push([event, ...args]));
  socket.next = async (name) => {
    const found = await until(() => socket.heard.find(([event]) => event === name), `the event ${name}`);
    socket.heard.splice(socket.heard.indexOf(found), 1);
    return found.slice(1);
  };
  socket.ask = (...event) => new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 20000, new Error(`no ack of ${event[0]}`));
    socket.emit(...event, (...answer) => { clearTimeout(timer); resolve(answer); });
  });
  return socket;
}

function connect(t, stack, { nsp = '/', client = io, ...options } = {}) {
  const socket = listen(client(`http://127.0.0.1:${stack.port}${nsp}`, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50, ...options }));
  socket.on('disconnect', (reason) => { socket.reason = reason; });
  t.after(() => { socket.io.reconnection(false); (socket.io._close ?? socket.io.close).call(socket.io); });
  return socket;
}

const bytesOf = (value) => [...Buffer.from(value)];

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']])
  for (const forceBase64 of [false, true])
    test(`socket.io-client 2.5 by ${transports.join(' and ')}${forceBase64 ? ', base64' : ''}`, async (t) => {
      const stack = await start(t);
      const socket = connect(t, stack, { transports, forceBase64 });
      assert.deepEqual(await socket.next('auth'), [{}], 'it is in without asking');
      if (transports.length === 2) await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');

      const values = [1, -1, 1.5, '2', 'äöü \u{1f600} "\\\n', true, false, null, [], {}, { 3: [true, { deep: [1, [2]] }] }];
      socket.emit('message', ...values);
      assert.deepEqual(await socket.next('message-back'), values);
      assert.deepEqual(await socket.ask('message-with-ack', ...values), values);
      assert.deepEqual(await socket.ask('message-with-ack'), []);
      const long = 'xé\u{1f600}'.repeat(50000);
      assert.deepEqual(await socket.ask('message-with-ack', long), [long]);
      const many = Array.from({ length: 50 }, (_, n) => `é${n}`);
      for (const one of many) socket.emit('message', one);
      for (const one of many) assert.deepEqual(await socket.next('message-back'), [one], 'in their order');

      const [first, { in: second }] = await socket.ask('message-with-ack', Buffer.from([1, 2, 255]), { in: Buffer.from([0]) });
      assert.deepEqual([bytesOf(first), bytesOf(second)], [[1, 2, 255], [0]]);
      socket.emit('message', 'large', Buffer.alloc(100000, 7));
      const [, large] = await socket.next('message-back');
      assert.equal(Buffer.compare(Buffer.from(large), Buffer.alloc(100000, 7)), 0);

      socket.once('question', (value, answer) => answer('because', value, Buffer.from([9])));
      socket.emit('ask', { why: 1 });
      const [because, why, nine] = await socket.next('answered');
      assert.deepEqual([because, why, bytesOf(nine)], ['because', { why: 1 }, [9]]);

      // Another namespace on the same connection; what it is let in with is a query.
      const friend = listen(socket.io.socket('/private', { query: { token: 'secret', name: 'ä&="x' } }));
      assert.deepEqual(await friend.next('auth'), [{ token: 'secret', name: 'ä&="x' }]);
      assert.deepEqual(await friend.ask('message-with-ack', 'there'), ['there']);
      const nope = socket.io.socket('/nope');
      assert.equal(await new Promise((resolve) => nope.on('error', resolve)), 'Invalid namespace');
      assert.deepEqual(await socket.ask('message-with-ack', 'still here'), ['still here']);
      friend.close();
      assert.deepEqual(await socket.ask('message-with-ack', 'and here'), ['and here']);
    });

test('who is refused is told why', async (t) => {
  const stack = await start(t);
  const stranger = connect(t, stack, { nsp: '/private' });
  assert.deepEqual(await new Promise((resolve) => stranger.on('error', resolve)), { code: 42 });
});

test('a room has members of all versions', async (t) => {
  const stack = await start(t);
  const sockets = [io, io4].flatMap((client) => ['polling', 'websocket'].map((transport) => connect(t, stack, { client, transports: [transport] })));
  for (const socket of sockets) assert.deepEqual(await socket.ask('join', 'r'), [true]);
  for (const [i, speaker] of sockets.entries()) {
    speaker.emit('say', 'r', { i, time: 12.5 }, Buffer.from([i, 255]));
    for (const socket of sockets) {
      if (socket === speaker) continue;
      const [what, bytes] = await socket.next('said');
      assert.deepEqual([what, bytesOf(bytes)], [{ i, time: 12.5 }, [i, 255]]);
    }
  }
});

test('the server may end a namespace, or the connection', async (t) => {
  const stack = await start(t);
  const socket = connect(t, stack), other = connect(t, stack, { transports: ['polling'] });
  await socket.next('auth');
  socket.emit('leave-me');
  await until(() => socket.reason === 'io server disconnect', 'the end of the namespace');
  await other.next('auth');
  other.emit('close-me');
  await until(() => other.reason !== undefined, 'the end of the connection');
});

test('kill -9 of the program: clients notice nothing', async (t) => {
  const stack = await start(t);
  const sockets = ['polling', 'websocket'].map((transport) => connect(t, stack, { transports: [transport] }));
  for (const [i, socket] of sockets.entries()) {
    assert.deepEqual(await socket.ask('join', 'r'), [true]);
    socket.emit('keep', `number ${i}`);
    await socket.ask('message-with-ack');
  }
  await stack.killEcho();
  await until(async () => (await stack.metric('sharestream_http_gateways_attached')) === 0, 'the gateways to notice');
  await stack.startEcho();
  for (const [i, socket] of sockets.entries()) assert.deepEqual(await socket.next('kept'), [`number ${i}`]);
  sockets[0].emit('say', 'r', 'again');
  assert.deepEqual(await sockets[1].next('said'), ['again']);
  assert.ok(sockets.every(({ reason }) => reason === undefined));
});

test('it is the client that asks whether the other is there', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_SOCKETIO_PING_INTERVAL: '150ms', SHARESTREAM_HTTP_SOCKETIO_PING_TIMEOUT: '3s' });
  const good = ['polling', 'websocket'].map((transport) => connect(t, stack, { transports: [transport] }));
  let pongs = [0, 0];
  for (const [i, socket] of good.entries()) socket.on('pong', () => { pongs[i]++; });
  const silent = new WebSocket(`ws://127.0.0.1:${stack.port}/socket.io/?EIO=3&transport=websocket`), heard = [];
  silent.on('message', (data) => heard.push(data.toString()));
  await new Promise((resolve) => silent.on('close', resolve));
  assert.ok(!heard.includes('2'), 'it was not asked');
  await until(() => pongs.every((count) => count > 8), 'more answers');
  for (const socket of good) {
    assert.equal(socket.reason, undefined);
    assert.deepEqual(await socket.ask('message-with-ack', 1), [1]);
  }
});

const base = '/socket.io/?EIO=3&transport=polling';

// A session by polling, by hand; poll() is {type, body}.
async function handshake(stack, query = '') {
  const { status, headers, body } = await stack.get(base + query);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/plain; charset=UTF-8');
  const [, count, json] = /^(\d+):0(\{.*\})$/.exec(body.toString());
  assert.equal(Number(count), json.length + 1);
  const target = `${base}${query}&sid=${JSON.parse(json).sid}`;
  return { target, poll: async () => {
    const answer = await stack.get(target);
    assert.equal(answer.status, 200, 'the session goes on');
    return { type: answer.headers['content-type'], body: answer.body };
  }, post: (packets, type = 'text/plain;charset=UTF-8') => stack.request('POST', target, { headers: { 'content-type': type }, body: packets }) };
}

// Polls until `enough` of what came; texts and bytes apart.
async function gather({ poll }, enough) {
  const texts = [], bytes = [];
  while (!enough(texts.join(''), Buffer.concat(bytes))) {
    const { type, body } = await poll();
    if (type === 'application/octet-stream') bytes.push(body);
    else texts.push(body.toString());
  }
  return { text: texts.join(''), bytes: Buffer.concat(bytes) };
}

test('polling, as engine.io answers clients of version 3', async (t) => {
  const stack = await start(t);
  const session = await handshake(stack, '&b64=1');
  const { text } = await gather(session, (all) => all.includes('auth'));
  assert.equal(text, '2:4013:42["auth",{}]');
  // Lengths are UTF-16 units.
  assert.equal((await session.post(`19:42["message","é\u{1f600}"]1:2`)).body.toString(), 'ok');
  const back = await gather(session, (all) => all.includes('message-back') && all.includes('1:3'));
  assert.ok(back.text.includes('24:42["message-back","é\u{1f600}"]'), back.text);
  const event = '451-["message",{"_placeholder":true,"num":0}]';
  await session.post(`${event.length}:${event}6:b4AQID`);
  assert.match((await gather(session, (all) => all.includes('b4'))).text, /:451-\["message-back",\{"_placeholder":true,"num":0\}\]6:b4AQID$/);

  // Who can take bytes gets them, in one body with the text before.
  const modern = await handshake(stack);
  await gather(modern, (all) => all.includes('auth'));
  const framed = (kind, data) => Buffer.concat([Buffer.from([kind, ...String(data.length).split('').map(Number), 255]), data]);
  const binary = Buffer.concat([framed(0, Buffer.from('451-["message","é",{"_placeholder":true,"num":0}]')), framed(1, Buffer.from([4, 1, 2, 255]))]);
  assert.equal((await modern.post(binary, 'application/octet-stream')).body.toString(), 'ok');
  const came = await gather(modern, (all, bytes) => bytes.includes(Buffer.from([4, 1, 2, 255])));
  assert.ok(came.bytes.subarray(-7).equals(framed(1, Buffer.from([4, 1, 2, 255]))));
  assert.ok((came.text + came.bytes.toString()).includes('451-["message-back","é",{"_placeholder":true,"num":0}]'));

  for (const [bad, type] of [['1:3'], ['3'], ['5:4'], ['1:9'], ['0:'], [''], ['1:x'], ['4a\x1e4b'], ['6:bAQIDA'], [Buffer.from([1, 1, 255, 9]), 'application/octet-stream'], [Buffer.from([0, 9, 255]), 'application/octet-stream']]) {
    const other = await handshake(stack);
    assert.equal((await other.post(bad, type)).status, 200, `${bad}`);
    assert.equal((await stack.get(other.target)).status, 400, `after '${bad}'`);
  }
  const leaving = await handshake(stack);
  await leaving.post('1:1');
  assert.equal((await stack.get(leaving.target)).status, 400);

  // Two polls at once: the session is over, in its own words.
  const twice = await handshake(stack);
  await gather(twice, (all) => all.includes('auth'));
  const first = stack.get(twice.target);
  await until(async () => (await stack.metric('sharestream_http_requests')) >= 2, 'the first to wait');
  assert.equal((await stack.get(twice.target)).status, 400);
  assert.equal((await first).body.toString(), '1:1');
});

test('bytes on a WebSocket have their type before them', async (t) => {
  const stack = await start(t);
  const ws = await stack.socket('/socket.io/?EIO=3&transport=websocket');
  assert.match((await ws.next()).data, /^0\{"sid":/);
  assert.equal((await ws.next()).data, '40');
  assert.equal((await ws.next()).data, '42["auth",{}]');
  assert.equal((await ws.ask('2')).data, '3');
  ws.send('451-["message",{"_placeholder":true,"num":0}]');
  ws.send(Buffer.from([4, 1, 2, 3]));
  assert.equal((await ws.next()).data, '451-["message-back",{"_placeholder":true,"num":0}]');
  assert.deepEqual((await ws.next()).data, Buffer.from([4, 1, 2, 3]));
  ws.send(Buffer.from([9, 1]));
  await ws.closed;
});

test('version 4 is as it was, and version 3 is refused where it is not allowed', async (t) => {
  const stack = await start(t);
  assert.match((await stack.get('/socket.io/?EIO=4&transport=polling')).body.toString(), /^0\{/);
  for (const version of ['', 'EIO=2&', 'EIO=33&'])
    assert.equal(JSON.parse((await stack.get(`/socket.io/?${version}transport=polling`)).body).code, 5, version);
  const strict = await start(t, { SHARESTREAM_HTTP_SOCKETIO_ALLOW_EIO3: 'false' });
  assert.deepEqual(JSON.parse((await strict.get(base)).body), { code: 5, message: 'Unsupported protocol version' });
  const socket = connect(t, strict, { reconnection: false });
  await new Promise((resolve) => socket.on('connect_error', resolve));
});
