// SPDX-License-Identifier: MIT
//
// WebSockets as clients see them; what is said on them is the fake actor's business.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Stack, request, until } from './harness.mjs';

const start = (t, env = {}) => Stack.start(t, { env: { SHARESTREAM_HTTP_TRACKER_LISTEN: '127.0.0.1:0', ...env }, torrent: false, actor: true });

const upgrade = (target, more = '') => request('GET', target,
  `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}`);

// A masked frame, as clients send them.
function frame(opcode, payload, { fin = true, rsv = 0, mask = true } = {}) {
  const data = Buffer.from(payload);
  const key = mask ? crypto.randomBytes(4) : Buffer.alloc(0);
  const head = data.length < 126 ? Buffer.from([0, data.length]) : data.length < 65536 ? Buffer.from([0, 126, 0, 0]) : Buffer.alloc(10);
  if (data.length >= 65536) { head[1] = 127; head.writeBigUInt64BE(BigInt(data.length), 2); } else if (data.length >= 126) head.writeUInt16BE(data.length, 2);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  if (mask) head[1] |= 0x80;
  return Buffer.concat([head, key, mask ? Buffer.from(data.map((byte, i) => byte ^ key[i % 4])) : data]);
}

// {code, reason} of the close frame at the end of what was received.
function closing(received, what) {
  const at = received.lastIndexOf(0x88);
  assert.ok(at >= 0, `${what}: no close frame in ${received.toString('latin1')}`);
  if (received[at + 1] === 0) return { code: 1005 };
  return { code: received.readUInt16BE(at + 2), reason: received.subarray(at + 4, at + 2 + received[at + 1]).toString() };
}

test('a message comes back as what it was', async (t) => {
  const stack = await start(t);
  const ws = await stack.socket('/tracker?x=1', { origin: 'https://any.example' });
  assert.deepEqual(await ws.ask('hello é'), { data: 'hello é', binary: false });
  const bytes = crypto.randomBytes(60000);
  ws.send(bytes);
  const back = await ws.next();
  assert.ok(back.binary && back.data.equals(bytes));
  ws.send('a', { fin: false });
  ws.ping('between');
  ws.send('b', { fin: false });
  ws.send('c', { fin: true });
  assert.equal((await ws.next()).data, 'abc', 'fragments are one message');
  assert.deepEqual(await ws.ask(''), { data: '', binary: false });
  for (let i = 0; i < 200; i++) ws.send(`number ${i}`);
  for (let i = 0; i < 200; i++) assert.equal((await ws.next()).data, `number ${i}`);
  const [opened] = await stack.actor.heard();
  assert.deepEqual([opened.what, opened.target, opened.address, opened.local, opened.origin, opened.first], ['opened', '/tracker?x=1', '127.0.0.1', '127.0.0.1', 'https://any.example', false]);
  ws.close(1000, 'enough');
  assert.deepEqual(await ws.closed, { code: 1000, reason: 'enough' });
  await until(async () => (await stack.actor.heard()).some(({ what, number }) => what === 'closed' && number === opened.number), 'the actor to hear of it');
  assert.equal(await stack.metric('sharestream_http_websockets'), 0);
  assert.equal((await stack.get('/health/live')).status, 200);
});

test('which paths lead to the tracker', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_SIGNAL_LISTEN: '127.0.0.1:0' });
  assert.ok(stack.trackerPort > 0 && stack.signalPort > 0 && new Set([stack.port, stack.trackerPort, stack.signalPort]).size === 3);
  for (const [port, target, status] of [
    [stack.port, '/tracker', 101], [stack.port, '/tracker/', 101], [stack.port, '/announce', 101], [stack.port, '/announce/key', 101],
    [stack.port, '/', 200], [stack.port, '/other', 404], [stack.port, '/trackers', 404], [stack.port, '/health/live', 200],
    [stack.trackerPort, '/', 101], [stack.trackerPort, '/other?x', 101], [stack.trackerPort, '/socket.io/?EIO=4', 101],
    [stack.signalPort, '/', 101], [stack.signalPort, '/any/thing', 101], [stack.signalPort, '/socket.io', 404], [stack.signalPort, '/socket.io/?EIO=4&transport=websocket', 101],
    [stack.signalPort, '/socket.iodine', 101]]) {
    const raw = stack.raw(upgrade(target), { port });
    await until(() => raw.received.includes('\r\n\r\n'), target);
    assert.match(raw.received.toString(), new RegExp(`^HTTP/1.1 ${status} `), `${port === stack.port ? '' : 'own port '}${target}`);
    if (status === 101) assert.match(raw.received.toString(), /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    raw.destroy();
  }
  const plain = await stack.request('GET', '/announce', { agent: undefined });
  assert.equal(plain.status, 200, 'plain questions go there too');
  assert.equal((await fetch(`http://127.0.0.1:${stack.trackerPort}/health/live`)).status, 200, 'the same front behind each port');
});

test('handshakes that are wrong are refused', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_TRACKER_ORIGINS: 'https://good.example, https://other.example' });
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n', version = 'Sec-WebSocket-Version: 13\r\n';
  for (const [status, method, more] of [
    [426, 'GET', key], [426, 'GET', `${key}Sec-WebSocket-Version: 8\r\n`], [400, 'GET', version], [400, 'GET', `${version}Sec-WebSocket-Key: dGhl\r\n`],
    [400, 'GET', `${version}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ!!\r\n`], [400, 'POST', key + version],
    [403, 'GET', `${key}${version}Origin: https://evil.example\r\n`], [403, 'GET', `${key}${version}Origin: null\r\n`],
    [101, 'GET', `${key}${version}Origin: https://good.example\r\n`], [101, 'GET', `${key}${version}Origin: https://OTHER.example\r\n`], [101, 'GET', key + version]]) {
    const raw = stack.raw(request(method, '/tracker', `Upgrade: WebSocket\r\nConnection: Upgrade\r\n${more}`));
    await until(() => raw.received.includes('\r\n\r\n'), more);
    assert.match(raw.received.toString(), new RegExp(`^HTTP/1.1 ${status} `), `${method} ${more}`);
    if (status === 426) assert.match(raw.received.toString(), /sec-websocket-version: 13\r\n/i);
    raw.destroy();
  }
  const old = stack.raw('GET /tracker HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  await until(() => old.received.includes('\r\n\r\n'), 'an answer');
  assert.match(old.received.toString(), /^HTTP\/1.\d 400 /);
});

test('frames that are wrong close with the code that says why', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_WEBSOCKET_MAX_MESSAGE: '1KiB' });
  const parts = (count, size) => Buffer.concat([frame(1, 'x'.repeat(size), { fin: false }), ...Array.from({ length: count }, () => frame(0, 'x'.repeat(size), { fin: false }))]);
  for (const [what, bytes, code] of [
    ['one byte too many', frame(2, Buffer.alloc(1025)), 1009], ['much too many', frame(2, Buffer.alloc(3 << 20)), 1009], ['fragments that add up', parts(4, 300), 1009],
    ['no mask', frame(1, 'x', { mask: false }), 1002], ['a reserved bit', frame(1, 'x', { rsv: 4 }), 1002], ['an unknown opcode', frame(3, 'x'), 1002],
    ['text that is none', frame(1, Buffer.from([0xc3, 0x28])), 1007], ['a long ping', frame(9, 'x'.repeat(200)), 1002],
    ['a ping in pieces', frame(9, 'x', { fin: false }), 1002], ['a message within another', Buffer.concat([frame(1, 'x', { fin: false }), frame(1, 'x')]), 1002],
    ['a code that is none', frame(8, Buffer.from([3, 237])), 1002], ['half a code', frame(8, Buffer.from([3])), 1002], ['a reason that is no text', frame(8, Buffer.from([3, 232, 0xff])), 1007],
    ['text that breaks off', frame(1, Buffer.from([0xe2, 0x82])), 1007], ['a piece of nothing', frame(0, 'x'), 1002]]) {
    // Right behind the handshake: both may come in one packet.
    const raw = stack.raw(Buffer.concat([Buffer.from(upgrade('/tracker')), bytes]));
    let ended = false;
    raw.on('end', () => { ended = true; });
    await raw.gone;
    assert.ok(ended, `${what}: not reset`);
    assert.equal(closing(raw.received, what).code, code, what);
  }
  const fits = stack.raw(Buffer.concat([Buffer.from(upgrade('/tracker')), frame(2, Buffer.alloc(1024))]));
  await until(() => fits.total > 1024, 'what just fits');
  await until(async () => (await stack.metric('sharestream_http_websockets')) === 1, 'the others to be gone');
});

test('who answers no ping is cut, who answers stays', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_WEBSOCKET_PING: '1s' });
  const ws = await stack.socket('/tracker');
  const silent = stack.raw(upgrade('/tracker'));
  await silent.gone;
  assert.ok(silent.received.filter((byte) => byte === 0x89).length >= 2, 'it was asked twice');
  assert.equal(await stack.metric('sharestream_http_websockets_silent_total'), 1);
  assert.equal((await ws.ask('there')).data, 'there');
});

test('a reader that takes nothing is cut, others go on', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_WEBSOCKET_MAX_QUEUE: '64KiB' });
  const ws = await stack.socket('/tracker'), slow = await stack.socket('/tracker');
  slow.pause();
  slow.send('big 60000 200');
  await until(async () => (await stack.metric('sharestream_http_websockets_slow_total')) === 1, 'it to be cut');
  assert.equal((await ws.ask('there')).data, 'there');
  // Pongs wait as well.
  const pinger = stack.raw(upgrade('/tracker'));
  pinger.pause();
  const pings = Buffer.concat(Array.from({ length: 5000 }, () => frame(9, 'x'.repeat(100))));
  await until(async () => {
    if (pinger.writableLength === 0) pinger.write(pings);
    return pinger.destroyed || (await stack.metric('sharestream_http_websockets_slow_total')) === 2;
  }, 'the other one to be cut');
  assert.equal((await ws.ask('there')).data, 'there');
});

test('the actor closes with code and reason', async (t) => {
  const stack = await start(t);
  for (const [said, code, reason] of [['close 4001 go away', 4001, 'go away'], ['close 1000', 1000, ''], ['close 1005 no such code', 1000, 'no such code'], ['close 1006 unsaid', 1006, ''],
    [`close 1008 ${'é'.repeat(100)}`, 1008, 'é'.repeat(61)]]) {
    const ws = await stack.socket('/tracker');
    ws.send(said);
    assert.deepEqual(await ws.closed, { code, reason });
  }
  // Who does not answer the close frame is not waited for.
  const raw = stack.raw(Buffer.concat([Buffer.from(upgrade('/tracker')), frame(1, 'close 1000 x')]));
  await raw.gone;
  assert.equal(closing(raw.received).reason, 'x');
});

test('who sends too often is closed', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_LIMITS_LOOPBACK: 'true', SHARESTREAM_HTTP_REQUESTS_PER_S: '5' });
  const ws = await stack.socket('/tracker');
  for (let i = 0; i < 60; i++) ws.send('x');
  assert.equal((await ws.closed).code, 1008);
});

test('going away is said, and waited for', async (t) => {
  const stack = await start(t);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => stack.socket('/tracker')));
  const deaf = stack.raw(upgrade('/tracker'));
  await until(() => deaf.received.includes('\r\n\r\n'), 'the upgrade');
  const stopped = stack.http.stop();
  for (const ws of sockets) assert.equal((await ws.closed).code, 1001);
  assert.equal((await stopped).code, 0);
  assert.equal(closing(deaf.received).code, 1001);
});

test('a port that is taken is told, and done without', async (t) => {
  const stack = await start(t);
  const other = await Stack.start(t, { env: { SHARESTREAM_HTTP_TRACKER_LISTEN: `127.0.0.1:${stack.trackerPort}` } });
  assert.equal(other.trackerPort, 0);
  assert.match(other.http.log, /port \d+ is taken by another program; stop it or set http\.tracker_listen/);
  const wrong = new other.http.constructor('http-svc', { SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_TRACKER_LISTEN: 'x:y:z', SHARESTREAM_COMMON_RUN_DIR: `${other.dir}/run2` }, other.dir);
  assert.equal((await wrong.exit).code, 78);
});

test('many at once, opened and left in any order', async (t) => {
  const stack = await start(t, { SHARESTREAM_HTTP_THREADS: '2' });
  const sockets = await Promise.all(Array.from({ length: 300 }, () => stack.socket('/tracker')));
  await Promise.all(sockets.map(async (ws, i) => {
    if (i % 3 === 0) ws.terminate();
    else assert.equal((await ws.ask(`I am ${i}`)).data, `I am ${i}`);
    if (i % 3 === 1) ws.close();
  }));
  await until(async () => (await stack.metric('sharestream_http_websockets')) === 100, 'those that left to be gone');
});
