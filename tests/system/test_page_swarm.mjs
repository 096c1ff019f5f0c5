// SPDX-License-Identifier: MIT
//
// Browsers of one room as peers of each other, by the page and its service worker in Chromium; what the page shows of a swarm; and what
// it shows when there is no server.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, film, infoHash, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { PHONE, Person, makeSwarm } from './person.mjs';
import { aria2 } from './swarm.mjs';

const SLOW = 60000; // bytes/s: as long as somebody looks, there is something to fetch
const FILE_BYTES = 4 << 20;

const torrentOf = async (house, hash) => (await fetch(house.url(`/api/v1/torrents/${hash}`))).json();

// What a page says of its sharing.
const sharing = ({ page }) => page.evaluate(() => {
  const { browsers, taken, given } = document.querySelector('.sharing')?.dataset ?? {};
  return { isOn: document.querySelector('.sharing input')?.checked, browsers: Number(browsers ?? -1), taken: Number(taken ?? -1), given: Number(given ?? -1) };
});
const shares = (person, check, what) => until(async () => check(await sharing(person)), `${person.name} ${what}`)
  .catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await sharing(person))} ${person.complaints}`); });

test('people who watch together share what they have', async (t) => {
  const yard = new Yard(t), [{ hash, link }] = await makeSwarm(yard), house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  await house.post('/api/v1/torrents', { source: link });
  await until(async () => (await torrentOf(house, hash)).progress === 1, 'the server to have it all');
  const { url } = await house.post('/api/v1/rooms', { source: hash });
  const enter = async (person) => {
    await person.page.goto(url);
    await person.page.fill('#name', person.name);
    await person.page.keyboard.press('Enter');
    await person.shows('.sharing');
  };
  const people = await Promise.all(['Ann', 'Bob', 'Cid'].map((name) => Person.come(browser, name, { origin }))), [ann, bob] = people;

  await enter(ann);
  assert.deepEqual(await sharing(ann), { isOn: false, browsers: -1, taken: -1, given: -1 }, 'alone there is nobody to share with');
  for (const person of people.slice(1)) await enter(person);
  await ann.page.hover('media-controller');
  await ann.page.click('media-play-button');
  for (const person of people) {
    await shares(person, ({ isOn, browsers }) => isOn && browsers === 2, 'to find both others');
    assert.equal((await person.playsBeyond(1)).way, 'direct');
  }
  // Some have more luck than others: what one gave another has.
  const sum = async (what) => (await Promise.all(people.map(sharing))).reduce((all, one) => all + one[what], 0);
  await until(async () => await sum('given') > 0 && await sum('taken') > 0, 'bytes from browser to browser')
    .catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await Promise.all(people.map(sharing)))}`); });
  await ann.look('sharing');
  for (const person of people) await person.playsBeyond((await person.player()).time + 2);

  await ann.page.click('.facts-line button:has-text("Swarm")');
  await until(async () => (await ann.page.locator('.peers li[data-kind=webrtc]').count()) > 0, 'the server to tell of a browser');
  await ann.look('swarm-room');
  await ann.page.keyboard.press('Escape');

  await bob.page.click('.sharing input');
  await shares(bob, ({ isOn, browsers }) => !isOn && browsers === -1, 'to have stopped');
  await shares(ann, ({ browsers }) => browsers === 1, 'to see him go');
  await bob.playsBeyond((await bob.player()).time + 1);
  await bob.page.reload();
  await bob.shows('.sharing');
  await bob.playsBeyond(1);
  assert.equal((await sharing(bob)).isOn, false, 'it is remembered');
  // The server is away for a moment. A machine that is too busy may go on by HLS.
  const { pid } = await house.service('http.0');
  process.kill(pid, 'SIGKILL');
  await until(async () => (await house.service('http.0')).state === 'ready' && (await house.service('http.0')).pid !== pid, 'http-svc to be back');
  await until(async () => (await ann.page.innerText('.state')) !== '' && !(await ann.page.isVisible('text=The connection to the room is broken')), 'the room to be back');
  await ann.page.evaluate(() => document.querySelector('media-controller').dispatchEvent(new CustomEvent('mediaseekrequest', { detail: 250 })));
  for (const person of people) {
    await person.playsBeyond(251);
    person.complaints = person.complaints.filter((one) => !/net::ERR_|WebSocket/.test(one));
  }

  for (const person of people) await person.ends();
});

test('a private torrent is not shared', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'original'), torrent = path.join(yard.dir, 'private.torrent');
  fs.mkdirSync(folder);
  const { file } = await film(yard, { name: 'original/film.mp4', seconds: 5 }), house = await House.start(t, yard, { env: { SHARESTREAM_TORRENT_ALLOW_PRIVATE_URLS: 'true' } });
  const { code, err } = await run('mktorrent', ['-p', '-a', `http://${house.env.SHARESTREAM_HTTP_TRACKER_LISTEN}/announce`, '-o', torrent, file]);
  assert.equal(code, 0, err);
  await aria2(yard, { torrent }, folder);
  await fetch(house.url('/api/v1/torrents'), { method: 'POST', headers: { 'Content-Type': 'application/x-bittorrent' }, body: fs.readFileSync(torrent) });
  const browser = await startChromium(t, yard), ann = await Person.come(browser, 'Ann', { origin: house.url('/') });
  await ann.page.goto(house.url(`/watch?torrent=${infoHash(fs.readFileSync(torrent))}`));
  await ann.playsBeyond(0);
  assert.ok(await ann.page.isDisabled('.sharing input'));
  await ann.shows('.sharing:has-text("private")');
  await ann.ends();
});

test('a swarm is shown, and what is fetched of it chosen', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'Two <b>files');
  fs.mkdirSync(folder);
  for (const name of ['one.bin', 'other.bin']) fs.writeFileSync(path.join(folder, name), crypto.randomBytes(FILE_BYTES));
  const { torrent, hash } = await makeTorrent(yard, folder), seeder = await seedWithAria2(yard, torrent, yard.dir, SLOW), house = await House.start(t, yard), browser = await startChromium(t, yard);
  await house.post('/api/v1/torrents', { source: magnet(hash, seeder.port) });
  await until(async () => (await torrentOf(house, hash)).files?.length === 2, 'what is in the torrent');

  const ann = await Person.come(browser, 'Ann', { origin: house.url('/') }), { page } = ann;
  await page.goto(house.url('/'));
  await page.click('[aria-label="Swarm: Two <b>files"]');
  await until(async () => /TCP\s*aria2/.test((await page.locator('.peers').allInnerTexts()).join()), 'aria2 among the peers');
  await until(async () => /has 100/.test((await page.locator('.peers').allInnerTexts()).join()), 'that it has all');
  await until(() => page.evaluate(() => {
    const { width, height } = document.querySelector('canvas.map') ?? {};
    return width > 0 && document.querySelector('canvas.map').getContext('2d').getImageData(0, 0, width, height).data.some((value) => value > 0);
  }), 'pieces to be drawn');
  assert.match(await page.locator('#map-text').textContent(), /Here: \d+.*(Missing|Coming): \d+/s);
  await ann.look('swarm');

  const priority = (name) => page.locator(`[aria-label="How ${name} is fetched"]`);
  await priority('other.bin').selectOption('skip');
  await until(async () => (await torrentOf(house, hash)).files[1].isWanted === false, 'the other to be left out');
  await until(() => priority('one.bin').locator('option[value=skip]').isDisabled(), 'the last one to stay');
  await priority('other.bin').selectOption('first');
  await until(async () => {
    const { files } = await torrentOf(house, hash);
    return files.every(({ isWanted }) => isWanted) && files[1].isFirst && !files[0].isFirst;
  }, 'the other to come first');
  await page.setViewportSize(PHONE);
  await ann.look('swarm-phone');
  await ann.ends();

  const arabic = await Person.come(browser, 'Noor', { origin: house.url('/'), locale: 'ar' });
  await arabic.page.goto(house.url(`/watch?torrent=${hash}`));
  await arabic.page.click('.swarm-panel summary');
  await arabic.shows('.swarm-panel .peers li');
  await arabic.page.evaluate(() => document.querySelector('.swarm-panel').scrollIntoView());
  await arabic.look('swarm-arabic');
  await arabic.ends();
});

test('without a server the page says so', async (t) => {
  const yard = new Yard(t), house = await House.start(t, yard), browser = await startChromium(t, yard), ann = await Person.come(browser, 'Ann', { origin: house.url('/') }), { page } = ann;
  await page.goto(house.url('/'));
  await page.evaluate(async () => { await navigator.serviceWorker.ready; });
  house.daemon.kill('SIGTERM');
  await house.daemon.gone;
  await page.goto(house.url('/room/ABCDEF'));
  await page.waitForSelector('text=The server does not answer');
  await page.context().close();
});
