// SPDX-License-Identifier: MIT
//
// Socket.IO: the real clients, of three versions and with both parsers, and a server on lib/sio (tests/support/socketio_echo.c) behind
// a real http-svc. What is tested byte by byte is what those clients never say.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';
import msgpack from 'socket.io-msgpack-parser';
import { Stack, until } from './harness.mjs';

const require = createRequire(import.meta.url);
const versions = ['3.1', '4.0', '4.8'];
const parsers = { json: undefined, msgpack };
const io = Object.fromEntries(versions.map((version) => [version, require(`socket.io-client-${version}`).io]));

async function start(t, env = {}, echo = {}) {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_THREADS: '2', ...env }, torrent: false });
  await stack.startEcho(echo);
  return stack;
}

// A client with everything it was told: `heard` is a list of [event, ...arguments].
function connect(t, stack, { nsp = '/', version = '4.8', parser = 'json', ...options } = {}) {
  const socket = io[version](`http://127.0.0.1:${stack.port}${nsp}`, {
    transports: ['websocket'], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, parser: parsers[parser], ...options });
  socket.heard = [];
  socket.onAny((...event) => socket.heard.push(event));
  socket.times = 0;
  socket.on('connect', () => { socket.times++; });
  socket.on('disconnect', (reason) => { socket.reason = reason; });
  socket.connected_ = new Promise((resolve, reject) => { socket.once('connect', resolve); socket.once('connect_error', reject); });
  socket.connected_.catch(() => {});
  t.after(() => socket.io._close()); // with all namespaces, and it does not try again
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

const bytesOf = (value) => [...Buffer.from(value)];

for (const version of versions)
  for (const parser of Object.keys(parsers))
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']])
      test(`socket.io-client ${version}, ${parser}, by ${transports.join(' and ')}`, async (t) => {
        const stack = await start(t);
        const socket = connect(t, stack, { version, parser, transports, auth: { token: 'abc' } });
        await socket.connected_;
        assert.match(socket.id, /^[\w-]{20}$/);
        assert.deepEqual(await socket.next('auth'), [{ token: 'abc' }]);
        if (transports.length === 2) await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');

        // Events and acks, with all kinds of values.
        const values = [1, -1, 1.5, '2', 'äöü \u{1f600} "\\\n', true, false, null, [], {}, { 3: [true, { deep: [1, [2]] }] }, 2 ** 40, 1e-7];
        socket.emit('message', ...values);
        assert.deepEqual(await socket.next('message-back'), values);
        assert.deepEqual(await socket.ask('message-with-ack', ...values), values);
        assert.deepEqual(await socket.ask('message-with-ack'), []);
        socket.emit('message');
        assert.deepEqual(await socket.next('message-back'), []);
        const long = 'x'.repeat(200000);
        assert.deepEqual(await socket.ask('message-with-ack', long), [long]);

        // Bytes.
        const [first, second, { in: third }] = await socket.ask('message-with-ack', Buffer.from([1, 2, 3]), new Uint8Array([0]), { in: Buffer.alloc(0) });
        assert.deepEqual([bytesOf(first), bytesOf(second), bytesOf(third)], [[1, 2, 3], [0], []]);
        socket.emit('message', 'large', Buffer.alloc(100000, 7));
        const [, large] = await socket.next('message-back');
        assert.deepEqual(Buffer.compare(Buffer.from(large), Buffer.alloc(100000, 7)), 0);

        // Acks the other way.
        socket.once('question', (value, answer) => answer('because', value, Buffer.from([9])));
        socket.emit('ask', { why: 1 });
        const [because, why, nine] = await socket.next('answered');
        assert.deepEqual([because, why, bytesOf(nine)], ['because', { why: 1 }, [9]]);

        // Another namespace on the same connection, and one that there is not.
        const custom = socket.io.socket('/custom', { auth: { in: 'custom' } });
        const heard = [];
        custom.onAny((...event) => heard.push(event));
        custom.emit('message', 'there');
        await until(() => heard.length === 2, 'both events');
        assert.deepEqual(heard[0][0], 'auth');
        assert.deepEqual(heard[1], ['message-back', 'there']);
        assert.notEqual(custom.id, socket.id);
        const nope = socket.io.socket('/nope');
        const error = await new Promise((resolve) => nope.on('connect_error', resolve));
        assert.equal(error.message, 'Invalid namespace');
        custom.disconnect();
        assert.deepEqual(await socket.ask('message-with-ack', 'still here'), ['still here']);
        assert.equal(socket.times, 1);
      });

test('auth is asked for, and refused with a reason', async (t) => {
  const stack = await start(t);
  for (const parser of Object.keys(parsers)) {
    const stranger = connect(t, stack, { nsp: '/private', parser, auth: { token: 'guess' } });
    const error = await new Promise((resolve) => stranger.on('connect_error', resolve));
    assert.equal(error.message, 'not authorized');
    assert.deepEqual(error.data, { code: 42 });
    stranger.auth = { token: 'secret' };
    stranger.connect();
    await until(() => stranger.connected, 'the friend to be let in');
    assert.deepEqual(await stranger.next('auth'), [{ token: 'secret' }]);
    const nobody = connect(t, stack, { parser });
    assert.deepEqual(await nobody.next('auth'), [{}]);
  }
});

test('a room of clients with both parsers, of all versions', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '4' });
  const sockets = versions.flatMap((version) => Object.keys(parsers).flatMap((parser) =>
    ['polling', 'websocket'].map((transport) => connect(t, stack, { version, parser, transports: [transport] }))));
  for (const socket of sockets) assert.deepEqual(await socket.ask('join', 'r'), [true]);
  const outside = connect(t, stack);
  await outside.next('auth');
  for (const [i, speaker] of sockets.entries()) {
    speaker.emit('say', 'r', { i, time: 12.5 }, Buffer.from([i, 255]));
    for (const socket of sockets) {
      if (socket === speaker) continue;
      const [what, bytes] = await socket.next('said');
      assert.deepEqual(what, { i, time: 12.5 });
      assert.deepEqual(bytesOf(bytes), [i, 255]);
    }
  }
  await sockets[0].ask('leave', 'r');
  sockets[1].disconnect();
  outside.emit('say', 'r', 'from outside');
  for (const socket of sockets.slice(2)) assert.deepEqual(await socket.next('said'), ['from outside']);
  for (const socket of [...sockets.slice(2), sockets[0], outside]) {
    await socket.ask('message-with-ack'); // whatever was on its way has come
    assert.deepEqual(socket.heard.filter(([name]) => name === 'said'), []);
  }
});

test('the server may end a namespace, or the connection', async (t) => {
  const stack = await start(t);
  for (const parser of Object.keys(parsers)) {
    const socket = connect(t, stack, { parser });
    const custom = socket.io.socket('/custom');
    await socket.next('auth');
    socket.emit('leave-me');
    socket.emit('message', 'on its way');
    await until(() => socket.reason === 'io server disconnect', 'the end');
    await new Promise((resolve) => custom.emit('message-with-ack', resolve));
    socket.connect();
    await socket.next('auth');
    socket.reason = '';
    const over = new Promise((resolve) => custom.once('disconnect', resolve));
    socket.emit('close-me');
    assert.equal(await over, 'transport close');
    assert.equal(socket.reason, 'io server disconnect');
  }
});

test('an answer that does not come is given up', async (t) => {
  const stack = await start(t, {}, { SHARESTREAM_ECHO_ACK_TIMEOUT: '100ms' });
  const socket = connect(t, stack);
  socket.on('question', () => {});
  socket.emit('ask', 1);
  assert.deepEqual(await socket.next('unanswered'), []);
});

// ---- byte by byte

const target = '/socket.io/?EIO=4&transport=websocket';

async function raw(stack) {
  const ws = await stack.socket(target);
  assert.match((await ws.next()).data, /^0\{"sid"/);
  return ws;
}

test('what breaks the protocol ends the connection without a word', async (t) => {
  const stack = await start(t);
  const cases = [['42["message",1]'], ['40', '40'], ['40', '42["message"'], ['40', '42{}'], ['40', '42abc["message-with-ack"]'], ['40', '4abc'],
    ['40', '42["connect"]'], ['40', '41[]'], ['40', '42/nope,["message"]'], ['40', Buffer.from([1])], ['40', '451-["message"]', '42["message"]'],
    ['40', '4511-["message"]'], ['40', '451-["message",{"_placeholder":true,"num":1}]', Buffer.from([1])], ['4'], [Buffer.from([0x80])],
    [Buffer.from('83a47479706500a464617461d40000a36e7370a12f', 'hex'), '40'], [Buffer.from('83a47479706502a464617461ddffffffffa36e7370a12f', 'hex')],
    ['40', `42["message",${'['.repeat(50)}${']'.repeat(50)}]`]];
  const other = connect(t, stack);
  await other.next('auth');
  for (const words of cases) {
    const ws = await raw(stack);
    for (const word of words) ws.send(word);
    assert.deepEqual(await ws.closed, { code: 1005, reason: '' }, String(words));
  }
  assert.deepEqual(await other.ask('message-with-ack', 'alive'), ['alive']);
});

test('numbers stay as they were written', async (t) => {
  const ws = await raw(await start(t));
  ws.send('40{"token":"123"}');
  assert.match((await ws.next()).data, /^40\{"sid":"[\w-]{20}"\}$/);
  assert.equal((await ws.next()).data, '42["auth",{"token":"123"}]');
  assert.equal((await ws.ask('42["message",12.0,1e3, "2",{"3":[true]}]')).data, '42["message-back",12.0,1e3, "2",{"3":[true]}]');
  assert.equal((await ws.ask('42456["message-with-ack",1,"2",{"3":[false]}]')).data, '43456[1,"2",{"3":[false]}]');
  assert.equal((await ws.ask('42["message",123456789012345678901234567890]')).data, '42["message-back",123456789012345678901234567890]');
  ws.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  ws.send(Buffer.from([1, 2, 3]));
  ws.send(Buffer.from([4, 5, 6]));
  assert.equal((await ws.next()).data, '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
  assert.deepEqual([...(await ws.next()).data], [1, 2, 3]);
  assert.deepEqual([...(await ws.next()).data], [4, 5, 6]);
});

test('the last word comes before the end', async (t) => {
  const stack = await start(t);
  const ws = await raw(stack);
  ws.send('40');
  await ws.next();
  await ws.next();
  assert.equal((await ws.ask('42["close-me"]')).data, '41');
  assert.equal((await ws.closed).code, 1005);
  const polling = '/socket.io/?EIO=4&transport=polling';
  for (const waits of [true, false]) {
    const { sid } = JSON.parse((await stack.get(polling)).body.toString().slice(1));
    const poll = async () => (await stack.get(`${polling}&sid=${sid}`)).body.toString();
    const post = (body) => stack.request('POST', `${polling}&sid=${sid}`, { headers: { 'content-type': 'text/plain;charset=UTF-8' }, body });
    await post('40');
    for (let heard = ''; !heard.includes('"auth"'); heard += await poll());
    const last = waits ? poll() : undefined;
    await post('42["close-me"]');
    assert.match(await (last ?? poll()), /^41(\x1e1)?$/);
    assert.match(await poll(), /Session ID unknown/);
  }
});

test('who enters no namespace in time is closed', async (t) => {
  const stack = await start(t, {}, { SHARESTREAM_ECHO_CONNECT_TIMEOUT: '2s' });
  const silent = await raw(stack), refused = await raw(stack), good = await raw(stack);
  good.send('40');
  refused.send('40/nope,');
  assert.equal((await refused.next()).data, '44/nope,{"message":"Invalid namespace"}');
  assert.equal((await silent.closed).code, 1005);
  assert.equal((await refused.closed).code, 1005);
  assert.match((await good.next()).data, /^40/);
  assert.match((await good.next()).data, /^42\["auth"/);
  assert.equal((await good.ask('42["message"]')).data, '42["message-back"]');
});

// ---- recovery

const cut = (socket) => socket.io.engine.close();

for (const parser of Object.keys(parsers))
  test(`what was missed is sent again (${parser})`, async (t) => {
    const stack = await start(t, {}, { SHARESTREAM_ECHO_RECOVERS: 'true' });
    const socket = connect(t, stack, { parser, reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 });
    const other = connect(t, stack);
    await socket.next('auth');
    await other.next('auth');
    assert.equal(socket.recovered, false);
    const { id } = socket;
    await socket.ask('join', 'r');
    socket.emit('keep', { name: 'Anna' });
    other.emit('say', 'r', 'before');
    assert.equal((await socket.next('said'))[0], 'before');
    cut(socket);
    await until(() => !socket.connected, 'the cut');
    await other.ask('message-with-ack');
    for (let i = 0; i < 20; i++) other.emit('say', 'r', i, Buffer.from([i]));
    other.emit('say', 'elsewhere', 'not for it');
    await until(() => socket.connected, 'it to be back');
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, id);
    assert.deepEqual((await socket.next('kept'))[0], { name: 'Anna' });
    other.emit('say', 'r', 'after');
    await until(() => socket.heard.some((event) => event[1] === 'after'), 'the event after it');
    assert.deepEqual(socket.heard.map(([, what, bytes]) => [what, typeof bytes === 'string' ? undefined : bytesOf(bytes)]),
      [...Array.from({ length: 20 }, (_, i) => [i, [i]]), ['after', undefined]]);
  });

test('who comes too late is new', async (t) => {
  const stack = await start(t, {}, { SHARESTREAM_ECHO_RECOVERS: 'true', SHARESTREAM_ECHO_RECOVERY_TIME: '1ms' });
  const socket = connect(t, stack, { reconnectionDelay: 300, reconnectionDelayMax: 300 });
  await socket.next('auth');
  const { id } = socket;
  cut(socket);
  assert.equal((await socket.next('auth'))[0].pid?.length, 20, 'it has asked');
  assert.equal(socket.recovered, false);
  assert.notEqual(socket.id, id);
});

// ---- kill -9

for (const transport of ['polling', 'websocket'])
  test(`clients do not notice that the server was killed (${transport})`, async (t) => {
    const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '4' });
    const sockets = Array.from({ length: 24 }, (_, i) =>
      connect(t, stack, { parser: i % 2 ? 'msgpack' : 'json', version: versions[i % 3], transports: [transport] }));
    const ids = [];
    for (const [i, socket] of sockets.entries()) {
      await socket.next('auth');
      await socket.ask('join', i % 4 === 0 ? 'other' : 'r');
      socket.emit('keep', i);
      await socket.ask('message-with-ack');
      ids.push(socket.id);
    }
    const custom = sockets[1].io.socket('/custom');
    await new Promise((resolve) => custom.emit('message-with-ack', resolve));
    for (let round = 0; round < 3; round++) {
      await stack.killEcho();
      await stack.startEcho();
      for (const [i, socket] of sockets.entries()) assert.deepEqual(await socket.next('kept'), [i]);
      sockets[2].emit('say', 'r', 'hello', Buffer.from([round]));
      for (const [i, socket] of sockets.entries()) {
        if (i % 4 === 0 || i === 2) continue;
        const [hello, bytes] = await socket.next('said');
        assert.deepEqual([hello, bytesOf(bytes)], ['hello', [round]]);
      }
      const answers = await Promise.all(sockets.map((socket, i) => socket.ask('message-with-ack', i)));
      assert.deepEqual(answers, sockets.map((_, i) => [i]));
      assert.equal(await new Promise((resolve) => custom.emit('message-with-ack', 'x', resolve)), 'x');
    }
    assert.deepEqual(sockets.map(({ id }) => id), ids);
    for (const socket of sockets) {
      assert.equal(socket.times, 1, 'it was never disconnected');
      assert.deepEqual(socket.heard, [], 'nothing came twice');
    }
  });

test('who was there before the server was killed recovers after it', async (t) => {
  const stack = await start(t, {}, { SHARESTREAM_ECHO_RECOVERS: 'true' });
  const socket = connect(t, stack, { reconnectionDelay: 300, reconnectionDelayMax: 300, randomizationFactor: 0 });
  const other = connect(t, stack);
  await socket.ask('join', 'r');
  await other.next('auth');
  const { id } = socket;
  await stack.killEcho();
  await stack.startEcho({ SHARESTREAM_ECHO_RECOVERS: 'true' });
  other.emit('say', 'r', 'new life');
  assert.equal((await socket.next('said'))[0], 'new life');
  cut(socket);
  await until(() => !socket.connected, 'the cut');
  await other.ask('message-with-ack');
  other.emit('say', 'r', 'missed');
  assert.equal((await socket.next('said'))[0], 'missed');
  assert.equal(socket.recovered, true);
  assert.equal(socket.id, id);
});

test('clients recover when http-svc was killed, and miss nothing', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '4' }, { SHARESTREAM_ECHO_RECOVERS: 'true' });
  const sockets = Array.from({ length: 12 }, (_, i) => connect(t, stack, { parser: i % 2 ? 'msgpack' : 'json', transports: [i % 3 ? 'websocket' : 'polling'] }));
  for (const socket of sockets) {
    assert.deepEqual(await socket.ask('join', 'r'), [true]);
    await socket.next('auth');
  }
  const ids = sockets.map(({ id }) => id);
  sockets[0].emit('say-all', 'before');
  for (const socket of sockets) assert.equal((await socket.next('said'))[0], 'before');
  await stack.restartHttp();
  // Who is back first speaks at once: the others have it replayed.
  const first = await until(() => sockets.find((socket) => socket.connected && socket.times === 2), 'the first to be back');
  first.emit('say-all', 'meanwhile');
  for (const [i, socket] of sockets.entries()) {
    assert.equal((await socket.next('said'))[0], 'meanwhile');
    await until(() => socket.connected, 'it to be back');
    assert.equal(socket.recovered, true);
    assert.equal(socket.id, ids[i]);
  }
  sockets[5].emit('say-all', 'after');
  for (const socket of sockets) {
    assert.equal((await socket.next('said'))[0], 'after');
    assert.deepEqual(socket.heard, []);
  }
});
