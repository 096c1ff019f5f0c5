// SPDX-License-Identifier: MIT
//
// How large the picture is and how fast it goes, as somebody wants it, or as the machine and the line allow; and other screens.
import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { ownAddress, startChromium } from './chromium.mjs';
import { House, Yard, run, until } from './house.mjs';
import { PHONE, Person } from './person.mjs';

const SECONDS = 60;

async function makeFilm(yard, name, size, rate) {
  const file = path.join(yard.dir, name);
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}`, '-f', 'lavfi', '-i', 'sine=440', '-t', String(SECONDS),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', String(rate), '-c:a', 'aac', '-movflags', '+faststart', file]);
  assert.equal(code, 0, err);
  return file;
}

test('quality and speed', async (t) => {
  const yard = new Yard(t), house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_NAMES: ownAddress() } }), browser = await startChromium(t, yard), origin = house.url('/');
  const seed = async (file) => (await house.json('seed', file)).infoHash;
  const small = await seed(await makeFilm(yard, 'Small.mp4', '640x360', 25)), large = await seed(await makeFilm(yard, 'Large.mp4', '1296x736', 5));
  const come = (name, options) => Person.come(browser, name, { origin, ...options });
  const watch = async (person, hash) => {
    await person.page.goto(house.url(`/watch?torrent=${hash}`));
    return person.playsBeyond(0);
  };
  const openMenu = async ({ page }) => {
    await page.hover('media-controller');
    await page.click('media-controller button.picture');
    await page.waitForSelector('.stage dialog[open] >> text=Automatic');
  };
  const closeMenu = async ({ page }) => {
    await page.keyboard.press('Escape');
    await page.waitForSelector('.stage dialog', { state: 'detached' });
  };
  const choose = (person, name) => person.page.check(`.choices label:has-text("${name}")`);
  const is = (person, way, height) => until(async () => {
    const now = await person.player();
    return now?.way === way && now.height === height && now.isThere && now;
  }, `${way} with ${height} lines`).catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await person.player())}`); });

  await t.test('a size and a speed are chosen, and kept', async () => {
    const ann = await come('Ann'), { page } = ann;
    assert.equal((await watch(ann, small)).way, 'direct');
    await openMenu(ann);
    await page.waitForSelector('.choices >> text=240p');
    await page.waitForSelector('.choices >> text=now 360p');
    await ann.look('quality-menu');
    await page.check('.choices label:has-text("1.5x")');
    await closeMenu(ann);
    await page.keyboard.press('5');
    await until(async () => (await ann.player()).time > SECONDS / 2, 'the middle of the film').catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await ann.player())}`); });
    await openMenu(ann);
    await choose(ann, '240p');
    const { time } = await is(ann, 'hls', 240);
    assert.ok(time > SECONDS / 2, `it goes on where it was, at ${time}`);
    assert.equal(await page.evaluate(() => document.querySelector('video').playbackRate), 1.5);
    await closeMenu(ann);
    await page.reload();
    await is(ann, 'hls', 240);

    await openMenu(ann);
    await choose(ann, 'Automatic'); // by HLS, where it may choose
    await closeMenu(ann);
    assert.equal((await ann.player()).way, 'hls');
    await openMenu(ann);
    await choose(ann, 'Original');
    await is(ann, 'direct', 360);
    await ann.ends();
  });

  await t.test('a size that there is not is the next smaller one', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.addInitScript(() => localStorage.setItem('sharestream.quality', '300'));
    await page.goto(house.url(`/watch?torrent=${small}`));
    await is(ann, 'hls', 240);
    await ann.ends();
  });

  await t.test('a picture that would stutter is taken smaller, unless it is wanted as it is', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.addInitScript(() => {
      const { mediaCapabilities } = navigator, real = mediaCapabilities.decodingInfo.bind(mediaCapabilities);
      mediaCapabilities.decodingInfo = async (asked) => ({ ...await real(asked), smooth: (asked.video?.height ?? 0) <= 720 });
    });
    await page.goto(house.url(`/watch?torrent=${large}`));
    await until(async () => {
      const { way, height } = await ann.player() ?? {};
      return way === 'hls' && height > 0 && height <= 720;
    }, 'a smaller picture');
    await openMenu(ann);
    await choose(ann, 'Original');
    await is(ann, 'direct', 736);
    await ann.ends();
  });

  await t.test('a line that is too slow for the film gets it in pieces', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.context().route('**/stream/**', () => {}); // nothing comes, ever, not to the page's worker either
    await page.goto(house.url(`/watch?torrent=${small}`));
    assert.equal((await ann.playsBeyond(0)).way, 'hls');
    await page.context().unrouteAll();
    await ann.ends();
  });

  await t.test('in a room the speed is for all, and the size for oneself', async () => {
    const { code } = await house.post('/api/v1/rooms', { source: small, file: '0' }), people = [];
    for (const name of ['Ann', 'Bob']) {
      const person = await come(name);
      await person.page.addInitScript((who) => localStorage.setItem('sharestream.name', who), name);
      await person.page.goto(house.url(`/room/${code}`));
      await until(async () => (await person.player())?.height > 0, `the film of ${name}`);
      people.push(person);
    }
    const [ann, bob] = people;
    await openMenu(ann);
    await ann.page.check('.choices label:has-text("1.5x")');
    await closeMenu(ann);
    for (const person of people) await person.shows('media-controller button.picture:has-text("1.5x")');
    await openMenu(bob);
    await choose(bob, '240p');
    await is(bob, 'hls', 240);
    assert.equal((await ann.player()).way, 'direct');
    for (const person of people) await person.ends();
  });

  await t.test('another screen cannot open an address of this machine, and has to be there', { skip: ownAddress() === '127.0.0.1' && 'this machine has no other address' }, async () => {
    const bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true, locale: 'ar' }), { page } = bob;
    await watch(bob, small);
    await page.hover('media-controller');
    await page.click('media-controller button.picture');
    await bob.shows('.stage dialog[open] >> text=240p');
    await page.click('.stage dialog .button:not(.bare)');
    await bob.shows('.stage dialog .notice >> text=127.0.0.1');
    await bob.look('quality-arabic-phone');
    await bob.ends();

    // Here there is none.
    const relay = net.createServer((from) => {
      const to = net.connect(house.port, '127.0.0.1');
      for (const [one, other] of [[from, to], [to, from]]) one.on('error', () => other.destroy()).pipe(other);
    });
    await new Promise((resolve) => relay.listen(0, ownAddress(), resolve));
    t.after(() => relay.close());
    const address = `http://${ownAddress()}:${relay.address().port}`, ann = await come('Ann', { origin: address });
    await ann.page.goto(`${address}/watch?torrent=${small}`);
    await ann.playsBeyond(0);
    await openMenu(ann);
    await ann.page.click('text=Show on another screen');
    await ann.shows('.stage dialog .notice >> text=No screen was found');
    await ann.ends();
  });
});
