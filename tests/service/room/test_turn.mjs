// SPDX-License-Identifier: MIT
//
// Servers for WebRTC: who is told of which, whether a real coturn takes the credentials, and what becomes of Cloudflare's answers.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { Stack, until } from '../http/harness.mjs';

const SECRET = 'a secret of coturn', TOKEN = 'token-that-nobody-may-see', KEY = '0123456789abcdef';

// A real http-svc with a real room-svc behind it; `room` are settings in capitals.
async function start(t, room = {}, env = {}) {
  const settings = Object.fromEntries(Object.entries(room).map(([name, value]) => [`SHARESTREAM_ROOM_${name}`, value]));
  return Stack.start(t, { torrent: false, room: true, env: { ...settings, ...env } });
}

async function ask(stack, target, headers) {
  const answer = await stack.json('GET', target, undefined, headers);
  assert.equal(answer.status, 200, `${target}: ${answer.body}`);
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.equal(answer.headers['cache-control'], 'no-store', 'credentials are nothing for caches');
  return answer.json;
}

const relayOf = (servers) => servers.find(({ urls }) => urls.startsWith('turn:'));
const urlsOf = (servers) => servers.map(({ urls }) => urls);

// What runs until the test is over.
function run(t, program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.output = '';
  child.stdout.on('data', (data) => { child.output += data; });
  child.stderr.on('data', (data) => { child.output += data; });
  child.ended = new Promise((resolve) => child.on('exit', resolve));
  t.after(() => { child.kill('SIGKILL'); return child.ended; });
  return child;
}

// Free for TCP, and so most likely for UDP; coturn says when it is not.
function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// With a configuration file; on loopback only, which for once may be a peer.
async function coturn(t, configure) {
  const dir = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'ss-coturn-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const port = await freePort(), file = path.join(dir, 'turnserver.conf');
  fs.writeFileSync(file, `${configure(port)}\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nallow-loopback-peers\ncli-password=x\n`);
  const child = run(t, 'turnserver', ['-c', file, '--pidfile', path.join(dir, 'pid'), '--userdb', path.join(dir, 'db'), '--log-file', 'stdout']);
  child.port = port;
  await until(async () => {
    assert.equal(child.exitCode, null, child.output);
    // It waits for ever when it asked too early.
    return (await use(1000, 'turnutils_stunclient', '-p', String(port), '127.0.0.1')).isGood;
  }, 'coturn to answer STUN');
  return child;
}

// As containers have it and the manual says, so that it is known to work.
function asRecommended(port) {
  const text = fs.readFileSync(new URL('../../../deploy/docker/coturn/turnserver.conf', import.meta.url), 'utf8');
  return `${text.replace('listening-port=3478', `listening-port=${port}`).replace('no-cli\n', '').replace(/^denied-peer-ip=127.*$/m, '')}\nrealm=example.org\nstatic-auth-secret=${SECRET}`;
}

function use(timeout, program, ...args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout });
    let output = '';
    child.stdout.on('data', (data) => { output += data; });
    child.stderr.on('data', (data) => { output += data; });
    child.on('error', (error) => resolve({ isGood: false, output: String(error) }));
    child.on('close', (code) => resolve({ isGood: code === 0, output }));
  });
}

// Sends messages from one relayed address to another.
async function relays(port, username, credential) {
  const { isGood, output } = await use(60000, 'turnutils_uclient', '-y', '-c', '-n', '5', '-p', String(port), '-u', username, '-w', credential, '127.0.0.1');
  if (!isGood) assert.match(output, /Cannot complete Allocation/, 'refused, and not broken otherwise');
  else assert.match(output, /tot_send_bytes ~ (\d+), tot_recv_bytes ~ \1\b/);
  return isGood;
}

const passwordOf = (username, secret = SECRET) => crypto.createHmac('sha1', secret).update(username).digest('base64');

test('nobody is named unless somebody is set', async (t) => {
  const stack = await start(t);
  assert.deepEqual(await ask(stack, '/ice-servers'), []);
  assert.deepEqual(await ask(stack, '/api/turn?x=y'), { iceServers: [] });
  const { ttl, ...rest } = await ask(stack, '/api/turn/credentials');
  assert.deepEqual(rest, { username: '', password: '', credential: '', urls: [], uris: [] });
  assert.equal(ttl, 4 * 3600);
  assert.equal((await stack.get('/api/turn/else')).status, 404);
  assert.equal((await stack.request('POST', '/ice-servers')).status, 405);
});

test('STUN is for everybody, relays are not', async (t) => {
  const stack = await start(t, { STUN_URLS: 'stun:one.example, stun:two.example:19302', TURN_URLS: 'turn:relay.example', TURN_SECRET: SECRET });
  assert.deepEqual(await ask(stack, '/ice-servers'), [{ urls: 'stun:one.example' }, { urls: 'stun:two.example:19302' }]);
  const credentials = await ask(stack, '/api/turn/credentials');
  assert.deepEqual([credentials.username, credentials.password, credentials.urls.join()], ['', '', 'stun:one.example,stun:two.example:19302']);
  for (const target of ['/ice-servers', '/api/turn', '/api/turn/credentials'])
    assert.doesNotMatch((await stack.get(target)).body.toString(), /relay\.example/);
});

test('the plain names of the earlier server', async (t) => {
  const stack = await start(t, { PUBLIC_TURN: 'true' },
    { TURN_URL: 'turn:relay.example:3478', TURN_USERNAME: 'bob', TURN_CREDENTIAL: 'pass word', STUN_URL: 'stun:stun.example' });
  assert.deepEqual(await ask(stack, '/api/turn'), { iceServers: [{ urls: 'stun:stun.example' },
    { urls: 'turn:relay.example:3478', username: 'bob', credential: 'pass word' }] });
  assert.deepEqual(await ask(stack, '/api/turn/credentials'), { username: 'bob', password: 'pass word', credential: 'pass word', ttl: 4 * 3600,
    urls: ['stun:stun.example', 'turn:relay.example:3478'], uris: ['stun:stun.example', 'turn:relay.example:3478'] });
});

test('coturn takes what is handed out, and nothing that is expired or made up', async (t) => {
  const turn = await coturn(t, asRecommended);
  const stack = await start(t, { TURN_URLS: `turn:127.0.0.1:${turn.port}?transport=udp,turn:127.0.0.1:${turn.port}?transport=tcp`,
    TURN_SECRET: SECRET, TURN_TTL: '10m', PUBLIC_TURN: 'true' });
  const servers = await ask(stack, '/ice-servers');
  assert.deepEqual(urlsOf(servers), [`stun:127.0.0.1:${turn.port}`, `turn:127.0.0.1:${turn.port}?transport=udp`, `turn:127.0.0.1:${turn.port}?transport=tcp`]);
  const { username, credential } = relayOf(servers);
  const [, expires, user] = /^(\d+):(guest-[0-9a-f]{16})$/.exec(username);
  assert.ok(Math.abs(Number(expires) - Date.now() / 1000 - 600) < 60);
  assert.ok(await relays(turn.port, username, credential), turn.output);

  const credentials = await ask(stack, '/api/turn/credentials');
  assert.equal(credentials.ttl, 600);
  assert.equal(credentials.password, credentials.credential);
  assert.deepEqual(credentials.urls, urlsOf(servers));
  assert.equal(credentials.username.split(':')[1], user, 'one address, one name, so that coturn can count');
  assert.ok(await relays(turn.port, credentials.username, credentials.password), turn.output);

  assert.equal(passwordOf(username), credential, 'as everybody makes it who knows the secret');
  const expired = `${Math.floor(Date.now() / 1000) - 600}:${user}`;
  assert.equal(await relays(turn.port, expired, passwordOf(expired)), false, 'expired');
  assert.equal(await relays(turn.port, username, passwordOf(username, 'another secret')), false, 'of another secret');
  assert.equal(await relays(turn.port, `${Number(expires) + 9999}:${user}`, credential), false, 'made longer');
  assert.doesNotMatch(stack.room.log + stack.http.log, new RegExp(SECRET));
});

test('coturn with one user for all', async (t) => {
  const turn = await coturn(t, (port) => `listening-port=${port}\nrealm=example.org\nlt-cred-mech\nuser=bob:pass\nno-cli\nno-tls\nno-dtls`);
  const stack = await start(t, { TURN_URLS: `turn:127.0.0.1:${turn.port}`, TURN_USERNAME: 'bob', TURN_PASSWORD: 'pass', PUBLIC_TURN: 'true' });
  const { username, credential } = relayOf(await ask(stack, '/ice-servers'));
  assert.ok(await relays(turn.port, username, credential), turn.output);
  assert.equal(await relays(turn.port, username, 'wrong'), false);
});

test('who asks too often is told so, each address for itself', async (t) => {
  const stack = await start(t, { REQUESTS_PER_S: '1', STUN_URLS: 'stun:one.example' }, { SHARESTREAM_HTTP_TRUSTED_PROXIES: '127.0.0.0/8' });
  const from = (address, target = '/ice-servers') => stack.json('GET', target, undefined, { 'x-forwarded-for': address });
  const many = async (target) => (await Promise.all(Array.from({ length: 20 }, () => from('192.0.2.1', target)))).map(({ status }) => status);
  for (const target of ['/ice-servers', '/api/turn', '/api/turn/credentials'])
    await until(async () => (await many(target)).includes(429), 'the limit');
  await until(async () => {
    const { status, json: told } = await from('192.0.2.1', '/api/turn');
    return status === 429 && told.error.code === 'busy';
  }, 'a word about it in the shape of /api');
  assert.equal((await from('192.0.2.2')).status, 200);
  await until(async () => (await from('192.0.2.1')).status === 200, 'the next second');
  const { body } = await stack.get('/metrics');
  assert.match(body.toString(), /^sharestream_room_limited_total\{service="room"\} [1-9]/m);
});

test('what cannot be right is told at once, without what is secret', async (t) => {
  const stack = await start(t);
  const wrong = async (room, word) => {
    const settings = Object.fromEntries(Object.entries(room).map(([name, value]) => [`SHARESTREAM_ROOM_${name}`, value]));
    const { constructor: Process } = stack.room;
    const process = new Process('room-svc', { ...settings, SHARESTREAM_COMMON_RUN_DIR: `${stack.dir}/run2` }, stack.dir);
    assert.equal((await process.exit).code, 78);
    assert.match(process.log, word);
    assert.doesNotMatch(process.log, /token-that/);
  };
  await wrong({ TURN_URLS: 'turn:relay.example' }, /room\.turn_secret/);
  await wrong({ STUN_URLS: 'example.org' }, /room\.stun_urls/);
  await wrong({ CLOUDFLARE_TOKEN: TOKEN }, /room\.cloudflare_key_id/);
  await wrong({ CLOUDFLARE_KEY_ID: KEY, CLOUDFLARE_TOKEN: TOKEN, CLOUDFLARE_URL: 'http://127.0.0.1/' }, /room\.cloudflare_url/);
});

// ---- Cloudflare: a server that answers as it does, with a certificate of an authority of our own

let authority;

function makeAuthority() {
  const dir = fs.mkdtempSync(path.join(process.env.TMPDIR ?? '/tmp', 'ss-ca-'));
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=tests', '-days', '2');
  openssl('req', ...key, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=127.0.0.1');
  fs.writeFileSync(path.join(dir, 'extensions'), 'subjectAltName=IP:127.0.0.1\n');
  openssl('x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'cert.pem', '-days', '2', '-extfile', 'extensions');
  return { dir, ca: path.join(dir, 'ca.pem'), key: fs.readFileSync(path.join(dir, 'key.pem')), cert: fs.readFileSync(path.join(dir, 'cert.pem')) };
}

test.before(() => { authority = makeAuthority(); });
test.after(() => fs.rmSync(authority.dir, { recursive: true, force: true }));

const urls = [['stun:stun.cf.example:3478', 'stun:stun.cf.example:53'],
  ['turn:turn.cf.example:3478?transport=udp', 'turn:turn.cf.example:53?transport=udp', 'turns:turn.cf.example:443?transport=tcp']];
const secrets = { username: 'user-of-cloudflare', credential: 'credential-of-cloudflare' };
const told = [{ urls: urls[0][0] }, { urls: urls[1][0], ...secrets }, { urls: urls[1][2], ...secrets }];

const json = (response, status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
const isNewPath = ({ url }) => url.endsWith('/generate-ice-servers');
const manners = {
  today: (request, response) => (isNewPath(request)
    ? json(response, 201, { iceServers: [{ urls: urls[0] }, { urls: urls[1], ...secrets }] })
    : json(response, 404, {})),
  before: (request, response) => (isNewPath(request)
    ? json(response, 404, {})
    : json(response, 201, { iceServers: { urls: urls.flat(), ...secrets } })),
  broken: (request, response) => json(response, 500, { errors: [{ code: 10000, message: `internal: ${TOKEN}` }] }),
  refusing: (request, response) => json(response, 401, { errors: [{ code: 10000 }] }),
  missing: (request, response) => json(response, 404, {}),
  empty: (request, response) => json(response, 201, { iceServers: [] }),
  garbled: (request, response) => response.writeHead(201).end('{"iceServers":[{"urls":'),
  cut: (request, response) => { response.writeHead(201, { 'content-length': '1000' }); response.write('{'); setImmediate(() => response.destroy()); },
  silent: () => {},
  huge: (request, response) => {
    response.writeHead(201);
    const more = () => { while (!response.destroyed && response.write(' '.repeat(65536))); };
    response.on('drain', more);
    more();
  },
};

// `manner` may be changed while it runs; `requests` is what came.
async function cloudflare(t, manner) {
  const server = { manner, requests: [] };
  const listener = https.createServer({ key: authority.key, cert: authority.cert }, (request, response) => {
    let body = '';
    request.on('data', (data) => { body += data; });
    request.on('end', () => {
      server.requests.push({ method: request.method, url: request.url, authorization: request.headers.authorization,
        type: request.headers['content-type'], body });
      server.manner(request, response);
    });
    response.on('error', () => {});
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => { listener.closeAllConnections(); listener.close(); });
  server.port = listener.address().port;
  server.settings = { CLOUDFLARE_KEY_ID: KEY, CLOUDFLARE_TOKEN: TOKEN, CLOUDFLARE_URL: `https://127.0.0.1:${server.port}/v1/turn/keys`,
    CLOUDFLARE_CA: authority.ca, PUBLIC_TURN: 'true' };
  return server;
}

async function tokenIsNowhere(stack) {
  for (const target of ['/ice-servers', '/api/turn', '/api/turn/credentials', '/metrics', '/health/ready'])
    assert.ok(!(await stack.get(target)).body.toString().includes(TOKEN), target);
  assert.ok(!(stack.room.log + stack.http.log).includes(TOKEN), 'the logs');
}

for (const [name, path, count] of [['today', 'generate-ice-servers', 1], ['before', 'generate', 2]])
  test(`Cloudflare as it answers ${name}: asked once, handed out to all`, async (t) => {
    const server = await cloudflare(t, manners[name]);
    const stack = await start(t, server.settings);
    await until(async () => (await ask(stack, '/ice-servers')).length > 0, 'credentials');
    for (let i = 0; i < 20; i++) assert.deepEqual(await ask(stack, '/ice-servers'), told, 'without port 53');
    assert.equal(server.requests.length, count);
    assert.deepEqual(server.requests.at(-1), { method: 'POST', url: `/v1/turn/keys/${KEY}/credentials/${path}`, authorization: `Bearer ${TOKEN}`,
      type: 'application/json', body: '{"ttl":14400}' });
    const credentials = await ask(stack, '/api/turn/credentials');
    assert.deepEqual([credentials.username, credentials.password, credentials.urls], [secrets.username, secrets.credential, urlsOf(told)]);
    assert.ok(credentials.ttl > 14000 && credentials.ttl <= 14400);
    await tokenIsNowhere(stack);
  });

test('relays of Cloudflare are for members as well, its STUN for all', async (t) => {
  const server = await cloudflare(t, manners.today);
  const stack = await start(t, { ...server.settings, PUBLIC_TURN: 'false' });
  await until(async () => (await ask(stack, '/ice-servers')).length > 0, 'its answer');
  assert.deepEqual(await ask(stack, '/ice-servers'), [told[0]]);
});

const failures = { broken: /the answer is 500/, refusing: /401: the token is not accepted/, missing: /404: there is no such key/,
  empty: /names no relay/, garbled: /names no relay/, cut: /no credentials from Cloudflare/, huge: /larger than 65536 bytes/, silent: /Timeout was reached/ };
// Most of it is waiting: all at once.
test('Cloudflare fails: others are named, and it is asked again', { concurrency: true }, (t) => Promise.all(
  Object.entries(failures).map(([name, why]) => t.test(name, async (t) => {
    const server = await cloudflare(t, manners[name]);
    const own = { urls: 'turn:relay.example', username: 'bob', credential: 'pass' };
    const stack = await start(t, { ...server.settings, STUN_URLS: 'stun:one.example', TURN_URLS: own.urls, TURN_USERNAME: own.username, TURN_PASSWORD: own.credential });
    assert.deepEqual(await ask(stack, '/ice-servers'), [{ urls: 'stun:one.example' }, own], 'nobody waits for it');
    await until(() => why.test(stack.room.log) && /msg=degraded/.test(stack.room.log), `${why} in the log`, 60000);
    assert.deepEqual(await ask(stack, '/ice-servers'), [{ urls: 'stun:one.example' }, own]);
    server.manner = manners.today;
    await until(async () => (await ask(stack, '/ice-servers')).length === 2 + told.length, 'the next try');
    assert.deepEqual(await ask(stack, '/ice-servers'), [{ urls: 'stun:one.example' }, own, ...told]);
    await until(() => /msg="well again"/.test(stack.room.log), 'it to be well again');
    await tokenIsNowhere(stack);
  }))));

test('a redirect is not followed, for the token would go with it', async (t) => {
  const other = await cloudflare(t, manners.today);
  const server = await cloudflare(t, (request, response) => response.writeHead(307, { location: `https://127.0.0.1:${other.port}/` }).end());
  const stack = await start(t, server.settings);
  await until(() => /the answer is 307/.test(stack.room.log), 'a word in the log');
  assert.deepEqual([await ask(stack, '/ice-servers'), other.requests], [[], []]);
});

test('a server without a certificate that can be verified gets no token', async (t) => {
  const server = await cloudflare(t, manners.today);
  const stack = await start(t, { ...server.settings, CLOUDFLARE_CA: '' });
  await until(() => /no credentials from Cloudflare.*certificate/.test(stack.room.log), 'a word in the log');
  assert.deepEqual([await ask(stack, '/ice-servers'), server.requests], [[], []]);
});

test('it ends while Cloudflare is silent', async (t) => {
  const server = await cloudflare(t, manners.silent);
  const stack = await start(t, server.settings);
  await until(() => server.requests.length > 0, 'the request');
  assert.deepEqual(await stack.room.stop(), { code: 0, signal: null });
});

test('kill -9: questions fail for a moment, then the next life answers as before', async (t) => {
  const server = await cloudflare(t, manners.today);
  const stack = await start(t, server.settings);
  await until(async () => (await ask(stack, '/ice-servers')).length > 0, 'credentials');
  await stack.room.kill();
  const failed = await stack.json('GET', '/api/turn');
  assert.equal(failed.status, 503);
  assert.equal(failed.json.error.code, 'unavailable');
  await stack.startRoom();
  await until(async () => (await stack.get('/ice-servers')).status === 200, 'its next life');
  await until(async () => (await ask(stack, '/ice-servers')).length > 0, 'credentials again');
  assert.deepEqual(await ask(stack, '/ice-servers'), told);
});
