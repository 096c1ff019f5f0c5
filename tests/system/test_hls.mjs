// SPDX-License-Identifier: MIT
//
// What comes out of /hls is what went in: every picture bit for bit, every sound in its place, over all joins of segments that were
// made in any order. Played by ffmpeg without one warning.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, bin, film, run, sha256 } from './house.mjs';
import { SECONDS, body, ffmpeg, makeFilms, metric, packets, parseMaster, parseMedia, samples, share } from './hls.mjs';

const BEGIN_S = 10; // where every timeline begins
// Each as a client that says nothing sees it, and some for one that plays what others do not.
const CLIENTS = { 'hevc.mp4': ['?can=hvc1,mp4a.40.2'], 'flac.mkv': ['', '?can=avc1,fLaC'], 'opus.mkv': ['', '?can=avc1,opus'] };

// No order, but the same in every run.
function shuffle(list) {
  return list.map((item) => [sha256(item), item]).sort().map(([, item]) => item);
}

// Several at a time, as many viewers would: {target: its hash}.
async function fetchAll(house, targets) {
  const hashes = {}, left = [...targets];
  const fetchSome = async () => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) hashes[target] = sha256(await body(house, target));
  };
  await Promise.all([fetchSome(), fetchSome(), fetchSome(), fetchSome()]);
  return hashes;
}

// A media playlist with everything it names.
async function readRendition(house, base, uri, fields = {}) {
  const target = new URL(uri, `http://x${base}/`), playlist = parseMedia((await body(house, target.pathname + target.search)).toString());
  const all = [playlist.map, ...playlist.uris].filter(Boolean).map((one) => new URL(one, target)).map((url) => url.pathname + url.search);
  return { ...fields, ...playlist, target: target.pathname + target.search, url: house.url(target.pathname + target.search), all };
}

async function readFilm(house, base, query) {
  const { variants: [variant], sounds } = parseMaster((await body(house, `${base}/master.m3u8${query}`)).toString());
  const main = await readRendition(house, base, variant.URI, variant);
  return {
    video: variant.RESOLUTION && main,
    sounds: variant.RESOLUTION ? await Promise.all(sounds.map((sound) => readRendition(house, base, sound.URI, sound))) : [main],
    ts: await readRendition(house, base, 'playlist.m3u8'),
  };
}

function sum(list) {
  return list.reduce((a, b) => a + b, 0);
}

const near = (a, b, by, what) => assert.ok(Math.abs(a - b) <= by, `${what}: ${a} is not ${b}`);

// ---- pictures

function assertSame(ours, theirs, what) {
  assert.equal(ours.length, theirs.length, `${what}: packets`);
  assert.deepEqual(ours.map(({ crc, size }) => `${crc} ${size}`), theirs.map(({ crc, size }) => `${crc} ${size}`), what);
}

// All shown `shift` later, to the millisecond that files count in, and decoded in order.
function assertTimes(ours, theirs, shift, what) {
  assert.equal(ours.length, theirs.length, `${what}: packets`);
  for (let i = 0; i < ours.length; i++) near(ours[i].pts - theirs[i].pts, shift, 0.0011, `${what}: time of packet ${i}`);
  for (let i = 1; i < ours.length; i++) assert.ok(ours[i].dts > ours[i - 1].dts, `${what}: decoding time of packet ${i}`);
}

// ---- sound

// Decibels of the source over the difference, in `count` samples of ours from `at`; the source begins at `shift` there.
function likeness(source, ours, shift, at, count) {
  let signal = 0, noise = 0;
  for (let i = at; i < at + count; i++) {
    signal += source[i - shift] ** 2;
    noise += (source[i - shift] - ours[i]) ** 2;
  }
  return 10 * Math.log10(signal / (noise + 1e-12));
}

// AAC made anew: one packet after the other without gap, and what was heard is heard, at the joins as well as between them.
async function assertMadeSound(sound, source, stream, start, what) {
  const made = await packets(sound.url, '0:a:0'), theirs = await packets(source, stream), rate = Math.round(1024 / made[0].duration);
  for (let i = 1; i < made.length; i++) near((made[i].pts - made[i - 1].pts) * rate, 1024, 1e-6, `${what}: step to packet ${i}`);
  near(made[0].pts, BEGIN_S, 1024 / rate, `${what}: beginning`);
  near(made.at(-1).pts + 1024 / rate - BEGIN_S, theirs.at(-1).pts + theirs.at(-1).duration - start, 2048 / rate, `${what}: end`);

  // Where the source begins in what was made: files count in milliseconds, and may begin with samples to be thrown away.
  const [heard, original] = [await samples(sound.url, rate), await samples(source, rate, stream)];
  const about = Math.round((BEGIN_S - made[0].pts + theirs[0].pts - start) * rate);
  const slack = Math.round(0.01 * rate);
  const candidates = Array.from({ length: 2 * slack + 1 }, (_, i) => about - slack + i);
  const skip = candidates.map((shift) => [likeness(original, heard, shift, rate, 4096), shift]).sort(([a], [b]) => b - a)[0][1];
  const at = (from, until, seconds) => Array.from({ length: until - from }, (_, k) => likeness(original, heard, skip, Math.round(seconds * rate) + 1024 * (from + k), 1024));
  const ends = sound.durations.slice(0, -1).map((_, i, list) => sum(list.slice(0, i + 1)));
  const joins = Math.min(...ends.flatMap((end) => at(-2, 3, end))), inside = Math.min(...ends.flatMap((end) => at(20, 60, end)));
  assert.ok(inside > 15, `${what}: ${inside} dB`);
  assert.ok(joins > inside - 3, `${what}: ${joins} dB at the joins, ${inside} dB elsewhere`);
}

// ---- MPEG-TS

// Numbers of packets with payload go on over all joins, for each stream; tables are in every segment.
function assertCounters(segments, what) {
  const next = new Map();
  for (const [number, data] of segments.entries()) {
    const seen = new Set();
    assert.equal(data.length % 188, 0, what);
    for (let at = 0; at < data.length; at += 188) {
      const pid = ((data[at + 1] & 0x1f) << 8) | data[at + 2], hasPayload = (data[at + 3] & 0x10) !== 0, counter = data[at + 3] & 15;
      assert.equal(data[at], 0x47, what);
      seen.add(pid);
      const expected = next.get(pid) ?? 0;
      assert.equal(counter, hasPayload ? expected : (expected + 15) % 16, `${what} segment ${number}, packet ${at / 188} of ${pid}`);
      if (hasPayload) next.set(pid, (expected + 1) % 16);
    }
    assert.ok(seen.has(0) && seen.size >= 3, `${what} segment ${number}: tables and a stream`);
  }
}

// The same times as the other renditions have; what is inside has other headers.
async function assertTs(house, ts, video, sound, what) {
  // Made anew where no player of TS would know the picture: then in another order.
  const shown = (list) => list.map(({ pts }) => pts).sort((a, b) => a - b);
  if (video) {
    const [ours, theirs] = [shown(await packets(ts.url)), shown(await packets(video.url))];
    assert.equal(ours.length, theirs.length, `${what} TS picture`);
    for (const [i, time] of ours.entries()) near(time, theirs[i], 0.0011, `${what} TS picture ${i}`);
  }
  assertTimes(await packets(ts.url, '0:a:0'), await packets(sound.url, '0:a:0'), 0, `${what} TS sound`);
  assertCounters(await Promise.all(ts.all.map((target) => body(house, target))), what);
}

// ---- other players

// GStreamer 1.22 gives up when a short film is there to its end before it has begun to show it: then once more.
async function assertGStreamer(house, url, what) {
  const play = () => run('gst-launch-1.0', ['playbin3', `uri=${url}`, 'flags=0x3', 'video-sink=fakesink sync=false', 'audio-sink=fakesink sync=false'],
    { env: { GST_REGISTRY: path.join(house.dir, 'gstreamer') } });
  let played = await play();
  for (let again = 0; again < 5 && /Couldn't download fragments/.test(played.err); again++) played = await play();
  assert.equal(played.code, 0, `${what}: ${played.err}`);
  assert.match(played.out, /Got EOS/, what);
}

// ---- one film after the other

async function assertFilm(house, base, source, query, what) {
  const { video, sounds, ts } = await readFilm(house, base, query), renditions = [video, ...sounds, ts].filter(Boolean);
  const made = await fetchAll(house, shuffle(renditions.flatMap(({ all }) => all)));
  for (const { durations, target, longest } of renditions) {
    near(sum(durations), SECONDS, 0.1, `${target}: length`);
    for (const seconds of durations) assert.ok(Math.round(seconds) <= longest, `${target}: ${seconds} s`);
  }
  const pictures = video && await packets(source), start = video ? pictures[0].pts : 0;
  if (video) {
    const ours = await packets(video.url);
    assertSame(ours, pictures, what);
    assertTimes(ours, pictures, BEGIN_S - start, `${what} picture`);
  }
  for (const [i, sound] of sounds.entries()) {
    if (sound.target.includes('t/')) {
      await assertMadeSound(sound, source, `0:a:${i}`, start, `${what} sound ${i}`);
    } else {
      const [ours, theirs] = [await packets(sound.url, '0:a:0'), await packets(source, `0:a:${i}`)];
      assertSame(ours, theirs, what);
      assertTimes(ours, theirs, BEGIN_S - start, `${what} sound ${i}`);
    }
  }
  if (query === CLIENTS[what]?.[0] || query === '') await assertTs(house, ts, video, sounds[0], what);
  const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-xerror', '-i', house.url(`${base}/master.m3u8${query}`), '-map', '0', '-f', 'null', '-']);
  // FFmpeg 5.1 takes no subtitles out of a master playlist, and says so of each.
  const said = err.replace(/^.*Can't support the subtitle\(uri: \w+\/index\.m3u8\S*\)\n/gm, '');
  assert.equal(`${code} ${out}${said}`, '0 ', what);
  await assertGStreamer(house, house.url(`${base}/master.m3u8${query}`), what);
  await assertGStreamer(house, ts.url, `${what} TS`);
  return made;
}

test('every picture and sound comes through, whatever the order of segments', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  await makeFilms(yard, folder);
  const house = await House.start(t, yard, { settings: 'transcode:\n  ladder: never\n' }), at = await share(house, folder), made = {};
  for (const [name, base] of Object.entries(at))
    for (const query of CLIENTS[name] ?? [''])
      await t.test(name + query, async () => Object.assign(made, await assertFilm(house, base, path.join(folder, name), query, name)));
  await t.test('made again in another order they are the same', async () => {
    const cache = path.join(house.dir, 'data/segments'), count = await metric(house, 'segments_total');
    for (const entry of fs.readdirSync(cache, { withFileTypes: true })) if (entry.isFile()) fs.rmSync(path.join(cache, entry.name));
    const again = Object.fromEntries(Object.entries(made).filter(([target]) => [at['plain.mp4'], at['opus.mkv']].some((base) => target.startsWith(`${base}/`))));
    const targets = Object.keys(again).sort().reverse();
    assert.deepEqual(await fetchAll(house, targets), again);
    assert.ok(await metric(house, 'segments_total') - count >= targets.length / 2);
  });
});

test('little more than the first segment is read before it plays', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), movie = await film(yard, { index: 'end' });
  fs.mkdirSync(folder);
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-i', movie.file, '-c', 'copy', path.join(folder, 'film.mkv')]);
  assert.equal(code, 0, err);
  fs.renameSync(movie.file, path.join(folder, 'film.mp4'));
  const house = await House.start(t, yard), at = await share(house, folder);
  for (const [name, base] of Object.entries(at)) {
    const before = await metric(house, 'read_bytes_total');
    await body(house, `${base}/master.m3u8`);
    await body(house, `${base}/v/init.mp4`);
    const segment = await body(house, `${base}/v/0.m4s`), read = await metric(house, 'read_bytes_total') - before;
    assert.ok(read > segment.length / 2 && read < segment.length + (3 << 19), `${name}: ${read} bytes for a segment of ${segment.length}`);
    assert.ok(segment.length < movie.size / 3);
  }
});

// An index of all fragments hides their keyframes from us: then the picture is made anew.
test('MP4 in fragments plays, whatever index it has', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), source = path.join(yard.dir, 'whole/plain.mp4');
  const ways = { 'bare.mp4': 'frag_keyframe+empty_moov+skip_trailer', 'end.mp4': 'frag_keyframe+empty_moov', 'dash.mp4': 'dash', 'sidx.mp4': 'dash+global_sidx' };
  await makeFilms(yard, path.dirname(source), ['plain.mp4']);
  fs.mkdirSync(folder);
  for (const [name, flags] of Object.entries(ways)) await ffmpeg(folder, '-i', source, '-c', 'copy', '-movflags', flags, name);
  const house = await House.start(t, yard), at = await share(house, folder), theirs = await packets(source), heard = await packets(source, '0:a:0');
  for (const name of Object.keys(ways))
    await t.test(name, async () => {
      const { video, sounds, ts } = await readFilm(house, at[name], '');
      for (const target of shuffle([video, ...sounds, ts].flatMap(({ all }) => all))) await body(house, target);
      assert.ok(Math.max(...video.durations, ...ts.durations) < 13, `${video.durations} ${ts.durations}`);
      assert.equal((await packets(video.url)).length, theirs.length);
      assertSame(await packets(sounds[0].url, '0:a:0'), heard, name);
      if (!video.target.includes('/v360/')) assertSame(await packets(video.url), theirs, name);
      assert.equal(video.target.includes('/v360/'), name === 'sidx.mp4');
      await assertTs(house, ts, video, sounds[0], name);
    });
});

// Bytes with no meaning in between, of which there are none on disk.
test('a film of more than 4 GiB plays from both ends', async (t) => {
  const yard = new Yard(t), small = path.join(yard.dir, 'small.mp4'), large = path.join(yard.dir, 'films/large.mp4'), hole = 4.1 * 2 ** 30;
  await makeFilms(yard, path.join(yard.dir, 'whole'), ['plain.mp4']);
  await ffmpeg(yard.dir, '-i', 'whole/plain.mp4', '-c', 'copy', '-movflags', 'frag_keyframe+empty_moov+default_base_moof+skip_trailer', small);
  const data = fs.readFileSync(small), middle = data.indexOf('moof', data.length / 2) - 4, box = Buffer.alloc(16);
  box.writeUInt32BE(1);
  box.write('free', 4);
  box.writeBigUInt64BE(BigInt(Math.floor(hole)), 8);
  fs.mkdirSync(path.dirname(large));
  const fd = fs.openSync(large, 'w');
  for (const [part, at] of [[data.subarray(0, middle), 0], [box, middle], [data.subarray(middle), middle + Math.floor(hole)]]) fs.writeSync(fd, part, 0, part.length, at);
  fs.closeSync(fd);
  const house = await House.start(t, yard);
  const shared = await run(path.join(bin, 'sharestream'), ['--config', house.config, '--json', 'seed', large], { env: house.env, ms: 300000 });
  assert.equal(shared.code, 0, shared.err);
  const base = `/hls/${JSON.parse(shared.out).infoHash}/0`, { video, sounds: [sound] } = await readFilm(house, base, '');
  for (const { all } of [video, sound]) for (const target of [all.at(-1), ...all.slice(0, -1)]) await body(house, target);
  assertSame(await packets(video.url), await packets(small), 'picture');
  assertSame(await packets(sound.url, '0:a:0'), await packets(small, '0:a:0'), 'sound');
});

test('pictures that look back over keyframes are not cut there', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), names = ['open.mp4', 'open.mkv', 'plain.mp4'];
  await makeFilms(yard, folder, names);
  const house = await House.start(t, yard), at = await share(house, folder);
  for (const name of names) {
    const { media } = JSON.parse(await body(house, at[name].replace(/^\/hls\/(.*)\/(.*)/, '/api/v1/torrents/$1/files/$2/media')));
    assert.equal(media.isClosed, name === 'plain.mp4', name);
  }
});
