// SPDX-License-Identifier: MIT
//
// Pages in Chromium with webtorrent that fetch a torrent at the same time; prints a line of JSON once all have it.
//
//   pages.mjs MAGNET PAGES SHA256
import assert from 'node:assert/strict';
import { startChromium } from '../../tests/system/chromium.mjs';
import { add, fetched, openPage, servePage } from '../../tests/system/pages.mjs';

const [magnet, pages, sha256] = process.argv.slice(2), DEADLINE_MS = 300000;
const atEnd = [], t = { after: (end) => atEnd.unshift(end) };

async function end() {
  for (const one of atEnd) await one();
}

async function fetchAll() {
  const browser = await startChromium(t, { dir: process.cwd() }), url = await servePage(t);
  const all = await Promise.all(Array.from({ length: Number(pages) }, (_, i) => openPage(t, browser, url, `page ${i}`)));
  const begun = performance.now();
  await Promise.all(all.map((page) => add(page, magnet)));
  for (const digest of await Promise.all(all.map((page) => fetched(page, DEADLINE_MS)))) assert.equal(digest, sha256);
  console.log(JSON.stringify({ s: (performance.now() - begun) / 1000 }));
}

process.on('SIGTERM', () => end().then(() => process.exit(1)));
await fetchAll().finally(end);
