// SPDX-License-Identifier: MIT
//
// Browsers come, fetch a part and go, tidily or not: rtc-svc keeps nothing of them. SHARESTREAM_TEST_CHURN_S: for how many seconds;
// what is small shows after an hour.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, until } from './house.mjs';
import { openPage, servePage } from './pages.mjs';

const SECONDS = Number(process.env.SHARESTREAM_TEST_CHURN_S ?? 20), BROWSERS = 4;
// A connection is about 90 KiB, of which nothing stays. What libraries keep for the next ones, and the gaps between that, are no more after
// an hour than after some minutes: 2.5 MiB.
const MEMORY = 4 << 20;

// Several at once in one page, each a client of its own with a connection of its own to the tracker.
const visit = (page, uri, isTidy) => page.evaluate(async ([magnet, count, isDestroyed]) => {
  const { default: WebTorrent } = await import('/webtorrent.min.js');
  await Promise.all(Array.from({ length: count }, async (_, i) => {
    const client = new WebTorrent({ tracker: { rtcConfig: { iceServers: [] } } }), torrent = client.add(`${magnet}${encodeURIComponent(`?${i}`)}`);
    client.on('error', (error) => console.log('error', error.message));
    await new Promise((resolve) => { torrent.on('download', () => { if (torrent.downloaded > 300000) resolve(); }); });
    if (isDestroyed) await new Promise((resolve) => { client.destroy(resolve); });
  }));
}, [uri, BROWSERS, isTidy]);

test('memory and descriptors of rtc-svc are as before when browsers have come and gone', { timeout: (SECONDS + 300) * 1000 }, async (t) => {
  const yard = new Yard(t), file = path.join(yard.dir, 'data.bin');
  fs.writeFileSync(file, crypto.randomBytes(8 << 20));
  const house = await House.start(t, yard, { env: { SHARESTREAM_RTC_MAX_PER_ADDRESS: '100' } });
  await house.json('seed', file);
  const { infoHash } = await until(async () => (await house.json('list')).torrents[0], 'the torrent');
  const uri = `magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(`ws://${house.env.SHARESTREAM_HTTP_TRACKER_LISTEN}/announce`)}`;
  const browser = await startChromium(t, yard, { isOpen: false }), url = await servePage(t), { pid } = await house.service('rtc.0');
  let visits = 0;

  async function come(isTidy) {
    const page = await openPage(t, browser, url, `page ${++visits}`);
    await visit(page, uri, isTidy);
    await page.context().close();
  }
  const alone = () => until(async () => (await house.json('call', 'rtc', 'Stats', '{}')).peers === 0, 'the last browser to be gone', 120000);
  const look = () => ({ memory: Number(/RssAnon:\s*(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024,
    descriptors: fs.readdirSync(`/proc/${pid}/fd`).length });

  await Promise.all([come(true), come(true)]);
  await alone();
  const before = look(), end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) await Promise.all([come(true), come(false)]);
  const left = Date.now();
  await alone();
  t.diagnostic(`the last was gone after ${Date.now() - left} ms`);
  const allowed = before.memory + MEMORY;
  let after;
  await until(() => {
    after = look();
    return after.memory <= allowed && after.descriptors <= before.descriptors;
  }, 'rtc-svc to be as before', 30000).catch(() => {});
  t.diagnostic(`after ${visits * BROWSERS} browsers: memory ${before.memory >> 10} KiB, then ${after.memory >> 10}; descriptors ${before.descriptors}, then ${after.descriptors}`);
  assert.ok(after.memory <= allowed, `${after.memory} bytes, ${before.memory} before`);
  assert.ok(after.descriptors <= before.descriptors, `${after.descriptors} descriptors, ${before.descriptors} before`);
  assert.equal((await house.json('why', 'rtc')).deaths.length, 0);
});
