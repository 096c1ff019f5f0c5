// SPDX-License-Identifier: MIT
//
// The traps of an HTTP front: who stalls, floods, lies or vanishes must not disturb the others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';
import { HASH, Stack, downloads, request, until } from './harness.mjs';

const GIB = 1024 ** 3;
const connected = (socket) => (socket.connecting ? new Promise((resolve) => socket.once('connect', resolve)) : undefined);

// Sparse: takes no place on disk.
async function withBigFile(t, options, size = 4 * GIB) {
  const stack = await Stack.start(t, options);
  await stack.fake.say(`torrent ${HASH} ${4 << 20} ${size} sparse`);
  await stack.fake.say(`ready ${HASH} 0 1000000`);
  return stack;
}

for (const sendfile of ['true', 'false']) {
  test(`sixteen fast downloads leave others their turn (sendfile ${sendfile})`, async (t) => {
    const stack = await withBigFile(t, { env: { SHARESTREAM_HTTP_SENDFILE: sendfile } }, 64 * GIB);
    const clients = await downloads(t, stack.port, `/stream/${HASH}/0`, 16);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const rounds = await stack.metric('sharestream_http_loop_rounds_total');
    const sent = await stack.metric('sharestream_http_sent_bytes_total');
    for (let i = 0; i < 100; i++) assert.equal((await stack.request('GET', '/health/live', { agent })).status, 200);
    assert.equal(clients.ended, 0, 'the downloads ran on');
    // What one round of the loop may send, whatever the clients can take: this bounds everybody's waiting.
    const most = await stack.metric('sharestream_http_loop_round_sent_max_bytes');
    assert.ok(most <= (4 << 20) + (1 << 20), `${most} bytes in one round`);
    assert.ok((await stack.metric('sharestream_http_loop_rounds_total')) > rounds);
    assert.ok((await stack.metric('sharestream_http_sent_bytes_total')) > sent);
    clients.kill();
    agent.destroy();
    await until(async () => (await stack.metric('sharestream_http_streams')) === 0, 'the end of the streams');
  });
}

test('no question to a neighbour waits for a nudge', async (t) => {
  const stack = await Stack.start(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  // With an edge that is missed, an answer lies in the socket until the next tick of 100 ms: this many rounds of one at a time
  // would take minutes and end in the test's deadline; the ticks that passed are counted, not the time.
  const before = await stack.metric('sharestream_http_loop_rounds_total');
  for (let i = 0; i < 300; i++) assert.equal((await stack.request('GET', `/api/v1/torrents/${HASH}`, { agent })).status, 200);
  const rounds = (await stack.metric('sharestream_http_loop_rounds_total')) - before;
  assert.ok(rounds < 300 * 20, `${rounds} rounds`);
  const burst = await Promise.all(Array.from({ length: 500 }, () => stack.request('GET', `/api/v1/torrents/${HASH}`, { agent })));
  assert.ok(burst.every((answer) => answer.status === 200));
  // A flood of events at the same time changes nothing.
  await Promise.all([stack.fake.say(`flood ${HASH} 20000`),
    ...Array.from({ length: 200 }, () => stack.request('GET', `/api/v1/torrents/${HASH}`, { agent }).then(({ status }) => assert.equal(status, 200)))]);
  agent.destroy();
});

test('HTTP/2 is not spoken in clear text', async (t) => {
  const stack = await Stack.start(t);
  const knowing = stack.raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await knowing.gone;
  assert.match(knowing.received.toString(), /^HTTP\/1\.1 400 /);
  const upgrade = stack.raw(request('GET', '/health/live', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'));
  await until(() => upgrade.received.includes('live'), 'an answer');
  assert.match(upgrade.received.toString(), /^HTTP\/1\.1 200 OK/);
});

test('strange requests get plain answers', async (t) => {
  const stack = await Stack.start(t);
  for (const [text, expected] of [
    ['GET /health/live HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /health/live HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 /],
    ['GET http://localhost/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 200 /],
    ['GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 404 /],
    ['GET /stream/%2e%2e/0 HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 500 /],
    ['BREW /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 405 [^]*allow: GET, HEAD, OPTIONS\r\n/],
    ['OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n', /^HTTP\/1\.1 404 /],
    [`GET /${'a'.repeat(20000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, /^HTTP\/1\.1 404 /],
    [`GET / HTTP/1.1\r\nHost: localhost\r\n${Array.from({ length: 110 }, (_, i) => `X-${i}: ${'y'.repeat(4000)}\r\n`).join('')}\r\n`, /^HTTP\/1\.1 400 /],
    ['GET / HTTP/1.1\r\nHost : localhost\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['GET /health/live HTTP/1.1\r\nHost: :\r\n\r\n', /^HTTP\/1\.1 200 /],
    [request('POST', '/api/v1/seed', 'Content-Length: -1\r\n'), /^HTTP\/1\.1 400 /],
    [request('POST', '/api/v1/seed', 'Content-Length: +4\r\n'), /^HTTP\/1\.1 400 /],
    [request('POST', '/api/v1/seed', 'Transfer-Encoding: gzip\r\n'), /^HTTP\/1\.1 400 /],
    [`${request('POST', '/api/v1/seed', 'Transfer-Encoding: chunked\r\n')}1${'f'.repeat(16)}\r\n`, /^HTTP\/1\.1 400 /],
    ['\0\0\0\0\0\0\0\0\r\n\r\n', /^HTTP\/1\.1 400 /],
  ]) {
    const socket = stack.raw(text);
    await until(() => socket.received.includes('\r\n\r\n'), text.slice(0, 60));
    assert.match(socket.received.toString('latin1'), expected, text.slice(0, 60));
    assert.doesNotMatch(socket.received.toString('latin1'), /h2o/i);
    socket.destroy();
  }
});

test('what follows a body is the next request, and nothing of the body is', async (t) => {
  const stack = await Stack.start(t), hidden = request('GET', '/health/live');
  for (const [framing, body] of [[`Content-Length: ${hidden.length}\r\n`, hidden], ['Transfer-Encoding: chunked\r\n', `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`],
    ['Transfer-Encoding: chunked\r\n', `${hidden.length.toString(16)};${'x'.repeat(500)}\r\n${hidden}\r\n0\r\n\r\n`],
    ['Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`]]) {
    const socket = stack.raw(`${request('POST', '/api/v1/seed', framing)}${body}${request('GET', '/nothing', 'Connection: close\r\n')}`);
    await socket.gone;
    assert.deepEqual(socket.received.toString().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 400', 'HTTP/1.1 404'], framing);
  }
});

test('bodies are limited, with and without a length', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_MAX_BODY: '64KiB' } });
  const headers = 'Content-Type: application/x-bittorrent\r\n';
  const long = stack.raw(request('POST', '/api/v1/torrents', `${headers}Content-Length: 70000\r\n`));
  await until(() => long.received.includes('\r\n\r\n'), 'an answer');
  assert.match(long.received.toString(), /^HTTP\/1\.1 413 /);
  await long.gone;
  const chunked = stack.raw(request('POST', '/api/v1/torrents', `${headers}Transfer-Encoding: chunked\r\n`));
  for (let i = 0; i < 10 && !chunked.destroyed; i++) chunked.write(`2000\r\n${'x'.repeat(0x2000)}\r\n`);
  await until(() => chunked.received.includes('\r\n\r\n') || chunked.destroyed, 'an answer');
  assert.match(chunked.received.toString(), /^HTTP\/1\.1 413 /);
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  const good = await stack.request('POST', '/api/v1/torrents', { headers: { 'content-type': 'application/x-bittorrent' }, body: Buffer.alloc(60000) });
  assert.equal(good.status, 201);
});

test('who dribbles headers or a body is cut off', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_REQUEST_TIMEOUT: '3s' } });
  const sockets = ['GET / HTTP/1.1\r\nHost: localhost\r\n', request('POST', '/api/v1/seed', 'Content-Length: 1000\r\n'), request('GET', '/health/live')]
    .map((text) => stack.raw(text));
  const dribble = setInterval(() => sockets.slice(0, 2).forEach((socket) => socket.write('a')), 50);
  await Promise.all(sockets.map((socket) => socket.gone));
  clearInterval(dribble);
  assert.equal(sockets[0].received.length, 0);
  assert.match(sockets[2].received.toString(), /^HTTP\/1\.1 200 /, 'and idle connections end');
});

for (const sendfile of ['true', 'false']) {
  test(`a reader that takes nothing is cut off, one that is slow is not (sendfile ${sendfile})`, async (t) => {
    const stack = await withBigFile(t, { env: { SHARESTREAM_HTTP_SEND_TIMEOUT: '4s', SHARESTREAM_HTTP_SENDFILE: sendfile } });
    const stalled = stack.raw(request('GET', `/stream/${HASH}/0`));
    await until(() => stalled.received.length > 0, 'the head');
    stalled.pause();
    const slow = stack.raw(request('GET', `/stream/${HASH}/0`));
    await until(() => slow.received.length > 0, 'the head');
    slow.pause();
    const sip = setInterval(() => { slow.resume(); setTimeout(() => slow.pause(), 20); }, 200);
    // By the kernel (TCP_USER_TIMEOUT) or by our own clock, whichever looks first.
    await until(async () => (await stack.metric('sharestream_http_streams')) === 1, 'the end of the stream');
    clearInterval(sip);
    assert.equal(slow.destroyed, false);
  });
}

test('connections and requests of one address are limited', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_LIMITS_LOOPBACK: 'true', SHARESTREAM_HTTP_MAX_CLIENTS_PER_ADDRESS: '3', SHARESTREAM_HTTP_REQUESTS_PER_S: '5' } });
  const held = Array.from({ length: 3 }, () => stack.raw());
  await Promise.all(held.map(connected));
  const over = await until(async () => {
    const answer = await stack.request('GET', '/health/live', { agent: false }).catch(() => undefined);
    return answer?.status === 503 && answer;
  }, 'a refusal');
  assert.equal(over.headers['retry-after'], '2');
  assert.match(JSON.parse(over.body).error, /connections/);
  held.forEach((socket) => socket.destroy());
  const limited = await until(async () => {
    const answer = await stack.request('GET', '/health/live', { agent: false }).catch(() => undefined);
    return answer?.status === 429 && answer;
  }, 'a limit of requests');
  assert.equal(limited.headers['retry-after'], '1');
  await until(async () => (await stack.request('GET', '/health/live', { agent: false })).status === 200, 'forgiveness');
});

test('over the total, connections wait their turn without a busy loop', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_MAX_CLIENTS: '8' } });
  const held = Array.from({ length: 8 }, () => stack.raw());
  await Promise.all(held.map(connected));
  const late = stack.raw(request('GET', '/health/live'));
  await connected(late);
  held[0].write(request('GET', '/metrics'));
  await until(() => held[0].received.includes('accept_pauses_total{service="http"} 1'), 'a pause', 5000)
    .catch(() => held[0].write(request('GET', '/metrics')));
  assert.equal(late.received.length, 0);
  held[1].destroy();
  await until(() => late.received.includes('live'), 'its turn');
});

test('without descriptors nothing spins, and all is well afterwards', async (t) => {
  const stack = await Stack.start(t, { wrapper: ['/bin/sh', '-c', `ulimit -n 200; exec ${path.join(process.env.BIN_DIR ?? new URL('../../../build/dev/bin', import.meta.url).pathname, 'http-svc')}`] });
  const held = [stack.raw(request('GET', '/health/live'))];
  await until(() => held[0].received.includes('live'), 'a first answer');
  held.push(...Array.from({ length: 220 }, () => stack.raw()));
  await Promise.all(held.slice(1).map(connected));
  const ask = async (name) => {
    held[0].received = Buffer.alloc(0);
    held[0].write(request('GET', '/metrics'));
    const match = await until(() => new RegExp(`${name}\\{[^}]*\\} (\\d+)`).exec(held[0].received.toString()), name);
    return Number(match[1]);
  };
  await until(async () => (await ask('accept_pauses_total')) > 0, 'a pause');
  const before = await ask('loop_rounds_total');
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.ok((await ask('loop_rounds_total')) - before < 200, 'a few rounds a second');
  held.slice(1).forEach((socket) => socket.destroy());
  await until(async () => (await stack.get('/health/live').catch(() => ({}))).status === 200, 'service as before');
});

test('SIGTERM: streams end well, nobody new comes in', async (t) => {
  const stack = await withBigFile(t, {}, 64 << 20);
  const socket = stack.raw(request('GET', `/stream/${HASH}/0`) );
  await until(() => socket.received.length > 0, 'the head');
  socket.pause();
  stack.http.child.kill('SIGTERM');
  await until(async () => (await stack.get('/health/live').then(() => false, (error) => error.code === 'ECONNREFUSED')), 'a closed door');
  socket.resume();
  const whole = (64 << 20) + socket.received.indexOf('\r\n\r\n') + 4;
  await socket.gone;
  assert.equal(socket.total, whole);
  assert.deepEqual(await stack.http.exit, { code: 0, signal: null });
});

test('SIGTERM: who does not end is cut off in time', async (t) => {
  const stack = await Stack.start(t);
  await stack.fake.say(`torrent ${HASH} 65536 1000000`);
  const waiting = stack.raw(request('GET', `/stream/${HASH}/0`));
  const idle = stack.raw();
  await until(() => waiting.received.length > 0, 'the head');
  await connected(idle);
  const how = await stack.http.stop();
  assert.deepEqual(how, { code: 0, signal: null });
  await Promise.all([waiting.gone, idle.gone]);
  await until(async () => (await stack.fake.counts()).open === 0, 'the end of the lease');
});

test('a port that is taken, and settings that make no sense, end in the right exit code', async (t) => {
  const stack = await Stack.start(t);
  for (const [env, code, text] of [
    [{ SHARESTREAM_HTTP_LISTEN: `127.0.0.1:${stack.port}`, SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'run2') }, 75, /taken by another program/],
    [{ SHARESTREAM_HTTP_LISTEN: '192.0.2.1:0', SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'run2') }, 78, /http\.listen/],
    [{ SHARESTREAM_HTTP_ADMIN_TOKEN: 'short', SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'run2') }, 78, /admin_token/],
    [{ SHARESTREAM_HTTP_ACCESS_LOG: '/nonexistent/dir/log', SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'run2') }, 78, /access log/],
  ]) {
    const other = new stack.http.constructor('http-svc', { SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0', ...env }, stack.dir);
    assert.equal((await other.exit).code, code, other.log);
    assert.match(other.log, text);
    assert.doesNotMatch(other.log, /Sanitizer/);
  }
});

test('the access log has a line for each request, and no secrets', async (t) => {
  const file = path.join(fs.mkdtempSync('/tmp/ss-log-'), 'access.log');
  t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_ACCESS_LOG: file } });
  await stack.get('/health/live?token=geheim&x=1', { 'user-agent': 'me "quoted" \x01'.replace('\x01', '') });
  const line = await until(() => fs.readFileSync(file, 'utf8').split('\n').find((text) => text.includes('x=1')), 'a line');
  assert.match(line, /^127\.0\.0\.1 - - \[.*\] "GET \/health\/live\?token=\.\.\.&x=1 HTTP\/1\.1" 200 17 "-" "me \\x22quoted\\x22 " \d+ms$/);
  fs.renameSync(file, `${file}.1`);
  stack.http.child.kill('SIGHUP');
  await until(async () => { await stack.get('/health/live'); return fs.existsSync(file) && fs.readFileSync(file, 'utf8').includes('live'); }, 'a new file');
});
