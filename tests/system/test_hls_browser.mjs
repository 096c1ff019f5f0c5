// SPDX-License-Identifier: MIT
//
// Chromium plays what /hls gives, by hls.js as npm has it: from the start, from far ahead and back, with another sound, also while a
// film downloads. Not one error event. SHARESTREAM_TEST_SCREENSHOTS=<folder> keeps pictures of it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';
import { SECONDS, SUBTITLES, ffmpeg, makeFilms, pids, share } from './hls.mjs';

const HTML = '<!doctype html><title>player</title><body style="margin:0"><video muted style="width:100%"></video><script src="/hls.js"></script>';

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
      const { fragLoadPolicy } = Hls.DefaultConfig, patience = { ...fragLoadPolicy.default, maxTimeToFirstByteMs: 120000, maxLoadTimeMs: 120000 };
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

  // All of it, without a hole. So slowly that it does not run into what has not come; paused, hls.js may forget to load.
  async fill(seconds) {
    await this.page.evaluate(() => {
      document.querySelector('video').playbackRate = 0.0625;
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
  await makeFilms(yard, folder, ['plain.mp4', 'late.mkv', 'opus.mkv']);
  const house = await House.start(t, yard), at = await share(house, folder), browser = await startChromium(t, yard);
  for (const name of ['plain.mp4', 'late.mkv', 'opus.mkv?can=avc1,opus']) {
    await t.test(name, async () => {
      const [file, query] = name.split('?'), player = await Player.open(browser, house, `${at[file]}/master.m3u8${query ? `?${query}` : ''}`);
      await player.plays(0);
      await player.seek(25);
      await player.seek(9);
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

// Where in the file that second lies.
async function positionOf(file, seconds) {
  const { out, err } = await run('ffprobe', ['-v', 'error', '-select_streams', '0', '-show_entries', 'packet=pts_time,pos', '-of', 'csv=p=0', file]);
  const packet = out.split('\n').map((line) => line.split(',').map(Number)).find(([time]) => time >= seconds);
  assert.ok(packet, err);
  return packet[1];
}

// ---- films that are still on their way

// Noise, which nothing makes small, but for where a test plays at first: there a film needs few bytes, and the swarm is slow.
const LOUD = 'between(t,8,15.4)+gt(t,26.5)', FAR = 21, SONG_S = 300;
const picture = ['-f', 'lavfi', '-i', `smptebars=size=480x270:rate=25:d=${SECONDS},noise=alls=100:allf=t:enable='${LOUD}'`];
const calm = ['-f', 'lavfi', '-i', `testsrc2=size=480x270:rate=25:d=${SECONDS}`];
const tone = ['-f', 'lavfi', '-i', `sine=f=330:r=48000:d=${SECONDS}`];
const din = ['-f', 'lavfi', '-i', `anoisesrc=r=96000:d=${SECONDS}:a=0.5,volume=0:enable='not(${LOUD})'[a];sine=f=330:r=96000:d=${SECONDS},volume=0.02[b];[a][b]amix=normalize=0,
  aformat=sample_fmts=s32,pan=7.1|${Array.from({ length: 8 }, (_, i) => `c${i}=c0`).join('|')}`];
const avc = ['-c:v', 'libx264', '-preset', 'ultrafast', '-qp', '22', '-x264-params', 'keyint=50:min-keyint=50:scenecut=0:bframes=3'];

const coming = {
  'film.mp4': [...picture, ...tone, ...avc, '-c:a', 'aac'],
  'tracks.mkv': [...picture, ...tone, ...tone, '-i', 'text.srt', '-map', '0', '-map', '1', '-map', '2', '-map', '3', '-map', '3', ...avc, '-c:a', 'ac3', '-ac:a:1', '6',
    '-c:s:0', 'srt', '-c:s:1', 'ass', '-metadata:s:a:0', 'language=eng', '-metadata:s:a:1', 'language=ger', '-metadata:s:s:0', 'language=eng'],
  'hevc10.mkv': [...calm, ...din, '-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-x265-params', 'log-level=error:keyint=50', '-c:a', 'flac'],
  'vp9.webm': [...picture, ...tone, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-row-mt', '1', '-threads', '2', '-crf', '20', '-b:v', '0', '-g', '50', '-c:a', 'libopus'],
  'xvid.avi': [...picture, ...tone, '-c:v', 'mpeg4', '-vtag', 'XVID', '-bf', '2', '-g', '100', '-q:v', '4', '-c:a', 'libmp3lame'],
  'song.flac': ['-f', 'lavfi', '-i', `anoisesrc=r=44100:d=${SONG_S}:a=0.5`, '-c:a', 'flac'],
  'song.mp3': ['-f', 'lavfi', '-i', `anoisesrc=r=44100:d=${SONG_S}:a=0.5`, '-b:a', '320k'],
};

// At the pace that the swarm is given, a film takes longer than the two waits that end with the seek may take together, and the
// first of them is too short for the swarm to get that far. So it is certain that the film was on its way, on any machine.
const DOWNLOAD_S = 150;

test('films of all kinds play from everywhere while they download', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), films = [];
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'text.srt'), SUBTITLES);
  for (const [name, how] of Object.entries(coming)) {
    const file = path.join(folder, name);
    await ffmpeg(folder, ...how, name);
    films.push({ name, file, ...await makeTorrent(yard, file, `${name}.torrent`) });
  }
  const house = await House.start(t, yard, { settings: 'transcode:\n  wait: 2m\n' }), browser = await startChromium(t, yard);
  for (const { name, file, torrent, hash } of films) {
    await t.test(name, async () => {
      const isSong = name.startsWith('song'), seconds = isSong ? SONG_S : SECONDS, far = name === 'song.flac' ? 200 : name === 'song.mp3' ? 24 : FAR;
      const progress = async () => JSON.parse((await house.get(`/torrent/${hash}`)).body).files[0].progress;
      const position = await positionOf(file, far);
      const isHere = async () => (await house.json('call', 'torrent', 'Diagnose', JSON.stringify({ infoHash: hash, file: 0, position }))).isHeadReady;
      const seeder = await seedWithAria2(yard, torrent, folder, Math.round(fs.statSync(file).size / DOWNLOAD_S));
      await house.json('add', magnet(hash, seeder.port), '--wait');
      const player = await Player.open(browser, house, `/hls/${hash}/0/master.m3u8`);
      await player.plays(0);
      assert.ok(await progress() < 1, 'it had come before it played');
      // FFmpeg reads MP3 up to where it seeks, so that cannot be far here, and may have come on a slow machine.
      if (name !== 'song.mp3') assert.ok(!await isHere(), 'what is sought had come before');
      await player.seek(far);
      assert.ok(await progress() < 1, 'it had come before it played from far ahead');
      await player.picture(name);
      if (name === 'tracks.mkv') {
        assert.deepEqual(await player.page.evaluate(() => hls.audioTracks.map(({ lang }) => lang)), ['en', 'de']);
        await player.page.evaluate(() => { hls.audioTrack = 1; });
        await player.seek(FAR);
        await player.showSubtitles(0, 'Hello', 1);
        await player.picture('subtitles');
      }
      await player.seek(0.1);
      await seeder.setLimit(0);
      // Their segments look back over what the swarm was too slow for.
      if (name === 'tracks.mkv') await player.showSubtitles(1, 'Again', 20);
      await player.fill(seconds);
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
