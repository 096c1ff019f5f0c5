// SPDX-License-Identifier: MIT
//
// The view of the operator, in Chromium, with the whole system behind it: what dies and comes back under his eyes, and what he does.
// SHARESTREAM_TEST_SCREENSHOTS=<folder> keeps pictures.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, bin, film, freePort, magnet, makeTorrent, seedWithAria2, until } from './house.mjs';
import { PHONE, Person } from './person.mjs';

const TOKEN = 'a token of some length', SECRET = 'hunter2-hunter2';
const PARTS = ['services', 'torrents', 'jobs', 'rooms', 'settings', 'log'];
const authorization = { Authorization: `Bearer ${TOKEN}` };

test('the operator looks after his server', async (t) => {
  const yard = new Yard(t), { file } = await film(yard, { seconds: 5 });
  const { torrent, hash } = await makeTorrent(yard, file), { port } = await seedWithAria2(yard, torrent, path.dirname(file));
  const house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: TOKEN },
    settings: `room:\n  turn_urls: ["turn:127.0.0.1:3478"]\n  turn_secret: ${SECRET}\n` });
  const browser = await startChromium(t, yard), origin = house.url('/');
  const come = async (name, options) => {
    const person = await Person.come(browser, name, { origin, ...options });
    await person.page.goto(house.url(`/admin?token=${encodeURIComponent(TOKEN)}`));
    await person.shows('.service');
    return person;
  };
  const ann = await come('Ann'), { page } = ann;
  const service = (name) => page.locator('.service').filter({ hasText: name });
  const says = (locator, words) => until(async () => (await locator.allInnerTexts()).some((text) => words.test(text)), `${words}`);
  const open = async (part) => { await page.click(`.parts a[href$="part=${part}"]`); await ann.shows(`.parts a[href$="part=${part}"][aria-current=page]`); };

  await t.test('what dies is seen to die, and to come back', async () => {
    await until(async () => (await page.locator('.service .state.ready').count()) === 6, 'six that are ready');
    assert.equal(new URL(page.url()).search, '', 'the token does not stay in the address');
    await ann.look('admin-services');
    process.kill((await house.service('torrent.0')).pid, 'SIGKILL');
    await says(service('torrent.0'), /signal 9 \(SIGKILL\)/);
    await says(service('torrent.0'), /ready[^]*1 restart/);
    await page.click('[aria-label="More: torrent.0"]');
    await says(service('torrent.0').locator('.death'), /signal 9 \(SIGKILL\)/);
    await service('torrent.0').locator('summary').click();
    await says(service('torrent.0').locator('.lines'), /svc=torrent\.0/);
    await ann.look('admin-death');
  });

  await t.test('logs more, and reads it', async () => {
    await page.selectOption('#level-torrent-0', 'debug');
    await says(page.locator('.notice'), /torrent\.0 logs everything/);
    assert.equal((await house.service('torrent.0')).logLevel, 'debug');
    await open('log');
    await page.selectOption('#log-of', 'supervisor.0');
    await page.selectOption('#log-level', 'warn');
    await says(page.locator('.log .warn'), /service died[^]*torrent\.0/);
    assert.equal(await page.locator('.log .info').count(), 0);
    await page.selectOption('#log-level', 'debug');
    await page.selectOption('#log-of', 'torrent.0');
    await house.json('add', magnet(hash, port));
    await says(page.locator('.log p'), new RegExp(`torrent added.*${hash}`));
    assert.deepEqual((await page.locator('.log .whose').allInnerTexts()).filter((name) => name !== 'torrent.0'), []);
    await ann.look('admin-log');
  });

  await t.test('outlives the restart of what it talks to', async () => {
    const { pid } = await house.service('http.0');
    await open('services');
    await page.click('[aria-label="Restart: http.0"]');
    await service('http.0').getByRole('button', { name: 'Restart', exact: true }).click();
    await until(async () => { const now = await house.service('http.0'); return now.pid !== pid && now.state === 'ready'; }, 'another http-svc');
    await says(service('http.0'), /ready[^]*1 restart/);
    await until(async () => (await page.locator('.notice', { hasText: 'does not answer' }).count()) === 0, 'no complaint to stay');
    assert.equal(await service('http.0').locator('.words').count(), 0, 'that was no death');
  });

  await t.test('sees settings with their origin, and no secret', async () => {
    await open('settings');
    const row = (name) => page.locator('.settings > div', { hasText: name });
    await says(row('http.listen'), /in the file[^]*config\.yaml:5[^]*otherwise 127\.0\.0\.1:8080/);
    await says(row('http.admin_token'), /\(set\)[^]*in the environment SHARESTREAM_HTTP_ADMIN_TOKEN/);
    await ann.look('admin-settings');
    await page.selectOption('#settings-of', 'room');
    await says(row('room.turn_secret'), /\(set\)[^]*config\.yaml:\d+/);
    assert.match(await row('room.max_rooms').innerText(), /10000[^]*by default/);
    await page.check('text=Only those that somebody set');
    await until(async () => (await row('room.max_rooms').count()) === 0, 'only what is set');
    await page.fill('#settings-find', 'turn_u');
    await until(async () => (await page.locator('.settings > div').count()) >= 1 && (await row('room.turn_secret').count()) === 0, 'what was looked for');
    assert.ok(!(await page.content()).includes(SECRET));
    await page.selectOption('#settings-of', 'supervisor');
    await page.fill('#settings-find', '');
    await says(page.locator('.settings'), /common\.data_dir/);
  });

  await t.test('sets rates, and removes', async () => {
    await open('torrents');
    await says(page.locator('.figures'), /Always stays free/);
    await page.fill('#limit-download', '500');
    await page.getByRole('button', { name: 'Set', exact: true }).click();
    await says(page.locator('[role=status]'), /It holds now/);
    const limits = await (await fetch(house.url('/api/v1/limits'), { headers: authorization })).json();
    assert.equal(limits.download, 500000);
    await says(page.locator('.item'), /film\.mp4/);
    await ann.look('admin-torrents');
    await page.click('[aria-label="Remove: film.mp4"]');
    await page.locator('.item').getByRole('button', { name: 'Remove' }).click();
    await until(async () => (await page.locator('.item').count()) === 0, 'it to go');
  });

  await t.test('sends somebody out of a room, and closes it', async () => {
    const { url } = await house.post('/api/v1/rooms', { title: 'Film <b>night' }, authorization), bob = await Person.come(browser, 'Bob', { origin });
    await bob.page.goto(url);
    await bob.page.fill('#name', 'Bob');
    await bob.page.keyboard.press('Enter');
    await bob.shows('.chat');
    await open('rooms');
    await says(page.locator('.item'), /Film <b>night[^]*1 person/);
    await page.click('[aria-label="Who is there: Film <b>night"]');
    await ann.shows('[aria-label="Send out: Bob"]');
    await ann.look('admin-rooms');
    await page.click('[aria-label="Send out: Bob"]');
    await says(bob.page.locator('main'), /sent/i);
    await page.click('[aria-label="Close: Film <b>night"]');
    await page.locator('.item').getByRole('button', { name: 'Close', exact: true }).click();
    await says(page.locator('.empty'), /no rooms/);
    await open('jobs');
    await says(page.locator('.empty'), /Nothing is being made/);
    await ann.look('admin-jobs');
    await bob.ends();
  });

  await t.test('on a telephone, in Arabic', async () => {
    const zayd = await come('Zayd', { viewport: PHONE, locale: 'ar' });
    assert.equal(await zayd.page.getAttribute('html', 'dir'), 'rtl');
    for (const part of PARTS) {
      await zayd.page.goto(house.url(`/admin?part=${part}`));
      await zayd.shows(`.part h2`);
      if (part === 'settings') await zayd.shows('.settings');
      if (part === 'log') await zayd.shows('.log p time');
      await zayd.look(`admin-phone-${part}`);
    }
    await zayd.ends();
  });

  await t.test('and nobody else does', async () => {
    const eve = await Person.come(browser, 'Eve', { origin });
    await eve.page.goto(house.url('/admin?part=log'));
    await eve.shows('#token');
    assert.equal(await eve.page.locator('.log').count(), 0);
    eve.complaints = eve.complaints.filter((text) => !/status of 401/.test(text));
    await eve.ends();
  });

  // What the browser itself says while http-svc was away.
  ann.complaints = ann.complaints.filter((text) => !/Failed to load resource|ERR_CONNECTION_REFUSED|net::ERR|status of 503/.test(text));
  await ann.ends();
});

test('a service that somebody started by hand has words for what nobody knows', async (t) => {
  const yard = new Yard(t), port = await freePort(), origin = `http://127.0.0.1:${port}/`;
  const http = yard.start(path.join(bin, 'http-svc'), [], { cwd: yard.dir, env: { ...process.env, SHARESTREAM_COMMON_DATA_DIR: yard.dir, SHARESTREAM_COMMON_RUN_DIR: path.join(yard.dir, 'run'), SHARESTREAM_HTTP_LISTEN: `127.0.0.1:${port}` } });
  await until(async () => (await fetch(`${origin}health/live`).catch(() => ({}))).status === 200, `http-svc to live ${http.said}`);
  const browser = await startChromium(t, yard), ann = await Person.come(browser, 'Ann', { origin }), { page } = ann;
  await page.goto(`${origin}admin`);
  await ann.shows('.notice:has-text("without a supervisor")');
  await until(async () => (await page.locator('.service', { hasText: 'http.0' }).allInnerTexts()).some((text) => /ready/.test(text)), 'what answers');
  assert.match(await page.locator('.service', { hasText: 'torrent.0' }).innerText(), /does not answer/);
  assert.equal(await page.locator('[aria-label^="Restart"]').count(), 0, 'nobody would do it');
  await ann.look('admin-alone');
  await page.click('.parts a[href$="part=log"]');
  await ann.shows('.notice:has-text("without a supervisor")');
  ann.complaints = ann.complaints.filter((text) => !/status of 503/.test(text)); // of room-svc's settings
  await ann.ends();
});
