// SPDX-License-Identifier: MIT
//
// Each answer of the running server is checked against docs/openapi.yaml, and each path of that file is asked for.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import Ajv from 'ajv';
import formats from 'ajv-formats';
import yaml from 'js-yaml';
import WebSocket from 'ws';
import { HASH, OTHER, Stack, made, request, until, usual } from './harness.mjs';

const file = new URL('../../../docs/openapi.yaml', import.meta.url);
const api = yaml.load(fs.readFileSync(file, 'utf8'));
const ajv = new Ajv({ strict: false, allErrors: true });
formats(ajv);
ajv.addSchema(api, 'api');

function resolve(node) {
  return node?.$ref ? resolve(node.$ref.slice(2).split('/').reduce((at, part) => at[part], api)) : node;
}

// OpenAPI 3.0's `nullable` is known to ajv; references are made absolute for it.
function absolute(schema) {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/'));
}

function checkAnswer(template, method, answer) {
  const operation = api.paths[template][method.toLowerCase()];
  assert.ok(operation, `${method} ${template} is not described`);
  const response = resolve(operation.responses[answer.status] ?? operation.responses.default);
  assert.ok(response, `${method} ${template} ${answer.status} is not described: ${answer.body}`);
  for (const [name, header] of Object.entries(response.headers ?? {}))
    if (header.required) assert.ok(answer.headers[name.toLowerCase()], `${method} ${template} ${answer.status} without ${name}`);
  if (!response.content) {
    assert.equal(answer.body.length, 0);
    return;
  }
  const type = answer.headers['content-type'].split(';')[0];
  const media = response.content[type] ?? response.content['*/*'];
  assert.ok(media, `${type} is not described for ${method} ${template} ${answer.status}`);
  if (type !== 'application/json') return;
  const validate = ajv.compile(absolute(media.schema));
  assert.ok(validate(JSON.parse(answer.body)), `${method} ${template}: ${ajv.errorsText(validate.errors)}\n${answer.body}`);
}

const seen = new Set();
const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);

async function ask(stack, method, template, { hash = HASH, file: number = 0, path, id, code = 'NOBODY', service = 'http', query = '', value, body, status, headers }) {
  const target = fill(template, { hash, source: hash, file: number, path, id, code, service }) + query;
  const once = () => (body === undefined ? stack.json(method, target, value, headers) : stack.request(method, target, { headers, body }));
  const answer = await (status === 503 ? once() : made(once));
  if (body !== undefined) answer.json = JSON.parse(answer.body);
  seen.add(`${method.toLowerCase()} ${template}`);
  assert.equal(answer.status, status, `${method} ${template}${query}: ${answer.body.subarray(0, 300)}`);
  checkAnswer(template, method, answer);
  return answer;
}

const rawHash = HASH.replace(/../g, '%$&');
const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };

async function askTracker(stack, status) {
  const announce = await ask(stack, 'GET', '/announce', { query: `?info_hash=${rawHash}&peer_id=-TR2940-aaaaaaaaaaaa&port=7000&left=0&event=started&numwant=3&compact=1`, status });
  const rest = [['/scrape', `?info_hash=${rawHash}`], ['/stats', ''], ['/stats.json', '']].map(([path, query]) => ask(stack, 'GET', path, { query, status }));
  return [announce, ...await Promise.all(rest)];
}

function askRoom(stack, status) {
  const there = ['/ice-servers', '/api/turn', '/api/turn/credentials', '/api/tunnel', '/api/room/{code}', '/api/room/{code}/ready'];
  const unknown = ['/api/rooms/{code}', '/join/{code}'];
  return Promise.all([...there.map((path) => ask(stack, 'GET', path, { status })),
    ...unknown.map((path) => ask(stack, 'GET', path, { status: status === 200 ? 404 : status }))]);
}

const SERVICE = '/api/v1/services/{service}';

// Started one by one, as these are: what can be told without a supervisor is.
async function askAboutServices(stack) {
  const { json } = await ask(stack, 'GET', '/api/v1/services', { status: 200 });
  assert.equal(json.hasSupervisor, false);
  assert.deepEqual(json.services.map(({ name, state, logLevel }) => `${name} ${state} ${logLevel}`),
    ['tracker', 'torrent', 'transcode', 'room', 'rtc', 'http'].map((name) => `${name}.0 ready debug`));
  const { settings } = (await ask(stack, 'GET', `${SERVICE}/settings`, { service: 'room', status: 200 })).json;
  const find = (name) => settings.find((one) => one.name === name);
  assert.deepEqual(find('room.turn_secret'), { name: 'room.turn_secret', value: '(set)', origin: 'environment', place: 'SHARESTREAM_ROOM_TURN_SECRET', fallback: '', help: find('room.turn_secret').help });
  assert.equal(find('room.max_rooms').origin, 'default');
  assert.ok(!JSON.stringify(settings).includes('hunter2'));
  const own = (await ask(stack, 'GET', `${SERVICE}/settings`, { service: 'http.0', status: 200 })).json.settings.find(({ name }) => name === 'http.listen');
  assert.equal(own.place, 'SHARESTREAM_HTTP_LISTEN');
  for (const service of ['nobody', 'http.x', 'http.64', '%00']) await ask(stack, 'GET', `${SERVICE}/settings`, { service, status: 404 });
  await ask(stack, 'GET', `${SERVICE}/settings`, { service: 'supervisor', status: 503 });

  assert.equal((await ask(stack, 'PUT', `${SERVICE}/log-level`, { value: { level: 'warn' }, status: 200 })).json.level, 'debug');
  assert.equal((await ask(stack, 'PUT', `${SERVICE}/log-level`, { value: { level: 'debug' }, status: 200 })).json.level, 'warn');
  await ask(stack, 'PUT', `${SERVICE}/log-level`, { value: { level: 'loud' }, status: 400 });
  await ask(stack, 'PUT', `${SERVICE}/log-level`, { value: { volume: 'loud' }, status: 400 });

  const refused = [ask(stack, 'GET', `${SERVICE}/deaths`, { status: 503 }), ask(stack, 'POST', `${SERVICE}/restart`, { status: 503 }), ask(stack, 'GET', '/api/v1/logs', { status: 503 })];
  for (const answer of await Promise.all(refused)) assert.match(answer.json.error.message, /started without it/);
  await ask(stack, 'GET', '/api/v1/logs', { query: '?after=soon', status: 400 });
}

// A film, the file of HASH, which is none, and one that never comes.
async function askForMedia(stack) {
  const FILM = '1'.repeat(40), SLOW = '2'.repeat(40), HLS = '/hls/{source}/{file}/{path}', MEDIA = '/api/v1/torrents/{hash}/files/{file}/media';
  const size = await stack.addFilm(FILM, [...usual, '-metadata:s:a:0', 'language=eng'], 'film.mkv');
  await stack.fake.say(`ready ${FILM} 0 ${size}`);
  await stack.addFilm(SLOW, usual, 'slow.mkv');

  const type = async (path) => (await ask(stack, 'GET', HLS, { hash: FILM, path, status: 200 })).headers['content-type'];
  assert.deepEqual(await Promise.all(['master.m3u8', 'v/index.m3u8', 'v/init.mp4', 'v/0.m4s', 'a1/0.m4s', 'playlist.m3u8', '0.ts'].map(type)),
    ['application/vnd.apple.mpegurl', 'application/vnd.apple.mpegurl', 'video/mp4', 'video/mp4', 'audio/mp4', 'application/vnd.apple.mpegurl', 'video/mp2t']);
  await ask(stack, 'HEAD', HLS, { hash: FILM, path: 'v/0.m4s', status: 200 });
  assert.deepEqual(await Promise.all(['thumbs.vtt', 'thumbs.json', 'thumbs/0.jpg', 'poster.jpg'].map(type)), ['text/vtt; charset=utf-8', 'application/json', 'image/jpeg', 'image/jpeg']);
  for (const path of ['thumbs/1.jpg', 'waveform.json'])
    await ask(stack, 'GET', HLS, { hash: FILM, path, status: 404 });
  for (const path of ['nothing', 'v/99.m4s', 'a0/0.m4s', 'a7/0.m4s'])
    await ask(stack, 'GET', HLS, { hash: FILM, path, status: 404 });
  await ask(stack, 'GET', HLS, { hash: FILM, path: 'master.m3u8', file: 1, status: 404 });
  await ask(stack, 'GET', HLS, { hash: FILM, path: 'master.m3u8', file: 'x', status: 400 });
  await ask(stack, 'GET', HLS, { hash: FILM, path: 'master.m3u8', query: `?x=${'x'.repeat(2000)}`, status: 414 });
  await ask(stack, 'GET', HLS, { path: 'master.m3u8', status: 415 });
  await ask(stack, 'GET', HLS, { hash: FILM, path: 'master.m3u8', query: '?can=hvc1', status: 200 });
  await ask(stack, 'GET', HLS, { hash: OTHER, path: 'master.m3u8', status: 500 });
  await ask(stack, 'GET', HLS, { hash: SLOW, path: 'master.m3u8', status: 503 });

  const { json } = await ask(stack, 'GET', MEDIA, { hash: FILM, status: 200 });
  assert.deepEqual([json.way, json.media.video, json.media.audio, json.media.streams[1].language], ['remux', 0, 1, 'eng']);
  assert.ok(json.why);
  assert.equal((await ask(stack, 'GET', MEDIA, { hash: FILM, query: '?can=mp4a', status: 200 })).json.way, 'full');
  await ask(stack, 'GET', MEDIA, { hash: FILM, file: 1, status: 404 });
  await ask(stack, 'GET', MEDIA, { hash: FILM, file: 'x', status: 400 });
  await ask(stack, 'GET', MEDIA, { status: 415 });
  await ask(stack, 'GET', MEDIA, { hash: SLOW, status: 503 });

  const waiting = stack.get(`/hls/${SLOW}/0/master.m3u8`);
  const jobs = await until(async () => {
    const { json } = await ask(stack, 'GET', '/api/v1/jobs', { status: 200 });
    return json.jobs.some(({ infoHash }) => infoHash === SLOW) && json;
  }, 'a job');
  assert.ok(jobs.cacheBytes > 0 && jobs.cacheBytes < jobs.cacheLimitBytes);
  await waiting;
}

async function askForSubtitles(stack) {
  const FILM = '1'.repeat(40), SLOW = '2'.repeat(40), ALL = '/api/v1/torrents/{hash}/files/{file}/subtitles', ONE = `${ALL}/{id}`;
  const HLS = '/hls/{source}/{file}/{path}', srt = '1\n00:00:01,000 --> 00:00:02,000\nHello\n';

  assert.deepEqual((await ask(stack, 'GET', ALL, { hash: FILM, status: 200 })).json, { subtitles: [], fonts: [] });
  await ask(stack, 'GET', ALL, { hash: FILM, file: 'x', status: 400 });
  await ask(stack, 'GET', ALL, { status: 415 });
  await ask(stack, 'GET', ALL, { hash: SLOW, status: 503 });
  const added = await ask(stack, 'POST', ALL, { hash: FILM, query: '?name=Mine&language=eng', body: srt, status: 201 });
  assert.equal(added.headers.location, added.json.url);
  assert.deepEqual((await ask(stack, 'GET', ALL, { hash: FILM, status: 200 })).json.subtitles, [added.json]);
  await ask(stack, 'POST', ALL, { hash: FILM, body: '{}', status: 400 });
  await ask(stack, 'POST', ALL, { hash: FILM, query: '?language=%20', body: srt, status: 400 });
  await ask(stack, 'POST', ALL, { hash: FILM, file: 7, body: srt, status: 404 });
  await ask(stack, 'POST', ALL, { hash: FILM, body: Buffer.alloc((4 << 20) + 1), status: 413 });
  const path = `${added.json.id}/all.vtt`;
  assert.match((await ask(stack, 'GET', HLS, { hash: FILM, path, query: '?delay=500', status: 200 })).body.toString(), /\n00:00:01\.500 --> 00:00:02\.500\nHello\n$/);
  await ask(stack, 'GET', HLS, { hash: FILM, path, query: '?delay=soon', status: 400 });
  await ask(stack, 'DELETE', ONE, { hash: FILM, id: added.json.id, status: 204 });
  await ask(stack, 'DELETE', ONE, { hash: FILM, id: added.json.id, status: 404 });
  await ask(stack, 'GET', HLS, { hash: FILM, path, status: 404 });
}

async function askForRooms(stack) {
  const ALL = '/api/v1/rooms', ONE = `${ALL}/{code}`, magnet = `magnet:?xt=urn:btih:${HASH}&dn=x`;

  assert.deepEqual((await ask(stack, 'GET', ALL, { status: 200 })).json, { rooms: [], total: 0, next: '' });
  const made = await ask(stack, 'POST', ALL, { value: { source: magnet, file: '1', title: 'Film night', password: 'sesame', durationMs: 60000 }, status: 201 });
  const { code, url, room } = made.json;
  assert.deepEqual([made.headers.location, url], [`/api/v1/rooms/${code}`, `http://127.0.0.1:${stack.port}/room/${code}`]);
  assert.deepEqual([room.choices.title, room.hasPassword, room.queue[0].source, room.queue[0].name, room.queue[0].file], ['Film night', true, magnet, 'Fake torrent', '1']);
  assert.equal((await ask(stack, 'POST', ALL, { value: { code: 'my room', source: 'https://films.example/a.mp4' }, status: 201 })).json.url, `http://127.0.0.1:${stack.port}/room/MY%20ROOM`);
  await ask(stack, 'POST', ALL, { value: { code: 'My Room' }, status: 409 });
  await ask(stack, 'POST', ALL, { value: { source: 'nonsense' }, status: 400 });
  await ask(stack, 'POST', ALL, { value: { source: 'https://', title: 'x' }, status: 400 });
  await ask(stack, 'POST', ALL, { value: { code: 'a/b' }, status: 400 });
  await ask(stack, 'POST', ALL, { value: { title: 'x'.repeat(257) }, status: 413 });
  await ask(stack, 'POST', ALL, { value: { titel: 'x' }, status: 400 });
  assert.equal((await ask(stack, 'GET', ALL, { status: 200 })).json.total, 2, 'nothing is left of what was refused');

  // Page by page.
  const codes = [];
  for (let i = 0; i < 5; i++) codes.push((await ask(stack, 'POST', ALL, { value: undefined, status: 201 })).json.code);
  const found = [];
  for (let next = '', more = true; more; more = next !== '') {
    const page = (await ask(stack, 'GET', ALL, { query: `?limit=3&after=${encodeURIComponent(next)}`, status: 200 })).json;
    assert.ok(page.rooms.length <= 3 && page.total === 7);
    found.push(...page.rooms.map((one) => one.code));
    next = page.next;
  }
  assert.deepEqual(found, [...codes, code, 'MY ROOM'].sort());
  for (const limit of ['many', '0', '']) await ask(stack, 'GET', ALL, { query: `?limit=${limit}`, status: 400 });

  const about = (action, value, status) => ask(stack, 'POST', `${ONE}/${action}`, { code: code.toLowerCase(), value, status });
  await about('say', { text: 'The film begins at eight' }, 204);
  await about('say', { text: ' ' }, 400);
  await about('kick', { id: 'nobody' }, 404);
  assert.deepEqual((await about('play', undefined, 200)).json.isPlaying, true);
  assert.deepEqual((await about('seek', { positionMs: 30000 }, 200)).json.positionMs, 30000);
  await about('seek', { positionMs: 'far' }, 400);
  assert.deepEqual((await about('rate', { rate: 1.5 }, 200)).json.wantedRate, 1.5);
  await about('rate', {}, 400);
  assert.deepEqual((await about('pause', {}, 200)).json.isPlaying, false);
  const shown = (await ask(stack, 'GET', ONE, { code, status: 200 })).json;
  assert.deepEqual([shown.chat.map(({ id, text }) => [id, text]), shown.members], [[['', 'The film begins at eight']], []]);
  assert.equal((await ask(stack, 'GET', ALL, { query: `?limit=1&after=${code.slice(0, -1)}`, status: 200 })).json.rooms[0].film, 'Fake torrent');
  await ask(stack, 'GET', ONE, { code: 'NOWHERE', status: 404 });
  await ask(stack, 'GET', ONE, { code: '%ff%00', status: 404 });
  await ask(stack, 'DELETE', ONE, { code, status: 204 });
  await ask(stack, 'DELETE', ONE, { code, status: 404 });
}

test('the answers are as described', async (t) => {
  const stack = await Stack.start(t, { tracker: true, transcode: true, room: true, rtc: true, env: { SHARESTREAM_TRANSCODE_WAIT: '1s', SHARESTREAM_TRANSCODE_CACHE_FREE: '0',
    SHARESTREAM_ROOM_TURN_URLS: 'turn:127.0.0.1:3478', SHARESTREAM_ROOM_TURN_SECRET: 'hunter2' } });
  await stack.fake.say(`torrent ${HASH} 65536 200000,10`);
  await stack.fake.say(`ready ${HASH} 0 100`);
  const T = '/api/v1/torrents/{hash}';

  await ask(stack, 'GET', '/health', { status: 200 });
  await ask(stack, 'GET', '/health/live', { status: 200 });
  await ask(stack, 'GET', '/health/ready', { status: 200 });
  await ask(stack, 'GET', '/metrics', { status: 200 });
  await askRoom(stack, 200);
  const [announce, scrape, , stats] = await askTracker(stack, 200);
  assert.match(announce.body.toString(), /^d8:completei1e/);
  assert.match(scrape.body.toString('latin1'), /^d5:filesd20:/);
  assert.equal(stats.json.peersSeederOnly, 1);
  for (const path of ['/announce', '/scrape'])
    assert.match((await ask(stack, 'GET', path, { query: '?info_hash=short', status: 200 })).body.toString(), /^d14:failure reason/);
  for (const path of ['/tracker', '/ws']) {
    await ask(stack, 'GET', path, { status: 404 });
    await ask(stack, 'GET', path, { headers: { ...upgrade, 'sec-websocket-version': '12' }, status: 426 });
    await ask(stack, 'GET', path, { headers: { ...upgrade, 'sec-websocket-key': 'x' }, status: 400 });
  }
  (await stack.socket('/tracker')).close();
  await ask(stack, 'GET', '/torrent/{source}', { status: 200 });
  await ask(stack, 'GET', '/torrent/{source}', { hash: OTHER, status: 500 });
  await ask(stack, 'GET', '/torrent/{source}', { hash: 'magnet%3A%3Fxt%3Durn%3Abtih%3A' + OTHER + '%26dn%3Dfull', status: 507 });
  await ask(stack, 'GET', '/stream/{source}/{file}', { status: 200 });
  await ask(stack, 'GET', '/stream/{source}/{file}', { status: 206, headers: { range: 'bytes=0-1' } });
  await ask(stack, 'GET', '/stream/{source}/{file}', { status: 416, headers: { range: 'bytes=999999-' } });
  await ask(stack, 'GET', '/stream/{source}/{file}', { status: 404, file: 7 });
  await ask(stack, 'GET', '/stream/{source}/{file}', { status: 400, file: 'x' });
  await ask(stack, 'HEAD', '/stream/{source}/{file}', { status: 200 });
  await askForMedia(stack);
  await askForSubtitles(stack);
  await askForRooms(stack);
  const served = await ask(stack, 'GET', '/api/v1/openapi.yaml', { status: 200 });
  assert.equal(served.body.toString(), fs.readFileSync(file, 'utf8'), 'what is served is what is tested');

  const list = await ask(stack, 'GET', '/api/v1/torrents', { status: 200 });
  assert.equal(list.json.torrents[0].infoHash, HASH);
  const added = await ask(stack, 'POST', '/api/v1/torrents', { value: { source: HASH }, status: 200 });
  assert.equal(added.headers.location, `/api/v1/torrents/${HASH}`);
  await ask(stack, 'POST', '/api/v1/torrents', { value: {}, status: 400 });
  await ask(stack, 'POST', '/api/v1/torrents', { value: { source: 'nonsense' }, status: 400 });
  await ask(stack, 'POST', '/api/v1/torrents', { value: { source: 'full' }, status: 507 });
  const unknown = await ask(stack, 'POST', '/api/v1/torrents', { value: { sauce: 'x' }, status: 400 });
  assert.match(unknown.json.error.message, /sauce/);
  const got = await ask(stack, 'GET', T, { status: 200 });
  assert.equal(got.json.files.length, 2);
  await ask(stack, 'GET', T, { hash: OTHER, status: 404 });
  await ask(stack, 'GET', T, { hash: 'nonsense', status: 400 });
  for (const verb of ['pause', 'resume', 'recheck']) {
    await ask(stack, 'POST', `${T}/${verb}`, { status: 204 });
    await ask(stack, 'POST', `${T}/${verb}`, { hash: OTHER, status: 404 });
  }
  await ask(stack, 'PUT', `${T}/select`, { value: { files: [0] }, status: 204 });
  await ask(stack, 'PUT', `${T}/select`, { value: { files: ['a'] }, status: 400 });
  await ask(stack, 'PUT', `${T}/limits`, { value: { download: 1000 }, status: 200 });
  assert.equal((await ask(stack, 'GET', `${T}/limits`, { status: 200 })).json.download, 1000);
  await ask(stack, 'PUT', '/api/v1/limits', { value: { upload: 5 }, status: 200 });
  await ask(stack, 'GET', '/api/v1/limits', { status: 200 });
  await ask(stack, 'GET', `${T}/peers`, { status: 200 });
  const pieces = (await ask(stack, 'GET', `${T}/pieces`, { query: '?cells=16', status: 200 })).json;
  assert.deepEqual([...Buffer.from(pieces.ready, 'base64url')], [255, 0, 128]);
  await ask(stack, 'GET', `${T}/pieces`, { query: '?cells=x', status: 400 });
  await ask(stack, 'GET', `${T}/browsers`, { status: 200 });
  await ask(stack, 'GET', `${T}/browsers`, { hash: 'nonsense', status: 400 });
  const metainfo = await ask(stack, 'GET', `${T}/metainfo`, { status: 200 });
  assert.equal(metainfo.headers['content-type'], 'application/x-bittorrent');
  const list3u = await ask(stack, 'GET', `${T}/playlist.m3u`, { status: 200 });
  assert.equal(list3u.body.toString(), `#EXTM3U\n${[0, 1].map((id) => `#EXTINF:-1,Fake torrent/file "${id}" é.mp4\nhttp://127.0.0.1:${stack.port}/stream/${HASH}/${id}/file%20%22${id}%22%20%C3%A9.mp4\n`).join('')}`);
  const link = list3u.body.toString().split('\n')[2].slice(`http://127.0.0.1:${stack.port}`.length);
  assert.equal((await stack.get(link)).status, 200);
  await ask(stack, 'GET', `${T}/files`, { status: 200 });
  const later = await ask(stack, 'GET', `${T}/files`, { query: '?firstFile=1', status: 200 });
  assert.deepEqual([later.json.fileCount, later.json.files.map(({ id }) => id)], [2, [1]]);
  assert.match((await ask(stack, 'GET', `${T}/files/{file}/link`, { file: 1, status: 200 })).json.url, /\/1\//);
  await ask(stack, 'GET', `${T}/files/{file}/diagnosis`, { query: '?position=100', status: 200 });
  await ask(stack, 'GET', `${T}/files/{file}/diagnosis`, { query: '?position=x', status: 400 });
  const { ranges } = (await ask(stack, 'GET', `${T}/files/{file}/ready`, { status: 200 })).json;
  assert.ok(ranges.every(([from, until], i) => from < until && (i === 0 || from > ranges[i - 1][1])), JSON.stringify(ranges));
  await ask(stack, 'GET', `${T}/files/{file}/ready`, { file: 9, status: 404 });
  await ask(stack, 'GET', `${T}/files/{file}/ready`, { file: 'x', status: 400 });
  assert.equal((await ask(stack, 'GET', `${T}/files/{file}/link`, { status: 200 })).json.expiresUnixS, 0);
  await ask(stack, 'GET', `${T}/files/{file}/link`, { file: 9, status: 404 });
  await ask(stack, 'GET', '/api/v1/stats', { status: 200 });
  await askAboutServices(stack);
  await ask(stack, 'POST', '/api/v1/seed', { value: { path: '/etc/hostname' }, status: 202 });
  await ask(stack, 'POST', '/api/v1/seed', { value: { path: 'relative' }, status: 400 });
  const U = '/api/v1/uploads/{hash}', tus = { 'tus-resumable': '1.0.0' }, bytes = { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
  const begins = { ...tus, 'upload-length': '1000', 'upload-metadata': 'filename ZmlsbS5tcDQ=' };
  const begun = await ask(stack, 'POST', '/api/v1/uploads', { headers: begins, status: 201 });
  assert.equal(begun.headers.location, `uploads/${begun.json.infoHash}`);
  await ask(stack, 'POST', '/api/v1/uploads', { headers: { ...begins, 'upload-length': '2000' }, status: 507 });
  await ask(stack, 'POST', '/api/v1/uploads', { headers: { ...begins, 'upload-metadata': 'filename Li4=' }, status: 400 });
  await ask(stack, 'POST', '/api/v1/uploads', { headers: { ...begins, 'tus-resumable': '2.0.0' }, status: 412 });
  await ask(stack, 'GET', U, { status: 200 });
  await ask(stack, 'GET', U, { hash: OTHER, status: 404 });
  // The torrent of the fake has two files: nothing is ever written into such a one.
  for (const [method, path] of [['PATCH', U], ['PUT', `${U}/tail`]]) {
    await ask(stack, method, path, { headers: bytes, body: 'x', status: 404 });
    await ask(stack, method, path, { headers: { ...bytes, 'content-type': 'text/plain' }, body: 'x', status: 415 });
    await ask(stack, method, path, { headers: { ...bytes, 'upload-offset': '-1' }, body: 'x', status: 400 });
  }
  await ask(stack, 'DELETE', U, { hash: OTHER, headers: tus, status: 404 });
  assert.equal((await ask(stack, 'GET', '/api/v1/media', { status: 200 })).json.entries.length, 1);
  await ask(stack, 'GET', '/api/v1/media', { query: '?path=nowhere', status: 404 });
  await ask(stack, 'GET', `${T}/events`, { hash: OTHER, status: 404 });
  await ask(stack, 'DELETE', T, { query: '?keepData=perhaps', status: 400 });
  await ask(stack, 'DELETE', T, { query: '?keepData=true', status: 204 });
  await ask(stack, 'DELETE', T, { hash: OTHER, status: 404 });

  const missing = Object.entries(api.paths).flatMap(([path, item]) => Object.keys(item).filter((key) => key !== 'parameters').map((method) => `${method} ${path}`))
    .filter((operation) => !seen.has(operation) && operation !== 'get /api/v1/events');
  assert.deepEqual(missing, [], 'described but not tried');
});

test('what the supervisor knows and does', async (t) => {
  const stack = await Stack.start(t);
  await stack.startSupervisor();
  const tracker = () => until(async () => {
    const { json } = await ask(stack, 'GET', '/api/v1/services', { status: 200 });
    return json.hasSupervisor && json.services.find(({ name, state, logLevel }) => name === 'tracker.0' && state === 'ready' && logLevel !== '');
  }, 'tracker-svc to be ready');
  const first = await tracker();
  assert.ok(first.residentBytes > 0 && first.pid > 0 && first.uptimeMs >= 0);
  assert.deepEqual((await ask(stack, 'GET', `${SERVICE}/deaths`, { service: 'tracker', status: 200 })).json, { deaths: [] });
  process.kill(first.pid, 'SIGKILL');
  const { deaths: [death] } = await until(async () => {
    const { json } = await ask(stack, 'GET', `${SERVICE}/deaths`, { service: 'tracker.0', status: 200 });
    return json.deaths.length > 0 && json;
  }, 'the obituary');
  assert.deepEqual([death.cause, death.pid, death.wasReady], ['signal 9 (SIGKILL)', first.pid, true]);
  assert.ok(death.lastLines.some((line) => line.includes('svc=tracker.0')));
  const second = await until(async () => { const now = await tracker(); return now.pid !== first.pid && now; }, 'another life');
  assert.equal(second.restarts, 1);

  await ask(stack, 'POST', `${SERVICE}/restart`, { service: 'tracker', status: 204 });
  await until(async () => (await tracker()).pid !== second.pid, 'the life after the restart');
  assert.equal((await ask(stack, 'GET', `${SERVICE}/deaths`, { service: 'tracker', status: 200 })).json.deaths.length, 1, 'which was no death');
  for (const service of ['http', 'nobody', 'supervisor']) await ask(stack, 'POST', `${SERVICE}/restart`, { service, status: 404 });
  await ask(stack, 'GET', `${SERVICE}/settings`, { service: 'supervisor', status: 200 });

  const logs = async (query, status = 200) => (await ask(stack, 'GET', '/api/v1/logs', { query, status })).json;
  const { lines } = await logs('?service=supervisor&level=warn');
  assert.ok(lines.some(({ text, level }) => level === 'warn' && /msg="service died" name=tracker\.0/.test(text)), JSON.stringify(lines));
  assert.ok(lines.every(({ name, level }) => name === 'supervisor.0' && level !== 'info'));
  const newest = await logs('?limit=1');
  assert.equal(newest.lines.length, 1);
  assert.equal(newest.next, newest.lines[0].number);
  await ask(stack, 'POST', `${SERVICE}/restart`, { service: 'tracker', status: 204 });
  const more = await until(async () => { const answer = await logs(`?after=${newest.next}&service=supervisor`); return answer.lines.length > 0 && answer; }, 'what follows');
  assert.match(more.lines[0].text, /restart asked/);
  assert.equal(more.isMissed, false);
  assert.ok(more.lines[0].number > newest.next);
  await logs('?level=loud', 400);
  await logs('?limit=-1', 400);
});

test('bodies of other types and broken JSON are refused', async (t) => {
  const stack = await Stack.start(t);
  const wrong = await stack.request('POST', '/api/v1/torrents', { headers: { 'content-type': 'text/plain' }, body: 'x' });
  assert.equal(wrong.status, 415);
  for (const body of ['{', '[]', '"x"', '{"source":1}', `${'['.repeat(100000)}`, '{"waitMs":-1}', '{"source":"a","source":"b"}']) {
    const answer = await stack.request('POST', '/api/v1/torrents', { headers: { 'content-type': 'application/json' }, body });
    assert.equal(answer.status, 400, body.slice(0, 40));
    checkAnswer('/api/v1/torrents', 'POST', answer);
  }
  const lost = await stack.json('GET', '/api/v1/nothing');
  assert.equal(lost.status, 404);
  assert.equal(lost.json.error.code, 'not_found');
  const method = await stack.request('PATCH', '/api/v1/torrents');
  assert.equal(method.status, 405);
  assert.equal(method.headers.allow, 'GET, HEAD, POST, OPTIONS');
});

// {name: 0 or 1} of every process that /metrics knows.
async function up(stack) {
  const { status, body } = await stack.get('/metrics');
  assert.equal(status, 200);
  return Object.fromEntries([...body.toString().matchAll(/^sharestream_up\{service="(\w+)"\} (\d)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

test('who is there and who is away: every neighbour is asked and missed alike', async (t) => {
  const stack = await Stack.start(t, { torrent: false });
  // Alone, as somebody may run it by hand: nobody is waited for as long as by a question of a client.
  const begun = Date.now();
  assert.deepEqual(await up(stack), { torrent: 0, tracker: 0, transcode: 0, room: 0, rtc: 0, http: 1, supervisor: 0 });
  assert.ok(Date.now() - begun < 5000, 'soon');
  const alone = await stack.json('GET', '/health/ready');
  assert.equal(alone.status, 503);
  assert.deepEqual(alone.json, { status: 'degraded', reasons: ['tracker-svc is away', 'torrent-svc is away', 'transcode-svc is away', 'room-svc is away', 'rtc-svc is away'] });
  const others = ['/api/v1/jobs', '/api/v1/rooms', '/api/v1/torrents/{hash}/browsers'].map((path) => ask(stack, 'GET', path, { status: 503 }));
  await Promise.all([askTracker(stack, 503), askRoom(stack, 503)]);
  for (const { json } of await Promise.all(others)) assert.equal(json.error.code, 'unavailable');

  await stack.startFake();
  await stack.startTranscode();
  await stack.startRoom();
  await stack.startRtc();
  await until(async () => (await stack.away()).join() === 'tracker-svc is away', 'the others to be seen');
  assert.equal((await stack.get('/health/ready')).status, 503);
  await stack.startTracker();
  await until(async () => (await stack.get('/health/ready')).status === 200, 'tracker-svc to be seen');
  assert.deepEqual(await up(stack), { torrent: 1, tracker: 1, transcode: 1, room: 1, rtc: 1, http: 1, supervisor: 0 });
  await askTracker(stack, 200);
  await askRoom(stack, 200);
  const { body } = await stack.get('/metrics');
  assert.match(body.toString(), /^sharestream_tracker_announces_http_total\{service="tracker"\} 1$/m);

  await stack.tracker.kill();
  await until(async () => (await stack.away()).join() === 'tracker-svc is away', 'its death to be seen');
  assert.deepEqual(await up(stack), { torrent: 1, tracker: 0, transcode: 1, room: 1, rtc: 1, http: 1, supervisor: 0 });
  await until(() => stack.http.log.includes('msg=degraded why="tracker-svc is away"'), 'a line in the log');
  await stack.startTracker();
  await until(async () => (await stack.get('/health/ready')).status === 200, 'its next life');
});

test('with torrent-svc away the answers say so, in time', async (t) => {
  const stack = await Stack.start(t, { torrent: false });
  const ready = await stack.json('GET', '/health/ready');
  assert.equal(ready.status, 503);
  checkAnswer('/health/ready', 'GET', ready);
  const [stream, stats, ...answers] = await Promise.all([`/stream/${HASH}/0`, '/api/v1/stats', '/api/v1/torrents', `/api/v1/torrents/${HASH}`].map((target) => stack.json('GET', target)));
  for (const answer of answers) {
    assert.equal(answer.status, 503);
    assert.equal(answer.json.error.code, 'unavailable');
    assert.ok(answer.headers['retry-after']);
  }
  assert.equal(stream.status, 503);
  assert.deepEqual(stream.json, { error: 'Failed to get torrent' });
  checkAnswer('/api/v1/stats', 'GET', stats);
  assert.equal(stats.json.torrent, null);
});

// Reads events from a raw connection: [{event, data}] so far.
function events(socket) {
  const text = socket.received.toString();
  return text.split('\n\n').map((block) => ({ event: /^(?:[0-9a-f]+\r\n)?event: (.*)$/m.exec(block)?.[1], data: /^data: (.*)$/m.exec(block)?.[1] }))
    .filter(({ event }) => event).map(({ event, data }) => ({ event, data: JSON.parse(data) }));
}

test('events: of one torrent, of all, to the end', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_THREADS: '2' } });
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  await stack.fake.say(`torrent ${OTHER} 65536 1000`);
  const get = (target) => stack.raw(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const one = get(`/api/v1/torrents/${HASH}/events`), all = get('/api/v1/events');
  await until(() => all.received.includes('retry:') && events(one).length === 1, 'the greetings');
  assert.match(one.received.toString(), /content-type: text\/event-stream/);
  const validate = ajv.compile({ $ref: 'api#/components/schemas/TorrentInfo' });
  assert.ok(validate(events(one)[0].data), ajv.errorsText(validate.errors));
  await stack.fake.say(`progress ${OTHER}`);
  await stack.fake.say(`progress ${HASH}`);
  await until(() => events(all).length === 2 && events(one).length === 2, 'progress');
  assert.deepEqual(events(all).map(({ data }) => data.infoHash), [OTHER, HASH]);
  assert.deepEqual(events(one).map(({ data }) => data.infoHash), [HASH, HASH]);
  await stack.fake.say(`gone ${HASH}`);
  await until(() => one.received.toString().endsWith('0\r\n\r\n'), 'the end of the stream');
  assert.deepEqual(events(one).at(-1), { event: 'changed', data: { infoHash: HASH, isGone: true, state: 'unknown' } });
  all.end();
  await until(async () => (await stack.metric('sharestream_http_event_clients')) === 0, 'the client to be gone');
});

test('events by WebSocket: the same, and for no page of somebody else', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_THREADS: '2' } });
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  await stack.fake.say(`torrent ${OTHER} 65536 1000`);
  const open = (target, origin) => {
    const socket = new WebSocket(`ws://127.0.0.1:${stack.port}${target}`, origin ? { origin } : {});
    socket.heard = [];
    socket.on('message', (data) => {
      const [, event, text] = /^event: (.*)\ndata: (.*)\n\n$/.exec(data.toString());
      socket.heard.push([event, JSON.parse(text).infoHash]);
    });
    socket.closed = new Promise((resolve) => socket.on('close', resolve));
    socket.refused = new Promise((resolve) => socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode)));
    socket.on('error', () => {});
    t.after(() => socket.terminate());
    return socket;
  };
  const one = open(`/api/v1/torrents/${HASH}/events`, `http://127.0.0.1:${stack.port}`), all = open('/api/v1/events');
  await until(async () => one.heard.length === 1 && (await stack.metric('sharestream_http_event_clients')) === 2, 'the greeting');
  await stack.fake.say(`progress ${OTHER}`);
  await stack.fake.say(`progress ${HASH}`);
  await until(() => all.heard.length === 2 && one.heard.length === 2, 'progress');
  assert.deepEqual(all.heard, [['progress', OTHER], ['progress', HASH]]);
  await stack.fake.say(`gone ${HASH}`);
  assert.equal(await one.closed, 1000, 'nothing follows');
  assert.deepEqual(one.heard.slice(1), [['progress', HASH], ['changed', HASH]]);
  assert.equal(await open('/api/v1/events', 'https://elsewhere.example').refused, 403);
  assert.equal(await open(`/api/v1/torrents/${'0'.repeat(40)}/events`).refused, 404);
  all.close();
  await until(async () => (await stack.metric('sharestream_http_event_clients')) === 0, 'the client to be gone');
});

test('events: a client that does not read loses some, and a bounded amount is kept for it', async (t) => {
  const stack = await Stack.start(t, { env: { SHARESTREAM_HTTP_SEND_TIMEOUT: '2s' } });
  await stack.fake.say(`torrent ${HASH} 65536 1000`);
  const socket = stack.raw('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => socket.received.includes('retry:'), 'the greeting');
  socket.pause();
  for (let i = 0; i < 40; i++) await stack.fake.say(`flood ${HASH} 1000`);
  await until(async () => (await stack.metric('sharestream_http_events_dropped_total')) > 0, 'dropped events');
  const progress = setInterval(() => stack.fake.say(`flood ${HASH} 1000`), 20);
  await until(async () => (await stack.metric('sharestream_http_event_clients')) === 0, 'the cut').finally(() => clearInterval(progress));
});

test('events end when the server stops', async (t) => {
  const stack = await Stack.start(t);
  const socket = stack.raw('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until(() => socket.received.includes('retry:'), 'the greeting');
  stack.http.child.kill('SIGTERM');
  await socket.gone;
  assert.ok(socket.received.toString().endsWith('0\r\n\r\n'));
  assert.deepEqual(await stack.http.exit, { code: 0, signal: null });
});

test('a list of files that takes many messages is whole, or refused', async (t) => {
  const stack = await Stack.start(t);
  const ids = Array.from({ length: 40 }, (_, id) => id);
  const p2m = async () => (await stack.json('GET', `/torrent/${HASH}`)).json.files.map(({ id }) => id);
  const playlist = async () => [...(await stack.get(`/api/v1/torrents/${HASH}/playlist.m3u`)).body.toString().matchAll(/^http:.*\/stream\/\w+\/(\d+)\//gm)].map(([, id]) => Number(id));
  await stack.fake.say(`torrent ${HASH} 65536 ${ids.map((id) => 100 + id)}`);
  for (const [page, more] of [[0, 0], [39, 1], [40, 0], [20, 1], [3, 13]]) {
    await stack.fake.say(`page ${HASH} ${page}`);
    const before = await stack.fake.counts();
    assert.deepEqual(await p2m(), ids, `${page} in a message`);
    assert.deepEqual(await playlist(), ids, `${page} in a message`);
    assert.equal((await stack.fake.counts()).gets - before.gets, 2 * more + 1);
  }
  const link = await stack.json('GET', `/api/v1/torrents/${HASH}/files/39/link`);
  assert.match(link.json.url, /\/39\//);

  await stack.fake.say(`page ${HASH} 1`);
  const before = await stack.fake.counts();
  for (const target of [`/torrent/${HASH}`, `/api/v1/torrents/${HASH}/playlist.m3u`]) {
    const answer = await stack.json('GET', target);
    assert.equal(answer.status, 500);
    assert.match(answer.json.error.message ?? answer.json.error, /too many files/);
  }
  assert.equal((await stack.fake.counts()).gets - before.gets, 15 + 16, 'bounded');
});

test('a client that leaves, or a torrent that goes, while files are listed', async (t) => {
  const stack = await Stack.start(t);
  await stack.fake.say(`torrent ${HASH} 65536 1,2,3`);
  await stack.fake.say(`page ${HASH} 1`);
  for (const [target, asked] of [[`/torrent/${HASH}`, 1], [`/api/v1/torrents/${HASH}/playlist.m3u`, 2]]) {
    await stack.fake.say(`later ${HASH} mute`);
    const { gets } = await stack.fake.counts();
    const socket = stack.raw(request('GET', target));
    await until(async () => (await stack.fake.counts()).gets === gets + asked, 'the question for more');
    socket.destroy();
    await until(async () => (await stack.metric('sharestream_http_requests')) === 1, 'the end of it', 5000);
  }
  await stack.fake.say(`later ${HASH} gone`);
  assert.equal((await stack.get(`/torrent/${HASH}`)).status, 404);
});
