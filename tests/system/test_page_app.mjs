// SPDX-License-Identifier: MIT
//
// The page as an app, in Chromium: installed, handed magnet links, by the addresses of the pages before it, and in many tabs at once.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, film, makeTorrent, until } from './house.mjs';
import { PHONE, Person, makeSwarm } from './person.mjs';

test('the page as an app', async (t) => {
  const yard = new Yard(t), [plain] = await makeSwarm(yard), house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  const come = (name, options) => Person.come(browser, name, { origin, ...options });

  await t.test('what makes an app of it', async () => {
    const ann = await come('Ann');
    await ann.page.goto(`${origin}room/SOMEWHERE`); // from a folder below the start as well
    const devtools = await ann.page.context().newCDPSession(ann.page), { url, data, errors } = await devtools.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    const manifest = JSON.parse(data), at = (address) => new URL(address, url).href;
    assert.deepEqual([at(manifest.start_url), at(manifest.scope), at(manifest.share_target.action), manifest.display], [origin, origin, origin, 'standalone']);
    assert.deepEqual(manifest.icons.map(({ sizes, purpose }) => `${sizes} ${purpose}`), ['192x192 any', '512x512 any', '512x512 maskable', 'any any']);
    for (const { src, sizes, type, purpose } of manifest.icons) {
      const found = await ann.page.evaluate(async ([source]) => {
        const image = new Image();
        image.src = source;
        await image.decode();
        const { width, height } = image, canvas = Object.assign(document.createElement('canvas'), { width, height }), context = canvas.getContext('2d', { willReadFrequently: true });
        context.drawImage(image, 0, 0);
        return { width, corner: [...context.getImageData(0, 0, 1, 1).data], middle: [...context.getImageData(width / 2, height / 2, 1, 1).data], type: (await fetch(source)).headers.get('content-type') };
      }, [at(src)]);
      if (sizes !== 'any') assert.equal(`${found.width}x${found.width}`, sizes);
      assert.equal(found.type, type);
      assert.equal(found.corner[3], purpose === 'maskable' ? 255 : 0, 'only what is cut to a shape has ground up to its edges');
      assert.deepEqual(found.middle, [255, 255, 255, 255], 'what is in the middle of it');
    }
    // "in-incognito": contexts of tests are. Whatever else is wrong would be in this list.
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((one) => one !== 'in-incognito'), []);
    await ann.page.goto(origin);
    await ann.page.click('text=Open magnet links of other pages here');
    await ann.shows('text=Now your browser asks you');
    await ann.look('app-start');
    await ann.ends();
  });

  await t.test('links with a magnet link in them begin by themselves', async () => {
    const ann = await come('Ann');
    await ann.page.goto(`${origin}admin`);
    for (const address of [`?magnet=${encodeURIComponent(plain.link)}`, `index.html?magnet=${encodeURIComponent(plain.link)}`, `?text=${encodeURIComponent(`Look at this: ${plain.link} !`)}&title=Film`]) {
      await ann.page.goto(`${origin}${address}`);
      await ann.page.waitForURL(`${origin}watch?torrent=${plain.hash}`);
      await ann.shows('media-play-button');
    }
    await ann.playsBeyond(0.2);
    await ann.page.goto(`${origin}admin`);
    await ann.page.goto(`${origin}?magnet=${encodeURIComponent(plain.link)}`);
    await ann.page.waitForURL(`${origin}watch?torrent=${plain.hash}`);
    await ann.page.goBack();
    await ann.page.waitForURL(`${origin}admin`); // not to the link, which would begin again
    await ann.page.goto(`${origin}?magnet=nonsense`);
    await ann.shows('.notice');
    assert.equal(await ann.page.inputValue('#source'), 'nonsense');
    await ann.ends();
  });

  await t.test('a room to talk in, with clients of p2p-go-app', async () => {
    const ann = await come('Ann'), bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true });
    await ann.page.goto(`${origin}p2p`);
    await ann.shows('#talk');
    await ann.look('app-talk');
    await ann.page.fill('#talk', 'evening');
    await ann.page.keyboard.press('Enter');
    await bob.page.goto(`${origin}p2p?room=evening`);
    for (const person of [ann, bob]) {
      await person.page.fill('#name', person.name);
      await person.page.keyboard.press('Enter');
      await person.shows('.tabs');
    }
    await bob.page.fill('#say', 'Good evening');
    await bob.page.keyboard.press('Enter');
    await ann.shows('.line:has-text("Good evening")');
    await bob.look('app-talk-phone');
    await bob.page.evaluate((address) => new Promise((resolve) => {
      const socket = new WebSocket(address);
      socket.onopen = () => socket.send(JSON.stringify({ type: 'IDENTIFY', username: 'Old friend' }));
      socket.onmessage = ({ data }) => {
        const said = JSON.parse(data);
        if (said.type === 'AUTH_SUCCESS') socket.send(JSON.stringify({ type: 'JOIN_ROOM', roomId: 'evening' }));
        if (said.type === 'ROOM_MEMBERS') resolve();
      };
    }), `ws://127.0.0.1:${house.port}/ws`);
    await ann.page.click('#tab-people');
    await ann.shows('.member:has-text("Old friend")');
    await ann.page.goto(`${origin}room/EVENING`); // one room, whatever it is called by
    await ann.shows('.line:has-text("Good evening")');
    for (const person of [ann, bob]) await person.ends();
  });

  await t.test('many tabs with films that are not here yet', async () => {
    const hashes = [];
    for (let i = 0; i < 4; i++) {
      const { file } = await film(yard, { name: `far-${i}.mp4`, seconds: 5 + i }), { torrent, hash } = await makeTorrent(yard, file, `far-${i}.torrent`); // nobody has them
      const answer = await fetch(`${origin}api/v1/torrents`, { method: 'POST', headers: { 'Content-Type': 'application/x-bittorrent' }, body: fs.readFileSync(torrent) });
      assert.ok(answer.ok);
      hashes.push(hash);
    }
    const ann = await come('Ann'), context = ann.page.context(), tabs = [];
    for (const hash of hashes) {
      const tab = await context.newPage();
      await tab.goto(`${origin}watch?torrent=${hash}`);
      tabs.push(tab);
    }
    for (const tab of tabs) await tab.waitForSelector('[data-why="no_peers"], [data-why]:not([data-why="undefined"])', { timeout: 60000 });
    await ann.page.goto(`${origin}watch?torrent=${plain.hash}`);
    await ann.playsBeyond(1, 180000);
    await ann.page.goto(origin);
    await until(async () => (await ann.page.locator('section[aria-labelledby=torrents] .item').count()) === 5, 'the list of torrents');
    // And hears what changes.
    // Who opens a tab behind this one is not looking at it yet.
    const cid = await come('Cid'), asked = [];
    await cid.page.addInitScript(() => Object.defineProperty(document, 'hidden', { get: () => globalThis.isSeen !== true }));
    cid.page.on('request', (request) => { if (request.url().includes('/media?')) asked.push(request.url()); });
    await cid.page.goto(`${origin}watch?torrent=${plain.hash}`);
    await cid.shows('h1:has-text("A film")');
    assert.deepEqual(asked, []);
    await cid.page.evaluate(() => {
      globalThis.isSeen = true;
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await cid.playsBeyond(1);
    assert.ok(asked.length > 0);
    await cid.ends();
    const bob = await come('Bob'); // behind a proxy that knows no WebSockets
    await bob.page.addInitScript(() => {
      const Real = globalThis.WebSocket;
      globalThis.WebSocket = class extends Real {
        constructor(address, ...more) { super(String(address).replace('/events', '/nothing'), ...more); }
      };
    });
    await bob.page.goto(origin);
    await bob.shows('section[aria-labelledby=torrents] .item');
    await fetch(`${origin}api/v1/torrents/${plain.hash}`, { method: 'DELETE' });
    for (const { page, name } of [ann, bob]) await until(async () => (await page.locator('section[aria-labelledby=torrents] .item').count()) === 4, `${name} to see one go`);
    await bob.page.context().close(); // its console tells of the WebSocket
    await ann.ends();
  });
});
