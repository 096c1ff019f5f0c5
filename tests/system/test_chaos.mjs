// SPDX-License-Identifier: MIT
//
// Services are killed, or stand still, at random while people read, download and talk: no wrong byte, no line lost or said twice, nobody
// dropped, and all of it well again by itself. SHARESTREAM_TEST_CHAOS_S: for how long (600 is the run in docs/chaos.md);
// SHARESTREAM_TEST_CHAOS_REPORT: a file for what came out of it, Markdown.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { Company, Reader } from './crowd.mjs';
import { House, Yard, magnet, makeTorrent, seedWithAria2, until } from './house.mjs';

const SECONDS = Number(process.env.SHARESTREAM_TEST_CHAOS_S ?? 20), REPORT = process.env.SHARESTREAM_TEST_CHAOS_REPORT;
const READERS = 15, FETCHERS = 5, PEOPLE = 10, SIZE = 24 << 20;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = (least, most) => least + Math.random() * (most - least);

// What happens to a service; a process that stands still is ended by the watchdog if it is not let go before. Returns what was done.
async function strike(pid) {
  if (Math.random() < 0.75) {
    process.kill(pid, 'SIGKILL');
    return 'kill -9';
  }
  process.kill(pid, 'SIGSTOP');
  await sleep(between(500, 4000));
  try { process.kill(pid, 'SIGCONT'); } catch { /* the watchdog was faster */ }
  return 'stands still';
}

test(`services are struck at random for ${SECONDS} s`, { timeout: SECONDS * 1000 + 300000 }, async (t) => {
  const yard = new Yard(t), here = crypto.randomBytes(SIZE), there = crypto.randomBytes(SIZE), began = Date.now();
  fs.writeFileSync(path.join(yard.dir, 'here.mp4'), here);
  fs.mkdirSync(path.join(yard.dir, 'far'));
  fs.writeFileSync(path.join(yard.dir, 'far', 'there.mp4'), there);
  const torrent = await makeTorrent(yard, path.join(yard.dir, 'far', 'there.mp4'), 'there.torrent');
  // So that it lasts as long as this does.
  const seeder = await seedWithAria2(yard, torrent.torrent, path.join(yard.dir, 'far'), Math.ceil(SIZE / SECONDS));
  const house = await House.start(t, yard), { infoHash } = await house.json('seed', path.join(yard.dir, 'here.mp4'));
  await house.post('/api/v1/torrents', { source: magnet(torrent.hash, seeder.port) });
  await until(async () => (await house.json('info', torrent.hash)).hasMetadata, 'what is in the torrent');
  const readers = [...Array.from({ length: READERS }, () => new Reader(house, `/stream/${infoHash}/0`, here, { isPatient: true })),
    ...Array.from({ length: FETCHERS }, () => new Reader(house, `/stream/${torrent.hash}/0`, there, { isPatient: true }))];
  t.after(() => { readers.forEach((reader) => { reader.isOver = true; }); });
  const company = await Company.meet(t, house, PEOPLE);
  await until(() => readers.slice(0, READERS).every(({ parts }) => parts > 0), 'all to read');

  const done = new Map(), over = Date.now() + SECONDS * 1000;
  let strikes = 0;
  while (Date.now() < over) {
    const { services } = await house.json('status').catch(() => ({ services: [] })), running = services.filter(({ pid, state }) => pid > 0 && state === 'ready');
    const victim = running[Math.floor(Math.random() * running.length)];
    if (victim) {
      const what = `${victim.name} ${await strike(victim.pid)}`;
      done.set(what, (done.get(what) ?? 0) + 1);
      strikes++;
    }
    await sleep(between(500, 4000));
  }
  assert.ok(strikes > 0);

  // All of it is well again, by itself.
  await until(async () => (await house.json('status')).services.every(({ state }) => state === 'ready'), 'all services to be ready');
  const before = readers.map(({ parts }) => parts);
  await seeder.setLimit(0);
  await until(() => readers.every((reader, i) => reader.parts > before[i]), 'all to read on', 120000);
  readers.forEach((reader) => { reader.isOver = true; });
  await Promise.all(readers.map(({ over: ended }) => ended));
  assert.deepEqual(readers.flatMap(({ failures }) => failures), [], 'wrong bytes, or answers that make no sense');
  await company.stop();
  const lines = await company.checkLines();
  assert.equal((await house.watch(`/stream/${torrent.hash}/0`, SIZE)).data.compare(there), 0, 'what was fetched meanwhile');
  assert.doesNotMatch(house.daemon.said, /Sanitizer|runtime error/);

  const sum = (what) => readers.reduce((total, reader) => total + reader[what], 0), slowest = Math.max(...readers.map((reader) => reader.slowest));
  const figures = { 'strikes': strikes, 'parts of films read right': sum('parts'), 'requests that broke or were refused, and were asked again': sum('repeats'), 'wrong bytes, or senseless answers': 0,
    'longest wait for a part, s (also of the film that is still coming, slowly)': (slowest / 1000).toFixed(1), 'lines said': lines, 'lines lost, or told twice': 0, 'connections of people that broke, and came back': company.breaks, 'people who were dropped': 0 };
  for (const [name, value] of Object.entries(figures)) t.diagnostic(`${name}: ${value}`);
  if (REPORT) {
    const rows = (entries) => entries.map(([name, value]) => `| ${name} | ${value} |`).join('\n');
    fs.writeFileSync(REPORT, `# A run of chaos\n\n\`SHARESTREAM_TEST_CHAOS_S=${SECONDS} SHARESTREAM_TEST_CHAOS_REPORT=docs/chaos.md node --test tests/system/test_chaos.mjs\`, on ${new Date(began).toISOString().slice(0, 10)}, `
      + `${os.cpus().length} processors, load ${os.loadavg()[0].toFixed(0)} at its end: all services of one machine under sharestreamd, ${READERS} who read a film that is there, ${FETCHERS} one that comes meanwhile, `
      + `${PEOPLE} who talk in a room. A strike is a kill -9, or a standstill of up to 4 s.\n\n| | |\n|---|---|\n${rows(Object.entries(figures))}\n\n| strikes | times |\n|---|---|\n${rows([...done].sort())}\n`);
  }
});
