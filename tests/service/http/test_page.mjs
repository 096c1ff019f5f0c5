// SPDX-License-Identifier: MIT
//
// The page as http-svc gives it: which paths are it, packed how, kept how long, and what it may do in a browser.
import assert from 'node:assert/strict';
import test from 'node:test';
import zlib from 'node:zlib';
import { Stack } from './harness.mjs';

const HTML = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const ask = (stack, method, target, headers = {}) => stack.request(method, target, { headers });
// What a page names, seen from where it lies.
const assetsOf = (html, address) => {
  const base = new URL(/<base href="([^"]+)">/.exec(html)[1], address);
  return [...html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, name]) => new URL(name, base).pathname);
};

test('browsers get the page, programs words', async (t) => {
  const stack = await Stack.start(t, { torrent: false });
  for (const headers of [{}, { Accept: '*/*' }, { Accept: 'text/plain' }]) {
    const { status, headers: got, body } = await ask(stack, 'GET', '/', headers);
    assert.deepEqual([status, got['content-type']], [200, 'text/plain; charset=utf-8']);
    assert.match(body.toString(), /openapi\.yaml/);
  }
  for (const target of ['/', '/watch', '/watch?magnet=magnet:%3Fxt=x', '/admin', '/index.html', '/p2p?room=film', '/room/FILM', '/room/MY%20ROOM']) {
    const { status, headers, body } = await ask(stack, 'GET', target, HTML);
    assert.deepEqual([status, headers['content-type'], headers['cache-control']], [200, 'text/html; charset=utf-8', 'no-cache'], target);
    const policy = headers['content-security-policy'];
    assert.match(policy, /default-src 'self'; script-src 'self'; /);
    for (const never of ['unsafe-eval', 'http:', 'https:', '*']) assert.ok(!policy.includes(never), `${never} in ${policy}`);
    assert.doesNotMatch(policy, /script-src[^;]*unsafe/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(body.toString(), /<script(?![^>]* src=)|<style| style=| on\w+=|https?:/, 'nothing inline, nothing from elsewhere');
    // Behind a proxy that puts it below a path of its own, too.
    assert.ok(assetsOf(body.toString(), `http://x${target}`).length >= 4);
    for (const asset of assetsOf(body.toString(), `http://x${target}`)) {
      const { status: found, headers: got } = await ask(stack, 'GET', asset);
      assert.equal(found, 200, asset);
      // One that runs as a worker heeds its own.
      assert.equal(got['content-security-policy'], "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'");
    }
    for (const asset of assetsOf(body.toString(), `http://x/films${target}`)) assert.match(asset, /^\/films\/assets\//);
  }
  for (const target of ['/watch/', '/room/', '/room/A/b', '/rooms', '/p2p/', '/room.html', '/assets', '/assets/', '/assets/main.js', '/assets/../index.html', '/assets/%2e%2e/index.html'])
    assert.equal((await ask(stack, 'GET', target, HTML)).status, 404, target);
  assert.equal((await ask(stack, 'POST', '/watch', HTML)).status, 405);
});

test('the service worker lies above all that it may see, and is asked for each time', async (t) => {
  const stack = await Stack.start(t, { torrent: false });
  const { status, headers, body } = await ask(stack, 'GET', '/worker.js');
  assert.deepEqual([status, headers['content-type'], headers['cache-control']], [200, 'text/javascript; charset=utf-8', 'no-cache']);
  assert.equal(headers['content-security-policy'], "default-src 'none'; connect-src 'self'");
  assert.doesNotMatch(body.toString(), /https?:/);
  assert.equal((await ask(stack, 'GET', '/worker.js', { 'If-None-Match': headers.etag })).status, 304);
});

test('what is asked for packed comes packed, and is the same', async (t) => {
  const stack = await Stack.start(t, { torrent: false });
  const { body: html } = await ask(stack, 'GET', '/watch', HTML);
  const unpack = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync };
  for (const target of ['/watch', ...assetsOf(html.toString(), 'http://x/')]) {
    const plain = await ask(stack, 'GET', target);
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.match(plain.headers.vary, /Accept-Encoding/);
    const tags = new Set([plain.headers.etag]);
    for (const coding of ['br', 'gzip']) {
      const packed = await ask(stack, 'GET', target, { 'Accept-Encoding': coding === 'br' ? 'gzip, deflate, br' : coding });
      assert.equal(packed.headers['content-encoding'], coding);
      assert.deepEqual(unpack[coding](packed.body), plain.body, `${target} as ${coding}`);
      tags.add(packed.headers.etag);

      const again = await ask(stack, 'GET', target, { 'Accept-Encoding': coding, 'If-None-Match': `"x", ${packed.headers.etag}` });
      assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, packed.headers.etag]);
      assert.equal(again.headers['cache-control'], packed.headers['cache-control']);
      const head = await ask(stack, 'HEAD', target, { 'Accept-Encoding': coding });
      assert.deepEqual([head.status, head.body.length, head.headers['content-length'], head.headers['content-encoding']],
        [200, 0, String(packed.body.length), coding]);
    }
    assert.equal(tags.size, 3, 'each form has a tag of its own');
    assert.equal((await ask(stack, 'GET', target, { 'If-None-Match': '"other"' })).status, 200);
    if (target !== '/watch') assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  }
});

test('the page opens where a token is wanted', async (t) => {
  const stack = await Stack.start(t, { torrent: false, env: { SHARESTREAM_HTTP_ADMIN_TOKEN: 'a token of some length' } });
  const { status, body } = await ask(stack, 'GET', '/', { ...HTML, Host: 'films.example' });
  assert.equal(status, 200);
  for (const asset of assetsOf(body.toString(), 'http://x/')) assert.equal((await ask(stack, 'GET', asset)).status, 200);
  assert.equal((await ask(stack, 'GET', '/api/v1/torrents')).status, 401);
});
