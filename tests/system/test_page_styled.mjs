// SPDX-License-Identifier: MIT
//
// Subtitles as their authors drew them, by libass in the browser: colours, places, fonts out of the film; late, large; and plain where
// that cannot be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, run, until } from './house.mjs';
import { PHONE, Person } from './person.mjs';

const SECONDS = 30, TOKEN = 'a token of some length'; // with which all that is asked for needs a signature
const styles = (font) => `[Script Info]
ScriptType: v4.00+
PlayResX: 640
PlayResY: 360
WrapStyle: 2

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,${font},30,&H0000FF00,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,0,0,8,10,10,60,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
`;
// Green letters above; a red box below on the left, from the tenth second on.
const script = (font, words) => `${styles(font)}Dialogue: 0,0:00:00.00,0:00:${SECONDS}.00,Default,,0,0,0,,${words}
Dialogue: 1,0:00:10.00,0:00:${SECONDS}.00,Default,,0,0,0,,{\\an7\\pos(20,250)\\c&H0000FF&\\p1}m 0 0 l 200 0 200 80 0 80{\\p0}
`;

async function ffmpeg(...args) {
  const { code, err } = await run('ffmpeg', ['-v', 'error', ...args]);
  assert.equal(code, 0, err);
}

// What of the drawing is green (letters) and red (the box), as shares of it, and how high the letters are.
const drawn = (page) => page.evaluate(() => {
  const canvas = document.querySelector('.stage canvas.styled');
  if (!canvas || !canvas.width || !canvas.height) return undefined;
  const copy = new OffscreenCanvas(640, 360).getContext('2d', { willReadFrequently: true });
  copy.imageSmoothingEnabled = false;
  copy.drawImage(canvas, 0, 0, 640, 360);
  const { data } = copy.getImageData(0, 0, 640, 360), rows = new Set();
  let green = 0, red = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 64) continue;
    if (data[i + 1] > 128 && data[i] < 128) {
      green++;
      rows.add(Math.floor(i / 4 / 640));
    }
    if (data[i] > 128 && data[i + 1] < 128) red++;
  }
  return { green, red, height: rows.size };
});

test('styled subtitles', async (t) => {
  const yard = new Yard(t), dir = path.join(yard.dir, 'film'), tmp = (name) => path.join(yard.dir, name);
  fs.mkdirSync(dir);
  fs.writeFileSync(tmp('own.ass'), script('DejaVu Sans Mono', 'WWiiWW'));
  fs.writeFileSync(path.join(dir, 'Film.ru.ass'), script('Arial', 'Привет'));
  fs.writeFileSync(path.join(dir, 'Film.ar.ass'), script('Arial', 'مرحبا 12'));
  const font = '/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf';
  await ffmpeg('-f', 'lavfi', '-i', 'color=c=gray:s=640x360:r=25', '-f', 'lavfi', '-i', 'sine=440', '-i', tmp('own.ass'), '-t', String(SECONDS), '-map', '0', '-map', '1', '-map', '2',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-c:a', 'aac', '-c:s', 'copy', '-metadata:s:s:0', 'language=eng', '-attach', font, '-metadata:s:t', 'mimetype=application/x-truetype-font',
    path.join(dir, 'Film.mkv'));
  const house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN } }), { infoHash } = await house.json('seed', dir), browser = await startChromium(t, yard), origin = house.url('/');
  const come = async (name, options) => {
    const person = await Person.come(browser, name, { origin, ...options });
    person.asked = [];
    person.page.on('request', (request) => person.asked.push(new URL(request.url()).pathname));
    return person;
  };
  const watch = async (person) => {
    await person.page.goto(house.url(`/watch?torrent=${infoHash}&token=${encodeURIComponent(TOKEN)}`));
    await person.playsBeyond(0);
  };
  const choose = async ({ page }, name) => {
    await page.hover('media-controller');
    await page.click('media-controller button.captions');
    await page.check(`.choices label:has-text("${name}") >> css=[name=text]`);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.stage dialog', { state: 'detached' });
  };
  const plain = ({ page }) => page.evaluate(() => [...document.querySelector('video').textTracks].some(({ kind, mode, activeCues }) => kind === 'subtitles' && mode === 'showing' && activeCues?.length > 0));
  const seek = ({ page }, seconds) => page.evaluate((to) => { document.querySelector('video').currentTime = to; }, seconds);
  const is = async ({ page }, what, check) => {
    let now;
    await until(async () => check((now = await drawn(page)) ?? { green: 0, red: 0, height: 0 }), what).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(now)}`); });
    return now;
  };

  await t.test('with its colours, places and fonts; late, and large', async () => {
    const ann = await come('Ann'), { page } = ann;
    await watch(ann);
    assert.ok(!ann.asked.some((one) => /wasm/.test(one)), 'nothing of it is fetched before it is wanted');
    await page.keyboard.press('Space');
    await seek(ann, 12);
    await choose(ann, 'English');
    const { height } = await is(ann, 'green letters and a red box', ({ green, red }) => green > 200 && red > 12000);
    assert.ok(ann.asked.some((one) => one.startsWith(`/hls/${infoHash}/`) && /\/font|attach|f\d/.test(one)), `the film's own font is fetched: ${ann.asked.filter((one) => one.startsWith('/hls'))}`);
    await until(async () => !await plain(ann), 'no plain lines below them');
    await ann.look('styled');
    await seek(ann, 5);
    await is(ann, 'no box', ({ green, red }) => green > 200 && red === 0);

    await page.keyboard.press('c');
    await until(async () => await drawn(page) === undefined, 'nothing');
    await page.keyboard.press('c');
    await is(ann, 'letters again', ({ green }) => green > 200);
    await page.hover('media-controller');
    await page.click('media-controller button.captions');
    await page.check('label:has-text("Very large")');
    await is(ann, 'larger letters', (now) => now.height > height * 1.4);
    await page.fill('#delay', '8');
    await page.keyboard.press('Tab');
    await is(ann, 'no letters yet', ({ green, red }) => green === 0 && red === 0);
    await page.fill('#delay', '-8');
    await page.keyboard.press('Tab');
    await is(ann, 'the box, early', ({ red }) => red > 12000);
    await ann.ends();
  });

  await t.test('in Russian and Arabic, without fonts in the film, on a phone', async () => {
    const bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true, locale: 'ar' });
    await watch(bob);
    await choose(bob, 'الروسية');
    await is(bob, 'Russian letters', ({ green }) => green > 100);
    await bob.look('styled-russian');
    await choose(bob, 'العربية');
    await is(bob, 'Arabic letters', ({ green }) => green > 100);
    await bob.look('styled-arabic');

    const { page } = bob;
    await page.tap('media-fullscreen-button');
    await until(() => page.evaluate(() => Boolean(document.fullscreenElement?.querySelector('canvas.styled'))), 'the screen to be full of it');
    await is(bob, 'letters there', ({ green }) => green > 100);
    await page.tap('media-fullscreen-button');
    await until(() => page.evaluate(() => document.fullscreenElement === null), 'the page again');
    // What is drawn on the page is not in the small window.
    await page.tap('media-pip-button');
    await until(() => page.evaluate(() => document.pictureInPictureElement?.tagName === 'VIDEO'), 'a small window');
    await until(() => plain(bob), 'plain lines in it');
    await page.tap('media-pip-button');
    await until(async () => !await plain(bob), 'no plain lines');
    await bob.ends();
  });

  await t.test('plain where it cannot be', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.route('**/*.wasm', (route) => route.abort());
    await watch(ann);
    await choose(ann, 'English');
    await until(() => plain(ann), 'plain lines');
    await until(async () => ann.asked.some((one) => /wasm/.test(one)) && await drawn(page) === undefined, 'what cannot draw to be gone');
    assert.ok(await plain(ann), 'and the lines to stay');
    ann.complaints = ann.complaints.filter((text) => !/ERR_FAILED|Failed to fetch|Unserializable return value/.test(text)); // what jassub says of it
    await ann.ends();
  });
});
