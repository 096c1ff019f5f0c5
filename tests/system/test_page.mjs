// SPDX-License-Identifier: MIT
//
// The page that people open, in Chromium, with the whole system and a real swarm behind it: what somebody does who has a link and friends.
// Nothing is asked of another server, nothing complains in the console, axe-core finds nothing, in dark and in light.
// SHARESTREAM_TEST_SCREENSHOTS=<folder> keeps pictures of every view.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, until } from './house.mjs';
import { PHONE, Person, SECONDS, makeSwarm } from './person.mjs';

const STEP_MS = 100; // what two players may be apart

// nginx as people have it: one path of it is ours, and it takes that away.
async function proxyBelow(t, prefix, port) {
  const strip = (url) => (url.startsWith(prefix) ? url.slice(prefix.length - 1) : undefined);
  const server = http.createServer((req, res) => {
    const target = strip(req.url);
    if (!target) return res.writeHead(404).end('not of ours');
    const onward = http.request({ port, host: '127.0.0.1', method: req.method, path: target, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', () => res.destroy());
    res.on('close', () => onward.destroy());
    return req.pipe(onward);
  });
  server.on('upgrade', (req, socket) => {
    const target = strip(req.url), onward = net.connect(port, '127.0.0.1', () => {
      onward.write(`${req.method} ${target} HTTP/1.1\r\n${Object.entries(req.headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [socket, onward]) one.on('error', () => { socket.destroy(); onward.destroy(); });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}${prefix}`;
}

test('somebody with a link, and friends', async (t) => {
  const yard = new Yard(t), [plain, other] = await makeSwarm(yard);
  const house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  const come = (name, options) => Person.come(browser, name, { origin, ...options });

  await t.test('finds words for what is wrong', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.goto(origin);
    await ann.shows('.empty');
    await ann.look('start-empty');
    for (const [text, words] of [['', /first/], ['nonsense', /no magnet link/], ['magnet:?dn=x', /not whole/]]) {
      await page.fill('#source', text);
      await page.keyboard.press('Enter');
      await until(async () => words.test(await page.innerText('#complaint')), `words for "${text}"`);
    }
    await ann.look('start-complaint');
    await page.setInputFiles('input[type=file]', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
    await until(async () => /neither a film nor/.test(await page.innerText('#complaint')), 'words for a file that is none');
    await page.goto(house.url('/watch?torrent=nonsense'));
    await ann.shows('.veil [role=alert], .veil[role=alert]');
    await page.goto(house.url('/room/NOSUCH'));
    await page.fill('#name', 'Ann');
    await ann.look('room-name');
    await page.keyboard.press('Enter');
    await ann.shows('text=There is no such room');
    await ann.look('room-none');
    // What the browser itself says of an answer that is no film.
    ann.complaints = ann.complaints.filter((text) => !/status of 400/.test(text));
    await ann.ends();
  });

  await t.test('says so when parts of the page do not come', async () => {
    const fay = await come('Fay', { serviceWorkers: 'block' }), { page } = fay, visits = [];
    page.on('framenavigated', (frame) => visits.push(frame.url()));
    await page.route('**/assets/main-*.js', (route) => route.abort(), { times: 2 });
    await page.goto(origin);
    await fay.shows('text=The server does not answer');
    await until(() => visits.length === 2, 'it to be tried again by itself');
    await fay.shows('text=The server does not answer');
    await page.click('text=Try again');
    await fay.shows('#source');
    fay.complaints = fay.complaints.filter((text) => !/net::ERR_FAILED/.test(text));
    await fay.ends();
  });

  await t.test('watches what a browser plays, straight', async () => {
    const ann = await come('Ann'), { page } = ann;
    await page.goto(origin);
    await page.fill('#source', plain.link);
    await page.keyboard.press('Enter');
    assert.equal((await ann.playsBeyond(1)).way, 'direct');
    assert.equal(new URL(page.url()).search, `?torrent=${plain.hash}`);
    assert.equal(await page.innerText('h1'), 'A film <b>for two.mp4', 'names are no HTML');
    await ann.look('watch');
    await page.reload();
    await ann.playsBeyond(0.5);
    await ann.ends();
  });

  await t.test('goes on with what came before the page knew what it is', async () => {
    const eve = await come('Eve'), { page } = eve;
    let know;
    const known = new Promise((resolve) => { know = resolve; });
    await page.goto(origin);
    await until(() => page.evaluate(() => navigator.serviceWorker.controller !== null), 'the service worker to be there');
    await page.route('**/files/*/media?*', async (route) => { await known; await route.continue(); });
    await page.goto(house.url(`/watch?torrent=${plain.hash}`));
    await until(() => page.evaluate(() => {
      const video = document.querySelector('video');
      if (!(video?.readyState > 0)) return false;
      for (const name of ['error', 'emptied']) video.addEventListener(name, () => { window.interrupted = name; });
      return true;
    }), 'the film to begin to come');
    know();
    await eve.playsBeyond(0.5);
    await page.evaluate(() => document.querySelector('media-controller').dispatchEvent(new CustomEvent('mediaseekrequest', { detail: 250 })));
    assert.equal((await eve.playsBeyond(250.5)).way, 'direct');
    assert.equal(await page.evaluate(() => window.interrupted), undefined, 'by one player, from the beginning');
    await eve.ends();
  });

  await t.test('watches what a browser does not open, by HLS, also when the straight way breaks', async () => {
    const bob = await come('Bob'), { page } = bob;
    await page.goto(origin);
    await page.setInputFiles('input[type=file]', other.torrent);
    await until(() => /watch\?torrent=/.test(page.url()), 'the view of the film');
    await house.post('/api/v1/torrents', { source: other.link });
    assert.equal((await bob.playsBeyond(1)).way, 'hls');
    await page.context().route('**/stream/**', (route) => route.fulfill({ status: 200, contentType: 'video/mp4', body: 'this is no film' }));
    await page.goto(house.url(`/watch?torrent=${plain.hash}`));
    assert.equal((await bob.playsBeyond(1)).way, 'hls');
    await bob.ends();
  });

  await t.test('is told why it does not play', async () => {
    const cid = await come('Cid'), { page } = cid;
    await page.goto(house.url(`/watch?magnet=${encodeURIComponent(magnet('0123456789abcdef0123456789abcdef01234567'))}`));
    await until(async () => /Nobody who has it|Asking others/.test(await page.innerText('.veil')), 'why');
    await cid.look('watch-waiting');
    await page.goto(origin);
    await cid.shows('.item');
    assert.equal(await page.locator('.item').count(), 3);
    await page.click('.item:has-text("01234567") [aria-label^="Remove"]');
    await page.click('.item button:has-text("Remove")');
    await until(async () => (await page.locator('.item').count()) === 2, 'the torrent to go');
    await cid.look('start');
    for (const [name, options] of [['phone', { viewport: PHONE, hasTouch: true, isMobile: true }], ['arabic', { locale: 'ar' }], ['arabic-phone', { locale: 'ar', viewport: PHONE, isMobile: true }]]) {
      const dan = await come('Dan', options);
      await dan.page.goto(origin);
      await dan.shows('.item');
      assert.equal(await dan.page.getAttribute('html', 'dir'), name.startsWith('arabic') ? 'rtl' : 'ltr');
      await dan.look(`start-${name}`);
      if (name === 'arabic') {
        await dan.page.goto(house.url(`/watch?torrent=${plain.hash}`));
        await dan.playsBeyond(0);
        assert.match(await dan.page.getAttribute('media-play-button', 'aria-label'), /^[\u0600-\u06ff ]+$/);
        await dan.look(`watch-${name}`);
      }
      await dan.ends();
    }
    await page.selectOption('select', 'de');
    await cid.shows('text=Gemeinsam ansehen');
    await page.reload();
    await cid.shows('text=Gemeinsam ansehen');
    await cid.ends();
  });

  await t.test('watches together', async () => {
    const ann = await come('Ann'), bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true }), both = [ann, bob];
    const inStep = (what) => until(async () => {
      const [a, b] = await Promise.all(both.map((person) => person.player()));
      return !a.isPaused && !b.isPaused && a.isThere && b.isThere && Math.abs(a.startMs - b.startMs) < STEP_MS;
    }, `both in step ${what}`, 90000).catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify(await Promise.all(both.map((person) => person.player())))}`);
    });
    // What a key of a headset or a lock screen would call.
    await ann.page.addInitScript(() => {
      const { setActionHandler } = MediaSession.prototype, handlers = globalThis.mediaKeys = {};
      MediaSession.prototype.setActionHandler = function set(name, does) {
        handlers[name] = does;
        setActionHandler.call(this, name, does);
      };
    });
    await ann.page.goto(house.url(`/watch?torrent=${plain.hash}`));
    await ann.playsBeyond(0);
    await ann.page.click('text=Watch together');
    await ann.page.fill('#name', 'Ann');
    await ann.page.keyboard.press('Enter');
    await ann.shows('.chat');
    await bob.page.goto(ann.page.url());
    await bob.page.fill('#name', 'بوب');
    await bob.page.click('button:has-text("Join")');
    for (const person of both) await until(async () => (await person.page.locator('.member').count()) === 2, 'two to be there');

    await ann.page.fill('#say', 'Hello <b>you</b>');
    await ann.page.keyboard.press('Enter');
    await until(async () => (await bob.page.innerText('.chat')).includes('Hello <b>you</b>'), 'what Ann said');
    await bob.page.fill('#say', 'مرحبا!');
    await bob.page.keyboard.press('Enter');
    await until(async () => (await ann.page.innerText('.chat')).includes('مرحبا!'), 'what Bob said');

    for (const person of both) await until(async () => (await person.player())?.isThere, 'a picture');
    await ann.page.click('media-play-button');
    await inStep('from the start');
    await until(async () => /Ann pressed play/.test(await bob.page.innerText('.state')), 'who did it');
    await ann.look('room');
    await bob.look('room-phone');
    const drag = async (person, share) => {
      await person.page.hover('media-controller');
      const box = await person.page.locator('media-time-range').boundingBox();
      await person.page.mouse.click(box.x + 10 + (box.width - 20) * share, box.y + box.height / 2);
    };
    await drag(ann, 0.5);
    await until(async () => (await bob.player()).time > SECONDS / 3, 'Bob to go there too');
    await inStep('after a jump');
    await bob.page.reload();
    await bob.playsBeyond(SECONDS / 3);
    await inStep('after a reload');
    assert.equal(await ann.page.locator('.member').count(), 2, 'it is the same Bob');
    await ann.page.keyboard.press('Escape');
    await ann.page.hover('media-controller');
    await ann.page.click('media-play-button');
    for (const person of both) await until(async () => (await person.player()).isPaused, 'a pause');
    await until(async () => {
      const [a, b] = await Promise.all(both.map((person) => person.player()));
      return Math.abs(a.time - b.time) < STEP_MS / 1000;
    }, 'both to stand at the same picture');
    await ann.page.evaluate(() => globalThis.mediaKeys.play({}));
    await until(async () => !(await bob.player()).isPaused, 'Bob to play as well, by a key of Ann');
    await ann.page.evaluate(() => globalThis.mediaKeys.pause({}));
    for (const person of both) await until(async () => (await person.player()).isPaused, 'a pause by a key');

    await ann.page.click('text=Invite');
    await ann.shows('.qr svg');
    assert.equal(await ann.page.inputValue('#address'), ann.page.url());
    await ann.look('room-invite');
    await ann.page.keyboard.press('Escape');

    const pid = Number((await house.service('room.0')).pid);
    process.kill(pid, 'SIGKILL');
    await until(async () => Number((await house.service('room.0')).pid) !== pid, 'another room-svc');
    await ann.page.click('media-play-button').catch(() => {});
    await until(async () => {
      if ((await ann.player()).isPaused) await ann.page.click('media-play-button', { timeout: 1000 }).catch(() => {});
      return !(await bob.player()).isPaused;
    }, 'Bob to hear of it', 40000);
    await inStep('after a crash of room-svc');
    for (const person of both) await person.ends();
  });

  await t.test('comes to doors', async () => {
    const made = async (choices) => (await house.post('/api/v1/rooms', choices)).url;
    const enter = async (person, address) => {
      await person.page.goto(address);
      await person.page.fill('#name', person.name);
      await person.page.keyboard.press('Enter');
    };
    const ann = await come('Ann'), bob = await come('Bob');
    await enter(ann, await made({ password: 'sesame' }));
    await ann.shows('#password');
    await ann.page.fill('#password', 'barley');
    await ann.page.keyboard.press('Enter');
    await ann.shows('text=That is not the password');
    await ann.look('room-password');
    await ann.page.fill('#password', 'sesame');
    await ann.page.keyboard.press('Enter');
    await ann.shows('text=Nothing is played yet');
    await ann.look('room-no-film');

    const guarded = await made({ needsApproval: true });
    await ann.page.goto(guarded);
    await ann.shows('.chat');
    await enter(bob, guarded);
    await bob.shows('text=Waiting to be let in');
    await ann.page.click('text=Let in');
    await bob.shows('.chat');
    const second = await bob.page.context().newPage();
    await second.goto(guarded);
    await second.waitForSelector('.chat');
    await bob.shows('text=in another tab');
    await bob.page.click('text=Watch here');
    await bob.shows('.chat');
    for (const person of [ann, bob]) await person.ends();
  });

  await t.test('below a path of a proxy', async (t) => {
    const below = await proxyBelow(t, '/films/', house.port), eve = await Person.come(browser, 'Eve', { origin: below }), { page } = eve;
    await page.goto(below);
    await page.click('.item:has-text("two.mp4") [aria-label^="Watch together"]');
    await page.fill('#name', 'Eve');
    await page.keyboard.press('Enter');
    await eve.shows('.chat');
    assert.match(page.url(), /\/films\/room\/[A-Z]+$/);
    await page.fill('#say', 'anybody?');
    await page.keyboard.press('Enter');
    await until(async () => (await page.innerText('.chat')).includes('anybody?'), 'her own words');
    await until(async () => (await eve.player())?.isThere, 'a picture');
    await page.reload();
    await until(async () => (await eve.player())?.isThere, 'a picture again');
    await page.click('.brand');
    await eve.shows('.item');
    assert.equal(page.url(), below);
    await eve.ends();
  });
});

test('the operator gives the token once', async (t) => {
  const yard = new Yard(t), token = 'a token of some length';
  const house = await House.start(t, yard, { env: { SHARESTREAM_HTTP_ADMIN_TOKEN: token } });
  const browser = await startChromium(t, yard), ann = await Person.come(browser, 'Ann', { origin: house.url('/') }), { page } = ann;
  await page.goto(house.url('/'));
  await ann.shows('#token');
  await ann.look('token');
  await page.fill('#token', 'wrong');
  await page.keyboard.press('Enter');
  await ann.shows('text=not the token');
  await page.fill('#token', token);
  await page.keyboard.press('Enter');
  await ann.shows('.empty');
  await page.reload();
  await ann.shows('.empty');
  await page.goto(house.url('/admin'));
  await ann.shows('.figures');
  await ann.look('admin');
  await page.click('text=Forget the token');
  await ann.shows('#token');
  await page.goto(house.url(`/?token=${encodeURIComponent(token)}`));
  await ann.shows('.empty');
  assert.equal(page.url(), house.url('/'), 'it does not stay in the address');
  ann.complaints = ann.complaints.filter((text) => !/status of 401/.test(text)); // that was asked for
  await ann.ends();
});
