// SPDX-License-Identifier: MIT
//
// person: somebody who opens the page in a browser of his own, and what there is to watch.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';

const AXE = fs.readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
export const SHOTS = process.env.SHARESTREAM_TEST_SCREENSHOTS;
export const DESK = { width: 1280, height: 800 }, PHONE = { width: 360, height: 740 };
export const SECONDS = 300; // of the film

// What is no fault of the page: what Playwright itself does, and that webtorrent leaves a tracker before it has found it.
const IDLE = /blocked by Playwright|\/tracker' failed: WebSocket is closed before the connection is established/;

if (SHOTS) fs.mkdirSync(SHOTS, { recursive: true });

// Somebody with a browser of his own.
export class Person {
  static async come(browser, name, { origin, ...options } = {}) {
    const person = new Person(), context = await browser.newContext({ viewport: DESK, colorScheme: 'dark', locale: 'en-GB', ...options });
    person.name = name;
    person.complaints = [];
    person.page = await context.newPage();
    person.page.setDefaultTimeout(60000);
    person.page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !IDLE.test(message.text())) person.complaints.push(message.text()); });
    person.page.on('pageerror', ({ stack }) => person.complaints.push(stack));
    person.page.on('request', (request) => {
      if (!request.url().startsWith(origin) && !/^(blob|data):/.test(request.url())) person.complaints.push(`a foreign request: ${request.url()}`);
    });
    return person;
  }

  async shows(selector) { return this.page.waitForSelector(selector); }

  // Looks at what is shown, in both themes, and keeps a picture.
  async look(view) {
    for (const theme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme: theme });
      await this.page.waitForSelector(`html[data-theme=${theme}]`, { state: 'attached' }); // it hears of it a moment later
      const found = await this.page.evaluate(async (source) => {
        if (!globalThis.axe) (0, eval)(source); // as the browser's own tools do: no script of the page
        // Colours that are on their way to others are no colours.
        await Promise.all(document.getAnimations().map((animation) => animation.effect.getComputedTiming().iterations === Infinity ? 0 : animation.finished.catch(() => 0)));
        const { violations } = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
        // What media-chrome's elements are called is their own: "pause" with a hint in it that says "Pause (k)".
        for (const one of violations) if (one.id === 'label-content-name-mismatch') one.nodes = one.nodes.filter(({ html }) => !html.startsWith('<media-'));
        return violations.filter(({ nodes }) => nodes.length > 0).map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary}`).join(' | ')}`);
      }, AXE);
      if (SHOTS) await this.page.screenshot({ path: path.join(SHOTS, `${view}-${theme}.png`) });
      assert.deepEqual(found, [], `${view}, ${theme}`);
    }
    const overflow = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${view} is ${overflow} pixels too wide`);
  }

  player() {
    return this.page.evaluate(() => {
      const video = document.querySelector('video');
      return video && { time: video.currentTime, isPaused: video.paused, isThere: video.readyState > 1 && !video.seeking, startMs: Date.now() - video.currentTime * 1000,
        way: document.querySelector('.stage').dataset.way, height: video.videoHeight };
    });
  }

  playsBeyond(seconds, ms) {
    return until(async () => {
      const now = await this.player();
      return now && !now.isPaused && now.time > seconds && now.height > 0 && now;
    }, `${this.name} to play beyond ${seconds} s`, ms).catch(async (error) => {
      const text = await this.page.evaluate(() => document.querySelector('main').innerText);
      throw new Error(`${error.message}: ${JSON.stringify(await this.player())} ${this.complaints}\n${text}`);
    });
  }

  async ends() {
    await this.page.context().close();
    assert.deepEqual(this.complaints, [], `what the browser of ${this.name} complained of`);
  }
}

export const STEP_MS = 100; // what two players may be apart

export const inStep = (one, other, what) => until(async () => {
  const [a, b] = await Promise.all([one.player(), other.player()]);
  return !a.isPaused && !b.isPaused && a.isThere && b.isThere && Math.abs(a.startMs - b.startMs) < STEP_MS;
}, `${one.name} and ${other.name} to be in step ${what}`, 90000).catch(async (error) => {
  throw new Error(`${error.message}: ${JSON.stringify([await one.player(), await other.player()])}`);
});

// A film whose bytes a browser takes as they are, one that it does not open, and who has them.
export async function makeSwarm(yard) {
  const folder = path.join(yard.dir, 'original');
  fs.mkdirSync(folder);
  const plain = path.join(folder, 'A film <b>for two.mp4'), other = path.join(folder, 'The other one.mkv');
  // Small, and with a keyframe each second: several of it are decoded at once here, without help of hardware.
  for (const how of [['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-f', 'lavfi', '-i', 'sine=440', '-t', String(SECONDS), '-c:v', 'libx264', '-preset', 'ultrafast',
    '-g', '25', '-b:v', '1M', '-c:a', 'aac', '-movflags', '+faststart', plain], ['-i', plain, '-t', '20', '-c:v', 'copy', '-c:a', 'ac3', other]]) {
    const { code, err } = await run('ffmpeg', ['-v', 'error', ...how]);
    assert.equal(code, 0, err);
  }
  const films = [];
  for (const [number, file] of [plain, other].entries()) {
    const torrent = await makeTorrent(yard, file, `${number}.torrent`);
    const { port } = await seedWithAria2(yard, torrent.torrent, folder);
    films.push({ ...torrent, port, link: magnet(torrent.hash, port) });
  }
  return films;
}
