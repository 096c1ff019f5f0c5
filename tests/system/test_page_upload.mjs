// SPDX-License-Identifier: MIT
//
// A film of one's own on the page: it plays, alone and together, while it is still being sent; it goes on after a reload when the file is
// chosen again; and it is the same file in the end. What is sent is held back here by hand, so that no speed of a line decides.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, run, sha256, until } from './house.mjs';
import { DESK, PHONE, Person } from './person.mjs';

// As cameras write it: the index is at the end.
async function shoot(yard) {
  const file = path.join(yard.dir, 'Our <i>holidays.mp4');
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-f', 'lavfi', '-i', 'sine=440', '-t', '120',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-b:v', '2M', '-c:a', 'aac', file]);
  assert.equal(code, 0, err);
  const data = fs.readFileSync(file);
  assert.ok(data.indexOf('moov') > data.indexOf('mdat'));
  return { file, size: data.length, sha256: sha256(data) };
}

// Parts of a file wait from that byte on until the gate is opened.
async function gate(page, from) {
  const held = { from, begun: 0, waiting: [] };
  await page.route('**/api/v1/uploads**', async (route, request) => {
    if (request.method() === 'POST') held.begun++;
    if (request.method() === 'PATCH' && Number(request.headers()['upload-offset']) >= held.from) await new Promise((resolve) => { held.waiting.push(resolve); });
    await route.continue().catch(() => {}); // it may have been given up meanwhile
  });
  held.open = () => {
    held.from = Infinity;
    for (const go of held.waiting.splice(0)) go();
  };
  return held;
}

test('somebody with a film of his own, and friends', async (t) => {
  const yard = new Yard(t), film = await shoot(yard), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(path.join(folder, 'Series <b>'), { recursive: true });
  fs.copyFileSync(film.file, path.join(folder, 'Series <b>', 'One.mp4'));
  const house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_MEDIA_FOLDER: folder } }), browser = await startChromium(t, yard), origin = house.url('/');
  const ask = async (target) => (await fetch(house.url(target))).json();
  const ann = await Person.come(browser, 'Ann', { origin }), { page } = ann, choose = () => page.setInputFiles('input[type=file]', film.file);
  page.on('dialog', (dialog) => dialog.accept()); // "leave this page?"
  const held = await gate(page, film.size * 0.4);
  let hash;

  await t.test('plays while it is being sent', async () => {
    await page.goto(origin);
    await choose();
    await until(() => /watch\?torrent=/.test(page.url()), 'the view of the film');
    hash = new URL(page.url()).searchParams.get('torrent');
    await ann.playsBeyond(1);
    await until(() => held.waiting.length > 0, 'the parts to be held');
    const { state, progress } = await ask(`/api/v1/torrents/${hash}`);
    assert.equal(state, 'uploading');
    assert.ok(progress > 0.3 && progress < 1);
    assert.ok((await ask(`/api/v1/uploads/${hash}`)).tailBytes > 0, 'the index went first');
    assert.equal(await page.innerText('.uploads .name'), 'Our <i>holidays.mp4', 'names are no HTML');
    await ann.look('upload-watch');
  });

  await t.test('waits, in words, for what has not come yet', async () => {
    await page.evaluate(() => { document.querySelector('video').currentTime = 110; });
    await page.waitForSelector('[data-why=uploading]');
    await ann.look('upload-why');
  });

  await t.test('goes on after a reload, when the file is chosen again', async () => {
    const { receivedBytes: before } = await ask(`/api/v1/uploads/${hash}`);
    await page.goto(origin);
    await page.reload();
    await page.waitForSelector('.item:has-text("Choose the same file again")');
    held.waiting = [];
    await choose();
    await until(() => new URL(page.url()).searchParams.get('torrent') === hash, 'the same film');
    await until(() => held.waiting.length > 0, 'a part behind those that were sent');
    assert.equal(held.begun, 1);
    assert.ok((await ask(`/api/v1/uploads/${hash}`)).receivedBytes >= before);
    await ann.playsBeyond(1);
  });

  await t.test('is paused and goes on, and reads well everywhere', async () => {
    await page.click('.uploads [aria-label^="Pause"]');
    await page.waitForSelector('.uploads [data-state=paused]');
    await page.setViewportSize(PHONE);
    await ann.look('upload-phone');
    await page.selectOption('select.choice', 'ar');
    await page.waitForSelector('html[dir=rtl]');
    await ann.look('upload-arabic');
    await page.selectOption('select.choice', 'en');
    await page.setViewportSize(DESK);
    await page.click('.uploads [aria-label^="Go on"]');
    await page.waitForSelector('.uploads [data-state=sending]');
  });

  await t.test('is watched together, and becomes a torrent meanwhile', async () => {
    await page.click('text=Watch together');
    await page.fill('#name', 'Ann');
    await page.keyboard.press('Enter');
    await until(async () => (await ann.player())?.isThere, 'a picture');
    await page.click('media-play-button');
    await ann.playsBeyond(0.5);
    const bob = await Person.come(browser, 'Bob', { origin });
    await bob.page.goto(page.url());
    await bob.page.fill('#name', 'Bob');
    await bob.page.keyboard.press('Enter');
    await bob.playsBeyond(1);
    held.open();
    await page.waitForSelector('.uploads [data-state=sent]');
    await ann.look('upload-sent');
    const { torrent } = await ask(`/api/v1/uploads/${hash}`);
    assert.deepEqual((await ask('/api/v1/torrents')).torrents.map(({ infoHash }) => infoHash), [torrent]);
    for (const one of [hash, torrent]) assert.equal(sha256((await house.get(`/stream/${one}/0`)).body), film.sha256);
    const now = (await bob.player()).time;
    await bob.playsBeyond(now + 1);
    await bob.page.reload();
    await bob.playsBeyond(0.5);
    await bob.ends();
  });

  await t.test('is also found on the disk of the server', async () => {
    await page.goto(origin);
    await page.click('text=Films on the server');
    await page.click('dialog button:has-text("Series")');
    await page.waitForSelector('dialog button:has-text("One.mp4")');
    await ann.look('upload-folder');
    await page.click('dialog button:has-text("One.mp4")');
    await until(() => /watch\?torrent=/.test(page.url()), 'the view of the film');
    await ann.playsBeyond(1);
  });
  await ann.ends();
});
