// SPDX-License-Identifier: MIT
//
// pages: pages in Chromium with webtorrent as npm has it. An empty page, and what a test wants to do in it.
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { until } from './house.mjs';

// Gives its URL.
export async function servePage(t) {
  const webtorrent = fs.readFileSync(new URL('node_modules/webtorrent/dist/webtorrent.min.js', import.meta.url));
  const worker = fs.readFileSync(new URL('node_modules/webtorrent/dist/sw.min.js', import.meta.url));
  const scripts = { '/webtorrent.min.js': webtorrent, '/sw.min.js': worker };
  const server = http.createServer((req, res) => {
    const isPage = req.url === '/';
    res.setHeader('Content-Type', isPage ? 'text/html' : 'text/javascript');
    res.end(isPage ? '<!doctype html><title>peer</title><video muted playsinline></video>' : scripts[req.url] ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}

// A page of its own profile, as another person has it. `said` is what it logged.
export async function openPage(t, browser, url, name, rtcConfig = { iceServers: [] }) {
  const page = await (await browser.newContext()).newPage();
  page.said = [];
  page.on('console', (message) => page.said.push(`${name}: ${message.text()}`));
  page.on('pageerror', (error) => page.said.push(`${name}: ${error.message}`));
  await page.goto(url);
  await page.evaluate(async (rtc) => {
    const { default: WebTorrent } = await import('/webtorrent.min.js');
    globalThis.client = new WebTorrent({ tracker: { rtcConfig: rtc } });
    globalThis.client.on('error', (error) => console.log('error', error.message));
    globalThis.client.on('warning', (error) => console.log('warning', error.message));
    globalThis.digest = async (data) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', data)),
      (byte) => byte.toString(16).padStart(2, '0')).join('');
  }, rtcConfig);
  return page;
}

// The page fetches the torrent; sha256 of its first file is in globalThis.sha256 once it is whole.
export const add = (page, magnet, options = {}) => page.evaluate(([uri, how]) => {
  const torrent = globalThis.client.add(uri, how, () => {
    torrent.on('done', async () => { globalThis.sha256 = await globalThis.digest(await (await torrent.files[0].blob()).arrayBuffer()); });
  });
  torrent.on('warning', (error) => console.log('warning', error.message ?? error));
  torrent.on('wire', (wire) => console.log('wire', wire.type));
}, [magnet, options]);

// That digest.
export const fetched = (page, ms = 60000) => until(() => page.evaluate(() => globalThis.sha256), 'the file to arrive', ms)
  .catch(async (error) => {
    const state = await page.evaluate(() => globalThis.client.torrents.map((one) => ({ progress: one.progress, peers: one.numPeers })));
    throw new Error(`${error.message}: ${JSON.stringify(state)}\n${page.said.join('\n')}`);
  });

// The page makes up a file, data.bin, and shares it.
export const seed = (page, announce, size) => page.evaluate(async ([url, bytes]) => {
  const data = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
  const torrent = await new Promise((resolve) => { globalThis.client.seed(new File([data], 'data.bin'), { announce: [url] }, resolve); });
  torrent.on('warning', (error) => console.log('warning', error.message));
  return { magnet: torrent.magnetURI, hash: torrent.infoHash, size: bytes, sha256: await globalThis.digest(data) };
}, [announce, size]);
