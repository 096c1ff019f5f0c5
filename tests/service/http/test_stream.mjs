// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { HASH, OTHER, Stack, pattern, request, until } from './harness.mjs';

const PIECE = 65536;
const SIZE = 20 * PIECE + 1234;

async function withFile(t, options) {
  const stack = await Stack.start(t, options);
  assert.equal(await stack.fake.say(`torrent ${HASH} ${PIECE} ${SIZE},0,5000`), 'ok');
  return stack;
}

for (const sendfile of ['true', 'false']) {
  test(`a ready file comes whole and in ranges (sendfile ${sendfile})`, async (t) => {
    const stack = await withFile(t, { env: { SHARESTREAM_HTTP_SENDFILE: sendfile } });
    await stack.fake.say(`ready ${HASH} 0 1000`);
    const whole = await stack.get(`/stream/${HASH}/0`);
    assert.equal(whole.status, 200);
    assert.equal(whole.headers['content-length'], String(SIZE));
    assert.equal(whole.headers['accept-ranges'], 'bytes');
    assert.equal(whole.headers['content-type'], 'video/mp4');
    assert.equal(whole.headers.etag, `"${HASH}-0"`);
    assert.match(whole.headers['content-disposition'], /^inline; filename="file _0_ _\.mp4"; filename\*=UTF-8''file%20%220%22%20%C3%A9\.mp4$/);
    assert.ok(whole.body.equals(pattern(0, SIZE)));
    for (const [range, from, length] of [
      ['bytes=0-1', 0, 2], ['bytes=100-', 100, SIZE - 100], ['bytes=-500', SIZE - 500, 500],
      [`bytes=65000-${3 * PIECE}`, 65000, 3 * PIECE - 65000 + 1], [`bytes=5-${SIZE * 2}`, 5, SIZE - 5]]) {
      const part = await stack.get(`/stream/${HASH}/0/any name.mp4`.replace(' ', '%20'), { range });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${from}-${from + length - 1}/${SIZE}`);
      assert.equal(part.headers.etag, `"${HASH}-0"`);
      assert.ok(part.body.equals(pattern(from, length)), range);
    }
    const last = await stack.get(`/stream/${HASH}/2`);
    assert.ok(last.body.equals(pattern(SIZE, 5000)), 'a file that begins inside a piece');
    const counts = await stack.fake.counts();
    assert.equal(counts.reads + counts.adds + counts.gets, 0, 'ready bytes need no message');
  });
}

test('the answers of RFC 9110', async (t) => {
  const stack = await withFile(t);
  await stack.fake.say(`ready ${HASH} 0 1000`);
  const etag = `"${HASH}-0"`;
  const target = `/stream/${HASH}/0`;
  for (const [name, headers, status] of [
    ['unknown unit', { range: 'items=0-5' }, 200],
    ['broken range', { range: 'bytes=5-2' }, 200],
    ['past the end', { range: `bytes=${SIZE}-` }, 416],
    ['suffix of nothing', { range: 'bytes=-0' }, 416],
    ['if-range holds', { range: 'bytes=0-9', 'if-range': etag }, 206],
    ['if-range of another file', { range: 'bytes=0-9', 'if-range': '"other"' }, 200],
    ['if-range is weak', { range: 'bytes=0-9', 'if-range': `W/${etag}` }, 200],
    ['if-range is a date', { range: 'bytes=0-9', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' }, 200],
    ['if-none-match', { 'if-none-match': etag }, 304],
    ['if-none-match list', { 'if-none-match': `"a", W/${etag}` }, 304],
    ['if-none-match star', { 'if-none-match': '*', range: 'bytes=0-1' }, 304],
    ['if-match fails', { 'if-match': '"other"' }, 412],
    ['if-match holds', { 'if-match': etag, range: 'bytes=0-1' }, 206],
  ]) {
    const answer = await stack.get(target, headers);
    assert.equal(answer.status, status, name);
    assert.equal(answer.headers.etag, etag, name);
    if (status === 416) assert.equal(answer.headers['content-range'], `bytes */${SIZE}`);
    if (status === 304) assert.equal(answer.body.length, 0);
    if (status === 200) assert.equal(answer.body.length, SIZE);
  }
  const head = await stack.request('HEAD', target, { headers: { range: 'bytes=0-9' } });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(SIZE));
  const empty = await stack.get(`/stream/${HASH}/1`);
  assert.equal(empty.status, 200);
  assert.equal(empty.headers['content-length'], '0');
  assert.equal((await stack.get(`/stream/${HASH}/1`, { range: 'bytes=0-' })).status, 416);
});

test('several ranges come as parts, many or overlapping ones as the whole file', async (t) => {
  const stack = await withFile(t);
  await stack.fake.say(`ready ${HASH} 0 1000`);
  const answer = await stack.get(`/stream/${HASH}/0`, { range: `bytes=0-9,70000-200000,-5` });
  assert.equal(answer.status, 206);
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(answer.headers['content-type'])[1];
  const expected = Buffer.concat([[0, 10], [70000, 130001], [SIZE - 5, 5]].flatMap(([from, length], i) => [
    Buffer.from(`${i ? '\r\n' : ''}--${boundary}\r\nContent-Type: video/mp4\r\nContent-Range: bytes ${from}-${from + length - 1}/${SIZE}\r\n\r\n`),
    pattern(from, length)]).concat(Buffer.from(`\r\n--${boundary}--\r\n`)));
  assert.equal(answer.headers['content-length'], String(expected.length));
  assert.ok(answer.body.equals(expected));
  const abuse = await stack.request('HEAD', `/stream/${HASH}/0`);
  assert.equal(abuse.status, 200);
  const many = await stack.get(`/stream/${HASH}/0`, { range: `bytes=${Array(300).fill('0-').join(',')}` });
  assert.equal(many.status, 200);
  assert.equal(many.headers['content-length'], String(SIZE));
});

test('a missing piece is waited for, with the head already sent', async (t) => {
  const stack = await withFile(t);
  const socket = stack.raw(request('GET', `/stream/${HASH}/0`));
  await until(() => socket.received.includes('\r\n\r\n'), 'the head');
  assert.match(socket.received.toString('latin1'), /^HTTP\/1\.1 200 OK\r\n/);
  await until(async () => (await stack.fake.counts()).open === 1, 'a lease');
  for (let piece = 0; piece <= 20; piece++) await stack.fake.say(`ready ${HASH} ${piece} ${piece}`);
  const headLength = socket.received.indexOf('\r\n\r\n') + 4;
  await until(() => socket.received.length === headLength + SIZE, 'the body');
  assert.ok(socket.received.subarray(headLength).equals(pattern(0, SIZE)));
  await until(async () => (await stack.fake.counts()).open === 0, 'the end of the lease');
  // The connection is still good.
  socket.write(request('GET', '/health/live'));
  await until(() => socket.received.toString('latin1').endsWith('{"status":"live"}'), 'the next answer');
});

test('parts of a multi-range answer are waited for as well, and lost events found out', async (t) => {
  const stack = await withFile(t);
  const answer = stack.get(`/stream/${HASH}/0`, { range: `bytes=100-199,${10 * PIECE}-${10 * PIECE + 99}` });
  await until(async () => (await stack.metric('sharestream_http_streams_waiting')) === 1, 'waiting');
  await stack.fake.say(`quiet ${HASH} 0 0`);
  await until(async () => (await stack.fake.counts()).reads >= 2, 'the second wait');
  await stack.fake.say(`ready ${HASH} 10 10`);
  const { status, body } = await answer;
  assert.equal(status, 206);
  assert.ok(body.includes(pattern(100, 100)));
  assert.ok(body.includes(pattern(10 * PIECE, 100)));
});

test('a client that leaves while we wait is noticed at once', async (t) => {
  const stack = await withFile(t);
  for (const leave of [(socket) => socket.end(), (socket) => socket.resetAndDestroy()]) {
    const socket = stack.raw(request('GET', `/stream/${HASH}/0`));
    await until(async () => (await stack.fake.counts()).open === 1, 'a lease');
    leave(socket);
    await until(async () => (await stack.fake.counts()).open === 0, 'the end of the lease');
    await until(async () => (await stack.metric('sharestream_http_streams')) === 0, 'the end of the stream');
  }
  assert.equal(await stack.metric('sharestream_http_aborts_seen_total'), 2);
  assert.equal(await stack.metric('sharestream_http_streams_left_total'), 2);
});

test('a client with a pipelined request that leaves while we wait is noticed too', async (t) => {
  const stack = await withFile(t);
  const socket = stack.raw(request('GET', `/stream/${HASH}/0`));
  await until(async () => (await stack.fake.counts()).open === 1, 'a lease');
  socket.write(request('GET', '/health/live'));
  await until(async () => (await stack.metric('sharestream_http_streams_waiting')) === 1, 'waiting');
  socket.end();
  await until(async () => (await stack.fake.counts()).open === 0, 'the end of the lease');
});

test('pipelined requests behind a waiting stream are answered in order', async (t) => {
  const stack = await withFile(t);
  const socket = stack.raw(request('GET', `/stream/${HASH}/2`) + request('GET', '/health/live'));
  await until(async () => (await stack.fake.counts()).open === 1, 'a lease');
  socket.write(request('GET', '/health/live'));
  await stack.fake.say(`ready ${HASH} 0 1000`);
  await until(() => socket.received.toString('latin1').split('{"status":"live"}').length === 3, 'both answers');
  assert.ok(socket.received.includes(pattern(SIZE, 5000)));
});

test('a client that leaves while torrent-svc is thinking is noticed as well', async (t) => {
  const stack = await withFile(t);
  await stack.fake.say('mute on');
  for (const target of [`/torrent/${OTHER}`, `/stream/${OTHER}/0`, `/api/v1/torrents/${OTHER}?wait=1m`]) {
    const aborts = await stack.metric('sharestream_http_aborts_seen_total');
    const asked = async () => Object.values(await stack.fake.counts()).reduce((sum, value) => sum + value);
    const before = await asked();
    const socket = stack.raw(request('GET', target));
    await until(async () => (await asked()) > before, 'the question');
    socket.end();
    await until(async () => (await stack.metric('sharestream_http_aborts_seen_total')) === aborts + 1, 'the abort');
    await until(async () => (await stack.metric('sharestream_http_requests')) === 1, 'its end');
  }
});

test('a client that leaves in the middle of a body costs nothing', async (t) => {
  const stack = await withFile(t);
  const big = 64 << 20;
  await stack.fake.say(`torrent ${OTHER} ${1 << 20} ${big} sparse`);
  await stack.fake.say(`ready ${OTHER} 0 1000`);
  for (const more of ['', 'Range: bytes=5-\r\n']) {
    const socket = stack.raw(request('GET', `/stream/${OTHER}/0`, more));
    await until(() => socket.received.length > 0, 'a first byte');
    socket.resetAndDestroy();
    await until(async () => (await stack.metric('sharestream_http_streams')) === 0, 'the end of the stream');
  }
});

test('without progress the stream is cut after its time', async (t) => {
  const stack = await withFile(t, { env: { SHARESTREAM_HTTP_STALL_TIMEOUT: '1s' } });
  const answer = await stack.get(`/stream/${HASH}/0`).catch((error) => ({ error }));
  assert.ok(answer.error, 'the body is shorter than announced');
  assert.equal(await stack.metric('sharestream_http_streams_stalled_total'), 1);
  await until(async () => (await stack.fake.counts()).open === 0, 'the end of the lease');
});

for (const sendfile of ['true', 'false']) {
  test(`a truncated file cuts the connection and harms nobody else (sendfile ${sendfile})`, async (t) => {
    const stack = await withFile(t, { env: { SHARESTREAM_HTTP_SENDFILE: sendfile } });
    await stack.fake.say(`ready ${HASH} 0 1000`);
    await stack.fake.say(`truncate ${HASH} 0 100000`);
    for (const headers of [{}, { range: 'bytes=0-9,90000-500000' }, { range: 'bytes=200000-200010' }]) {
      const answer = await stack.get(`/stream/${HASH}/0`, headers).catch((error) => ({ error }));
      assert.ok(answer.error);
    }
    assert.equal(await stack.metric('sharestream_http_streams_broken_total'), 3);
    assert.equal(await stack.metric('sharestream_http_streams'), 0);
    assert.match(stack.http.log, /lvl=debug .*stream cut.*shorter/);
    assert.doesNotMatch(stack.http.log, /lvl=(info|warn|error) .*stream cut/, 'whoever may stream could fill the disk');
    // No busy loop: a round needs an event, and there are about ten a second for each thread.
    const before = await stack.metric('sharestream_http_loop_rounds_total');
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.ok((await stack.metric('sharestream_http_loop_rounds_total')) - before < 200);
  });
}

test('a removed torrent cuts its streams, waiting or not', async (t) => {
  const stack = await withFile(t);
  await stack.fake.say(`ready ${HASH} 0 3`);
  const answer = stack.get(`/stream/${HASH}/0`).catch((error) => ({ error }));
  await until(async () => (await stack.metric('sharestream_http_streams_waiting')) === 1, 'waiting');
  await stack.fake.say(`gone ${HASH}`);
  assert.ok((await answer).error);
  await until(async () => (await stack.metric('sharestream_http_streams')) === 0, 'the end of the stream');
});

test('ready data flows with torrent-svc dead, and what is missing when it is back', async (t) => {
  const stack = await withFile(t);
  await stack.fake.say(`ready ${HASH} 0 9`);
  const waiting = stack.get(`/stream/${HASH}/0`);
  await until(async () => (await stack.metric('sharestream_http_streams_waiting')) === 1, 'waiting');
  await stack.fake.kill();
  const ready = await stack.get(`/stream/${HASH}/0`, { range: `bytes=0-${10 * PIECE - 1}` });
  assert.ok(ready.body.equals(pattern(0, 10 * PIECE)));
  await until(async () => (await stack.away()).includes('torrent-svc is away'), 'a word about it');
  await stack.startFake();
  await stack.fake.say(`torrent ${HASH} ${PIECE} ${SIZE},0,5000`);
  await until(async () => (await stack.fake.counts()).open === 1, 'the lease to be told again');
  await stack.fake.say(`ready ${HASH} 0 1000`);
  assert.ok((await waiting).body.equals(pattern(0, SIZE)));
});

test('tod-p2m: errors have its texts', async (t) => {
  const stack = await withFile(t);
  for (const [target, status, text] of [
    [`/stream/${HASH}/x`, 400, 'Invalid file ID'], [`/stream/${HASH}/-1`, 400, 'Invalid file ID'],
    [`/stream/${HASH}/99`, 404, 'File not found'], [`/stream/${HASH}/999999999`, 404, 'File not found'],
    [`/stream/${OTHER}/0`, 500, 'Failed to get torrent'], ['/stream/nonsense/0', 500, 'Failed to get torrent'],
    [`/torrent/${OTHER}`, 500, 'timeout waiting for torrent info']]) {
    const answer = await stack.json('GET', target);
    assert.equal(answer.status, status, target);
    assert.deepEqual(answer.json, { error: text });
  }
  assert.match((await stack.json('GET', '/torrent/nonsense')).json.error, /^failed to add magnet: /);
  const unknown = await stack.get('/nothing/here');
  assert.equal(unknown.status, 404);
  assert.equal(unknown.body.toString(), '404 page not found\n');
  assert.match((await stack.get('/')).body.toString(), /^ShareStream is up/);
  const post = await stack.request('POST', `/torrent/${HASH}`);
  assert.equal(post.status, 405);
  assert.equal(post.headers.allow, 'GET, OPTIONS');
});

test('tod-p2m: a torrent by hash, base32 or magnet', async (t) => {
  const stack = await withFile(t);
  for (const source of [HASH, HASH.toUpperCase(), encodeURIComponent(`magnet:?xt=urn:btih:${HASH}`), `magnet:?xt=urn:btih:${HASH}`]) {
    const { status, json } = await stack.json('GET', `/torrent/${source}`);
    assert.equal(status, 200, source);
    assert.deepEqual(json, {
      infoHash: HASH,
      name: 'Fake torrent',
      files: [SIZE, 0, 5000].map((size, id) => ({ id, name: `Fake torrent/file "${id}" é.mp4`, size, progress: size ? 0 : 1 })),
      seeders: 2,
      leechers: 3,
    });
  }
  // Unknown to the ready maps: the stream asks torrent-svc, which adds it.
  const { adds } = await stack.fake.counts();
  await stack.get(`/stream/${OTHER}/0`);
  assert.equal((await stack.fake.counts()).adds, adds + 1);
  for (const alias of ['document', 'documents', 'image', 'images']) assert.equal((await stack.request('HEAD', `/${alias}/${HASH}/0`)).status, 200);
});
