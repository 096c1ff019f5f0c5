// SPDX-License-Identifier: MIT
//
// TLS: what is spoken and what is not, bytes by it, certificates that are changed while it runs, and those that are wrong.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import { promisify } from 'node:util';
import WebSocket from 'ws';
import { HASH, Stack, bin, pattern, until } from './harness.mjs';

const exec = promisify(execFile);
const PIECE = 65536;
const SIZE = 200 * PIECE + 77;

// A certificate of its own for `name`, and its key, as files in `dir`.
function certify(dir, name) {
  fs.mkdirSync(dir, { recursive: true });
  const made = { cert: path.join(dir, `${name}.pem`), key: path.join(dir, `${name}.key`) };
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', `/CN=${name}`,
    '-addext', `subjectAltName=DNS:${name},DNS:localhost,IP:127.0.0.1`, '-keyout', made.key, '-out', made.cert], { stdio: 'ignore' });
  return made;
}

async function start(t, { env = {}, ...more } = {}) {
  const dir = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'ss-tls-')), made = certify(dir, 'one');
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_TLS_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_TLS_CERTIFICATE: made.cert,
    SHARESTREAM_HTTP_TLS_KEY: made.key, ...env }, ...more });
  return Object.assign(stack, made, { certs: dir, ca: fs.readFileSync(made.cert) });
}

function get(stack, target, { headers = {}, port = stack.tlsPort, agent, onData } = {}) {
  return new Promise((resolve, reject) => {
    https.get({ host: '127.0.0.1', port, path: target, headers, agent, ca: stack.ca }, (res) => {
      const parts = [];
      res.on('data', (part) => { parts.push(part); onData?.(part); });
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
      res.on('error', reject);
    }).on('error', reject);
  });
}

// Whose certificate is shown, how they agreed, or why they did not.
function shake(stack, options = {}) {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port: stack.tlsPort, rejectUnauthorized: false, ...options }, () => {
      resolve({ name: socket.getPeerCertificate().subject.CN, protocol: socket.getProtocol(), alpn: socket.alpnProtocol, cipher: socket.getCipher().name });
      socket.destroy();
    });
    socket.on('error', (error) => resolve({ error: error.code }));
  });
}

test('a file comes byte by byte the same by TLS, whole and in ranges', async (t) => {
  const stack = await start(t, { env: { SHARESTREAM_HTTP_THREADS: '2' } });
  await stack.fake.say(`torrent ${HASH} ${PIECE} ${SIZE}`);
  await stack.fake.say(`ready ${HASH} 0 1000`);
  const target = `/stream/${HASH}/0`, agent = new https.Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  assert.ok((await get(stack, target)).body.equals(pattern(0, SIZE)));
  // Sizes around what a TLS record, a buffer of ours and a piece hold.
  const lengths = [1, 2, 16383, 16384, 16385, 65535, 65536, 65537, 262144, 262145, 3000000];
  await Promise.all(lengths.flatMap((length) => [0, 1, PIECE - 1, SIZE - length].map(async (from) => {
    const part = await get(stack, target, { headers: { range: `bytes=${from}-${from + length - 1}` }, agent });
    assert.equal(part.status, 206);
    assert.ok(part.body.equals(pattern(from, length)), `${length} bytes from ${from}`);
  })));
  // Debian's curl agrees, and plain HTTP goes on beside it.
  const made = path.join(stack.dir, 'got');
  await exec('curl', ['-sS', '--fail', '--cacert', stack.cert, '--http2', '-r', '1000-2000000', '-o', made, `https://localhost:${stack.tlsPort}${target}`]);
  assert.ok(fs.readFileSync(made).equals(pattern(1000, 1999001)));
  assert.equal((await stack.get('/health/live')).status, 200);
  // Links lead back the way one came.
  const m3u = await get(stack, `/api/v1/torrents/${HASH}/playlist.m3u`);
  assert.match(m3u.body.toString(), new RegExp(`https://127\\.0\\.0\\.1:${stack.tlsPort}/stream/`));
});

test('a piece that is missing is waited for, by TLS too, and who leaves meanwhile is noticed', async (t) => {
  const stack = await start(t);
  await stack.fake.say(`torrent ${HASH} ${PIECE} ${SIZE}`);
  await stack.fake.say(`ready ${HASH} 0 2`);
  let got = 0;
  const film = get(stack, `/stream/${HASH}/0`, { onData: (part) => { got += part.length; } });
  await until(() => got >= PIECE, 'the first pieces');
  const leaver = tls.connect({ host: '127.0.0.1', port: stack.tlsPort, rejectUnauthorized: false }, () => leaver.write(`GET /stream/${HASH}/0 HTTP/1.1\r\nHost: localhost\r\n\r\n`));
  leaver.on('error', () => {});
  leaver.resume();
  await until(async () => (await stack.metric('sharestream_http_streams_waiting')) === 2, 'both to wait');
  leaver.end();
  await until(async () => (await stack.metric('sharestream_http_streams')) === 1, 'the one that left to be forgotten');
  await stack.fake.say(`ready ${HASH} 0 1000`);
  assert.ok((await film).body.equals(pattern(0, SIZE)));
});

test('TLS 1.2 and 1.3 with HTTP/1.1, and nothing else', async (t) => {
  const stack = await start(t);
  assert.deepEqual((({ protocol, alpn }) => [protocol, alpn])(await shake(stack, { ALPNProtocols: ['h2', 'http/1.1'] })), ['TLSv1.3', 'http/1.1']);
  assert.equal((await shake(stack, { maxVersion: 'TLSv1.2' })).protocol, 'TLSv1.2');
  assert.match((await shake(stack, { maxVersion: 'TLSv1.2' })).cipher, /^ECDHE-/);
  assert.ok((await shake(stack, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })).error);
  assert.ok((await shake(stack, { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' })).error);
  assert.ok((await shake(stack, { ALPNProtocols: ['h2'] })).error, 'HTTP/2 is not spoken');
  // openssl's own client agrees, and finds the chain good.
  const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${stack.tlsPort}`, '-CAfile', stack.cert, '-verify_return_error', '-brief'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data) => { said += data; });
  await until(() => /Verification/.test(said), 'openssl to judge');
  child.stdin.end('Q\n');
  await new Promise((resolve) => child.on('exit', resolve));
  assert.match(said, /Protocol version: TLSv1\.3[\s\S]*Verification: OK/);
});

test('who speaks no TLS, or leaves half-way, disturbs nobody', async (t) => {
  const stack = await start(t);
  const strangers = ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '\0'.repeat(1000), ''].map((text) => {
    const socket = net.connect(stack.tlsPort, '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.on('error', () => {});
    return socket;
  });
  assert.equal((await get(stack, '/health/live')).status, 200);
  strangers.forEach((socket) => socket.destroy());
  await until(async () => (await stack.metric('sharestream_http_connections')) <= 2, 'all of them to be forgotten');
  assert.equal((await get(stack, '/health/live')).status, 200);
});

test('WebSockets by TLS: small, large, and the other ports when asked for', async (t) => {
  const stack = await start(t, { tracker: true, env: { SHARESTREAM_HTTP_TRACKER_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_TLS_FOR: 'tracker_listen' } });
  for (const [port, where] of [[stack.tlsPort, '/tracker'], [stack.trackerPort, '/']]) {
    const ws = new WebSocket(`wss://127.0.0.1:${port}${where}`, { ca: stack.ca });
    const answer = new Promise((resolve, reject) => { ws.on('message', resolve); ws.on('error', reject); ws.on('close', (code) => reject(new Error(`closed with ${code}`))); });
    await new Promise((resolve, reject) => { ws.on('open', resolve); ws.on('error', reject); });
    ws.send(JSON.stringify({ action: 'announce', info_hash: 'a'.repeat(20), peer_id: `peer of port ${port}${' '.repeat(20)}`.slice(0, 20), left: 1, event: 'started', offers: [], numwant: 0, filler: 'x'.repeat(50000) }));
    assert.equal(JSON.parse((await answer).toString()).action, 'announce');
    ws.terminate();
  }
  // Plain HTTP is not spoken there.
  await assert.rejects(fetch(`http://127.0.0.1:${stack.trackerPort}/stats`));
});

test('a certificate is changed under a running stream', async (t) => {
  const stack = await start(t, { env: { SHARESTREAM_HTTP_THREADS: '2' } });
  await stack.fake.say(`torrent ${HASH} ${PIECE} ${SIZE}`);
  await stack.fake.say(`ready ${HASH} 0 2`);
  assert.equal((await shake(stack)).name, 'one');
  const before = await stack.metric('sharestream_http_tls_expires_seconds');
  assert.ok(Math.abs(before - Date.now() / 1000 - 30 * 86400) < 3600, String(before));
  let got = 0;
  const film = get(stack, `/stream/${HASH}/0`, { onData: (part) => { got += part.length; } });
  await until(() => got >= PIECE, 'the first pieces');

  const two = certify(stack.certs, 'two'), reload = () => stack.http.child.kill('SIGHUP');
  // A key that does not fit changes nothing, and is told.
  fs.copyFileSync(two.key, stack.key);
  reload();
  await until(() => /certificate not read again[^\n]*one\.key is not the key of the certificate/.test(stack.http.log), 'the mistake to be told');
  assert.equal((await shake(stack)).name, 'one');
  fs.writeFileSync(stack.cert, 'no certificate at all\n');
  reload();
  await until(() => /certificate not read again[^\n]*one\.pem holds no certificate/.test(stack.http.log), 'the other mistake to be told');
  assert.equal((await shake(stack)).name, 'one');
  fs.copyFileSync(two.cert, stack.cert);
  reload();
  await until(async () => (await shake(stack)).name === 'two', 'the new one to be shown');
  // Several times, with connections in all states.
  for (let i = 0; i < 20; i++) {
    const half = net.connect(stack.tlsPort, '127.0.0.1');
    half.on('error', () => {});
    reload();
    assert.equal((await shake(stack)).name, 'two');
    half.destroy();
  }
  await stack.fake.say(`ready ${HASH} 0 1000`);
  assert.ok((await film).body.equals(pattern(0, SIZE)), 'the stream that began before goes on to its end');
});

test('what is wrong at the start is an error of configuration that says what to do', async (t) => {
  const dir = fs.mkdtempSync('/tmp/ss-tls-bad-'), one = certify(dir, 'one'), two = certify(dir, 'two');
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  execFileSync('openssl', ['ec', '-aes256', '-passout', 'pass:secret', '-in', one.key, '-out', `${dir}/locked.key`], { stdio: 'ignore' });
  for (const [env, said] of [
    [{ TLS_LISTEN: '127.0.0.1:0' }, /TLS wants a certificate: set http\.tls_certificate and http\.tls_key/],
    [{ TLS_FOR: 'listen' }, /TLS wants a certificate/],
    [{ TLS_FOR: 'everything' }, /http\.tls_for: 'everything' is none of listen/],
    [{ TLS_LISTEN: '127.0.0.1:0', TLS_CERTIFICATE: `${dir}/none.pem`, TLS_KEY: one.key }, /none\.pem cannot be read: No such file/],
    [{ TLS_LISTEN: '127.0.0.1:0', TLS_CERTIFICATE: one.cert, TLS_KEY: two.key }, /two\.key is not the key of the certificate/],
    [{ TLS_LISTEN: '127.0.0.1:0', TLS_CERTIFICATE: one.cert, TLS_KEY: `${dir}/locked.key` }, /locked\.key is not the key .* without a passphrase/],
    [{ TLS_LISTEN: '127.0.0.1:0', TLS_CERTIFICATE: one.key, TLS_KEY: one.key }, /one\.key holds no certificate/],
  ]) {
    const named = Object.fromEntries(Object.entries(env).map(([name, value]) => [`SHARESTREAM_HTTP_${name}`, value]));
    const failed = await exec(path.join(bin, 'http-svc'), [], { cwd: dir, env: { ...process.env, SHARESTREAM_COMMON_DATA_DIR: dir, SHARESTREAM_COMMON_RUN_DIR: dir,
      SHARESTREAM_HTTP_LISTEN: '127.0.0.1:0', SHARESTREAM_HTTP_TRACKER_LISTEN: '', ...named } }).then(() => assert.fail('it started'), (error) => error);
    assert.equal(failed.code, 78, failed.stderr);
    assert.match(failed.stderr, said);
  }
});
