// SPDX-License-Identifier: MIT
//
// Two people watch the same film, one beside the server, one at the end of a line that jitters and loses packets, and stay in step: through
// a pause, a jump, another speed, reloads, and kill -9 of each service. SHARESTREAM_TEST_SYNC_S: for how many seconds; ten minutes show
// how well.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Line, isAlone, runAlone, whyNot } from '../support/netns.mjs';
import { startChromium } from './chromium.mjs';
import { House, Yard, run, until } from './house.mjs';
import { Person } from './person.mjs';

const SECONDS = Number(process.env.SHARESTREAM_TEST_SYNC_S ?? 20), LENGTH_S = SECONDS * 2 + 300, STEP_MS = 100, LOOK_MS = 200, TOKEN = 'sesame-for-a-test';
const LINE = { 'delay-ms': 20, 'jitter-ms': 60, loss: 0.005 };
const PICTURE = 'media-controller button.picture', JUMP = 0.4;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

if (!isAlone) test('two pages', { skip: whyNot, timeout: (SECONDS + 600) * 1000 }, () => runAlone(import.meta.filename));
else test('two pages stay in step', { timeout: (SECONDS + 500) * 1000 }, async (t) => {
  const yard = new Yard(t), line = await Line.start(yard, LINE), film = path.join(yard.dir, 'film.mp4');
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-f', 'lavfi', '-i', 'sine=440', '-t', String(LENGTH_S),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-b:v', '700k', '-c:a', 'aac', '-movflags', '+faststart', film], { ms: 300000 });
  assert.equal(code, 0, err);
  const house = await House.start(t, yard, { address: '0.0.0.0', env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN } });
  const { infoHash } = await house.json('seed', film), origin = `http://${line.a.address}:${house.port}/`;
  const { code: room } = await house.json('room', 'create', '--magnet', infoHash);

  const come = async (name, browser) => {
    const person = await Person.come(browser, name, { origin });
    await person.page.addInitScript(([token, who]) => {
      localStorage.setItem('sharestream.token', token);
      localStorage.setItem('sharestream.name', who);
    }, [TOKEN, name]);
    await person.page.goto(`${origin}room/${room}`);
    await person.shows('.tabs');
    await until(async () => (await person.player())?.isThere, `a picture for ${name}`);
    return person;
  };
  const ann = await come('Ann', await startChromium(t, yard, { sees: line.a.address })), bob = await come('Bob', await startChromium(t, yard, { sees: line.a.address, end: line.b }));
  const place = ({ page }) => page.evaluate(() => {
    const video = document.querySelector('video');
    return video ? { s: video.currentTime, at: Date.now(), rate: video.playbackRate, plays: !video.paused && !video.seeking && video.readyState > 2, isPaused: video.paused } : {};
  });
  let isPlaying = true, odd = '';
  // How far Bob is ahead in the film, seen at one moment. Infinite unless both do as they should.
  const aheadMs = async () => {
    const both = await Promise.all([place(ann), place(bob)]), [a, b] = both;
    if (both.some((one) => one.s === undefined || (isPlaying ? !one.plays : !one.isPaused))) {
      odd = JSON.stringify(both);
      return Infinity;
    }
    return (b.s - a.s) * 1000 - (isPlaying ? (b.at - a.at) * a.rate : 0);
  };
  const isInStep = async () => Math.abs(await aheadMs()) < STEP_MS;
  const kill = async (name) => process.kill((await house.service(name)).pid, 'SIGKILL');
  const toggle = async ({ page }) => {
    await page.hover('media-controller');
    await page.click('media-play-button');
  };
  const press = async ({ page }, selector, share) => {
    await page.hover('media-controller');
    const box = await page.locator(selector).boundingBox();
    await page.mouse.click(box.x + box.width * share, box.y + box.height / 2);
  };
  const speed = async ({ page }, rate) => {
    await page.hover('media-controller');
    await page.click(PICTURE);
    await page.click(`.choices label:has-text("${rate}x")`); // and what is shown then is what the room says
    await page.keyboard.press('Escape');
    for (const one of [ann, bob]) await until(async () => Math.abs((await place(one)).rate - rate) <= rate * 0.06, `${one.name} to play at ${rate}x`); // nudged a little
  };
  await toggle(ann);
  await until(isInStep, 'both to begin');

  const happenings = [
    ['a pause', async () => {
      isPlaying = false;
      await toggle(bob);
    }],
    ['playing on', async () => {
      isPlaying = true;
      await toggle(ann);
    }],
    ['a jump', async () => {
      await press(bob, 'media-time-range', JUMP);
      for (const one of [ann, bob]) await until(async () => (await place(one)).s > LENGTH_S * (JUMP - 0.02), 'a jump');
    }],
    ['a higher speed', () => speed(ann, 1.25)],
    ['a lower speed', () => speed(bob, 0.75)],
    ['the usual speed', () => speed(ann, 1)],
    ['a reload by Bob', () => bob.page.reload()],
    ['a reload by Ann', () => ann.page.reload()],
    ['kill -9 of room-svc', () => kill('room.0')],
    ['kill -9 of http-svc', () => kill('http.0')],
    ['kill -9 of torrent-svc', () => kill('torrent.0')],
  ];
  const all = [], ofAll = (sorted, share) => sorted[Math.floor((sorted.length - 1) * share)].toFixed(1);
  const sum = (seen) => {
    const sorted = seen.toSorted((a, b) => a - b), inStep = seen.filter((ms) => ms < STEP_MS).length;
    return `${(100 * inStep / seen.length).toFixed(2)} % of ${seen.length} looks within ${STEP_MS} ms; median ${ofAll(sorted, 0.5)}, 95 % ${ofAll(sorted, 0.95)}, worst ${ofAll(sorted, 1)} ms ${odd}`;
  };
  for (const [what, does] of happenings) {
    const began = Date.now(), seen = [];
    await does();
    await until(isInStep, `both in step after ${what}`, 90000);
    const together = Date.now();
    for (const end = together + SECONDS * 1000 / happenings.length; Date.now() < end; await pause(LOOK_MS)) seen.push(Math.abs(await aheadMs()));
    all.push(...seen);
    t.diagnostic(`${what}: in step after ${together - began} ms; then ${sum(seen)}`);
    odd = '';
  }
  t.diagnostic(`all: ${sum(all)}`);
  t.diagnostic(`the line: ${JSON.stringify(await line.stop())}`);
  // What was under way to a service that is killed comes to nothing.
  for (const { complaints } of [ann, bob]) assert.deepEqual(complaints.filter((text) => !/net::ERR_|Failed to load resource|WebSocket connection/.test(text)), []);
});
