// SPDX-License-Identifier: MIT
//
// The player of the page in Chromium: sound and subtitles, the bar to seek on, keys, and what is said while nothing plays. A film with
// two languages, two tracks of subtitles, chapters, and subtitles beside it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, film as makeFilm, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { PHONE, Person } from './person.mjs';
import { makeSup } from './sup.mjs';

const SECONDS = 120;
const SLOW = 250000; // bytes/s: more than the film needs
const CHAPTERS = ['The <b>door</b> & the key', 'Outside', 'Home'];

const srtTime = (s) => new Date(s * 1000).toISOString().slice(11, 23).replace('.', ',');
// A line for each five seconds.
const srt = (words) => Array.from({ length: SECONDS / 5 }, (_, i) => `${i + 1}\n${srtTime(i * 5)} --> ${srtTime(i * 5 + 5)}\n${words} ${i}\n`).join('\n');

async function ffmpeg(...args) {
  const { code, err } = await run('ffmpeg', ['-v', 'error', ...args]);
  assert.equal(code, 0, err);
}

async function makeSwarm(yard) {
  const dir = path.join(yard.dir, 'torrent'), tmp = (name) => path.join(yard.dir, name);
  fs.mkdirSync(dir);
  fs.writeFileSync(tmp('en.srt'), srt('Hello <i>you</i>'));
  fs.writeFileSync(tmp('de.srt'), srt('Hallo'));
  fs.writeFileSync(path.join(dir, 'Film.fr.srt'), srt('Bonjour'));
  fs.writeFileSync(tmp('chapters'), `;FFMETADATA1\n${CHAPTERS.map((title, i) => `[CHAPTER]\nTIMEBASE=1/1\nSTART=${i * SECONDS / 3}\nEND=${(i + 1) * SECONDS / 3}\ntitle=${title}\n`).join('')}`);
  // A red bar below a blue picture, all the time.
  fs.writeFileSync(tmp('bar.sup'), makeSup(640, 360, [{ from: 0, until: 20, x: 100, y: 300, width: 440, height: 40 }]));
  await ffmpeg('-f', 'lavfi', '-i', 'color=c=blue:s=640x360:r=25:d=20', '-f', 'lavfi', '-i', 'sine=440:d=20', '-i', tmp('bar.sup'), '-map', '0', '-map', '1', '-map', '2',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:a', 'aac', '-c:s', 'copy', path.join(dir, 'Drawn.mkv'));
  await ffmpeg('-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-f', 'lavfi', '-i', 'sine=440', '-f', 'lavfi', '-i', 'sine=880',
    '-i', tmp('en.srt'), '-i', tmp('de.srt'), '-i', tmp('chapters'), '-map', '0', '-map', '1', '-map', '2', '-map', '3', '-map', '4', '-map_chapters', '5', '-t', String(SECONDS),
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-b:v', '1M', '-c:a', 'aac', '-c:s', 'mov_text', '-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=ger',
    '-metadata:s:s:0', 'language=eng', '-metadata:s:s:1', 'language=ger', '-movflags', '+faststart', path.join(dir, 'Film.mp4'));
  const torrent = await makeTorrent(yard, dir), seeder = await seedWithAria2(yard, torrent.torrent, yard.dir, SLOW);
  return { ...torrent, seeder, link: magnet(torrent.hash, seeder.port) };
}

// What is shown over the film now.
const linesOf = (page) => page.evaluate(() => [...document.querySelector('video').textTracks].filter(({ kind, mode }) => kind === 'subtitles' && mode === 'showing')
  .flatMap(({ activeCues }) => [...activeCues ?? []].map(({ text }) => text)));
const shows = (page, words) => until(async () => (await linesOf(page)).some((line) => line.startsWith(words)), `"${words}" over the film`)
  .catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await linesOf(page))}`); });

test('the player', async (t) => {
  const yard = new Yard(t), film = await makeSwarm(yard), house = await House.start(t, yard), browser = await startChromium(t, yard), origin = house.url('/');
  const come = (name, options) => Person.come(browser, name, { origin, ...options });
  const watch = async (person) => {
    await person.page.goto(house.url(`/watch?torrent=${film.hash}`));
    await person.playsBeyond(0);
  };
  const ask = async (path_) => (await fetch(house.url(`/api/v1/torrents/${film.hash}/files${path_}`))).json();
  const openTracks = async ({ page }) => {
    await page.hover('media-controller');
    await page.click('[aria-label="Sound and subtitles"]');
    await page.waitForSelector('.stage dialog[open]');
  };

  await t.test('sound and subtitles as somebody wants them, and what is here of the film', async () => {
    const ann = await come('Ann'), { page } = ann, asked = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(house.url(`/watch?magnet=${encodeURIComponent(film.link)}`));
    assert.equal((await ann.playsBeyond(0)).way, 'direct');
    assert.deepEqual(await linesOf(page), []);
    await ann.shows('svg.ready path');
    // How fast it has to come is known, and not guessed from how fast a browser takes it.
    const part = (await (await fetch(house.url(`/api/v1/torrents/${film.hash}`))).json()).files.find((one) => one.path.endsWith('Film.mp4')), wanted = part.sizeBytes / SECONDS;
    await until(async () => Math.abs((await ask(`/${part.id}/diagnosis`)).neededBytesPerS / wanted - 1) < 0.02, 'what the film needs');
    await page.hover('media-controller');
    await ann.look('player-downloading');
    await film.seeder.setLimit(0);
    await page.waitForSelector('svg.ready', { state: 'detached' });

    await openTracks(ann);
    await until(async () => (await page.locator('.choices [name=text]').count()) === 4, 'none, two of the film and one beside it');
    // With the keyboard, as all of it.
    await page.focus('.choices [name=sound]:checked');
    await page.keyboard.press('ArrowDown');
    await until(async () => (await ann.player()).way === 'hls' && asked.some((one) => /\/a2t?\/\d+\.m4s/.test(one)), 'the German sound');
    await page.check('label:has-text("German") >> css=[name=text]');
    await shows(page, 'Hallo');
    assert.ok(!asked.some((one) => /\/s\d+\/all/.test(one)), 'no whole track is asked for while the film may still be coming');
    await ann.look('player-tracks');

    await page.check('label:has-text("French")');
    await shows(page, 'Bonjour');
    await page.setInputFiles('.stage input[type=file]', { name: 'Mine <b>x.srt', mimeType: 'text/plain', buffer: Buffer.from(srt('Mine <script>')) });
    await shows(page, 'Mine');
    assert.ok(await page.isChecked('label:has-text("Mine <b>x")'));
    await page.setInputFiles('.stage input[type=file]', { name: 'none.srt', mimeType: 'text/plain', buffer: Buffer.from('nothing') });
    await page.waitForSelector('dialog [role=alert]');

    await page.check('label:has-text("Large") >> nth=0');
    const shift = () => page.evaluate(() => [...document.querySelector('video').textTracks].find(({ mode }) => mode === 'showing').cues[0].endTime);
    assert.equal(await shift(), 5);
    await page.click('text=Later');
    assert.equal(await shift(), 5.5);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.stage dialog', { state: 'detached' });

    // All of that is kept.
    await page.reload();
    assert.equal((await ann.playsBeyond(0.5)).way, 'hls');
    await shows(page, 'Mine');
    assert.equal(await shift(), 5.5);
    assert.equal(await page.getAttribute('.stage', 'data-text'), 'large');
    await ann.look('player-subtitles');
    await openTracks(ann);
    await page.click('[aria-label^="Remove: Mine"]');
    await until(async () => (await page.locator('.choices [name=text]').count()) === 4, 'the upload to go');
    await until(async () => (await linesOf(page)).length === 0, 'its lines to go');
    ann.complaints = ann.complaints.filter((text) => !/status of 400/.test(text)); // what was no subtitles
    await ann.ends();

    const bob = await come('Bob', { viewport: PHONE, isMobile: true, hasTouch: true, locale: 'ar' });
    await watch(bob);
    await bob.page.hover('media-controller');
    await bob.look('player-arabic-phone');
    await bob.page.click('media-controller button.captions');
    await bob.shows('.stage dialog[open] .choices');
    await bob.look('player-tracks-arabic-phone');
    await bob.ends();
  });

  await t.test('subtitles that are pictures', async () => {
    const ann = await come('Ann'), { page } = ann, { id } = (await ask('')).files.find((one) => one.path.endsWith('.mkv'));
    const red = () => page.evaluate(() => {
      const canvas = new OffscreenCanvas(1, 1).getContext('2d'), video = document.querySelector('video');
      canvas.drawImage(video, video.videoWidth / 2, video.videoHeight * 320 / 360, 1, 1, 0, 0, 1, 1);
      return canvas.getImageData(0, 0, 1, 1).data[0];
    });
    await page.goto(house.url(`/watch?torrent=${film.hash}&file=${id}`));
    await ann.playsBeyond(0);
    assert.ok(await red() < 100);
    await page.keyboard.press('c');
    await until(async () => await red() > 128, 'the bar in the picture');
    await ann.ends();
  });

  await t.test('the bar to seek on', async () => {
    const ann = await come('Ann'), { page } = ann, bar = page.locator('media-time-range');
    await watch(ann);
    const point = async (share) => {
      await page.hover('media-controller');
      const box = await bar.boundingBox();
      await page.mouse.move(box.x + 10 + (box.width - 20) * share, box.y + box.height / 2);
    };
    const { id, sizeBytes } = (await ask('')).files.find((one) => one.path.endsWith('.mp4'));
    assert.deepEqual((await ask(`/${id}/ready`)).ranges, [[0, sizeBytes]]);
    for (const [i, title] of CHAPTERS.entries())
      await until(async () => {
        await point((i + 0.4) / 3);
        return (await bar.getAttribute('mediapreviewchapter')) === title;
      }, `the chapter "${title}"`);
    await until(async () => {
      await point(0.5);
      return /\/thumbs\/0\.jpg.*#xywh=/.test(await bar.getAttribute('mediapreviewimage') ?? '');
    }, 'a picture of the film');
    await ann.look('player-bar');
    await ann.ends();
  });

  await t.test('the keyboard, and the machine around it', async () => {
    const ann = await come('Ann'), { page } = ann;
    // Without a screen there is none to keep on: what is asked for counts.
    await page.addInitScript(() => {
      globalThis.locks = 0;
      navigator.wakeLock.request = async () => {
        globalThis.locks++;
        const lock = { released: false, release: async () => { if (!lock.released) globalThis.locks--; lock.released = true; } };
        return lock;
      };
    });
    await watch(ann);
    const is = (what, check) => until(async () => check(await page.evaluate(() => {
      const { currentTime, paused, muted, volume, textTracks } = document.querySelector('video');
      return { currentTime, paused, muted, volume, isFull: document.fullscreenElement !== null, hasText: [...textTracks].some(({ kind, mode }) => kind === 'subtitles' && mode === 'showing'),
        locks: globalThis.locks, state: navigator.mediaSession.playbackState, title: navigator.mediaSession.metadata?.title };
    })), what);
    const press = (key) => page.keyboard.press(key);
    await is('the screen to stay on, and a title', ({ locks, state, title }) => locks === 1 && state === 'playing' && title === 'Film.mp4');
    await press('Space');
    await is('a pause', ({ paused, locks, state }) => paused && locks === 0 && state === 'paused');
    await press('5');
    await is('the middle', ({ currentTime }) => Math.abs(currentTime - SECONDS / 2) < 0.1);
    for (const [key, by] of [['l', 10], ['j', -10], ['ArrowRight', 5], ['ArrowLeft', -5]]) {
      const { time } = await ann.player();
      await press(key);
      await is(`${by} seconds by ${key}`, ({ currentTime }) => Math.abs(currentTime - time - by) < 0.1);
    }
    await press('m');
    await is('no sound', ({ muted }) => muted);
    await press('m');
    await is('sound', ({ muted }) => !muted);
    await page.focus('media-play-button');
    await press('ArrowDown');
    await is('less sound', ({ volume }) => volume < 0.97);
    await press('c');
    await is('subtitles', ({ hasText }) => hasText);
    await press('c');
    await is('no subtitles', ({ hasText }) => !hasText);
    await press('f');
    await is('all of the screen', ({ isFull }) => isFull);
    await press('?');
    await ann.shows('dialog[open] kbd');
    await ann.look('player-keys');
    await press('k'); // is nothing in a dialog
    await press('Escape');
    await page.waitForSelector('dialog[open]', { state: 'detached' });
    await press('f');
    await is('the page again', ({ isFull }) => !isFull);
    await is('it to stand still', ({ paused }) => paused);
    await page.focus('media-play-button');
    await press('Space'); // pressed once, not twice
    await is('it to play', ({ paused }) => !paused);
    await page.hover('media-controller');
    await page.click('[aria-label="Keyboard"]');
    await ann.shows('dialog[open] kbd');
    await ann.ends();
  });

  await t.test('moved while its line is broken', async () => {
    const seconds = 60, one = await makeFilm(yard, { name: 'slow.mp4', seconds }), torrent = await makeTorrent(yard, one.file, 'slow.torrent');
    const { port } = await seedWithAria2(yard, torrent.torrent, yard.dir, Math.floor(one.size / seconds * 2));
    // Without a worker that asks again in its place.
    const ann = await come('Ann', { serviceWorkers: 'block' }), { page } = ann, streams = '**/stream/**';
    await house.post('/api/v1/torrents', { source: magnet(torrent.hash, port) });
    await page.goto(house.url(`/watch?torrent=${torrent.hash}`));
    await ann.playsBeyond(0.5);
    await page.route(streams, (route) => route.fulfill({ status: 503 }));
    await page.keyboard.press('8'); // which it does not have
    const isEmpty = () => page.evaluate(() => document.querySelector('video').error !== null && document.querySelector('video').readyState === 0);
    await until(isEmpty, 'the player to begin anew, in vain');
    const { time } = await ann.player();
    assert.ok(Math.abs(time - seconds * 0.8) < 1, `it is still to be at ${seconds * 0.8}, not at ${time}`);
    await page.keyboard.press('2');
    await page.unroute(streams);
    const { time: now } = await ann.playsBeyond(seconds * 0.2);
    assert.ok(now < seconds * 0.8, `it went where it was not to go any more: ${now}`);
    ann.complaints = ann.complaints.filter((complaint) => !complaint.includes('status of 503'));
    await ann.ends();
  });

  await t.test('why it does not play, and what to do', async () => {
    const ann = await come('Ann'), { page } = ann, nobody = '0123456789abcdef0123456789abcdef01234567';
    await page.goto(house.url(`/watch?magnet=${encodeURIComponent(magnet(nobody))}`));
    await ann.shows('[data-why=no_peers] >> text=The search goes on');
    await ann.look('player-why');
    for (const [language, words] of [['fr', 'La recherche continue'], ['de', 'Die Suche geht weiter'], ['es', 'La búsqueda sigue'], ['ar', 'البحث مستمر']]) {
      await page.selectOption('header select', language);
      await ann.shows(`[data-why=no_peers] >> text=${words}`);
    }
    await page.selectOption('header select', 'en');
    await fetch(house.url(`/api/v1/torrents/${nobody}/pause`), { method: 'POST' });
    await ann.shows('[data-why=paused] >> text=Somebody has paused it');
    await ann.look('player-paused');
    await page.click('button:has-text("Let it go on")');
    await ann.shows('[data-why=no_peers]');

    const broken = path.join(yard.dir, 'Broken.mp4');
    fs.writeFileSync(broken, Buffer.alloc(300000, 'no film '));
    const { infoHash } = await house.json('seed', broken);
    await page.goto(house.url(`/watch?torrent=${infoHash}`));
    await ann.shows('.stage [role=alert] >> text=cannot be read as a film');
    for (const [language, words] of [['fr', 'lu comme un film'], ['de', 'nicht als Film lesen'], ['es', 'leer como película'], ['ar', 'كفيلم']]) {
      await page.selectOption('header select', language);
      await ann.shows(`.stage [role=alert] >> text=${words}`);
    }
    ann.complaints = ann.complaints.filter((text) => !/status of 415/.test(text)); // what cannot be opened
    await ann.ends();
  });
});
