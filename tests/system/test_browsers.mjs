// SPDX-License-Identifier: MIT
//
// Two pages in Chromium with webtorrent as npm has it: our WebSocket tracker brings them together, WebRTC moves the file.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { Yard, until } from './house.mjs';
import { startTracker } from './swarm.mjs';

const BYTES = 2 << 20;

// An empty page, and webtorrent.
async function servePage(t) {
  const webtorrent = fs.readFileSync(new URL('node_modules/webtorrent/dist/webtorrent.min.js', import.meta.url));
  const server = http.createServer((req, res) => {
    const isPage = req.url === '/';
    res.setHeader('Content-Type', isPage ? 'text/html' : 'text/javascript');
    res.end(isPage ? '<!doctype html><title>peer</title>' : req.url === '/webtorrent.min.js' ? webtorrent : '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

// A page of its own profile, as another person has it.
async function openPage(t, browser, url, name) {
  const page = await (await browser.newContext()).newPage();
  page.said = [];
  page.on('console', (message) => page.said.push(`${name}: ${message.text()}`));
  page.on('pageerror', (error) => page.said.push(`${name}: ${error.message}`));
  await page.goto(url);
  await page.evaluate(async () => {
    const { default: WebTorrent } = await import('/webtorrent.min.js');
    globalThis.client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } });
    globalThis.client.on('error', (error) => console.log('error', error.message));
    globalThis.client.on('warning', (error) => console.log('warning', error.message));
  });
  return page;
}

// Returns the magnet.
const seed = (page, announce, seedNumber) => page.evaluate(async ([url, number, bytes]) => {
  const data = new Uint8Array(bytes);
  for (let i = 0, x = number; i < bytes; i++) { x = Math.imul(x, 1103515245) + 12345; data[i] = x >> 16; }
  return new Promise((resolve) => {
    const file = new File([data], 'data.bin');
    globalThis.client.seed(file, { announce: [url] }, (torrent) => {
      torrent.on('warning', (error) => console.log('warning', error.message));
      resolve(torrent.magnetURI);
    });
  });
}, [announce, seedNumber, BYTES]);

const add = (page, magnet) => page.evaluate((uri) => {
  globalThis.client.add(uri, (torrent) => {
    torrent.on('warning', (error) => console.log('warning', error.message));
    torrent.on('done', async () => {
      const whole = await (await torrent.files[0].blob()).arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
      globalThis.sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    });
  });
}, magnet);

function expected(seedNumber) {
  const data = Buffer.alloc(BYTES);
  for (let i = 0, x = seedNumber; i < BYTES; i++) { x = Math.imul(x, 1103515245) + 12345; data[i] = x >> 16; }
  return crypto.createHash('sha256').update(data).digest('hex');
}

async function arrives(page, seedNumber, pages) {
  const got = await until(() => page.evaluate(() => globalThis.sha256), 'the file to arrive', 60000)
    .catch((error) => { throw new Error(`${error.message}\n${pages.flatMap((one) => one.said).join('\n')}`); });
  assert.equal(got, expected(seedNumber));
}

test('a page fetches a file from another page', async (t) => {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard), url = await servePage(t), browser = await startChromium(t, yard);
  const one = await openPage(t, browser, url, 'one'), other = await openPage(t, browser, url, 'other');
  const magnet = await seed(one, tracker.ws, 1);
  await add(other, magnet);
  await arrives(other, 1, [one, other]);
});

test('a third page, of another browser, joins later and fetches it too', async (t) => {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard), url = await servePage(t), browser = await startChromium(t, yard);
  const pages = [await openPage(t, browser, url, 'one'), await openPage(t, browser, url, 'other')];
  const magnet = await seed(pages[0], `${tracker.ws}/announce`, 2);
  await add(pages[1], magnet);
  await arrives(pages[1], 2, pages);
  pages.push(await openPage(t, await startChromium(t, yard), url, 'third'));
  await add(pages[2], magnet);
  await arrives(pages[2], 2, pages);
});
