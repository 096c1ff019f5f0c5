// SPDX-License-Identifier: MIT
//
// Chromium plays what /hls gives, by hls.js as npm has it: from the start, from far ahead and back, with another sound, and while it
// downloads. Not one error event. SHARESTREAM_TEST_SCREENSHOTS=<folder> keeps pictures of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { chromium } from 'playwright-core';
import { House, Yard, film, magnet, makeTorrent, seedWithAria2, until } from './house.mjs';
import { SECONDS, ffmpeg, makeFilms, pids, share } from './hls.mjs';

const HTML = '<!doctype html><title>player</title><body style="margin:0"><video muted style="width:100%"></video><script src="/hls.js"></script>';

async function startChromium(t, yard) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    env: { ...process.env, HOME: yard.dir, XDG_CONFIG_HOME: path.join(yard.dir, 'config'), XDG_CACHE_HOME: path.join(yard.dir, 'cache') },
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', '--autoplay-policy=no-user-gesture-required',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
  });
  t.after(() => browser.close());
  return browser;
}

// A page of the house that plays `target`, and what hls.js says of it.
class Player {
  static async open(browser, house, target) {
    const player = new Player(), context = await browser.newContext(), page = await context.newPage();
    player.page = page;
    player.said = [];
    page.on('pageerror', (error) => player.said.push(error.message));
    await page.route('**/player', (route) => route.fulfill({ contentType: 'text/html', body: HTML }));
    await page.route('**/hls.js', (route) => route.fulfill({ contentType: 'text/javascript', path: new URL('node_modules/hls.js/dist/hls.min.js', import.meta.url).pathname }));
    await page.goto(house.url('/player'));
    await page.evaluate((url) => {
      // So little ahead that every seek has to fetch something; and as patient with a slow swarm as the server is.
      const { fragLoadPolicy } = Hls.DefaultConfig, patience = { ...fragLoadPolicy.default, maxTimeToFirstByteMs: 40000, maxLoadTimeMs: 60000 };
      const hls = globalThis.hls = new Hls({ maxBufferLength: 4, maxMaxBufferLength: 4, backBufferLength: 600, fragLoadPolicy: { default: patience },
        manifestLoadPolicy: { default: patience }, playlistLoadPolicy: { default: patience } });
      globalThis.errors = [];
      hls.on(Hls.Events.ERROR, (_, { details, fatal, reason, response, frag }) => {
        // That it gave up a request of its own because of a seek; that it fetched what it had already, changing to another size: it
        // takes a segment to begin where the first picture is decoded.
        const isOwn = details === Hls.ErrorDetails.INTERNAL_ABORTED || (hls.levels.length > 1 && details === Hls.ErrorDetails.BUFFER_APPEND_NO_PROGRESS);
        if (!isOwn) globalThis.errors.push(`${fatal ? 'fatal ' : ''}${details} ${reason ?? ''} ${response?.code ?? ''} ${frag?.url ?? ''}`);
      });
      hls.loadSource(url);
      hls.attachMedia(document.querySelector('video'));
      document.querySelector('video').play();
    }, target);
    return player;
  }

  // {time, duration, buffered, errors, width}
  async state() {
    return this.page.evaluate(() => {
      const video = document.querySelector('video'), { buffered } = video;
      return { time: video.currentTime, duration: video.duration, width: video.videoWidth, errors: globalThis.errors, failure: video.error?.message,
        buffered: Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]) };
    });
  }

  async wait(check, what, ms) {
    let state;
    const end = until(async () => {
      state = await this.state();
      assert.deepEqual([...state.errors, state.failure, ...this.said].filter(Boolean), [], `while waiting for ${what}`);
      return check(state);
    }, what, ms);
    await end.catch((error) => { throw new Error(`${error.message}\n${JSON.stringify(state)}`); });
    return state;
  }

  async seek(seconds) {
    await this.page.evaluate((to) => { document.querySelector('video').currentTime = to; }, seconds);
    await this.plays(seconds);
  }

  plays(from) {
    return this.wait(({ time }) => time > from + 0.5 && time < from + 5, `it to play from ${from}`);
  }

  // Those of a track, where they are.
  async showSubtitles(track, text, seconds) {
    await this.page.evaluate((number) => { hls.subtitleDisplay = true; hls.subtitleTrack = number; }, track);
    await this.seek(seconds);
    await until(() => this.page.evaluate((wanted) => [...document.querySelector('video').textTracks].some(({ mode, activeCues }) =>
      mode === 'showing' && [...activeCues ?? []].some((cue) => cue.text === wanted)), text), `'${text}' to be shown`);
  }

  // All of it, without a hole.
  async fill(seconds) {
    await this.page.evaluate(() => {
      hls.config.maxBufferLength = hls.config.maxMaxBufferLength = 600;
      document.querySelector('video').currentTime = 0.2;
    });
    const { buffered, duration } = await this.wait((state) => state.buffered.length === 1 && state.buffered[0][1] > seconds - 0.2, 'one buffered range');
    assert.ok(buffered[0][0] < 0.001, `begins at ${buffered[0][0]}`);
    assert.ok(Math.abs(buffered[0][1] - seconds) < 0.1 && Math.abs(duration - seconds) < 0.1, `ends at ${buffered[0][1]} of ${duration}`);
  }

  async picture(name) {
    if (process.env.SHARESTREAM_TEST_SCREENSHOTS)
      await this.page.screenshot({ path: path.join(process.env.SHARESTREAM_TEST_SCREENSHOTS, `${name}.png`) });
  }
}

test('films of many kinds play from everywhere', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  await makeFilms(yard, folder, ['plain.mp4', 'tracks.mkv', 'late.mkv', 'opus.mkv', 'song.mp3']);
  const house = await House.start(t, yard), at = await share(house, folder), browser = await startChromium(t, yard);
  for (const name of ['plain.mp4', 'tracks.mkv', 'late.mkv', 'opus.mkv?can=avc1,opus', 'song.mp3']) {
    await t.test(name, async () => {
      const [file, query] = name.split('?'), player = await Player.open(browser, house, `${at[file]}/master.m3u8${query ? `?${query}` : ''}`);
      await player.plays(0);
      await player.seek(25);
      await player.picture(file);
      await player.seek(9);
      if (file === 'tracks.mkv') {
        assert.deepEqual(await player.page.evaluate(() => hls.audioTracks.map(({ lang }) => lang)), ['en', 'de']);
        await player.page.evaluate(() => { hls.audioTrack = 1; });
        await player.seek(16);
        await player.showSubtitles(1, 'Again', 20);
        await player.showSubtitles(0, 'Hello', 1);
      }
      if (file === 'plain.mp4') {
        // Nobody notices.
        for (const pid of [...pids(house, 'transcode-worker'), ...pids(house, 'transcode-svc')]) process.kill(pid, 'SIGKILL');
        await player.seek(17);
      }
      await player.fill(SECONDS);
      await player.page.close();
    });
  }
});

// Each has a picture or a sound that browsers do not know, or lies in what they do not open.
const strangers = {
  'hevc10.mkv': ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-x265-params', 'log-level=error:keyint=100', '-c:a', 'ac3'],
  'xvid.avi': ['-c:v', 'mpeg4', '-vtag', 'XVID', '-bf', '2', '-g', '100', '-q:v', '4', '-c:a', 'libmp3lame'],
  'vp9.webm': ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '400k', '-g', '90', '-c:a', 'libopus'],
  'song.flac': ['-vn', '-c:a', 'flac'],
};

test('what browsers do not play is made for them', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  for (const [name, how] of Object.entries(strangers))
    await ffmpeg(folder, '-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=25:d=${SECONDS}`, '-f', 'lavfi', '-i', `sine=f=330:r=48000:d=${SECONDS}`, ...how, name);
  const house = await House.start(t, yard), at = await share(house, folder), browser = await startChromium(t, yard);
  for (const name of Object.keys(strangers)) {
    await t.test(name, async () => {
      const player = await Player.open(browser, house, `${at[name]}/master.m3u8`);
      await player.plays(0);
      await player.seek(24);
      await player.picture(name);
      await player.seek(9);
      await player.fill(SECONDS);
      await player.page.close();
    });
  }
});

test('the size is switched on the way', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  await makeFilms(yard, folder, ['plain.mp4']);
  const house = await House.start(t, yard), base = (await share(house, folder))['plain.mp4'], browser = await startChromium(t, yard);
  const player = await Player.open(browser, house, `${base}/master.m3u8`);
  await player.plays(0);
  const heights = await player.page.evaluate(() => hls.levels.map(({ height }) => height));
  assert.deepEqual(heights, [240, 360]);
  const switchTo = async (height) => {
    await player.page.evaluate((level) => { hls.nextLevel = level; }, heights.indexOf(height));
    await player.wait(({ width }) => Math.abs(width - height * 16 / 9) < 2, `a picture of ${height} lines`);
  };
  for (const height of [360, 240, 360, 240]) await switchTo(height);
  await player.seek(20);
  await switchTo(360);
  await player.page.evaluate(() => { hls.loadLevel = 0; });
  await player.seek(1); // what was in front of the switches, hls.js has thrown away
  await player.fill(SECONDS);
});

test('a film plays and seeks while it downloads', async (t) => {
  const yard = new Yard(t), movie = await film(yard), { torrent, hash } = await makeTorrent(yard, movie.file);
  const seeder = await seedWithAria2(yard, torrent, yard.dir, 1500000);
  const house = await House.start(t, yard), browser = await startChromium(t, yard);
  await house.json('add', magnet(hash, seeder.port), '--wait');
  const player = await Player.open(browser, house, `/hls/${hash}/0/master.m3u8`);
  const progress = async () => JSON.parse((await house.get(`/torrent/${hash}`)).body).files[0].progress;
  await player.plays(0);
  await player.seek(32);
  assert.ok(await progress() < 1, 'the seeder was too fast for this test to mean anything');
  await player.picture('downloading');
  await player.seek(12);
  await player.fill(40);
});
