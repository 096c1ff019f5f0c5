// SPDX-License-Identifier: MIT
//
// Rooms in the page, in Chromium, with the whole system behind: several people, each with a browser of his own, and what they do to each
// other. How they stay in step is in test_page.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { PHONE, Person, SECONDS, SHOTS, makeSwarm } from './person.mjs';

test('people in a room', async (t) => {
  const yard = new Yard(t), [plain, other] = await makeSwarm(yard);
  const house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  const come = (name, options) => Person.come(browser, name, { origin, ...options });
  const made = async (choices = {}) => (await house.post('/api/v1/rooms', choices)).url;
  const arrive = async (person, address) => {
    await person.page.goto(address);
    await person.page.fill('#name', person.name);
    await person.page.keyboard.press('Enter');
  };
  const enter = async (person, address) => {
    await arrive(person, address);
    await person.shows('.tabs');
  };
  const shows = (person, selector, words, what = `${person.name} to see ${words}`) => until(async () => {
    const texts = await person.page.locator(selector).allInnerTexts();
    return texts.some((text) => (words instanceof RegExp ? words.test(text) : text.includes(words)));
  }, what);
  const tab = (person, name) => person.page.click(`#tab-${name}`);
  const more = (person, name) => person.page.click(`[aria-label="More about ${name}"]`);
  const does = (person, words, within = '#part-people') => person.page.click(`${within} button:has-text("${words}")`);
  // With what is in it: then it has a name.
  const add = async ({ hash, link }) => {
    await house.post('/api/v1/torrents', { source: link });
    await until(async () => (await (await fetch(house.url(`/api/v1/torrents/${hash}`))).json()).hasMetadata, 'what is in the torrent');
  };
  await add(plain);

  await t.test('moderators and the host', async () => {
    const address = await made(), [ann, bob, cid, dan] = await Promise.all(['Ann', 'Bob', 'Cid', 'Dan'].map((name) => come(name)));
    for (const person of [ann, bob, cid]) await enter(person, address);
    for (const person of [ann, cid]) {
      await tab(person, 'people');
      await until(async () => (await person.page.locator('.member').count()) === 3, 'three to be there');
    }
    assert.equal(await cid.page.locator('[aria-label^="More about"]').count(), 1, 'who only watches can rename himself, and no more');
    await more(ann, 'Bob');
    await ann.look('room-powers');
    await does(ann, 'Mute');
    await until(() => bob.page.isDisabled('#say'), 'Bob to be mute');
    await shows(cid, '.member', /Bob\s+may not write/);
    await does(ann, 'Let write again');
    await until(async () => !await bob.page.isDisabled('#say'), 'Bob to have a voice again');

    await more(ann, 'Cid');
    await ann.page.click('.member:has-text("Cid") button:has-text("Make moderator")');
    await more(cid, 'Bob');
    await does(cid, 'Send out');
    await cid.page.click('#part-people button:text-is("Send out")');
    await bob.shows('text=You were sent out of the room');
    await bob.look('room-out');
    await bob.page.click('text=Try again');
    await bob.shows('.tabs');
    await more(cid, 'Bob');
    await does(cid, 'Send out');
    await cid.look('room-send-out');
    await does(cid, 'For good');
    await bob.shows('text=for good');
    await bob.page.click('text=Try again');
    await bob.shows('text=You cannot enter this room');
    for (const person of [ann, cid]) await shows(person, '.banned', 'Bob');
    await does(ann, 'Let come again');
    await bob.page.click('text=Try again');
    await bob.shows('.tabs');

    await tab(bob, 'people');
    await more(bob, 'Bob');
    await bob.page.fill('#rename', 'Bob <i>the</i> second');
    await bob.page.keyboard.press('Enter');
    await shows(ann, '.member', 'Bob <i>the</i> second');

    await ann.page.click('.member:has-text("Cid") button:has-text("Hand over")');
    await ann.shows('text=becomes the host');
    await ann.page.click('.member:has-text("Cid") button:has-text("Hand over")');
    await shows(ann, '.member', /Cid\s+host/);
    await shows(ann, '.member', /Ann \(you\)\s+moderator/);
    assert.equal(await ann.page.locator('[aria-label="Room settings"]').count(), 0);

    await cid.page.click('[aria-label="Room settings"]');
    await cid.page.fill('#title', 'Friday <b>night</b>');
    await cid.page.check('text=have to be let in');
    await cid.page.check('text=There is a password');
    await cid.page.fill('#new-password', 'sesame');
    await cid.page.selectOption('#mayChat', 'moderator');
    await cid.page.selectOption('#stragglers', 'wait');
    await cid.page.fill('#wait', '7');
    await cid.look('room-settings');
    await cid.page.click('dialog button:has-text("Save")');
    for (const person of [ann, bob, cid]) await until(async () => (await person.page.title()).startsWith('Friday <b>night</b>'), 'the title');
    assert.ok(await bob.page.isDisabled('#say'));
    await cid.page.click('[aria-label="Room settings"]');
    assert.equal(await cid.page.inputValue('#wait'), '7');
    await cid.page.fill('#most', '3');
    await cid.page.click('dialog button:has-text("Save")');
    await cid.page.waitForSelector('dialog', { state: 'detached' });

    await arrive(dan, address);
    await dan.page.fill('#password', 'barley');
    await dan.page.keyboard.press('Enter');
    await dan.shows('text=That is not the password');
    await dan.page.fill('#password', 'sesame');
    await dan.page.keyboard.press('Enter');
    await dan.shows('text=Waiting to be let in');
    await ann.shows('.knock');
    await ann.look('room-knock');
    await ann.page.click('.knock button:has-text("No")');
    await dan.shows('text=You were not let in');
    await dan.page.click('text=Try again');
    await cid.page.click('.knock button:has-text("Let in")');
    await dan.shows('text=The room is full');
    await cid.page.click('[aria-label="Room settings"]');
    await cid.page.fill('#most', '10');
    await cid.page.click('dialog button:has-text("Save")');
    await cid.page.waitForSelector('dialog', { state: 'detached' });
    await dan.page.click('text=Try again');
    await dan.shows('.tabs');

    await cid.page.click('[aria-label="Room settings"]');
    await cid.page.click('dialog button:has-text("Close the room")');
    await cid.shows('text=The room ends for everybody');
    await cid.page.click('dialog button:has-text("Close the room")');
    for (const person of [ann, bob, cid, dan]) {
      await person.shows('text=The room is closed');
      await person.ends();
    }
  });

  await t.test('the queue', async () => {
    const folder = path.join(yard.dir, 'original', 'Series');
    fs.mkdirSync(folder);
    for (const [name, seconds] of [['One.mp4', 60], ['Two.mp4', 30]]) {
      const { code, err } = await run('ffmpeg', ['-v', 'error', '-i', path.join(yard.dir, 'original', 'A film <b>for two.mp4'), '-t', String(seconds), '-c', 'copy', '-movflags', '+faststart', path.join(folder, name)]);
      assert.equal(code, 0, err);
    }
    const series = await makeTorrent(yard, folder, 'series.torrent'), { port } = await seedWithAria2(yard, series.torrent, path.dirname(folder));
    await add({ hash: series.hash, link: magnet(series.hash, port) });
    const address = await made({ source: series.hash, name: 'Series' }), ann = await come('Ann'), bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true });
    for (const person of [ann, bob]) {
      await enter(person, address);
      await tab(person, 'queue');
    }
    const names = (person) => person.page.locator('ol.queue .name').allInnerTexts();
    const has = (person, ...wanted) => until(async () => (await names(person)).join() === wanted.join(), `${person.name} to have ${wanted} queued`)
      .catch(async (error) => { throw new Error(`${error.message}: ${await names(person)}`); });
    await has(ann, 'Series');
    await bob.shows('text=Only some may change the queue');
    const mayQueue = async (role, ...more) => {
      await ann.page.click('[aria-label="Room settings"]');
      await ann.page.selectOption('#mayQueue', role);
      for (const [field, value] of more) await ann.page.fill(field, value);
      await ann.page.click('dialog button:has-text("Save")');
      await ann.page.waitForSelector('dialog', { state: 'detached' });
    };
    await mayQueue('viewer');
    await ann.page.fill('#add', 'nonsense');
    await ann.page.keyboard.press('Enter');
    await shows(ann, '#part-queue .notice', 'no magnet link');
    await ann.page.fill('#add', plain.link);
    await ann.page.keyboard.press('Enter');
    const film = 'A film <b>for two.mp4';
    await has(bob, 'Series', film);
    await ann.page.setInputFiles('#part-queue input[type=file]', other.torrent);
    await has(bob, 'Series', film, 'The other one.mkv');
    await bob.page.click('summary:has-text("Other files")');
    await bob.page.click('[aria-label="Add: Two.mp4"]');
    await has(ann, 'Series', film, 'The other one.mkv', 'Two.mp4');
    await ann.look('room-queue');
    await bob.look('room-queue-phone');

    await ann.page.focus('[aria-label="Earlier: Two.mp4"]');
    await ann.page.keyboard.press('Enter');
    await has(bob, 'Series', film, 'Two.mp4', 'The other one.mkv');
    await has(ann, 'Series', film, 'Two.mp4', 'The other one.mkv');
    await ann.page.keyboard.press('Enter'); // the button has gone with its row, and the focus with the button
    await has(bob, 'Series', 'Two.mp4', film, 'The other one.mkv');
    const row = (name) => ann.page.locator(`ol.queue li:has([aria-label="Earlier: ${name}"])`);
    await row('The other one.mkv').dragTo(row('Two.mp4'));
    await has(bob, 'Series', 'The other one.mkv', 'Two.mp4', film);
    await ann.page.click('[aria-label="Take out: The other one.mkv"]');
    await has(bob, 'Series', 'Two.mp4', film);

    await mayQueue('host', ['#skip', '100']);
    await bob.shows('text=Only some may change the queue');
    assert.equal(await bob.page.locator('[aria-label^="Take out"]').count(), 0);
    await bob.page.click('button:has-text("Vote to skip")');
    await shows(ann, '.skip-film', '1 of 2');
    await bob.page.click('button:has-text("Take the vote back")');
    await shows(ann, '.skip-film', '0 of 2');
    for (const person of [ann, bob]) await person.page.click('button:has-text("Vote to skip")');
    await has(bob, 'Two.mp4', film);
    await shows(ann, '.skip-film', '0 of 2');

    // It ends, and the next one begins by itself.
    for (const person of [ann, bob]) await until(async () => (await person.player())?.isThere, 'a picture');
    await ann.page.click('media-play-button');
    await shows(bob, '.next-up', film);
    await ann.look('room-next-up');
    await has(bob, film);
    await bob.playsBeyond(0.5);
    for (const person of [ann, bob]) await person.ends();
  });

  await t.test('talk', async () => {
    const address = await made({ source: plain.hash, name: 'The film' }), ann = await come('Ann', { reducedMotion: 'reduce' }), bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true });
    await enter(ann, address);
    await enter(bob, address);
    await shows(ann, '.chat .said', 'Bob has come in');
    await bob.page.type('#say', 'What a sight');
    await shows(ann, '.typing', 'Bob is writing');
    await bob.page.keyboard.press('Enter');
    await shows(ann, '.line', 'What a sight');
    await until(async () => await ann.page.innerText('.typing') === '', 'Bob to be done with writing');

    await ann.page.hover('.line');
    await ann.page.click('.line .react');
    await ann.look('room-react');
    await ann.page.click('.line [aria-label="Heart"]');
    await shows(bob, '.mark', /❤️\s*1/);
    await bob.page.click('.mark');
    await shows(ann, '.mark', /❤️\s*2/);
    await ann.page.click('.mark');
    await shows(bob, '.mark', /❤️\s*1/);
    await bob.page.reload();
    await shows(bob, '.mark', /❤️\s*1/, 'Bob to find what was said before');

    await bob.page.click('[aria-label="Hide"]');
    for (const text of ['first', 'second']) {
      await ann.page.fill('#say', text);
      await ann.page.keyboard.press('Enter');
      await shows(ann, '.line', text);
    }
    await shows(bob, '#tab-chat .count', /^2/);
    await bob.look('room-closed-phone');
    await bob.page.click('[aria-label="Show"]');
    await until(async () => (await bob.page.locator('#tab-chat .count').count()) === 0, 'nothing to be unread');
    await shows(bob, '.line', 'second');

    await until(async () => {
      await bob.page.click('[aria-label="Applause"]');
      return await ann.page.evaluate(() => {
        const passing = document.querySelector('.float');
        return passing?.innerText.includes('Bob') && getComputedStyle(passing).animationName;
      }) === 'show'; // nothing flies for who does not want that
    }, 'applause over the film');
    if (SHOTS) await ann.page.screenshot({ path: path.join(SHOTS, 'room-reaction.png') });
    await until(async () => (await ann.page.locator('.float').count()) === 0, 'it to pass');
    await bob.page.click('.brand');
    await shows(ann, '.chat .said', 'Bob has left');
    for (const person of [ann, bob]) await person.ends();
  });

  await t.test('begins when all are ready, and goes back where it was', async () => {
    const address = await made({ source: plain.hash, name: 'The film' }), [ann, bob] = await Promise.all(['Ann', 'Bob'].map((name) => come(name)));
    await enter(ann, address);
    assert.equal(await ann.page.locator('.lobby').count(), 0, 'nobody waits for himself');
    await enter(bob, address);
    assert.equal(await bob.page.locator('.lobby button:has-text("Start")').count(), 0);
    for (const person of [ann, bob]) await until(async () => (await person.player())?.isThere, 'a picture');
    await bob.page.click('.lobby button:has-text("I am ready")');
    await shows(ann, '.lobby', '1 of 2 are ready');
    await ann.look('room-lobby');
    await ann.page.click('.lobby button:has-text("I am ready")');
    await shows(bob, '.lobby', 'Everybody is ready');
    await ann.page.click('.lobby button:has-text("Start")');
    for (const person of [ann, bob]) await person.playsBeyond(1);
    assert.equal(await bob.page.locator('.lobby').count(), 0);

    await bob.page.hover('media-controller');
    const box = await bob.page.locator('media-time-range').boundingBox();
    await bob.page.mouse.click(box.x + box.width * 0.8, box.y + box.height / 2);
    await ann.playsBeyond(SECONDS / 2);
    await shows(ann, '.state', /Bob went to [34]:/);
    await ann.page.click('text=Undo');
    await until(async () => {
      const { time } = await bob.player();
      return time > 0 && time < SECONDS / 2;
    }, 'Bob to be back');

    await ann.page.click('[aria-label="Room settings"]');
    await ann.page.selectOption('#mayPlay', 'host');
    await ann.page.click('dialog button:has-text("Save")');
    await ann.page.waitForSelector('dialog', { state: 'detached' });
    await bob.page.hover('media-controller');
    await bob.page.click('media-play-button');
    await bob.shows('.notice:has-text("You may not do that")');
    await until(async () => !(await ann.player()).isPaused, 'Ann to play on'); // she may be landing just now
    await ann.page.click('[aria-label="Hide"]');
    await ann.look('room-wide');
    for (const person of [ann, bob]) await person.ends();
  });

  await t.test('a second screen', async () => {
    const address = await made({ source: plain.hash, name: 'The film' }), ann = await come('Ann'), bob = await come('بوب', { locale: 'ar', viewport: PHONE, isMobile: true, hasTouch: true });
    await enter(ann, address);
    await until(async () => (await ann.player())?.isThere, 'a picture');
    await ann.page.click('text=Invite');
    await ann.page.check('text=As a remote control');
    const remote = await ann.page.inputValue('#address');
    assert.equal(remote, `${address}?screen=remote`);
    await ann.look('room-invite-remote');
    await ann.page.keyboard.press('Escape');

    await enter(bob, remote);
    await bob.page.click('.remote .big-play');
    await ann.playsBeyond(1);
    assert.equal(await bob.page.locator('video').count(), 0);
    await until(async () => await bob.page.inputValue('.remote input') > 1000, 'the remote to follow');
    await bob.look('room-remote-arabic-phone');
    await bob.page.click('.remote .button.icon:last-child');
    await ann.playsBeyond(10);
    await bob.page.fill('.remote input', String(SECONDS * 800));
    await until(async () => (await ann.player()).time > SECONDS / 2, 'Ann to be there');
    await bob.page.click('.link');
    await until(async () => (await ann.player()).time < SECONDS / 2, 'Ann to be back');
    await bob.page.click('.remote .big-play');
    await until(async () => (await ann.player()).isPaused, 'Ann to pause');

    for (const part of ['people', 'queue']) {
      await tab(bob, part);
      await bob.look(`room-${part}-arabic-phone`);
    }
    await bob.page.click('a[href$="/room/' + new URL(address).pathname.split('/').pop() + '"]');
    await until(async () => (await bob.player())?.isThere, 'Bob to have a picture as well');
    await tab(bob, 'chat');
    assert.deepEqual(await ann.page.locator('.chat .said').allInnerTexts(), ['بوب has come in'], 'he has not left in between');
    for (const person of [ann, bob]) await person.ends();
  });
});
