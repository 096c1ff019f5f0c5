// SPDX-License-Identifier: MIT
//
// From a press on "watch" until the first frame is on the screen: in our page, and in a video element with the bare file; in turns, in
// the same Chromium, each time in a browser that knows nothing but the start page, at which somebody has looked for a while. Prints a line of JSON with the milliseconds.
//
//   first_frame.mjs ORIGIN INFOHASH ROUNDS
import { startChromium } from '../../tests/system/chromium.mjs';

const [origin, hash, rounds] = process.argv.slice(2), TIMEOUT_MS = 30000, LOOK_MS = 2000;
const atEnd = [], t = { after: (end) => atEnd.unshift(end) };

// Each runs in the page, and is told when somebody pressed and when a frame was there.
function pressInPage(name) {
  return new Promise((resolve) => {
    let pressed;
    new MutationObserver((_, observer) => {
      const video = document.querySelector('video');
      if (!video) return;
      observer.disconnect();
      video.requestVideoFrameCallback(() => resolve(performance.now() - pressed));
    }).observe(document.body, { childList: true, subtree: true });
    addEventListener('click', () => { pressed = performance.now(); }, { capture: true, once: true });
    document.querySelector(name).click();
  });
}

function playBare(address) {
  return new Promise((resolve) => {
    const pressed = performance.now(), video = document.createElement('video');
    video.requestVideoFrameCallback(() => resolve(performance.now() - pressed));
    document.body.prepend(video);
    video.src = address;
    void video.play();
  });
}

const inTime = (work) => Promise.race([work, new Promise((_, reject) => setTimeout(() => reject(new Error('no frame')), TIMEOUT_MS).unref())]);

async function one(browser, does, argument) {
  const context = await browser.newContext(), page = await context.newPage(), watch = `main a[href*="${hash}"]`;
  try {
    await page.goto(origin);
    await page.waitForSelector(watch);
    await page.mouse.move(20, 20);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    return await inTime(page.evaluate(does, argument ?? watch));
  } finally {
    await context.close();
  }
}

async function measure() {
  const browser = await startChromium(t, { dir: process.cwd() }), page = [], bare = [], file = `${origin}stream/${hash}/0`;
  for (let round = 0; round <= Number(rounds); round++) {
    for (const which of round % 2 ? ['bare', 'page'] : ['page', 'bare']) {
      const ms = await (which === 'page' ? one(browser, pressInPage) : one(browser, playBare, file));
      if (round > 0) (which === 'page' ? page : bare).push(ms); // the first is for the caches of the machine
    }
  }
  console.log(JSON.stringify({ page, bare }));
}

async function end() {
  for (const one_ of atEnd) await one_();
}

process.on('SIGTERM', () => end().then(() => process.exit(1)));
await measure().finally(end);
