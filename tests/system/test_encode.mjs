// SPDX-License-Identifier: MIT
//
// Pictures that no browser plays are made anew: the right picture at the right time, over all joins of segments that different
// encoders made in any order; and what happens when encoders are few, far away or dead.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, bin, magnet, makeTorrent, run, seedWithAria2, sha256, until } from './house.mjs';
import { body, ffmpeg, metric, packets, parseMaster, parseMedia, share } from './hls.mjs';
import { makeSup } from './sup.mjs';

const SECONDS = 12, BEGIN_S = 10;
const picture = (size, rate) => ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:d=${SECONDS}`];
const sine = ['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${SECONDS}`];

const avc = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '50', '-bf', '2'];

// Each is something else that cannot be copied. `top`: the largest size that is offered.
const films = {
  'hevc10.mkv': { top: 'v360', make: [...picture('640x360', '24000/1001'), ...sine, '-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p10le', '-x265-params', 'log-level=error:keyint=100', '-c:a', 'ac3'] },
  'xvid.avi': { top: 'v240', make: [...picture('320x240', '25'), ...sine, '-c:v', 'mpeg4', '-vtag', 'XVID', '-bf', '2', '-g', '100', '-q:v', '3', '-c:a', 'libmp3lame'] },
  'vp9.webm': { top: 'v180', make: [...picture('320x180', '30'), ...sine, '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-b:v', '500k', '-g', '90', '-c:a', 'libopus'] },
  'open.mkv': { top: 'v180', make: [...picture('320x180', '25'), ...sine, '-c:v', 'libx264', '-preset', 'veryfast', '-x264-params', 'open-gop=1:keyint=50:bframes=3:scenecut=0', '-c:a', 'aac'] },
  'old.mpg': { top: 'v240', make: [...picture('352x240', '30000/1001'), ...sine, '-c:v', 'mpeg2video', '-q:v', '4', '-bf', '2', '-g', '15', '-c:a', 'mp2'] },
  'recorded.ts': { top: 'v240', make: [...picture('352x240', '25'), ...sine, '-c:v', 'mpeg2video', '-q:v', '4', '-bf', '2', '-g', '12', '-c:a', 'mp2', '-f', 'mpegts'] },
  // H.264 all of them, but in what tells no index, or no times at which pictures are shown.
  'avc.ts': { top: 'v240', make: [...picture('320x240', '25'), ...sine, ...avc, '-c:a', 'aac', '-f', 'mpegts'] },
  'avc.avi': { top: 'v240', make: [...picture('320x240', '25'), ...sine, ...avc, '-c:a', 'libmp3lame'] },
  'avc.flv': { top: 'v240', make: [...picture('320x240', '25'), ...sine, ...avc, '-ar', '44100', '-c:a', 'aac'] },
};
const ladder = ['v720', 'v480', 'v360', 'v240'];

async function playlist(house, base, rendition) {
  return parseMedia((await body(house, `${base}/${rendition}/index.m3u8`)).toString());
}

// No order, but the same in every run.
const shuffled = (list, salt) => [...list].sort((a, b) => (sha256(`${salt}${a}`) < sha256(`${salt}${b}`) ? -1 : 1));

// For each picture, by its number, decibels of the source over the difference from it.
async function likeness(ours, source) {
  const out = await ffmpeg('/', '-i', ours, '-i', source, '-lavfi',
    '[0:v]settb=1/25,setpts=N[a];[1:v]format=yuv420p,settb=1/25,setpts=N[b];[a][b]psnr=stats_file=-', '-f', 'null', '-');
  return [...out.matchAll(/psnr_avg:(\S+)/g)].map((match) => (match[1] === 'inf' ? 99 : Number(match[1])));
}

// AVI does not tell when a picture is shown; of program streams ffprobe does not know it everywhere.
async function shownAt(file) {
  const { out } = await run('ffprobe', ['-v', 'error', '-select_streams', 'v', '-show_entries', 'frame=pts_time', '-of', 'csv=p=0', file]);
  const times = out.split('\n').filter((line) => /^[\dN]/.test(line)).map((line) => Number.parseFloat(line));
  const known = (time, i) => (Number.isFinite(time) ? time : (times[i - 1] + times[i + 1]) / 2);
  return file.endsWith('.avi') ? times.map((_, i) => i / 25) : times.map(known);
}

// Bytes of all its pictures, one behind the other.
function rawPictures(file, filters, format) {
  return new Promise((resolve, reject) => {
    execFile('ffmpeg', ['-v', 'error', '-i', file, '-vf', filters, '-f', 'rawvideo', '-pix_fmt', format, '-'],
      { encoding: 'buffer' }, (error, out) => (error ? reject(error) : resolve(out)));
  });
}

async function assertMade(house, base, source, top, name) {
  const { durations, uris, map } = await playlist(house, base, top);
  await body(house, `${base}/${top}/${map}`);
  for (const uri of shuffled(uris, name)) await body(house, `${base}/${top}/${uri}`);
  const url = house.url(`${base}/${top}/index.m3u8`), made = await packets(url), originals = await shownAt(source);
  assert.equal(made.length, originals.length, 'pictures');
  const times = made.map(({ pts }) => pts).sort((a, b) => a - b);
  for (let i = 0; i < times.length; i++) assert.ok(Math.abs(times[i] - BEGIN_S - (originals[i] - originals[0])) < 0.002, `time of picture ${i}: ${times[i]}`);
  for (let i = 1; i < made.length; i++) assert.ok(made[i].dts > made[i - 1].dts, `decoding time of packet ${i}`);
  const alike = await likeness(url, source);
  assert.equal(alike.length, originals.length);
  assert.ok(Math.min(...alike) > 24, `${Math.min(...alike)} dB in picture ${alike.indexOf(Math.min(...alike))}`);
  assert.ok(Math.abs(durations.reduce((a, b) => a + b, 0) - SECONDS) < 0.1, `${durations}`);
}

// All of it, without a hole, whatever is asked for first.
async function assertSound(house, target, name) {
  const { uris, map } = parseMedia((await body(house, target)).toString()), folder = target.slice(0, target.lastIndexOf('/'));
  for (const uri of [map, ...shuffled(uris, name)]) await body(house, `${folder}/${uri}`);
  const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-i', house.url(target), '-f', 'null', '-']);
  assert.equal(`${code} ${out}${err}`, '0 ', 'the sound');
  const times = (await packets(house.url(target), 'a:0')).map(({ pts }) => pts);
  assert.ok(Math.abs(times.at(-1) - times[0] - SECONDS) < 0.3, `${times[0]} to ${times.at(-1)}`);
  for (let i = 1; i < times.length; i++) assert.ok(times[i] - times[i - 1] < 0.05, `a hole before ${times[i]}`);
}

test('what cannot be copied is made anew', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  for (const [name, { make }] of Object.entries(films)) await ffmpeg(folder, ...make, name);
  const house = await House.start(t, yard), at = await share(house, folder);
  for (const [name, { top }] of Object.entries(films))
    await t.test(name, async () => {
      const { variants, sounds } = parseMaster((await body(house, `${at[name]}/master.m3u8`)).toString());
      assert.equal(variants[0].URI, `${top}/index.m3u8`);
      assert.match(variants[0].CODECS, /^avc1\.6400[0-9a-f]{2},mp4a\.40\.2$/);
      assert.equal(sounds.length, 1);
      await assertMade(house, at[name], path.join(folder, name), top, name);
      await assertSound(house, `${at[name]}/${sounds[0].URI}`, name);
      const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-i', house.url(`${at[name]}/playlist.m3u8`), '-f', 'null', '-']);
      assert.equal(`${code} ${out}${err}`, '0 ', 'as MPEG-TS');
    });
});

test('sound that is copied beside a picture made anew has no gap', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), whole = path.join(yard.dir, 'whole.mkv');
  const hevc = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=error:keyint=50:min-keyint=50:scenecut=0:open-gop=0'];
  // Stored in front of the picture that it belongs to, and behind it.
  const ahead = { 'early.mkv': 0.2, 'level.mkv': 0, 'late.mkv': -0.2 };
  fs.mkdirSync(folder);
  await ffmpeg(yard.dir, ...picture('320x180', '25'), ...sine, ...hevc, '-c:a', 'aac', whole);
  for (const [name, seconds] of Object.entries(ahead))
    await ffmpeg(folder, '-i', whole, '-c', 'copy', '-bsf:a', `setts=dts=DTS-${seconds}/TB:pts=PTS`, name);
  const house = await House.start(t, yard), at = await share(house, folder);
  for (const name of Object.keys(ahead))
    await t.test(name, async () => {
      const target = `${at[name]}/playlist.m3u8`, { uris } = parseMedia((await body(house, target)).toString());
      for (const uri of shuffled(uris, name)) await body(house, `${at[name]}/${uri}`);
      // From the first picture on. Each packet gets a header of seven bytes in MPEG-TS.
      const heard = async (file, begin) => (await packets(file, '0:a:0')).map(({ pts, size }) => ({ pts: pts - begin, size })).filter(({ pts }) => pts > -0.001);
      const source = path.join(folder, name), ours = await heard(house.url(target), BEGIN_S), theirs = await heard(source, (await packets(source))[0].pts);
      assert.deepEqual(ours.map(({ size }) => size - 7), theirs.map(({ size }) => size));
      for (let i = 0; i < ours.length; i++) assert.ok(Math.abs(ours[i].pts - theirs[i].pts) < 0.002, `time of packet ${i}`);
    });
});

// Everything of one size, from the back to the front: each segment begins anew. Its URL, and where segments begin.
async function fetchBackwards(house, base, rendition) {
  const { uris, map, durations } = await playlist(house, base, rendition);
  await body(house, `${base}/${rendition}/${map}`);
  for (const uri of uris.reverse()) await body(house, `${base}/${rendition}/${uri}`);
  return { url: house.url(`${base}/${rendition}/index.m3u8`), begins: durations.map((_, i) => durations.slice(0, i).reduce((a, b) => a + b, 0)) };
}

// The part of its pictures that have lines of two times, by FFmpeg's own judgement.
async function combed(file) {
  const { err } = await run('ffmpeg', ['-nostdin', '-i', file, '-vf', 'idet', '-f', 'null', '-']);
  const [tff, bff, ...others] = err.match(/Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+) Undetermined: *(\d+)/).slice(1).map(Number);
  return (tff + bff) / (tff + bff + others[0] + others[1]);
}

test('pictures of two times are made whole', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), second = path.join(yard.dir, 'second.ts');
  const fields = (size, seconds, rate = 50) => ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:d=${seconds}`, '-vf', 'tinterlace=interleave_top,setfield=tff'];
  const mpeg2 = ['-c:v', 'mpeg2video', '-q:v', '3', '-bf', '2', '-g', '12', '-flags', '+ilme+ildct', '-f', 'mpegts'];
  const avc = ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18'];
  const made = { 'recorded.ts': 'v288', 'camera.mkv': 'v288', 'half.mkv': 'v288', 'slow.mkv': 'v288', 'changes.ts': 'v240' };
  fs.mkdirSync(folder);
  await ffmpeg(folder, ...fields('352x288', SECONDS), ...mpeg2, 'recorded.ts');
  await ffmpeg(folder, ...fields('352x288', SECONDS), ...avc, '-x264-params', 'tff=1:keyint=50:scenecut=0:open-gop=0', 'camera.mkv');
  // So few that those of its last segment come out of the decoder at the end of the file only.
  await ffmpeg(folder, ...fields('352x288', SECONDS, 1), ...avc, '-x264-params', 'tff=1:keyint=3:min-keyint=3:scenecut=0:open-gop=0', 'slow.mkv');
  // Whole pictures first: nothing says at its beginning that others come.
  await ffmpeg(folder, '-f', 'lavfi', '-i', `testsrc2=size=352x288:rate=25:d=${SECONDS / 2}`, ...avc, '-x264-params', 'keyint=50:scenecut=0', '-f', 'mpegts', 'whole.ts');
  await ffmpeg(folder, ...fields('352x288', SECONDS / 2), ...avc, '-x264-params', 'tff=1:keyint=50:scenecut=0', '-output_ts_offset', SECONDS / 2 + 0.08, '-f', 'mpegts', second);
  await ffmpeg(folder, '-i', `concat:whole.ts|${second}`, '-c', 'copy', 'half.mkv');
  fs.rmSync(path.join(folder, 'whole.ts'));
  // Another size in the middle.
  await ffmpeg(folder, ...fields('320x240', SECONDS / 2), ...mpeg2, 'changes.ts');
  await ffmpeg(folder, ...fields('480x360', SECONDS / 2), '-output_ts_offset', SECONDS / 2, ...mpeg2, second);
  fs.appendFileSync(path.join(folder, 'changes.ts'), fs.readFileSync(second));
  const house = await House.start(t, yard), at = await share(house, folder);
  await t.test('also where browsers would play it as it is, with combs', async () => {
    const variants = async (query) => parseMaster((await body(house, `${at['camera.mkv']}/master.m3u8${query}`)).toString()).variants.map(({ URI }) => URI.split('/')[0]);
    assert.equal((await variants(''))[0], 'v288');
    assert.equal((await variants('?can=avc1,mp4a.40.2'))[0], 'v288');
    assert.equal((await variants('?can=avc1,mp4a.40.2,interlaced'))[0], 'v');
    const { way, why, media } = JSON.parse(await body(house, at['camera.mkv'].replace(/^\/hls\/(.*)\/(.*)/, '/api/v1/torrents/$1/files/$2/media')));
    assert.equal(`${way} ${media.streams[0].isInterlaced}`, 'full true');
    assert.match(why, /interlaced/);
  });
  for (const [name, rendition] of Object.entries(made))
    await t.test(name, async () => {
      const source = path.join(folder, name), wanted = path.join(yard.dir, `${name}.mkv`), rate = name === 'slow.mkv' ? 0.5 : 25, count = SECONDS * rate;
      const { url, begins } = await fetchBackwards(house, at[name], rendition);
      // FFmpeg's decoder of MPEG-2 forgets the last picture of a size.
      assert.equal((await packets(url)).length, count - (name === 'changes.ts'), 'pictures');
      if (!['half.mkv', 'slow.mkv'].includes(name)) { // in whole pictures of this kind idet sees what is not there, as in the first few
        assert.ok(await combed(source) > 0.9, 'the source shows it');
        assert.ok(await combed(url) < 0.05);
      }
      if (name === 'changes.ts') return;
      await ffmpeg('/', '-i', source, '-vf', 'bwdif=mode=send_frame:deint=interlaced', '-c:v', 'ffv1', wanted);
      const alike = await likeness(url, wanted);
      assert.equal(alike.length, count);
      assert.ok(Math.min(...alike) > 34, `${Math.min(...alike)} dB in picture ${alike.indexOf(Math.min(...alike))}`);
      // What a segment begins with was made of the pictures before it as well: else it has 37 dB at most.
      for (const begin of begins) assert.ok(alike[Math.round(begin * rate)] > 42, `${alike[Math.round(begin * rate)]} dB at ${begin} s`);
    });
});

// The filters that make HDR what every screen shows, as FFmpeg's command line has them.
const toned = (transfer) => `scale=in_range=limited:out_range=limited,format=yuv420p10,zscale=rin=limited:min=bt2020nc:pin=bt2020:tin=${transfer}:t=linear:npl=203:p=bt709,` +
  'format=gbrpf32,tonemap=mobius:desat=0:peak=4.926,zscale=t=bt709:p=bt709:m=bt709:r=limited:d=ordered,format=yuv420p';

test('HDR is made what every screen shows', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  // In columns: black, grey, white (203 cd/m2), the brightest (1000 cd/m2); in colour below. `wanted`: what a screen gets, of 255.
  const films = {
    'pq.mkv': { transfer: 'smpte2084', levels: [64, 384, 573, 723], wanted: [0, 101, 217, 255] },
    'hlg.mkv': { transfer: 'arib-std-b67', levels: [64, 440, 721, 940], wanted: [0, 122, 217, 255] },
  };
  fs.mkdirSync(folder);
  for (const [name, { transfer, levels }] of Object.entries(films)) {
    const luma = `if(lt(X,160),${levels[0]},if(lt(X,320),${levels[1]},if(lt(X,480),${levels[2]},${levels[3]})))`;
    await ffmpeg(folder, '-f', 'lavfi', '-i', `nullsrc=s=640x360:r=25:d=4,format=yuv420p10le,geq=lum='${luma}':cb='if(lt(Y,90),512,480)':cr='if(lt(Y,90),512,560)'`,
      '-c:v', 'libx265', '-preset', 'ultrafast', '-crf', '8', '-color_primaries', 'bt2020', '-color_trc', transfer, '-colorspace', 'bt2020nc',
      '-x265-params', `log-level=error:keyint=50:colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc`, name);
  }
  const house = await House.start(t, yard), at = await share(house, folder);
  for (const [name, { transfer, wanted }] of Object.entries(films))
    await t.test(name, async () => {
      const { url } = await fetchBackwards(house, at[name], 'v360'), reference = path.join(yard.dir, name);
      const { out } = await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=pix_fmt,color_range,color_space,color_transfer,color_primaries', '-of', 'csv=p=0', url]);
      assert.equal(out.trim().split('\n')[0], 'yuv420p,tv,bt709,bt709,bt709');
      await ffmpeg('/', '-i', path.join(folder, name), '-vf', toned(transfer), '-c:v', 'ffv1', reference);
      const alike = await likeness(url, reference);
      assert.equal(alike.length, 100);
      assert.ok(Math.min(...alike) > 35, `${Math.min(...alike)} dB`);
      const raw = await rawPictures(url, 'crop=640:64:0:16,scale=4:1:flags=area', 'gray');
      wanted.forEach((level, i) => assert.ok(Math.abs(raw[i] - level) <= 4, `${[...raw.subarray(0, 4)]}`));
    });
});

test('smaller sizes are cut where the original is, and nowhere between only', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  await ffmpeg(folder, ...picture('1280x720', '25'), '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', '-x264-params', 'scenecut=0', 'film.mp4');
  const house = await House.start(t, yard), base = (await share(house, folder))['film.mp4'];
  const { variants } = parseMaster((await body(house, `${base}/master.m3u8`)).toString());
  assert.deepEqual(variants.map(({ URI }) => URI.split('/')[0]), ['v', ...ladder.slice(1)]);
  const ends = ({ durations }) => durations.map((_, i) => durations.slice(0, i + 1).reduce((a, b) => a + b, 0).toFixed(3));
  const original = ends(await playlist(house, base, 'v')), made = ends(await playlist(house, base, 'v480'));
  for (const end of original) assert.ok(made.includes(end), `${end} of ${made}`);
  const small = house.url(`${base}/v240/index.m3u8`);
  assert.match((await run('ffprobe', ['-v', 'error', '-show_entries', 'stream=width,height,profile,level', '-of', 'csv=p=0', small])).out, /^High,426,240,30\b/);
  assert.equal((await house.get(`${base}/v300/0.m4s`)).status, 404);
  assert.equal((await house.get(`${base}/v720/9999.m4s`)).status, 404);
});

test('pictures of a film in which hardly anything happens are shown again', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  await ffmpeg(folder, '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=1/5:d=30', '-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', 'slides.webm');
  const house = await House.start(t, yard), base = (await share(house, folder))['slides.webm'];
  const { uris, map } = await playlist(house, base, 'v180'), init = await body(house, `${base}/v180/${map}`);
  for (const uri of shuffled(uris, 'slides')) {
    const alone = path.join(yard.dir, 'alone.mp4');
    fs.writeFileSync(alone, Buffer.concat([init, await body(house, `${base}/v180/${uri}`)]));
    assert.ok((await packets(alone)).length >= 1, uri);
  }
  const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-i', house.url(`${base}/v180/index.m3u8`), '-f', 'null', '-']);
  assert.equal(`${code} ${out}${err}`, '0 ');
});

test('a film without index and length is not read up to the place that is wanted', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), seconds = 400;
  fs.mkdirSync(folder);
  await ffmpeg(folder, '-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=25:d=${seconds}`, '-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${seconds}`,
    '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '1M', '-g', '100', '-c:a', 'aac', '-live', '1', 'film.mkv');
  const house = await House.start(t, yard), base = (await share(house, folder))['film.mkv'], { size } = fs.statSync(path.join(folder, 'film.mkv'));
  const { uris, durations, map } = await playlist(house, base, 'v180'), sound = await playlist(house, base, 'a1'), alone = path.join(yard.dir, 'alone.mp4');
  assert.ok(Math.abs(durations.reduce((a, b) => a + b, 0) - seconds) < 0.1, `${durations}`);
  const read = await metric(house, 'read_bytes_total'), init = await body(house, `${base}/v180/${map}`);
  for (const number of [uris.length - 2, uris.length >> 1]) {
    fs.writeFileSync(alone, Buffer.concat([init, await body(house, `${base}/v180/${uris[number]}`)]));
    const times = (await packets(alone)).map(({ pts }) => pts).sort((a, b) => a - b);
    assert.equal(times.length, Math.round(durations[number] * 25));
    assert.ok(Math.abs(times[0] - BEGIN_S - durations.slice(0, number).reduce((a, b) => a + b, 0)) < 0.02, `${times[0]}`);
  }
  await body(house, `${base}/a1/${sound.map}`);
  const heard = await body(house, `${base}/a1/${sound.uris.at(-2)}`);
  assert.ok(heard.length > sound.durations.at(-2) * 4000, `${heard.length} bytes`);
  assert.ok(await metric(house, 'read_bytes_total') - read < size / 2, `${await metric(house, 'read_bytes_total') - read} of ${size}`);
});

test('a film whose end does not come has no length yet, and gets one when it is there', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  await ffmpeg(folder, ...picture('640x360', '25'), ...avc, '-crf', '1', '-live', '1', 'film.mkv');
  const { torrent, hash } = await makeTorrent(yard, path.join(folder, 'film.mkv')), seeder = await seedWithAria2(yard, torrent, folder, 150000);
  const house = await House.start(t, yard, { settings: 'transcode:\n  wait: 1s\n' });
  await house.json('add', magnet(hash, seeder.port), '--wait');
  const media = () => house.get(`/api/v1/torrents/${hash}/files/0/media`);
  await until(async () => {
    const { status, body: said } = await media();
    assert.equal(status, 503, said);
    return JSON.parse(said).error.message === 'the bytes needed for its length did not come in time';
  }, 'its beginning');
  await seeder.setLimit(0);
  const known = await until(async () => { const answer = await media(); return answer.status === 200 && JSON.parse(answer.body); }, 'all of the film');
  assert.ok(Math.abs(known.media.durationUs / 1e6 - SECONDS) < 0.1, `${known.media.durationUs}`);
});

test('subtitles that are pictures are drawn in on request', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films'), shown = { x: 400, y: 600, width: 480, height: 60 };
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(yard.dir, 'drawn.sup'), makeSup(1280, 720, [{ from: 0, until: 2, ...shown }, { from: 7.5, until: 10, ...shown }]));
  await ffmpeg(folder, '-f', 'lavfi', '-i', `color=c=blue:s=1280x720:r=25:d=${SECONDS}`, '-i', path.join(yard.dir, 'drawn.sup'), '-map', '0', '-map', '1',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:s', 'copy', 'drawn.mkv');
  const house = await House.start(t, yard), base = (await share(house, folder))['drawn.mkv'];
  const { variants } = parseMaster((await body(house, `${base}/master.m3u8?burn=1`)).toString());
  assert.deepEqual(variants.map(({ URI }) => URI), ladder.map((size) => `${size}s1/index.m3u8?burn=1`));
  // From the back to the front: each begins in the middle of something shown.
  for (const uri of (await playlist(house, base, 'v360s1')).uris.reverse()) await body(house, `${base}/v360s1/${uri}`);
  const raw = await rawPictures(house.url(`${base}/v360s1/index.m3u8`), 'crop=16:8:300:308,scale=1:1', 'rgb24');
  const red = Array.from({ length: raw.length / 3 }, (_, i) => raw[3 * i] > 128);
  const expected = red.map((_, i) => i / 25 < 2 || (i / 25 >= 7.5 && i / 25 < 10));
  assert.equal(red.length, SECONDS * 25);
  assert.deepEqual(red, expected);
  assert.equal((await house.get(`${base}/master.m3u8?burn=0`)).status, 404);
  assert.equal((await house.get(`${base}/v360s0/0.m4s`)).status, 404);
});

test('encoders are few: two viewers apart are served, a third size is told to wait', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'films');
  fs.mkdirSync(folder);
  await ffmpeg(folder, '-f', 'lavfi', '-i', 'testsrc2=size=1920x1080:rate=25:d=60', '-c:v', 'mpeg4', '-q:v', '5', '-g', '100', 'film.avi');
  const house = await House.start(t, yard, { settings: 'transcode:\n  encoders: 1\n' }), base = (await share(house, folder))['film.avi'];
  await body(house, `${base}/master.m3u8`);
  await t.test('in turns', async () => {
    for (const number of [0, 20, 1, 21, 2, 22]) await body(house, `${base}/v240/${number}.m4s`);
  });
  await t.test('or later', async () => {
    const first = house.get(`${base}/v1080/5.m4s`);
    await until(async () => JSON.parse((await house.get('/api/v1/jobs')).body).jobs.some(({ what, state }) => what === 'v1080/5' && state === 'working'), 'the encoder to begin');
    const second = await house.get(`${base}/v720/5.m4s`);
    if ((await first).status === 200 && second.status !== 200) {
      assert.equal(second.status, 503);
      assert.match(second.headers['retry-after'], /^\d+$/);
      assert.match(JSON.parse(second.body).error, /encoders are busy/);
    }
    await until(async () => (await house.get(`${base}/v720/5.m4s`)).status === 200, 'the other size');
  });
  await t.test('kill -9 of an encoder costs a little time', async () => {
    const answer = house.get(`${base}/v1080/15.m4s`);
    const job = await until(async () => JSON.parse((await house.get('/api/v1/jobs')).body).jobs.find(({ what, state, pid }) => what === 'v1080/15' && state === 'working' && pid > 0), 'the encoder to begin');
    process.kill(job.pid, 'SIGKILL');
    assert.equal((await answer).status, 200);
    assert.equal(await metric(house, 'retries_total'), 1);
  });
});

// What a probe says of each kind of hardware; on machines that have none the answer is no.
test('an encoder that is not there is told so, and software is used', async (t) => {
  const probe = (name) => run(path.join(bin, 'transcode-worker'), ['--probe', name]);
  const kinds = ['vaapi', 'nvenc', 'qsv'], answers = Object.fromEntries(await Promise.all(kinds.map(async (name) => [name, await probe(name)])));
  assert.deepEqual(await probe('software'), { code: 0, out: 'software works\n', err: '' });
  assert.equal((await probe('abacus')).out, 'there is no encoder of this name\n');
  for (const [name, { code, out }] of Object.entries(answers)) {
    assert.match(out, /^[^\n]+\n$/, name);
    assert.equal(code === 0, out === `${name} works\n`, out);
  }
  const missing = kinds.filter((name) => answers[name].code !== 0);
  if (missing.length < kinds.length) return t.skip(`there is hardware: ${kinds.filter((name) => !missing.includes(name))}`);
  const house = await House.start(t, new Yard(t)), jobs = async (of) => JSON.parse((await of.get('/api/v1/jobs')).body);
  const { encoder, noEncoder } = await until(async () => { const found = await jobs(house); return /qsv: ./.test(found.noEncoder) && found; }, 'the probes to end');
  assert.equal(encoder, 'software');
  assert.match(noEncoder, /^vaapi: .+; nvenc: .+; qsv: .+$/);
  assert.equal(await metric(house, 'hardware'), 0);
  const chosen = await House.start(t, new Yard(t), { settings: 'transcode:\n  encoder: nvenc\n' });
  const other = await until(async () => { const found = await jobs(chosen); return found.noEncoder !== '' && found; }, 'the probe to end');
  assert.equal(other.encoder, 'software');
  assert.match(other.noEncoder, /^nvenc: [^;]+$/);
  await until(async () => /the encoder that was chosen does not work: software is used/.test((await chosen.cli('status')).out), 'the status to tell');
});
