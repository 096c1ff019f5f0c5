// SPDX-License-Identifier: MIT
//
// Subtitles of every kind through the whole stack: tracks of films, files beside them, uploads; read back cue by cue, and by ffmpeg
// as a player of HLS.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { House, Yard, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';

const SECONDS = 30;

async function ffmpeg(...args) {
  const { code, err } = await run('ffmpeg', ['-v', 'error', '-y', ...args]);
  assert.equal(code, 0, err);
}

// [[from, until, text, settings], ...], times in ms; fails on what no player would read.
function cues(vtt) {
  const text = vtt.toString('utf8');
  assert.ok(Buffer.from(text, 'utf8').equals(vtt), 'it is not UTF-8');
  const [header, ...blocks] = text.replace(/\n$/, '').split('\n\n');
  assert.match(header, /^WEBVTT(\n|$)/);
  const ms = (time) => {
    const [, h, m, s, rest] = /^(?:(\d\d+):)?([0-5]\d):([0-5]\d)\.(\d{3})$/.exec(time);
    return ((Number(h ?? 0) * 60 + Number(m)) * 60 + Number(s)) * 1000 + Number(rest);
  };
  return blocks.map((block) => {
    const [timing, ...lines] = block.split('\n');
    const [from, arrow, until_, ...settings] = timing.trim().split(' ');
    assert.equal(arrow, '-->', block);
    assert.ok(lines.length > 0 && lines.every((line) => line !== ''), block);
    return [ms(from), ms(until_), lines.join('\n'), settings.join(' ')];
  });
}

const srtTime = (ms) => new Date(ms).toISOString().slice(11, 23).replace('.', ',');
const srt = (list) => list.map(([from, until_, text], i) => `${i + 1}\n${srtTime(from)} --> ${srtTime(until_)}\n${text}\n`).join('\n');

const ENGLISH = [[1000, 2500, 'Hello <i>there</i>'], [4000, 9000, 'A long one\nof two lines'], [11800, 12400, 'at the seam'],
  [20000, 29500, 'the end & < more >']];
const ENGLISH_CUES = [[1000, 2500, 'Hello <i>there</i>', ''], [4000, 9000, 'A long one\nof two lines', ''], [11800, 12400, 'at the seam', ''],
  [20000, 29500, 'the end &amp; &lt; more &gt;', '']];

const ASS = `[Script Info]
ScriptType: v4.00+
PlayResX: 640

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0
Style: Sign,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,1,0,8,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:02.00,0:00:03.50,Default,,0,0,0,,{\\i1}Slanted{\\i0}, then\\Nplain
Dialogue: 1,0:00:05.00,0:00:06.00,Sign,Roe,10,20,30,,{\\an8\\c&H0000FF&}Above, red
Dialogue: 2,0:00:05.00,0:00:06.00,Sign,Roe,10,20,30,,{\\an8\\bord4}Above, red
Dialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 0 10 10{\\p0}
`;
const ASS_CUES = [[2000, 3500, '<i>Slanted</i>, then\nplain', ''], [5000, 6000, 'Above, red', 'line:0']];

// A font as far as anybody looks.
const FONT = Buffer.concat([Buffer.from([0, 1, 0, 0]), Buffer.alloc(2000, 'font')]);

const PICTURE = ['-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=25:duration=${SECONDS}`, '-f', 'lavfi', '-i', `sine=440:duration=${SECONDS}`];
const CODECS = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];

// A torrent with everything in it.
async function makeFolder(yard) {
  const dir = path.join(yard.dir, 'torrent'), at = (name) => path.join(dir, name), tmp = (name) => path.join(yard.dir, name);
  fs.mkdirSync(path.join(dir, 'Subs'), { recursive: true });
  fs.writeFileSync(tmp('en.srt'), srt(ENGLISH));
  fs.writeFileSync(tmp('signs.ass'), ASS);
  fs.writeFileSync(tmp('some font.ttf'), FONT);
  await ffmpeg(...PICTURE, '-i', tmp('en.srt'), '-i', tmp('signs.ass'), '-map', '0', '-map', '1', '-map', '2', '-map', '3', ...CODECS,
    '-c:s:0', 'srt', '-c:s:1', 'ass', '-metadata:s:s:0', 'language=eng', '-metadata:s:s:1', 'language=ger', '-metadata:s:s:1', 'title=Signs',
    '-disposition:s:0', 'default', '-disposition:s:1', 'forced', '-attach', tmp('some font.ttf'), '-metadata:s:t', 'mimetype=application/x-truetype-font', at('Film.mkv'));
  await ffmpeg(...PICTURE, '-i', tmp('en.srt'), '-map', '0', '-map', '1', '-map', '2', ...CODECS, '-c:s', 'mov_text', '-metadata:s:s:0', 'language=eng', at('Other.mp4'));
  const iconv = async (text, charset, name) => {
    fs.writeFileSync(tmp('utf8'), text);
    const { code, err } = await run('iconv', ['-f', 'utf-8', '-t', charset, '-o', at(name), tmp('utf8')]);
    assert.equal(code, 0, err);
  };
  await iconv(srt(RUSSIAN), 'cp1251', 'Film.ru.srt');
  await iconv(srt(FRENCH), 'latin1', 'Subs/Film.French.srt');
  await iconv(srt(GERMAN), 'utf-16', 'Film.de.forced.srt');
  await iconv(srt(GERMAN), 'utf-16le', 'Film.nomark.srt');
  fs.writeFileSync(at('Film.pt-BR.vtt'), `WEBVTT\n\nSTYLE\n::cue {}\n\nNOTE no\n\nfirst\n00:01.000 --> 00:02.000 line:10%\n<v Eu>Olá</v> <b>você</b>\n`);
  fs.writeFileSync(at('Film.ja.ass'), ASS);
  fs.writeFileSync(at('Elsewhere.en.srt'), srt(ENGLISH));
  return dir;
}
const RUSSIAN = [[1000, 2000, 'Привет, как дела?'], [3000, 4000, 'Хорошо, спасибо. Куда ты идёшь?']];
const FRENCH = [[1000, 2000, "L'été dernier, nous avons mangé à la plage."], [3000, 4000, 'Ça va très bien, garçon, merci.']];
const GERMAN = [[1000, 2000, 'Schöne Grüße aus München'], [3000, 4000, 'Übermäßig große Straße']];
const plain = (list) => list.map(([from, until_, text]) => [from, until_, text, '']);

async function text(house, url, type = 'text/vtt; charset=utf-8') {
  const answer = await house.get(url);
  assert.equal(answer.status, 200, `${url}: ${answer.body}`);
  assert.equal(answer.headers['content-type'], type);
  return answer.body;
}

async function json(house, url, status = 200) {
  const answer = await house.get(url);
  assert.equal(answer.status, status, `${url}: ${answer.body}`);
  return JSON.parse(answer.body);
}

async function send(house, method, target, body) {
  const answer = await fetch(house.url(target), { method, body });
  const said = await answer.text();
  return { status: answer.status, headers: answer.headers, json: said ? JSON.parse(said) : undefined };
}

// Every segment of a playlist, put together; a cue in two of them counts once.
async function segments(house, playlist) {
  const list = (await house.get(playlist)).body.toString();
  assert.match(list, /^#EXTM3U\n[^]*#EXT-X-ENDLIST\n$/);
  assert.doesNotMatch(list, /EXT-X-MAP/);
  const all = new Map(), each = [];
  for (const name of list.split('\n').filter((line) => line && !line.startsWith('#'))) {
    const body = await text(house, new URL(name, house.url(playlist)).href.slice(house.url('').length));
    assert.match(body.toString(), /^WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00\.000\n/);
    each.push(cues(body));
    for (const cue of cues(body)) all.set(JSON.stringify(cue), cue);
  }
  return { all: [...all.values()].sort((a, b) => a[0] - b[0]), each };
}

async function settle(t) {
  const yard = new Yard(t);
  const dir = await makeFolder(yard);
  const house = await House.start(t, yard, { settings: 'transcode:\n  segment_duration: 6s\n' });
  const { infoHash } = await house.json('seed', dir);
  const { files } = await json(house, `/api/v1/torrents/${infoHash}/files`);
  const id = (name) => files.find((file) => file.path.endsWith(name)).id;
  return { yard, house, hash: infoHash, id, api: (name) => `/api/v1/torrents/${infoHash}/files/${id(name)}/subtitles`,
    hls: (name) => `/hls/${infoHash}/${id(name)}` };
}

test('subtitles of films, of files beside them, and uploads', async (t) => {
  const { yard, house, id, api, hls } = await settle(t);
  const film = hls('Film.mkv'), { subtitles, fonts } = await json(house, api('Film.mkv'));
  const find = (what) => subtitles.find((row) => Object.entries(what).every(([key, value]) => row[key] === value));

  await t.test('the list names them all', async () => {
    const short = subtitles.map(({ kind, codec, name, language, isDefault, isForced }) => [kind, codec, name, language, isDefault, isForced].join('|')).sort();
    assert.deepEqual(short, [
      'embedded|ass|German: Signs|de|false|true',
      'embedded|subrip|English|en|true|false',
      'external|ass|Japanese|ja|false|false',
      'external|subrip|Film.nomark||false|false',
      'external|subrip|French|fr|false|false',
      'external|subrip|German: forced|de|false|true',
      'external|subrip|Russian|ru|false|false',
      'external|webvtt|Portuguese (BR)|pt-BR|false|false']);
    assert.deepEqual(fonts.map(({ name }) => name), ['some font.ttf']);
    assert.equal((await json(house, api('Other.mp4'))).subtitles.length, 1);
  });

  await t.test('embedded ones as one file and as segments', async () => {
    const english = find({ codec: 'subrip', kind: 'embedded' }), signs = find({ codec: 'ass', kind: 'embedded' });
    assert.deepEqual(cues(await text(house, english.url)), ENGLISH_CUES);
    assert.deepEqual(cues(await text(house, signs.url)), ASS_CUES);
    const { all, each } = await segments(house, english.playlist);
    assert.deepEqual(all, ENGLISH_CUES);
    assert.equal(each.length, 6);
    // Cuts are at 2, 8 and 14 s: what is shown over one is in both; what comes later is in neither.
    assert.deepEqual(each[0], ENGLISH_CUES.slice(0, 1));
    assert.deepEqual(each[1], ENGLISH_CUES.slice(0, 2));
    assert.deepEqual(each[2], ENGLISH_CUES.slice(1, 3));
    assert.deepEqual((await segments(house, signs.playlist)).all, ASS_CUES);
    const other = (await json(house, api('Other.mp4'))).subtitles[0];
    // mov_text has no escapes: what looks like a tag is text, and was text in SubRip as well.
    assert.deepEqual(cues(await text(house, other.url)), ENGLISH_CUES);
    assert.deepEqual((await segments(house, other.playlist)).all, ENGLISH_CUES);
  });

  await t.test('a delay shifts files and segments', async () => {
    const { url, playlist } = find({ codec: 'subrip', kind: 'embedded' });
    const later = (ms) => ENGLISH_CUES.map(([from, until_, ...rest]) => [Math.max(from + ms, 0), until_ + ms, ...rest]).filter(([, until_]) => until_ > 0);
    assert.deepEqual(cues(await text(house, `${url}?delay=2500`)), later(2500));
    assert.deepEqual(cues(await text(house, `${url}?delay=-1500`)), later(-1500));
    assert.deepEqual(cues(await text(house, `${url}?delay=-3000`)), later(-3000));
    assert.deepEqual((await segments(house, `${playlist}?delay=-3000`)).all, later(-3000));
    assert.deepEqual((await segments(house, `${playlist}?delay=7000`)).all.slice(0, 3), later(7000).slice(0, 3));
    for (const bad of ['x', '', '1.5', '99999999', '-99999999', '1e3'])
      assert.equal((await house.get(`${url}?delay=${bad}`)).status, 400, bad);
  });

  await t.test('scripts and fonts for who draws them', async () => {
    const signs = find({ codec: 'ass', kind: 'embedded' });
    const script = (await text(house, signs.script, 'text/x-ssa; charset=utf-8')).toString().replace(/\r/g, '');
    assert.match(script, /^\[Script Info\]\n/);
    assert.match(script, /\nStyle: Sign,Arial,20,/);
    const events = (from) => from.split('\n').filter((line) => line.startsWith('Dialogue:'));
    assert.deepEqual(events(script), events(ASS));
    const beside = find({ codec: 'ass', kind: 'external' });
    assert.deepEqual(events((await text(house, beside.script, 'text/x-ssa; charset=utf-8')).toString().replace(/\r/g, '')), events(ASS));
    assert.equal(find({ codec: 'subrip', kind: 'embedded' }).script, '');
    assert.equal((await house.get(`${film}/${find({ codec: 'subrip', kind: 'embedded' }).id}/all.ass`)).status, 404);
    assert.ok((await text(house, fonts[0].url, 'font/ttf')).equals(FONT));
    assert.equal((await house.get(`${film}/font/0`)).status, 404);
    assert.equal((await house.get(`${film}/font/60`)).status, 404);
    // libass reads it without a word.
    fs.writeFileSync(path.join(yard.dir, 'out.ass'), script);
    const { code, err } = await run('ffmpeg', ['-v', 'warning', '-i', path.join(yard.dir, 'out.ass'), '-f', 'ass', '/dev/null', '-y']);
    assert.equal(`${code}${err}`, '0');
  });

  await t.test('files in any charset', async () => {
    assert.deepEqual(cues(await text(house, find({ language: 'ru' }).url)), plain(RUSSIAN));
    assert.deepEqual(cues(await text(house, find({ language: 'fr' }).url)), plain(FRENCH));
    assert.deepEqual(cues(await text(house, find({ kind: 'external', language: 'de' }).url)), plain(GERMAN));
    assert.deepEqual(cues(await text(house, find({ name: 'Film.nomark' }).url)), plain(GERMAN));
    assert.deepEqual(cues(await text(house, find({ language: 'pt-BR' }).url)), [[1000, 2000, 'Olá <b>você</b>', '']]);
    assert.deepEqual((await segments(house, find({ language: 'ru' }).playlist)).all, plain(RUSSIAN));
    assert.equal((await house.get(`${film}/x${id('Film.mkv')}/all.vtt`)).status, 404);
    assert.equal((await house.get(`${film}/x99/all.vtt`)).status, 404);
    assert.equal((await house.get(`${film}/x${id('Film.ru.srt')}/1.vtt`)).status, 404);
  });

  await t.test('an upload is kept over a crash, and removed', async () => {
    const polish = [[1000, 2000, 'Zażółć gęślą jaźń. Dzień dobry, jak się masz?'], [3000, 4000, 'Dziękuję, świetnie. Już późno, chodźmy.']];
    const { out } = await new Promise((resolve) => {
      const file = path.join(yard.dir, 'pl');
      fs.writeFileSync(file, srt(polish));
      resolve(run('sh', ['-c', `iconv -f utf-8 -t cp1250 '${file}' | base64 -w0`]));
    });
    const added = await send(house, 'POST', `${api('Film.mkv')}?name=My%20own&language=pol`, Buffer.from(out, 'base64'));
    assert.equal(added.status, 201, JSON.stringify(added.json));
    assert.equal(added.headers.get('location'), added.json.url);
    const { id: upload, kind, codec, name, language, url, playlist } = added.json;
    assert.deepEqual([kind, codec, name, language], ['upload', 'subrip', 'Polish: My own', 'pl']);
    assert.deepEqual(cues(await text(house, url)), plain(polish));
    assert.ok((await house.get(`${film}/master.m3u8`)).body.includes(`URI="${upload}/index.m3u8"`));
    assert.deepEqual((await segments(house, `${playlist}?delay=100`)).all.map(([from]) => from), [1100, 3100]);
    assert.equal((await json(house, api('Other.mp4'))).subtitles.length, 1);

    const { pid } = await house.service('transcode.0');
    process.kill(pid, 'SIGKILL');
    await until(async () => (await house.service('transcode.0')).pid !== pid && (await house.get(api('Film.mkv'))).status === 200, 'transcode-svc to live again');
    const again = (await json(house, api('Film.mkv'))).subtitles.find((row) => row.id === upload);
    assert.deepEqual(again, added.json);
    assert.deepEqual(cues(await text(house, url)), plain(polish));

    assert.equal((await send(house, 'DELETE', `${api('Other.mp4')}/${upload}`)).status, 404);
    assert.equal((await send(house, 'DELETE', `${api('Film.mkv')}/${upload}`)).status, 204);
    assert.equal((await send(house, 'DELETE', `${api('Film.mkv')}/${upload}`)).status, 404);
    assert.equal((await house.get(url)).status, 404);
    assert.equal((await json(house, api('Film.mkv'))).subtitles.length, subtitles.length);
  });

  await t.test('ffmpeg plays them without a warning', async () => {
    const master = (await house.get(`${film}/master.m3u8`)).body.toString();
    assert.match(master, /#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,FORCED=NO,URI="s2\/index\.m3u8"\n/);
    assert.match(master, /NAME="German: Signs",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES/);
    assert.match(master, /#EXT-X-STREAM-INF:.*,SUBTITLES="text"/);
    assert.equal(master.match(/TYPE=SUBTITLES/g).length, subtitles.length);
    for (const { id: name, url } of subtitles) {
      const { code, out, err } = await run('ffmpeg', ['-v', 'warning', '-i', house.url(`${film}/${name}/index.m3u8`), '-f', 'webvtt', '-']);
      // A cue has to be in every segment in which it is shown (RFC 8216, 3.5), which ffmpeg remarks upon.
      assert.equal(`${code}${err.replace(/^.*Dropping \d+ duplicated subtitle events\n/gm, '')}`, '0', name);
      const times = (vtt) => [...new Set(cues(vtt).map(([from, until_]) => `${from}-${until_}`))];
      assert.deepEqual(times(Buffer.from(out)), times(await text(house, url)), name);
    }
  });
});

test('what is no subtitles, or too much of it, ends with a reason', async (t) => {
  const { house, api, hls } = await settle(t);
  const upload = (body, query = '') => send(house, 'POST', `${api('Film.mkv')}${query}`, body);
  const refused = [
    ['binary', Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 7919) >> 3 & 255))],
    ['text', 'This is no subtitle at all.\n'.repeat(100)],
    ['an arrow', '-->'],
    ['a header alone', 'WEBVTT\n'],
    ['an empty script', ASS.slice(0, ASS.indexOf('Dialogue'))],
    ['a playlist', '#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'],
    ['a list of files', "ffconcat version 1.0\nfile '/etc/passwd'\n"],
    ['zeros', Buffer.alloc(100000)],
    ['nothing', '']];
  for (const [what, body] of refused) {
    const answer = await upload(body);
    assert.equal(answer.status, 400, what);
    assert.match(answer.json.error.message, /./, what);
  }
  assert.equal((await upload(Buffer.alloc((4 << 20) + 1, '1'))).status, 413);
  assert.equal((await upload(srt(ENGLISH), '?language=no%20language')).status, 400);
  assert.equal((await upload(srt(ENGLISH), `?name=${'x'.repeat(81)}`)).status, 400);
  assert.equal((await upload(srt(ENGLISH), '?name=%0a')).status, 400);
  assert.equal((await send(house, 'POST', api('Film.mkv').replace(/files\/\d+/, 'files/99'), srt(ENGLISH))).status, 404);
  assert.equal((await send(house, 'POST', api('Film.mkv').replace(/[0-9a-f]{40}/, '1'.repeat(40)), srt(ENGLISH))).status, 404);

  const many = Array.from({ length: 100000 }, (_, i) => [i * 10, i * 10 + 5, `${i}`]);
  const added = await upload(srt(many).slice(0, 4 << 20));
  assert.equal(added.status, 201);
  const seen = cues((await house.get(added.json.url)).body);
  assert.ok(seen.length > 80000);
  for (const [i, cue] of seen.slice(0, -1).entries()) assert.deepEqual(cue, [i * 10, i * 10 + 5, `${i}`, '']);

  const line = await upload(srt([[0, 1000, 'x'.repeat(3 << 20)], [2000, 3000, 'still here']]));
  assert.equal(line.status, 201);
  const [huge, after] = cues((await house.get(line.json.url)).body);
  assert.ok(huge[2].length < 8300, String(huge[2].length));
  assert.deepEqual(after, [2000, 3000, 'still here', '']);

  const endless = await upload('1\n00:00:01,000 --> 99:59:59,000\nfor ever\n\n2\n00:00:05,000 --> 00:00:04,000\nbackwards\n\n3\n00:00:07,000 --> 00:00:08,000\nlast\n');
  const times = cues((await house.get(endless.json.url)).body);
  assert.deepEqual([times[0][0], times[0][1]], [1000, ((99 * 60 + 59) * 60 + 59) * 1000]);
  assert.deepEqual(times.at(-1), [7000, 8000, 'last', '']);

  for (const bad of ['s0/all.vtt', 's1/0.vtt', 's4/index.m3u8', 's63/all.vtt', 's64/all.vtt', 's2/99.vtt', 's2/init.mp4', 's2/0.m4s', 'v/all.vtt', 'u1/all.vtt', 'u1/0.vtt', 'x4294967296/all.vtt'])
    assert.equal((await house.get(`${hls('Film.mkv')}/${bad}`)).status, 404, bad);
  // More at once than have a worker, each asked for by two.
  const delays = Array.from({ length: 12 }, (_, i) => (i + 1) * 100);
  const later = (delay) => ENGLISH_CUES.map(([from, to, ...rest]) => [from + delay, to + delay, ...rest]);
  await Promise.all([...delays, ...delays].map(async (delay) => {
    const { status, body } = await house.get(`${hls('Film.mkv')}/s2/all.vtt?delay=${delay}`);
    assert.equal(status, 200, body.toString());
    assert.deepEqual(cues(body), later(delay));
  }));
  const uploads = await Promise.all(delays.map((delay) => upload(srt([[delay, delay + 50, `${delay}`]]))));
  assert.deepEqual(uploads.map(({ status }) => status), delays.map(() => 201));
  for (const [i, { json: { url } }] of uploads.entries())
    assert.deepEqual(cues((await house.get(url)).body), [[delays[i], delays[i] + 50, `${delays[i]}`, '']]);

  // No worker died of any of it.
  assert.match((await house.get('/metrics')).body.toString(), /sharestream_transcode_workers_died_total(\{[^}]*\})? 0\n/);
});

test('they come while the film downloads', async (t) => {
  const yard = new Yard(t);
  const dir = await makeFolder(yard);
  const { torrent, hash } = await makeTorrent(yard, dir);
  const seeder = await seedWithAria2(yard, torrent, yard.dir, 400000);
  const house = await House.start(t, yard);
  await house.json('add', magnet(hash, seeder.port), '--wait');
  const { files } = await json(house, `/api/v1/torrents/${hash}/files`);
  const film = files.find((file) => file.path.endsWith('Film.mkv')).id, russian = files.find((file) => file.path.endsWith('Film.ru.srt')).id;
  const patient = (url) => until(async () => {
    const answer = await house.get(url);
    if (answer.status === 200) return answer.body;
    assert.equal(answer.status, 503, answer.body.toString());
    assert.ok(Number(answer.headers['retry-after']) > 0);
    return undefined;
  }, url);
  assert.deepEqual(cues(await patient(`/hls/${hash}/${film}/x${russian}/all.vtt`)), plain(RUSSIAN));
  assert.deepEqual(cues(await patient(`/hls/${hash}/${film}/s2/2.vtt`)), ENGLISH_CUES.slice(1, 3));
  assert.deepEqual(cues(await patient(`/hls/${hash}/${film}/s2/all.vtt`)), ENGLISH_CUES);
});
