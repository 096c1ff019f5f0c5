// SPDX-License-Identifier: MIT
//
// The recipes for Debian's nginx, HAProxy and Caddy (deploy/), with names and files of this test: everything below a path, by TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';
import WebSocket from 'ws';
import { Member } from '../service/room/page_client.mjs';
import { House, Yard, canConnect, freePort, until } from './house.mjs';

const SIZE = 6 << 20, TOKEN = 'a token of the operator';

function replaced(text, ...pairs) {
  for (const [from, to] of pairs) {
    assert.ok(text.includes(from), from);
    text = text.replaceAll(from, to);
  }
  return text;
}

// Each: what it is started with. Paths within the yard: `conf` for what it is told, `cert`, `key`, and `both` in one.
const proxies = {
  nginx(recipe, { port, house, cert, key, conf, dir }) {
    fs.writeFileSync(conf, `daemon off;\npid ${dir}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n`
      + ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};\n`).join('')
      + replaced(recipe, ['127.0.0.1:8080;', `127.0.0.1:${house.port};`], ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`], ['server_name example.org', 'server_name localhost'],
        ['/etc/ssl/certs/example.org.pem', cert], ['/etc/ssl/private/example.org.key', key]) + '}\n');
    return ['-p', dir, '-e', 'stderr', '-c', conf];
  },
  haproxy(recipe, { port, house, conf, both }) {
    fs.writeFileSync(conf, replaced(recipe, ['127.0.0.1:8080', `127.0.0.1:${house.port}`], ['bind :443', `bind 127.0.0.1:${port}`], ['/etc/haproxy/example.org.pem', both]));
    return ['-db', '-f', conf];
  },
  caddy(recipe, { port, house, cert, key, conf }) {
    fs.writeFileSync(conf, `{\nadmin off\ngrace_period 1s\nauto_https disable_redirects\ndefault_bind 127.0.0.1\n}\n`
      + replaced(recipe, ['127.0.0.1:8080', `127.0.0.1:${house.port}`], ['example.org {', `https://localhost:${port} {\ntls ${cert} ${key}`]));
    return ['run', '--adapter', 'caddyfile', '--config', conf];
  },
};
const recipes = { nginx: 'nginx/sharestream.conf', haproxy: 'haproxy/haproxy.cfg', caddy: 'caddy/Caddyfile' };

async function startProxy(yard, house, name) {
  const at = { house, port: await freePort(), dir: yard.dir, ...Object.fromEntries(['cert', 'key', 'both', 'conf'].map((file) => [file, path.join(yard.dir, `${file}.pem`)])) }, { port, cert, key } = at;
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
    'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  fs.writeFileSync(at.both, fs.readFileSync(cert, 'utf8') + fs.readFileSync(key, 'utf8'));
  const recipe = fs.readFileSync(new URL(`../../deploy/${recipes[name]}`, import.meta.url), 'utf8'), proxy = yard.start(name, proxies[name](recipe, at), { env: { ...process.env, HOME: yard.dir } });
  await until(async () => {
    assert.equal(proxy.exitCode, null, proxy.said);
    return canConnect(port);
  }, `${name} to listen`);
  return { port, ca: fs.readFileSync(cert) };
}

const serves = (name) => async (t) => {
  const yard = new Yard(t);
  const house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_TRUSTED_PROXIES: '127.0.0.1', SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN, SHARESTREAM_HTTP_PUBLIC_URL: 'https://localhost/films' } });
  const { port, ca } = await startProxy(yard, house, name), agent = new https.Agent({ keepAlive: true, ca });
  t.after(() => agent.destroy());
  const ask = (method, target, headers = {}, body = undefined, onData = undefined) => new Promise((resolve, reject) => {
    const req = https.request({ host: 'localhost', port, method, path: `/films${target}`, agent, headers: { authorization: `Bearer ${TOKEN}`, ...headers } }, (res) => {
      const parts = [];
      res.on('data', (part) => { parts.push(part); if (onData?.(part)) { resolve({}); req.destroy(); } });
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
      res.on('error', () => {});
    });
    req.on('error', reject);
    req.end(body);
  });

  assert.equal((await ask('GET', '')).status, 301);
  assert.match((await ask('GET', '/', { accept: 'text/html' })).body.toString(), /<html/);
  assert.equal((await ask('GET', '/api/v1/torrents', { authorization: '' })).status, 401, 'nobody is the operator because the proxy is local');

  // What a proxy and http-svc could read as two different requests does not get through as it is: refused by the proxy, or made one that both read alike.
  for (const framing of ['Content-Length: 0\r\nContent-Length: 38\r\n', 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n']) {
    const socket = tls.connect({ host: 'localhost', servername: 'localhost', port, ca }, () => socket.write(`POST /films/api/v1/seed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${framing}\r\n0\r\n\r\n`));
    let said = '';
    socket.on('data', (data) => { said += data; });
    await new Promise((resolve) => socket.on('close', resolve));
    assert.match(said, name === 'nginx' || !framing.includes('Transfer') ? /^HTTP\/1\.1 400 (?![^]*"error")/ : /^HTTP\/1\.1 [45]\d\d /, framing);
    assert.equal(said.match(/HTTP\/1\.1 /g).length, 1, said);
  }

  // A film is sent in parts as large as nginx lets through, and read back by ranges.
  const film = crypto.randomBytes(SIZE), tus = { 'tus-resumable': '1.0.0' };
  const begun = await ask('POST', '/api/v1/uploads', { ...tus, 'upload-length': String(SIZE), 'upload-metadata': `filename ${Buffer.from('film.mp4').toString('base64')}` });
  assert.equal(begun.status, 201, begun.body.toString());
  const hash = path.basename(begun.headers.location);
  const sent = await ask('PATCH', `/api/v1/uploads/${hash}`, { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' }, film);
  assert.equal(sent.status, 204, sent.body.toString());
  const infoHash = await until(async () => JSON.parse((await ask('GET', `/api/v1/uploads/${hash}`, tus)).body).torrent, 'the film to be a torrent');
  await until(async () => JSON.parse((await ask('GET', `/api/v1/torrents/${infoHash}`)).body).state === 'seeding', 'it to be shared');
  await Promise.all([[0, SIZE], [0, 1], [SIZE - 1, 1], [12345, 3 << 20]].map(async ([from, length]) => {
    const part = await ask('GET', `/stream/${infoHash}/0`, { range: `bytes=${from}-${from + length - 1}` });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-range'], `bytes ${from}-${from + length - 1}/${SIZE}`);
    assert.ok(part.body.equals(film.subarray(from, from + length)), `${length} from ${from}`);
  }));
  // A link leads through the proxy, and opens without the token.
  const { url } = JSON.parse((await ask('GET', `/api/v1/torrents/${infoHash}/files/0/link`)).body);
  assert.match(url, /^https:\/\/localhost\/films\/stream\//);
  assert.equal((await ask('GET', url.slice('https://localhost/films'.length), { authorization: '', range: 'bytes=0-9' })).status, 206);
  // Events come at once, and do not wait until a buffer is full.
  await ask('GET', '/api/v1/events', {}, undefined, (part) => part.length > 0);

  // The tracker by WebSocket.
  const ws = new WebSocket(`wss://localhost:${port}/films/tracker`, { ca });
  const answer = new Promise((resolve, reject) => { ws.on('message', resolve); ws.on('error', reject); });
  ws.on('open', () => ws.send(JSON.stringify({ action: 'announce', info_hash: 'a'.repeat(20), peer_id: 'p'.repeat(20), left: 1, event: 'started', offers: [], numwant: 0 })));
  assert.equal(JSON.parse((await answer).toString()).action, 'announce');
  ws.terminate();
  // A room: one by WebSocket, one who begins by polling, as browsers do.
  const options = { path: '/films/socket.io/', ca, rejectUnauthorized: false };
  const [ann, bob] = [['websocket'], ['polling', 'websocket']].map((transports, i) => new Member(t, { port, origin: `https://localhost:${port}` }, ['Ann', 'Bob'][i], { ...options, transports }));
  await ann.create();
  await bob.join(ann.code);
  await bob.does('say', { text: 'hello', key: '1' });
  assert.equal((await ann.hears('chat')).text, 'hello');
};

test('behind nginx, below a path: page, ranges, uploads, events, WebSockets, rooms', serves('nginx'));
test('the same behind HAProxy', serves('haproxy'));
test('the same behind Caddy', serves('caddy'));
