// SPDX-License-Identifier: MIT
//
// compose_several: two containers each of torrent-svc, room-svc and http-svc, on one machine, with nginx and Redis. tools/check-compose brings
// them up with `--scale`, as docs/operations.md says, where one of each was used before, and runs this.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Company, Reader, somebody } from './crowd.mjs';
import { Yard, sha256, until } from './house.mjs';
import { Door, compose, inspect, kill, seedFilm, within } from './stack.mjs';

const doors = [await Door.of('http-svc', 1), await Door.of('http-svc', 2)];
const front = await Door.of('front');
const CHAOS_S = Number(process.env.SHARESTREAM_TEST_CHAOS_S ?? 30);
const SCALED = ['torrent-svc', 'room-svc', 'http-svc'];
const scale = (count) => compose('up', '-d', ...SCALED.flatMap((service) => ['--scale', `${service}=${count}`]));
const ready = () => Promise.all(doors.map((door) => until(() => door.isReady(), `${door.origin} to be ready`)));

// Of this torrent-svc alone.
async function torrentsOf(number) {
  const said = await within('torrent-svc', number, 'env', 'SHARESTREAM_BUS_PEERS=torrent=tcp://127.0.0.1:7000', 'sharestream', '--json', 'call', 'torrent', 'List');
  return (JSON.parse(said).torrents ?? []).map(({ infoHash }) => infoHash);
}

// Films until each torrent-svc has one: hashing says which gets it. Their seeders are gone then: whatever plays comes from the containers.
const films = [];
async function fill(yard) {
  for (let i = 0; i < 16; i++) {
    const film = await seedFilm(yard, `film-${i}.mp4`, 10 + i);
    await doors[i % 2].add(film.link);
    await doors[i % 2].plays(film);
    await until(async () => (await (await doors[0].get(`/api/v1/torrents/${film.hash}`)).json()).state === 'seeding', 'it to be whole');
    film.seeder.process.kill();
    films.push(film);
    const of = [await torrentsOf(1), await torrentsOf(2)];
    for (const one of films) one.owner = of.findIndex((hashes) => hashes.includes(one.hash)) + 1;
    if ([1, 2].every((number) => films.some(({ owner }) => owner === number))) return;
  }
  assert.fail('one torrent-svc got all films');
}

const oneOfEach = () => [1, 2].map((number) => films.find(({ owner }) => owner === number));
async function allPlay() {
  for (const door of doors)
    for (const film of films) await door.plays(film);
}

test('films of both torrent-svc play from each http-svc, as they are and by HLS', async (t) => {
  const yard = new Yard(t);
  await ready();
  assert.ok((await torrentsOf(1)).length > 0, 'the first has what one alone had');
  await fill(yard);
  await allPlay();
  for (const door of [...doors, front])
    for (const film of oneOfEach()) await door.playsByHls(yard, film);
  for (const door of doors) {
    const { torrents } = await (await door.get('/api/v1/torrents')).json(), seen = torrents.map(({ infoHash }) => infoHash);
    for (const { hash } of films) assert.equal(seen.filter((one) => one === hash).length, 1, `${door.origin} lists ${hash} once`);
  }
  // A link that one made opens at the other.
  const { url } = await (await doors[0].get(`/api/v1/torrents/${films[0].hash}/files/0/link`)).json();
  const { pathname, search } = new URL(url);
  assert.equal((await fetch(`${doors[1].origin}${pathname}${search}`, { headers: { Range: 'bytes=0-0' } })).status, 206);
});

test('a film that somebody sends by one http-svc plays from the other', async () => {
  for (const [i, door] of doors.entries()) {
    const data = crypto.randomBytes(3 << 20), headers = { Authorization: `Bearer ${door.token}`, 'Tus-Resumable': '1.0.0' };
    const begun = await fetch(`${door.origin}/api/v1/uploads`, { method: 'POST', headers: { ...headers, 'Upload-Length': String(data.length),
      'Upload-Metadata': `filename ${Buffer.from(`sent-${i}.mp4`).toString('base64')}` } });
    assert.equal(begun.status, 201, await begun.clone().text());
    const target = `/api/v1/uploads/${begun.headers.get('location').split('/').at(-1)}`;
    const sent = await fetch(door.origin + target, { method: 'PATCH', body: data, headers: { ...headers, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' } });
    assert.equal(sent.status, 204, await sent.clone().text());
    const hash = await until(async () => (await (await door.get(target, headers)).json()).torrent, 'it to be a torrent');
    await doors[1 - i].plays({ hash, movie: { sha256: sha256(data) } });
  }
});

// People in one room, each at a door of his own, who can talk.
async function meet(t, ...at) {
  const people = at.map((door, i) => somebody(t, door, i)), [first, ...others] = people;
  await first.create();
  for (const one of others) await one.join(first.code);
  people.forEach((one) => { one.isIn = true; });
  return people;
}

async function talk(people) {
  for (const one of people) await one.say();
  const said = people.reduce((sum, one) => sum + one.said, 0);
  for (const one of people) await until(() => one.lines.size === said, `${one.name} to know ${said} lines`);
}

test('people at different http-svc are in one room, also when room-svc is killed', async (t) => {
  const people = await meet(t, ...doors, front);
  await talk(people);
  for (const number of [1, 2]) { // one of them holds the rooms, the other stands by
    await kill('room-svc', number);
    await talk(people);
  }
  assert.deepEqual(people.map(({ breaks, heardTwice }) => [breaks, heardTwice]), people.map(() => [0, 0]));
});

test('kill -9 of one container of each service: it comes back, and all films play', async () => {
  for (const [service, number] of [['torrent-svc', 2], ['torrent-svc', 1], ['transcode-svc', 1], ['tracker-svc', 1], ['rtc-svc', 1], ['redis', 1], ['http-svc', 2], ['front', 1]]) {
    await kill(service, number);
    // Its port may be another one now.
    if (service === 'http-svc') doors[1] = await Door.of('http-svc', 2);
    await ready();
    await allPlay();
    await until(() => front.isReady(), `nginx to go on after ${service} was killed`);
  }
});

// Not Redis: rooms whose holder dies while it is away are as they were written last.
const VICTIMS = ['torrent-svc', 'room-svc', 'http-svc'].flatMap((service) => [[service, 1], [service, 2]])
  .concat(['transcode-svc', 'tracker-svc', 'rtc-svc', 'front'].map((service) => [service, 1]));

test(`containers are killed at random for ${CHAOS_S} s while people read and talk`, { timeout: CHAOS_S * 1000 + 300000 }, async (t) => {
  const readers = [];
  for (const film of oneOfEach()) {
    const { url } = await (await front.get(`/api/v1/torrents/${film.hash}/files/0/link`)).json(), { pathname, search } = new URL(url);
    // Where an http-svc is may change with each of its lives.
    for (const house of [front, front, ...[0, 1].map((i) => ({ url: (target) => doors[i].url(target) }))])
      readers.push(new Reader(house, pathname + search, film.movie.data, { isPatient: true }));
  }
  t.after(() => { readers.forEach((reader) => { reader.isOver = true; }); });
  const company = await Company.meet(t, front, 6);

  let strikes = 0;
  for (const over = Date.now() + CHAOS_S * 1000; Date.now() < over; strikes++) {
    const [service, number] = VICTIMS[Math.floor(Math.random() * VICTIMS.length)], { State } = await inspect(service, number);
    try { if (State.Running) process.kill(State.Pid, 'SIGKILL'); } catch { /* it is dead already */ }
    await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 2500));
    for (const i of [0, 1]) doors[i] = await Door.of('http-svc', i + 1).catch(() => doors[i]);
  }

  for (const i of [0, 1]) doors[i] = await until(() => Door.of('http-svc', i + 1).catch(() => null), 'http-svc to have a port again');
  await ready();
  const before = readers.map(({ parts }) => parts);
  await until(() => readers.every((reader, i) => reader.parts > before[i]), 'all to read on');
  readers.forEach((reader) => { reader.isOver = true; });
  await Promise.all(readers.map(({ over }) => over));
  assert.deepEqual(readers.flatMap(({ failures }) => failures), [], 'wrong bytes, or answers that make no sense');
  await company.stop();
  const lines = await company.checkLines();
  const sum = (what) => readers.reduce((total, reader) => total + reader[what], 0);
  t.diagnostic(`${strikes} strikes, ${sum('parts')} parts read right, ${sum('repeats')} asked for again, none wrong; ${lines} lines, none lost or told twice, ${company.breaks} connections broke`);
});

test('fewer and more again: nothing is lost, and who came by nginx stays in the room', async (t) => {
  const people = await meet(t, front, front);
  await talk(people);
  await scale(1);
  doors[0] = await Door.of('http-svc', 1);
  for (const door of [doors[0], front]) {
    await until(() => door.isReady(), `${door.origin} to be ready with one of each`);
    for (const film of films.filter(({ owner }) => owner === 1)) await door.plays(film);
  }
  await talk(people);
  // Somebody wants one of the others now: it is fetched anew, and in two places later.
  const { name, seconds, hash } = oneOfEach()[1], again = await seedFilm(new Yard(t), name, seconds);
  assert.equal(again.hash, hash);
  await front.add(again.link);
  await front.plays(again);
  assert.ok((await torrentsOf(1)).includes(hash));

  await scale(2);
  doors[1] = await Door.of('http-svc', 2);
  await ready();
  for (const film of films) assert.ok((await torrentsOf(film.owner)).includes(film.hash), 'each film is where it was');
  await allPlay();
  await talk(people);
  const { room } = await somebody(t, doors[1], people.length).join(people[0].code);
  assert.equal(room.chat.length, 6);
});

test('the engine says of all that they are healthy', async () => {
  for (const [service, number] of [...VICTIMS, ['redis', 1]])
    await until(async () => (await inspect(service, number)).State.Health.Status === 'healthy', `${service} ${number} to be healthy`, 120000);
});
