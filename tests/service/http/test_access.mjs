// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { HASH, OTHER, Stack, until, usual } from './harness.mjs';

test('loopback without a token: everybody here, no page from elsewhere', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_NAMES: 'my.box, other.box' } });
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  await stack.fake.say(`ready ${HASH} 0 0`);
  const target = `/api/v1/torrents/${HASH}`;
  for (const [host, status] of [['localhost', 200], ['localhost:8080', 200], ['127.0.0.1', 200], ['127.1.2.3:99', 200], ['[::1]:8080', 200], ['MY.box:80', 200],
    ['evil.example', 403], ['127.0.0.1.evil.example', 403], ['localhost.evil.example', 403], ['10.0.0.1', 403]])
    assert.equal((await stack.get(target, { host })).status, status, host);
  const rebound = await stack.json('GET', target, undefined, { host: 'evil.example' });
  assert.equal(rebound.json.error.code, 'denied');
  assert.match(rebound.json.error.advice, /http\.names/);
  assert.equal((await stack.get('/health/live', { host: 'evil.example' })).status, 200);

  const pause = (headers) => stack.request('POST', `${target}/pause`, { headers }).then(({ status }) => status);
  assert.equal(await pause({}), 204);
  assert.equal(await pause({ origin: `http://127.0.0.1:${stack.port}` }), 204);
  assert.equal(await pause({ origin: 'http://localhost:3000' }), 204, 'a page of this machine');
  assert.equal(await pause({ origin: 'https://evil.example' }), 403);
  assert.equal(await pause({ origin: 'null' }), 403);
  assert.equal(await pause({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal((await stack.get(`/torrent/${HASH}`, { 'sec-fetch-site': 'cross-site' })).status, 403, 'it would add a torrent');
  const level = (headers) => stack.json('PUT', '/api/v1/services/http/log-level', { level: 'debug' }, headers).then(({ status }) => status);
  assert.equal(await level({}), 200);
  assert.equal(await level({ origin: 'https://evil.example' }), 403);
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
    assert.equal((await stack.request('POST', '/api/v1/services/http/restart', { headers })).status, 403);
  assert.equal((await stack.get(`/stream/${HASH}/0`, { 'sec-fetch-site': 'cross-site' })).status, 200, 'a film may be shown elsewhere');

  const foreign = await stack.get(target, { origin: 'https://evil.example' });
  assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  const near = await stack.get(`/stream/${HASH}/0`, { origin: 'http://localhost:3000', range: 'bytes=0-1' });
  assert.equal(near.headers['access-control-allow-origin'], 'http://localhost:3000');
  assert.equal(near.headers['access-control-allow-credentials'], 'true');
  assert.match(near.headers['access-control-expose-headers'], /Content-Range, Content-Length, Accept-Ranges, ETag/);
  assert.equal(near.headers.vary, 'Origin');
  const preflight = await stack.request('OPTIONS', `/stream/${HASH}/0`, { headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'GET' } });
  assert.equal(preflight.status, 204);
  assert.match(preflight.headers['access-control-allow-headers'], /Range, If-Range/);
  assert.equal(preflight.headers['access-control-allow-methods'], 'GET, HEAD, OPTIONS');
  assert.equal(preflight.headers['access-control-allow-origin'], 'http://localhost:3000');
});

test('cors_origins decides alone when it is set', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_CORS_ORIGINS: 'https://a.example, https://b.example' } });
  for (const [origin, allowed] of [['https://a.example', true], ['https://b.example', true], ['http://localhost:3000', false], ['https://c.example', false]])
    assert.equal((await stack.get('/health/live', { origin })).headers['access-control-allow-origin'], allowed ? origin : undefined);
});

test('bound wide: a token is made, and links open one file', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_LISTEN: '0.0.0.0:0' }, tracker: true, transcode: true, room: true, rtc: true });
  await stack.fake.say(`torrent ${HASH} 65536 1000,1000`);
  await stack.fake.say(`ready ${HASH} 0 0`);
  const file = path.join(stack.dir, 'data', 'admin-token');
  const token = fs.readFileSync(file, 'utf8');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.equal(fs.statSync(path.join(stack.dir, 'data', 'link-key')).mode & 0o777, 0o600);
  assert.equal(stack.http.log.split(token).length, 2, 'shown once');

  assert.equal((await stack.get('/health/ready')).status, 200);
  for (const target of ['/metrics', '/api/v1/torrents', `/stream/${HASH}/0`, `/torrent/${HASH}`, '/openapi.yaml', '/api/v1/jobs', '/api/v1/services', '/api/v1/services/http/settings']) {
    const answer = await stack.get(target);
    assert.equal(answer.status, 401, target);
    assert.match(answer.headers['www-authenticate'], /^Bearer/);
    assert.equal((await stack.get(target, { authorization: 'Bearer wrong-token-wrong-token' })).status, 401);
    assert.equal((await stack.get(target, { authorization: `Bearer ${token}`, host: 'any.name' })).status, 200);
    assert.equal((await stack.get(`${target}?token=${token}`)).status, 200);
  }
  for (const target of ['/api/v1/logs', '/api/v1/services/http/deaths']) assert.equal((await stack.get(target)).status, 401, target);
  for (const [method, target] of [['POST', '/api/v1/services/http/restart'], ['PUT', '/api/v1/services/http/log-level']])
    assert.equal((await stack.request(method, target)).status, 401, target);
  const playlist = await stack.get(`/api/v1/torrents/${HASH}/playlist.m3u`, { authorization: `Bearer ${token}`, host: `box:${stack.port}` });
  const links = playlist.body.toString().split('\n').filter((line) => line.startsWith('http'));
  assert.equal(links.length, 2);
  const link = links[0].slice(`http://box:${stack.port}`.length);
  assert.match(link, /^\/stream\/[0-9a-f]{40}\/0\/file%20%220%22%20%C3%A9\.mp4\?exp=\d+&sig=[\w-]{22}$/);
  assert.equal((await stack.get(link)).status, 200);
  assert.equal((await stack.get(link, { range: 'bytes=0-1' })).status, 206);
  assert.equal((await stack.request('HEAD', link)).status, 200);
  assert.equal((await stack.get(link.replace(/\/file[^?]*/, '/any.mkv'))).status, 200, 'the name is for the player');
  for (const [change, what] of [
    [(text) => text.replace('/0/', '/1/'), 'another file'], [(text) => text.replace(/exp=(\d+)/, (_, at) => `exp=${Number(at) + 1}`), 'another time'],
    [(text) => text.replace(/sig=./, 'sig=_'), 'another signature'], [(text) => text.replace(/exp=\d+/, 'exp=1'), 'expired'],
    [(text) => text.replace(HASH, 'f'.repeat(40)), 'another torrent']]) {
    const answer = await stack.json('GET', change(link));
    assert.ok(answer.status === 403 || change(link) === link, what);
  }
  assert.equal((await stack.get(`/api/v1/torrents${link.slice(link.indexOf('?'))}`)).status, 401, 'and nothing else');
  // A viewer causes nothing: a link to a torrent that is not there adds none.
  await stack.fake.say(`gone ${HASH}`);
  const { adds } = await stack.fake.counts();
  assert.equal((await stack.get(link)).status, 500);
  const counts = await stack.fake.counts();
  assert.equal(counts.adds, adds);
  assert.ok(counts.gets >= 1);

  // The next life has the same token and key, and does not show the token again.
  await stack.http.stop();
  const again = new stack.http.constructor('http-svc', stack.env, stack.dir);
  await again.ready;
  assert.equal(fs.readFileSync(file, 'utf8'), token);
  assert.ok(!again.log.includes(token));
  await again.stop();
});

test('a signed link opens what is made of its file, and playlists hand it on', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_LISTEN: '0.0.0.0:0', SHARESTREAM_TRANSCODE_CACHE_FREE: '0' }, transcode: true });
  await stack.fake.say(`ready ${HASH} 0 ${await stack.addFilm(HASH, usual)}`);
  const authorization = `Bearer ${fs.readFileSync(path.join(stack.dir, 'data', 'admin-token'), 'utf8')}`;
  const { json } = await stack.json('GET', `/api/v1/torrents/${HASH}/files/0/link`, undefined, { authorization, host: 'box' });
  const query = json.url.slice(json.url.indexOf('?')), base = `/hls/${HASH}/0/`;

  const seen = [];
  const read = async (path) => {
    seen.push(path);
    const { status, headers, body } = await stack.get(base + path + query);
    assert.equal(status, 200, path);
    assert.match(headers['cache-control'], /mpegurl/.test(headers['content-type']) ? /^no-cache$/ : /^private, max-age=/);
    if (!/mpegurl/.test(headers['content-type'])) return;
    const urls = body.toString().split('\n').map((line) => (line.startsWith('#') ? /URI="([^"]*)"/.exec(line)?.[1] : line)).filter(Boolean);
    for (const url of urls) {
      assert.ok(url.endsWith(query), url);
      await read(path.replace(/[^/]*$/, '') + url.slice(0, -query.length));
    }
  };
  await read('master.m3u8');
  await read('playlist.m3u8');
  assert.deepEqual(seen.sort(), ['0.ts', '1.ts', 'a1/0.m4s', 'a1/1.m4s', 'a1/index.m3u8', 'a1/init.mp4',
    'master.m3u8', 'playlist.m3u8', 'v/0.m4s', 'v/1.m4s', 'v/index.m3u8', 'v/init.mp4']);

  assert.equal((await stack.get(`${base}master.m3u8`)).status, 401);
  assert.equal((await stack.get(`/hls/${HASH}/1/master.m3u8${query}`)).status, 403, 'another file');
  assert.equal((await stack.get(`${base}v/0.m4s${query}x`)).status, 403, 'from the cache neither');
  assert.equal((await stack.get(`/api/v1/torrents/${HASH}/files/0/media${query}`)).status, 403, 'and nothing else');
});

// As room-svc is given it, by another implementation.
function grantOf(stack, hash, lastsS = 60) {
  const until = Math.floor(Date.now() / 1000) + lastsS, key = fs.readFileSync(path.join(stack.dir, 'data', 'link-key'));
  return `exp=${until}&sig=${crypto.createHmac('sha256', key).update(`/torrents/${hash}\n${until}`).digest().subarray(0, 16).toString('base64url')}`;
}

test('a grant opens what there is to see of one torrent, and nothing else', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: 'correct-horse', SHARESTREAM_TRANSCODE_CACHE_FREE: '0' }, transcode: true });
  await stack.fake.say(`ready ${HASH} 0 ${await stack.addFilm(HASH, usual)}`);
  await stack.fake.say(`torrent ${OTHER} 65536 1000`);
  await stack.fake.say(`ready ${OTHER} 0 0`);
  const grant = grantOf(stack, HASH), api = `/api/v1/torrents/${HASH}`, authorization = 'Bearer correct-horse';
  const withGrant = (target, query = grant) => `${target}${target.includes('?') ? '&' : '?'}${query}`;
  const opens = ['', '/files', '/metainfo', '/playlist.m3u', '/files/0/diagnosis', '/files/0/ready', '/files/0/media?can=avc1', '/files/0/subtitles', '/files/0/link'].map((end) => api + end)
    .concat(`/stream/${HASH}/0`, `/stream/${HASH}/0/name.mkv`, `/stream/${HASH.toUpperCase()}/0`, `/hls/${HASH}/0/master.m3u8`, `/hls/${HASH}/0/thumbs.vtt`);
  for (const target of opens) {
    assert.equal((await stack.get(target)).status, 401, target);
    assert.equal((await stack.get(withGrant(target))).status, 200, target);
    assert.equal((await stack.get(withGrant(target), { authorization: 'Bearer forgotten' })).status, 200, 'an old token does not matter');
    assert.equal((await stack.request('HEAD', withGrant(target))).status, 200, target);
    for (const [other, why] of [[grantOf(stack, OTHER), 'of another torrent'], [grantOf(stack, HASH, -1), 'expired'], [grant.replace(/exp=(\d+)/, (_, at) => `exp=${Number(at) + 1}`), 'prolonged'],
      [grant.replace(/&sig=.*/, ''), 'not signed'], [grant.replace(/sig=./, 'sig=_'), 'changed'], [`${grant}&token=guessed`, undefined]])
      assert.equal((await stack.get(withGrant(target, other))).status, why === undefined ? 200 : why === 'not signed' ? 401 : 403, `${target} ${why}`);
  }
  for (const [method, target] of [['GET', '/api/v1/torrents'], ['GET', `/api/v1/torrents/${OTHER}`], ['GET', '/api/v1/events'], ['GET', '/api/v1/stats'], ['GET', '/api/v1/rooms'], ['GET', '/metrics'],
    ['GET', '/api/v1/jobs'], ['GET', `${api}/peers`], ['GET', `${api}/browsers`], ['GET', `${api}/limits`], ['GET', `/torrent/${HASH}`], ['GET', `/stream/${OTHER}/0`], ['DELETE', api], ['POST', `${api}/pause`],
    ['POST', `${api}/resume`], ['POST', `${api}/recheck`], ['PUT', `${api}/select`], ['PUT', `${api}/limits`], ['POST', `${api}/files/0/subtitles`], ['DELETE', `${api}/files/0/subtitles/u1`],
    ['POST', '/api/v1/torrents'], ['POST', '/api/v1/rooms'], ['POST', '/api/v1/seed']]) {
    const { status } = await stack.request(method, withGrant(target));
    assert.ok(status === 401 || status === 403, `${method} ${target}: ${status}`);
  }

  // What it opens hands it on, and says nothing of private trackers.
  const master = (await stack.get(withGrant(`/hls/${HASH}/0/master.m3u8`))).body.toString();
  for (const url of master.split('\n').filter((line) => line && !line.startsWith('#'))) assert.ok(url.endsWith(grant), url);
  const read = (target, headers) => stack.get(withGrant(target), headers).then(({ body }) => body.toString('latin1'));
  for (const target of [api, `${api}/files/0/diagnosis`, `${api}/metainfo`]) {
    assert.match(await read(target, { authorization }), /passkey/, target);
    assert.doesNotMatch(await read(target), /passkey/, target);
  }
  assert.match(await read(`${api}/metainfo`), /^d4:infod6:lengthi1e.*ee$/);
  const events = stack.raw(`GET ${withGrant(`${api}/events`)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await until(() => events.received.includes('event: progress') && events.received.includes('"wsTrackers":[]'), 'the first event');
  assert.doesNotMatch(events.received.toString(), /passkey/);
  events.destroy();

  // Links that are made with it last no longer.
  const [, ends] = /exp=(\d+)/.exec(grant), links = await read(`${api}/playlist.m3u`), { url } = JSON.parse(await read(`${api}/files/0/link`));
  for (const link of [...links.split('\n').filter((line) => line.startsWith('http')), url]) {
    assert.ok(link.includes(`exp=${ends}&`), link);
    assert.equal((await stack.get(link.slice(link.indexOf('/stream')))).status, 200);
  }
  // It causes nothing: a torrent that has gone is not added again.
  await stack.fake.say(`gone ${OTHER}`);
  const { adds } = await stack.fake.counts();
  assert.equal((await stack.get(withGrant(`/stream/${OTHER}/0`, grantOf(stack, OTHER)))).status, 500);
  assert.equal((await stack.get(withGrant(`/api/v1/torrents/${OTHER}`, grantOf(stack, OTHER)))).status, 404);
  assert.equal((await stack.fake.counts()).adds, adds);
});

test('a token is asked for on loopback too when one is configured', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: 'correct-horse' } });
  assert.equal((await stack.get('/api/v1/torrents')).status, 401);
  assert.equal((await stack.get('/api/v1/torrents', { authorization: 'bearer correct-horse' })).status, 200);
  assert.equal((await stack.get('/api/v1/torrents?token=correct-horse')).status, 200);
  assert.ok(!stack.http.log.includes('correct-horse'));
});

test('secrets that others can read are refused', async (t) => {
  const stack = await Stack.start(t);
  const file = path.join(stack.dir, 'data', 'link-key');
  await stack.http.stop();
  fs.chmodSync(file, 0o644);
  const other = new stack.http.constructor('http-svc', stack.env, stack.dir);
  assert.equal((await other.exit).code, 78);
  await until(() => other.log.includes('link-key'), 'a word about it');
});

test('who begins in a folder waits until another one that begins there has made its key', async (t) => {
  const stack = await Stack.start(t), data = path.join(stack.dir, 'shared'), file = path.join(data, 'link-key'), key = crypto.randomBytes(32);
  fs.mkdirSync(data);
  const another = new stack.http.constructor('another', {}, stack.dir, ['flock', data, 'cat']), isWaiting = new RegExp(`-> FLOCK.*:${fs.statSync(data).ino} `);
  await until(() => fs.readFileSync('/proc/locks', 'utf8').includes(`:${fs.statSync(data).ino} `), 'the other one to begin');
  const http = new stack.http.constructor('http-svc', { ...stack.env, SHARESTREAM_COMMON_DATA_DIR: data, SHARESTREAM_COMMON_RUN_DIR: path.join(stack.dir, 'another-run') }, stack.dir);
  t.after(() => Promise.all([another.kill(), http.kill()]));
  await until(() => isWaiting.test(fs.readFileSync('/proc/locks', 'utf8')), 'this one to wait');
  fs.writeFileSync(file, key, { mode: 0o600 });
  another.child.stdin.end();
  await http.ready;
  assert.ok(fs.readFileSync(file).equals(key));
  assert.equal((await http.stop()).code, 0);
});
