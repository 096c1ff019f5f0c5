// SPDX-License-Identifier: MIT
//
// Two pages in Chromium with webtorrent as npm has it: our WebSocket tracker brings them together, WebRTC moves the file.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { Yard } from './house.mjs';
import { add, fetched, openPage, seed, servePage } from './pages.mjs';
import { startTracker } from './swarm.mjs';

const BYTES = 2 << 20;

test('a page fetches a file from another page', async (t) => {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard), url = await servePage(t), browser = await startChromium(t, yard);
  const one = await openPage(t, browser, url, 'one'), other = await openPage(t, browser, url, 'other');
  const { magnet, sha256 } = await seed(one, tracker.ws, BYTES);
  await add(other, magnet);
  assert.equal(await fetched(other), sha256);
});

test('a third page, of another browser, joins later and fetches it too', async (t) => {
  const yard = new Yard(t);
  const tracker = await startTracker(t, yard), url = await servePage(t), browser = await startChromium(t, yard);
  const pages = [await openPage(t, browser, url, 'one'), await openPage(t, browser, url, 'other')];
  const { magnet, sha256 } = await seed(pages[0], `${tracker.ws}/announce`, BYTES);
  await add(pages[1], magnet);
  assert.equal(await fetched(pages[1]), sha256);
  pages.push(await openPage(t, await startChromium(t, yard), url, 'third'));
  await add(pages[2], magnet);
  assert.equal(await fetched(pages[2]), sha256);
});
