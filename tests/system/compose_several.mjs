// SPDX-License-Identifier: MIT
//
// compose_several: two containers each of torrent-svc, room-svc and http-svc, on one machine, with nginx and Redis. tools/check-compose brings
// them up with `--scale`, as docs/operations.md says, and runs this.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import test from 'node:test';
import { Yard, sha256, until } from './house.mjs';
import { Door, compose, kill, seedFilm, within } from './stack.mjs';

const doors = [await Door.of('http-svc', 1), await Door.of('http-svc', 2)];
const front = await Door.of('front');
const SCALED = ['torrent-svc', 'room-svc', 'http-svc'];
const scale = (count) => compose('up', '-d', ...SCALED.flatMap((service) => ['--scale', `${service}=${count}`]));
const ready = () => Promise.all(doors.map((door) => until(() => door.isReady(), `${door.base} to be ready`)));

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
  await fill(yard);
  await allPlay();
  for (const door of [...doors, front])
    for (const film of oneOfEach()) await door.playsByHls(yard, film);
  for (const door of doors) {
    const { torrents } = await (await door.get('/api/v1/torrents')).json(), seen = torrents.map(({ infoHash }) => infoHash);
    for (const { hash } of films) assert.equal(seen.filter((one) => one === hash).length, 1, `${door.base} lists ${hash} once`);
  }
  // A link that one made opens at the other.
  const { url } = await (await doors[0].get(`/api/v1/torrents/${films[0].hash}/files/0/link`)).json();
  const { pathname, search } = new URL(url);
  assert.equal((await fetch(`${doors[1].base}${pathname}${search}`, { headers: { Range: 'bytes=0-0' } })).status, 206);
});

test('a film that somebody sends by one http-svc plays from the other', async () => {
  for (const [i, door] of doors.entries()) {
    const data = crypto.randomBytes(3 << 20), headers = { Authorization: `Bearer ${door.token}`, 'Tus-Resumable': '1.0.0' };
    const begun = await fetch(`${door.base}/api/v1/uploads`, { method: 'POST', headers: { ...headers, 'Upload-Length': String(data.length),
      'Upload-Metadata': `filename ${Buffer.from(`sent-${i}.mp4`).toString('base64')}` } });
    assert.equal(begun.status, 201, await begun.clone().text());
    const target = `/api/v1/uploads/${begun.headers.get('location').split('/').at(-1)}`;
    const sent = await fetch(door.base + target, { method: 'PATCH', body: data, headers: { ...headers, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' } });
    assert.equal(sent.status, 204, await sent.clone().text());
    const hash = await until(async () => (await (await door.get(target, headers)).json()).torrent, 'it to be a torrent');
    await doors[1 - i].plays({ hash, movie: { sha256: sha256(data) } });
  }
});

test('two people at different http-svc are in one room, also when room-svc is killed', async (t) => {
  const ann = doors[0].member(t, 'Ann'), bob = doors[1].member(t, 'Bob'), cid = front.member(t, 'Cid');
  const { room } = await ann.does('create', ann.me);
  for (const member of [bob, cid]) await member.does('join', { ...member.me, code: room.code });
  const talk = async (word) => {
    await ann.does('say', { text: `Ann ${word}` });
    await bob.does('say', { text: `Bob ${word}` });
    await bob.hears(`Ann ${word}`);
    await ann.hears(`Bob ${word}`);
    for (const name of ['Ann', 'Bob']) await cid.hears(`${name} ${word}`);
  };
  await talk('at first');
  for (const number of [1, 2]) { // one of them holds the rooms, the other stands by
    await kill('room-svc', number);
    await talk(`after ${number}`);
  }
  assert.deepEqual([ann, bob, cid].map(({ breaks }) => breaks), [0, 0, 0]);
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

test('fewer and more again: nothing is lost, and nobody is sent away from the front', async (t) => {
  const ann = front.member(t, 'Ann');
  const { room } = await ann.does('create', ann.me);
  await ann.does('say', { text: 'before' });
  await scale(1);
  doors[0] = await Door.of('http-svc', 1);
  for (const door of [doors[0], front]) {
    await until(() => door.isReady(), `${door.base} to be ready with one of each`);
    for (const film of films.filter(({ owner }) => owner === 1)) await door.plays(film);
  }
  const back = () => ann.does('join', { ...ann.me, code: room.code }); // as the page does when its connection was lost
  await until(() => back().catch(() => false), 'Ann to find her room');
  await ann.does('say', { text: 'meanwhile' });

  await scale(2);
  doors[1] = await Door.of('http-svc', 2);
  await ready();
  for (const film of films) assert.ok((await torrentsOf(film.owner)).includes(film.hash), 'each film is where it was');
  await allPlay();
  const bob = doors[1].member(t, 'Bob');
  const welcome = JSON.stringify(await bob.does('join', { ...bob.me, code: room.code }));
  for (const text of ['before', 'meanwhile']) assert.ok(welcome.includes(text), welcome);
  await until(() => back().catch(() => false), 'Ann to find her room again');
  await ann.does('say', { text: 'after' });
  await bob.hears('after');
});
