// SPDX-License-Identifier: MIT
//
// Guests in the page, in Chromium, on a server that wants a token: they come by the link of a room and see its film, as it is and by HLS,
// for longer than one grant lasts; and what they may not do is refused in words.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { PHONE, Person, SECONDS, makeSwarm } from './person.mjs';

const TOKEN = 'a token of some length', LATE = SECONDS - 40, HLS_SECONDS = 200;

test('guests of a server with a token', async (t) => {
  const yard = new Yard(t), [plain] = await makeSwarm(yard), folder = path.join(yard.dir, 'original');
  const made = await run('ffmpeg', ['-v', 'error', '-i', path.join(folder, 'A film <b>for two.mp4'), '-t', String(HLS_SECONDS), '-c:v', 'copy', '-c:a', 'ac3', path.join(folder, 'Long.mkv')]);
  assert.equal(made.code, 0, made.err);
  const long = await makeTorrent(yard, path.join(folder, 'Long.mkv'), 'long.torrent'), { port } = await seedWithAria2(yard, long.torrent, folder);
  const house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN, SHARESTREAM_HTTP_GRANT_LIFETIME: '10s' } });
  const browser = await startChromium(t, yard), origin = house.url('/');
  const asOperator = (method, target, what) => fetch(house.url(target), { method, headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
    ...(what ? { body: JSON.stringify(what) } : {}) });

  // The host has the token, and makes a room of a film.
  const ann = await Person.come(browser, 'Ann', { origin });
  await ann.page.goto(house.url(`/?token=${encodeURIComponent(TOKEN)}`));
  await ann.page.fill('#source', plain.link);
  await ann.page.click('text=Watch together');
  await ann.page.fill('#name', 'Ann');
  await ann.page.keyboard.press('Enter');
  await ann.shows('.tabs');
  const address = ann.page.url(), code = address.split('/').at(-1), room = (does, what) => asOperator('POST', `/api/v1/rooms/${code}/${does}`, what);

  const enter = async (name, options) => {
    const person = await Person.come(browser, name, { origin, ...options });
    person.asked = [];
    person.page.on('response', (answer) => person.asked.push({ url: answer.url(), status: answer.status() }));
    await person.page.goto(address);
    await person.page.fill('#name', name);
    await person.page.keyboard.press('Enter');
    await person.shows('.tabs');
    return person;
  };
  const expiry = (url) => Number(/[?&]exp=(\d+)/.exec(url)?.[1]);
  // Bob without a service worker: what it asks of the server, and what it need not ask, his page would not tell.
  const bob = await enter('Bob', { serviceWorkers: 'block' }), cem = await enter('Cem', { viewport: PHONE, isMobile: true, hasTouch: true, locale: 'ar', colorScheme: 'light' });
  const refused = ({ asked }) => asked.filter(({ status }) => status === 401 || status === 403);

  await t.test('the film, as it is', async () => {
    await until(async () => (await bob.player())?.isThere, 'a picture');
    assert.equal((await room('play')).status, 200);
    for (const person of [ann, bob, cem]) await person.playsBeyond(1);
    assert.equal((await bob.player()).way, 'direct');
    await bob.look('guest-film');
    await cem.look('guest-film-phone-arabic');
    assert.deepEqual([...refused(bob), ...refused(cem)], [], 'nothing was asked that guests may not');
  });

  await t.test('what a guest has opens nothing else', async () => {
    const query = new URL(bob.asked.findLast(({ url }) => url.includes('exp=')).url).search, target = `/api/v1/torrents/${plain.hash}`;
    const status = (method, path) => fetch(house.url(path), { method }).then((answer) => answer.status);
    assert.equal(await status('GET', `${target}${query}`), 200);
    assert.equal(await status('GET', target), 401);
    for (const [method, path] of [['DELETE', `${target}${query}`], ['POST', `${target}/pause${query}`], ['GET', `/api/v1/torrents${query}`], ['GET', `${target}/peers${query}`]])
      assert.equal(await status(method, path), 401, `${method} ${path}`);
    assert.equal((await asOperator('GET', target)).status, 200, 'it is still there');
  });

  await t.test('longer than a grant lasts', async () => {
    const first = Math.max(...bob.asked.map(({ url }) => expiry(url)).filter(Boolean));
    await until(async () => (await fetch(house.url(`/api/v1/torrents/${plain.hash}?${new URL(bob.asked.findLast(({ url }) => expiry(url) === first).url).search.slice(1)}`))).status === 403, 'the first grant to end');
    await room('seek', { positionMs: LATE * 1000 });
    for (const person of [bob, cem]) await person.playsBeyond(LATE + 1);
    await until(() => bob.asked.some(({ url, status }) => url.includes('/stream/') && expiry(url) > first && status === 206), 'the film by another grant');
    await room('pause'); // it is near its end
  });

  await t.test('another film, by HLS, likewise', async () => {
    await ann.page.click('#tab-queue');
    await ann.page.fill('#add', magnet(long.hash, port));
    await ann.page.keyboard.press('Enter');
    const queued = (person, count) => until(async () => (await person.page.locator('ol.queue .name').count()) === count, `${person.name} to see ${count} in the queue`);
    await queued(ann, 2);
    await bob.page.click('#tab-queue');
    await queued(bob, 2);
    await ann.page.click('button:has-text("Next film")');
    await until(async () => (await bob.player())?.way === 'hls' && (await bob.player()).isThere, 'a picture by HLS');
    await room('play');
    for (const person of [bob, cem]) await person.playsBeyond(1);
    const segments = () => bob.asked.filter(({ url }) => url.includes(`/hls/${long.hash}/`) && url.includes('.m4s')), first = expiry(segments()[0].url);
    await until(async () => (await fetch(segments()[0].url)).status === 403, 'that grant to end');
    await room('seek', { positionMs: (HLS_SECONDS - 40) * 1000 });
    for (const person of [bob, cem]) await person.playsBeyond(HLS_SECONDS - 39);
    assert.ok(segments().some(({ url, status }) => expiry(url) > first && status === 200), 'segments by another grant');
    assert.equal((await bob.player()).way, 'hls');
    await room('pause');
    await bob.page.click('[aria-label="Sound and subtitles"]');
    await bob.shows('dialog');
    assert.equal(await bob.page.locator('dialog button:has-text("Add a file")').count(), 0, 'subtitles are the operator\'s to add');
    await bob.look('guest-tracks');
    await bob.page.keyboard.press('Escape');
  });

  await t.test('what a guest may queue', async () => {
    await ann.page.click('[aria-label="Room settings"]');
    await ann.page.selectOption('#mayQueue', 'viewer');
    await ann.page.click('dialog button:has-text("Save")');
    await bob.shows('#add');
    await bob.page.fill('#add', magnet('e'.repeat(40), port));
    await bob.page.keyboard.press('Enter');
    await bob.shows('#part-queue .notice:has-text("does not have that film")');
    await bob.look('guest-queue');
    await bob.page.fill('#add', plain.hash);
    await bob.page.keyboard.press('Enter');
    await until(async () => (await ann.page.locator('ol.queue .name').allInnerTexts()).at(-1) === 'A film <b>for two.mp4', 'the film that the server has, by its name');
  });

  await t.test('alone, a guest needs the token as before', async () => {
    const eve = await Person.come(browser, 'Eve', { origin });
    await eve.page.goto(house.url(`/watch?torrent=${plain.hash}`));
    await eve.shows('#token');
    eve.complaints = eve.complaints.filter((text) => !/status of 401/.test(text)); // that was asked for
    await eve.ends();
    await bob.page.goto(house.url(`/watch?torrent=${plain.hash}`));
    await bob.shows('#token');
  });
  // A player keeps the address by which it began until that is refused.
  for (const person of [ann, bob, cem]) person.complaints = person.complaints.filter((text) => !/status of 40[13]/.test(text));
  for (const person of [ann, bob, cem]) await person.ends();
});
