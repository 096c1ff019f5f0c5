// SPDX-License-Identifier: MIT
//
// What a machine can run out of: room on the disk, memory, file descriptors. Each time people watch and talk on, as far as can be; what died is
// back by itself, what was refused goes on when there is enough again, and no byte is wrong.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { isAlone, runAlone } from '../support/netns.mjs';
import { Company, Reader } from './crowd.mjs';
import { House, Yard, film, magnet, makeTorrent, run, seedWithAria2, until } from './house.mjs';

const MEMORY = '/sys/fs/cgroup/memory'; // of the first version, in which a process can be given little by itself
const whyNot = spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'needs root, for a mount namespace';
const SIZE = 6 << 20, DISK = 64 << 20;

async function inhabited(t, { env } = {}) {
  const yard = new Yard(t), data = crypto.randomBytes(SIZE), file = path.join(yard.dir, 'here.mp4');
  fs.writeFileSync(file, data);
  const house = await House.start(t, yard, { env });
  const { infoHash } = await house.json('seed', file);
  const readers = Array.from({ length: 3 }, () => new Reader(house, `/stream/${infoHash}/0`, data, { isPatient: true }));
  t.after(() => { readers.forEach((reader) => { reader.isOver = true; }); });
  return { yard, house, readers, company: await Company.meet(t, house, 3) };
}

async function goesOn({ readers, company }) {
  const parts = readers.map((reader) => reader.parts), said = company.people.map((one) => one.said);
  await until(() => readers.every((reader, i) => reader.parts >= parts[i] + 2) && company.people.every((one, i) => one.said >= said[i] + 2), 'people to watch and talk on');
}

async function endsWell({ house, readers, company }) {
  await goesOn({ readers, company });
  await until(async () => (await house.json('status')).services.every(({ state }) => state === 'ready'), 'all services to be ready');
  readers.forEach((reader) => { reader.isOver = true; });
  await Promise.all(readers.map(({ over }) => over));
  assert.deepEqual(readers.flatMap(({ failures }) => failures), [], 'wrong bytes, or answers that make no sense');
  await company.stop();
  await company.checkLines();
}

async function nobodyDied(house) {
  const { services } = await house.json('status');
  assert.deepEqual(services.filter(({ restarts }) => restarts > 0), []);
}

if (!isAlone) {
  test('what runs out', { skip: whyNot, timeout: 600000 }, () => runAlone(import.meta.filename, '--mount'));
} else {
  test('the disk is full: rooms and films go on, what needs room says so, and all of it goes on when there is room', async (t) => {
    const disk = fs.mkdtempSync('/tmp/ss-disk-');
    assert.equal((await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'none', disk])).code, 0);
    t.after(async () => {
      await run('umount', ['--lazy', disk]);
      fs.rmdirSync(disk);
    });
    const env = { SHARESTREAM_COMMON_DATA_DIR: disk, SHARESTREAM_TORRENT_DISK_FLOOR: '0', SHARESTREAM_TRANSCODE_CACHE_FREE: '0' };
    const people = await inhabited(t, { env }), { yard, house } = people;
    const coming = await film(yard, { name: 'coming.mp4', seconds: 20 }), { torrent, hash } = await makeTorrent(yard, coming.file);
    const seeder = await seedWithAria2(yard, torrent, yard.dir, 400000);
    await house.json('add', magnet(hash, seeder.port), '--wait');
    await until(async () => (await house.json('info', hash)).readyBytes > 0, 'some of it');

    const ballast = path.join(disk, 'ballast');
    await until(async () => (await run('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096', 'conv=notrunc', 'oflag=append'])).code !== 0, 'no room to be left');
    await seeder.setLimit(0);
    await until(async () => /rooms cannot be stored/.test(JSON.stringify(await house.json('status'))), 'the rooms to say so');
    await goesOn(people);
    const { state, error } = await house.json('info', hash);
    assert.deepEqual([state, /^the disk is full: make room, then resume/.test(error)], ['failed', true], error);
    await nobodyDied(house);

    fs.rmSync(ballast);
    await until(async () => !/rooms cannot be stored/.test(JSON.stringify(await house.json('status'))), 'the rooms to be stored');
    assert.equal((await house.watch(`/stream/${hash}/0`, coming.size)).data.compare(coming.data), 0, 'the film that was coming');
    await nobodyDied(house);
    await endsWell(people);
  });

  const whyNoLimit = fs.existsSync(`${MEMORY}/memory.limit_in_bytes`) ? undefined : 'needs the memory controller of cgroups, version 1';
  test('the kernel kills for want of memory: it is back by itself, and the obituary says why', { skip: whyNoLimit }, async (t) => {
    const group = `${MEMORY}/ss-test-${process.pid}`, people = await inhabited(t), { house } = people;
    fs.mkdirSync(group);
    t.after(() => fs.rmdirSync(group));
    for (const name of ['room', 'http']) {
      const { pid } = await house.service(`${name}.0`);
      fs.writeFileSync(`${group}/cgroup.procs`, `${pid}`);
      fs.writeFileSync(`${group}/memory.limit_in_bytes`, '0'); // what it has from before is not counted
      await until(async () => (await house.service(`${name}.0`)).pid !== pid, `${name}-svc to die and be back`); 
      fs.writeFileSync(`${group}/memory.limit_in_bytes`, '-1');
      assert.equal((await house.json('why', name)).deaths[0].cause, 'signal 9 (SIGKILL), out of memory');
      await goesOn(people); 
    }
    await endsWell(people);
  });

  test('no service gets another file descriptor for a while', async (t) => {
    const people = await inhabited(t), { house } = people;
    const { services } = await house.json('status');
    for (const { pid } of services) {
      const open = new Set(fs.readdirSync(`/proc/${pid}/fd`).map(Number));
      let least = 0;
      while (open.has(least)) least++;
      assert.equal((await run('prlimit', ['--pid', String(pid), `--nofile=${least}:`])).code, 0);
    }
    const waiting = house.get('/api/v1/torrents'); // for a place
    await goesOn(people);
    for (const { pid } of services) await run('prlimit', ['--pid', String(pid), '--nofile=1024:']);
    assert.equal((await waiting).status, 200);
    await nobodyDied(house);
    await endsWell(people);
  });
}
