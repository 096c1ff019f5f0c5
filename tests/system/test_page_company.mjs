// SPDX-License-Identifier: MIT
//
// The company in a room, in Chromium: how people look, where their players are, the chat over the film and in a window of its own, and
// what comes next of a torrent.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { PHONE, Person, SHOTS, makeSwarm } from './person.mjs';

test('company in a room', async (t) => {
  const yard = new Yard(t), [plain] = await makeSwarm(yard), folder = path.join(yard.dir, 'Series');
  fs.mkdirSync(folder);
  for (const name of ['Part 2.mp4', 'Part 10.mp4', 'Part 1.mp4']) {
    const { code, err } = await run('ffmpeg', ['-v', 'error', '-i', path.join(yard.dir, 'original', 'A film <b>for two.mp4'), '-t', '20', '-c', 'copy', '-movflags', '+faststart', path.join(folder, name)]);
    assert.equal(code, 0, err);
  }
  const series = await makeTorrent(yard, folder, 'series.torrent'), { port } = await seedWithAria2(yard, series.torrent, yard.dir);
  const house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  const enter = async (name, address, options) => {
    const person = await Person.come(browser, name, { origin, ...options });
    await person.page.goto(address);
    await person.page.fill('#name', name);
    await person.page.keyboard.press('Enter');
    await person.shows('.tabs');
    return person;
  };
  const shows = (person, selector, words) => until(async () => (await person.page.locator(selector).allInnerTexts()).some((text) => words.test(text)), `${person.name} to see ${words}`)
    .catch(async (error) => { throw new Error(`${error.message}: ${await person.page.locator(selector).allInnerTexts()}`); });
  const say = async (person, text, field = '#say') => {
    await person.page.fill(field, text);
    await person.page.press(field, 'Enter');
  };
  await house.post('/api/v1/torrents', { source: plain.link });
  const { url: address } = await house.post('/api/v1/rooms', { source: plain.hash, name: 'The film' });
  const ann = await enter('Ann', address), bob = await enter('Bob', address);

  await t.test('how people look', async () => {
    await bob.page.click('#tab-people');
    await bob.page.click('[aria-label="More about Bob"]');
    await bob.page.click('.faces button:has-text("🦊")');
    await bob.page.click('[aria-label="Colour 4"]');
    await bob.look('company-avatar');
    await say(ann, 'Hello <b>Bob</b>');
    await bob.page.click('#tab-chat');
    await say(bob, 'Hello Ann');
    await until(async () => (await ann.page.locator('.line .avatar.hue-3').allInnerTexts()).includes('🦊'), 'the fox');
    await bob.page.reload();
    await bob.shows('.tabs');
    await bob.page.click('#tab-people');
    await until(async () => (await bob.page.locator('.member .avatar.hue-3').allInnerTexts()).includes('🦊'), 'the fox to be still there');
  });

  await t.test('where the others are', async () => {
    for (const person of [ann, bob]) await person.shows('media-play-button');
    await ann.page.click('media-play-button');
    for (const person of [ann, bob]) await person.playsBeyond(1);
    await ann.page.click('#tab-people');
    await shows(ann, '.member', /Bob[\s\S]*in step/);
    await ann.shows('.others li:has-text("Bob")');
    // Bob's browser has no more of it, and stands.
    await bob.page.evaluate(() => {
      const video = document.querySelector('video');
      globalThis.hold = setInterval(() => { video.playbackRate = 0.1; }, 20);
    });
    await shows(ann, '.member', /Bob[\s\S]*behind/);
    await shows(ann, '.others li', /Bob: .*behind/);
    await ann.look('company-places');
    const at = await ann.page.evaluate(() => {
      const mark = document.querySelector('.others li').getBoundingClientRect(), bar = document.querySelector('media-time-range').getBoundingClientRect();
      return { mark: mark.x + mark.width / 2, from: bar.x, until: bar.x + bar.width };
    });
    assert.ok(at.mark >= at.from && at.mark <= at.until, JSON.stringify(at));
    await bob.page.evaluate(() => clearInterval(globalThis.hold));
    await shows(ann, '.member', /Bob[\s\S]*in step/);
  });

  await t.test('the chat over the film', async () => {
    await ann.page.focus('body');
    await ann.page.keyboard.press('f');
    await until(() => ann.page.evaluate(() => document.fullscreenElement?.matches('.stage')), 'full screen');
    await bob.page.click('#tab-chat');
    await say(bob, 'Seen in full screen?');
    await shows(ann, '.chat-over .lines', /Seen in full screen\?/);
    await ann.page.mouse.move(300, 300);
    if (SHOTS) await ann.page.screenshot({ path: path.join(SHOTS, 'company-lines.png') });
    await say(ann, 'Written in full screen', '#say-over');
    await shows(bob, '.chat .line', /Written in full screen/);
    assert.ok(await ann.page.evaluate(() => document.fullscreenElement !== null), 'nobody has to leave it');
    await bob.page.click('.signs [aria-label="Heart"]');
    await until(() => ann.page.evaluate(() => {
      const [float] = document.querySelectorAll('.float');
      return float && document.fullscreenElement.contains(float);
    }), 'a heart over the film');
    await ann.look('company-full');
    await ann.page.click('[aria-label="Show chat over the film"]');
    await say(bob, 'Not this one');
    await until(() => ann.page.evaluate(() => document.querySelector('.chat').textContent.includes('Not this one')), 'the line');
    assert.equal(await ann.page.locator('.chat-over .lines p').count(), 0);
    await ann.page.click('[aria-label="Show chat over the film"]');
    // It goes with the controls, while nobody writes.
    await ann.page.evaluate(() => document.activeElement.blur());
    await ann.page.mouse.move(700, 100);
    await until(() => ann.page.evaluate(() => getComputedStyle(document.querySelector('.chat-over .with-controls')).opacity === '0'), 'the field to go');
    await ann.page.mouse.move(720, 120);
    await until(() => ann.page.evaluate(() => getComputedStyle(document.querySelector('.chat-over .with-controls')).opacity === '1'), 'the field to come back');
    await ann.page.evaluate(() => document.exitFullscreen());
    await ann.page.waitForSelector('.chat-over', { state: 'detached' });
  });

  await t.test('the chat in a window of its own, and on a second screen', async () => {
    await ann.page.click('#tab-chat');
    await ann.page.evaluate(() => {
      globalThis.reallyOpen = globalThis.open;
      globalThis.open = () => null; // as browsers do that let pages open none
    });
    await ann.page.click('[aria-label="Chat in its own window"]');
    await shows(ann, '.side .notice', /Allow pop-ups/);
    await ann.page.evaluate(() => { globalThis.open = globalThis.reallyOpen; });
    const [popup] = await Promise.all([ann.page.waitForEvent('popup'), ann.page.click('[aria-label="Chat in its own window"]')]);
    await popup.waitForSelector('.line');
    await popup.fill('#say', 'From the other window');
    await popup.press('#say', 'Enter');
    await shows(bob, '.chat .line', /From the other window/);
    await say(bob, 'To the other window');
    await popup.waitForSelector('.line:has-text("To the other window")');
    assert.equal(await ann.page.locator('.member').count(), 2, 'it is no other member');
    await until(() => popup.evaluate(() => getComputedStyle(document.body).backgroundColor !== 'rgba(0, 0, 0, 0)'), 'its looks');
    if (SHOTS) await popup.screenshot({ path: path.join(SHOTS, 'company-popup.png') });
    await ann.look('company-popped');
    await popup.close();
    await ann.shows('.chat .line');

    const cid = await enter('Cid', `${address}?screen=chat`, { viewport: PHONE, isMobile: true, hasTouch: true });
    await say(cid, 'I have only the chat');
    await shows(bob, '.chat .line', /I have only the chat/);
    assert.equal(await cid.page.locator('.stage, .remote').count(), 0);
    await cid.look('company-chat-phone');
    await cid.page.selectOption('header select', 'ar');
    await cid.page.waitForSelector('html[dir=rtl]', { state: 'attached' });
    await cid.look('company-chat-arabic');
    await cid.page.click('a[href$="/room/' + address.split('/').at(-1) + '"]');
    await cid.shows('.stage');
    await cid.ends();
  });

  await t.test('all that follows in the torrent', async () => {
    await house.post('/api/v1/torrents', { source: magnet(series.hash, port) });
    const found = async () => (await (await fetch(house.url(`/api/v1/torrents/${series.hash}`))).json()).files ?? [];
    await until(async () => (await found()).length === 3, 'what is in the torrent');
    const first = (await found()).find(({ path: name }) => name.endsWith('Part 1.mp4'));
    const { url } = await house.post('/api/v1/rooms', { source: series.hash, file: String(first.id), name: 'Part 1.mp4' });
    const dan = await enter('Dan', url, { viewport: PHONE, isMobile: true, hasTouch: true });
    await dan.page.click('#tab-queue');
    await dan.page.click('summary:has-text("Other files")');
    await dan.page.click('button:has-text("Add the next 2 files")');
    const wanted = ['Part 1.mp4', 'Part 2.mp4', 'Part 10.mp4'], names = () => dan.page.locator('ol.queue .name').allInnerTexts();
    await until(async () => (await names()).join() === wanted.join(), 'all that follows, in order').catch(async (error) => { throw new Error(`${error.message}: ${await names()}`); });
    assert.equal(await dan.page.locator('button:has-text("Add the next")').count(), 0, 'there is no more of it');
    await dan.look('company-series');
    await dan.shows('media-play-button');
    await dan.page.click('media-play-button');
    await shows(dan, '.next-up', /Part 2\.mp4/);
    if (SHOTS) await dan.page.screenshot({ path: path.join(SHOTS, 'company-next.png') });
    await dan.ends();
  });

  for (const person of [ann, bob]) await person.ends();
});
