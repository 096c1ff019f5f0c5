// SPDX-License-Identifier: MIT
//
// Voices and pictures between the members of a room, in Chromium with its made-up microphone and camera (it beeps, and something moves),
// the whole system behind. Whether they arrive is asked of the connections and of the pictures.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { Member } from '../service/room/page_client.mjs';
import { startChromium } from './chromium.mjs';
import { House, Yard, film as makeFilm, magnet, makeTorrent, seedWithAria2, until } from './house.mjs';
import { PHONE, Person } from './person.mjs';
import { startTurn } from './turn.mjs';

const FAKE = '--use-fake-device-for-media-stream';
const TOLD = 'house.example'; // a name of this machine that no browser trusts without https

// A house, and people who may be given devices.
async function begin(t, { more = [FAKE], settings } = {}) {
  const yard = new Yard(t), house = await House.start(t, yard, { settings }), browser = await startChromium(t, yard, { more });
  // `policy`: which ways the browser may use.
  const come = async (name, address, { permissions = ['microphone', 'camera'], policy = 'all', origin = house.url('/'), ...options } = {}) => {
    const person = await Person.come(browser, name, { origin, permissions, ...options });
    await person.page.addInitScript((iceTransportPolicy) => {
      globalThis.made = [];
      globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(configuration) {
          super({ ...configuration, iceTransportPolicy });
          globalThis.made.push(this);
        }
      };
    }, policy);
    await person.page.goto(address);
    await person.page.fill('#name', name);
    await person.page.keyboard.press('Enter');
    await person.shows('.tabs');
    return person;
  };
  return { yard, house, come, made: async (what = {}) => (await house.post('/api/v1/rooms', what)).url };
}

const tileOf = (person, name) => person.page.locator(`.tile:has(bdi:text-is("${name}"))`);
const press = (person, words) => person.page.click(`.call [aria-label="${words}"]`);
const talk = (person, how) => person.page.click(`.call-door button:has-text("${how}")`);
const connected = (person, name) => until(async () => (await tileOf(person, name).getAttribute('data-state', { timeout: 1000 }).catch(() => '')) === 'connected', `${person.name} to be connected to ${name}`)
  .catch(async (error) => { throw new Error(`${error.message}\n${await person.page.innerText('.side')}\n${person.complaints}`); });
const isSilent = (person, name, is) => until(async () => (await tileOf(person, name).innerText()).includes('(microphone off)') === is, `${name} to be ${is ? 'silent' : 'open'} for ${person.name}`);

// What has arrived by all connections that are open: {audio, frames}.
const arrived = (person) => person.page.evaluate(async () => {
  const sums = { audio: 0, frames: 0, open: 0, relayed: 0, made: globalThis.made.length };
  for (const pc of globalThis.made.filter(({ connectionState }) => connectionState === 'connected')) {
    const stats = await pc.getStats();
    sums.open++;
    for (const one of stats.values()) {
      if (one.type === 'inbound-rtp' && one.kind === 'audio') sums.audio += one.bytesReceived;
      if (one.type === 'inbound-rtp' && one.kind === 'video') sums.frames += one.framesDecoded;
      if (one.type === 'transport' && stats.get(stats.get(one.selectedCandidatePairId)?.localCandidateId)?.candidateType === 'relay') sums.relayed++;
    }
  }
  return sums;
});
const more = async (person, what, least = 10) => {
  const before = (await arrived(person))[what];
  await until(async () => (await arrived(person))[what] > before + least, `more ${what} at ${person.name}`);
};
// The picture of somebody moves.
const sees = async (person, name) => {
  const look = () => tileOf(person, name).locator('video').evaluate(({ videoWidth, currentTime }) => (videoWidth > 0 ? currentTime : -1), null, { timeout: 1000 }).catch(() => -1);
  const before = await until(async () => { const now = await look(); return now >= 0 && { now }; }, `${person.name} to see ${name}`);
  await until(async () => await look() > before.now, `${name} to move for ${person.name}`);
};

test('three talk and see each other', async (t) => {
  const { house, come, made } = await begin(t), address = await made();
  const [ann, bob, cid] = [await come('Ann', address), await come('Bob', address, { viewport: PHONE, isMobile: true, hasTouch: true }), await come('Cid', address)];
  await ann.look('call-door');
  await talk(ann, 'Video');
  await ann.shows('.tile video.own');
  await until(async () => (await bob.page.innerText('.call-door')).includes('Ann is talking'), 'Bob to know who talks');
  await talk(bob, 'Video');
  await talk(cid, 'Voice');
  for (const [one, others] of [[ann, ['Bob', 'Cid']], [bob, ['Ann', 'Cid']], [cid, ['Ann', 'Bob']]]) for (const other of others) await connected(one, other);
  for (const [one, others] of [[ann, ['Bob']], [bob, ['Ann']], [cid, ['Ann', 'Bob']]]) for (const other of others) await sees(one, other);
  for (const one of [ann, bob, cid]) {
    for (const what of ['audio', 'frames']) await more(one, what);
    const { open, made: tries } = await arrived(one);
    assert.deepEqual([open, tries], [2, 2], 'one connection to each, at the first attempt');
  }
  assert.equal(await tileOf(ann, 'Cid').locator('video').count(), 0, 'Cid has no camera on');
  await until(async () => (await ann.page.locator('.tile.talks').count()) > 0, 'a beep to be marked');
  await ann.page.click('#tab-people');
  await until(async () => (await ann.page.locator('.member:has-text("in the call")').count()) === 3, 'the list to tell it');
  await ann.look('call');
  await bob.look('call-phone');

  await t.test('mute, and a key that is held', async () => {
    await press(cid, 'Switch the microphone off');
    await isSilent(ann, 'Cid', true);
    await press(cid, 'Switch the microphone on');
    await isSilent(ann, 'Cid', false);
    await press(ann, 'Microphone, camera, sound');
    await until(async () => (await ann.page.locator('#audioinput option').count()) > 1 && (await ann.page.locator('#audiooutput option').count()) > 1, 'devices to choose from');
    await ann.page.check('text=Only heard while a key is held');
    await ann.look('call-settings');
    await ann.page.click('text=Another key');
    await ann.page.keyboard.press('g');
    await ann.shows('text=Hold G to talk');
    for (const device of ['audioinput', 'videoinput', 'audiooutput']) await ann.page.selectOption(`#${device}`, { index: 1 });
    await ann.page.keyboard.press('Escape');
    await isSilent(cid, 'Ann', true);
    await ann.page.locator('.call').focus();
    await ann.page.keyboard.down('g');
    await isSilent(cid, 'Ann', false);
    await ann.page.keyboard.up('g');
    await isSilent(cid, 'Ann', true);
    await ann.page.click('#tab-chat');
    await ann.page.focus('#say');
    await ann.page.keyboard.type('gg');
    assert.equal(await ann.page.inputValue('#say'), 'gg', 'a key is a letter where one writes');
    assert.equal(await ann.page.locator('.hold[aria-pressed=true]').count(), 0);
    await ann.page.focus('.hold');
    await ann.page.keyboard.down('Enter');
    await isSilent(cid, 'Ann', false);
    await ann.page.keyboard.up('Enter');
    await isSilent(cid, 'Ann', true);
    await press(ann, 'Microphone, camera, sound');
    await ann.page.uncheck('text=Only heard while a key is held');
    await ann.page.keyboard.press('Escape');
    await isSilent(cid, 'Ann', false);
  });

  await t.test('how loud somebody is, and a wish for silence', async () => {
    await press(ann, 'Hearing Cid');
    await ann.page.fill('[aria-label="Volume: Cid"]', '0.2');
    await ann.look('call-hearing');
    await ann.page.click('button:has-text("Ask to be quiet")');
    await cid.shows('text=Ann asks you to be quiet');
    await cid.look('call-asked');
    await cid.page.click('.call .notice button:has-text("Switch the microphone off")');
    await isSilent(ann, 'Cid', true);
    await press(cid, 'Hearing Ann');
    assert.equal(await cid.page.locator('button:has-text("Ask to be quiet")').count(), 0, 'only who has a say in the room');
  });

  await t.test('a camera goes off and on', async () => {
    await press(bob, 'Switch the camera off');
    await until(async () => (await tileOf(ann, 'Bob').locator('video').count()) === 0, 'the picture to go');
    assert.equal(await bob.page.locator('.tile video.own').count(), 0);
    await press(bob, 'Switch the camera on');
    await sees(ann, 'Bob');
    await press(cid, 'Switch the camera on');
    await sees(ann, 'Cid');
  });

  await t.test('room-svc is killed, and nobody hears of it', async () => {
    const before = await house.service('room.0'), had = await arrived(ann);
    process.kill(before.pid, 'SIGKILL');
    await until(async () => { const now = await house.service('room.0').catch(() => undefined); return now && now.pid > 0 && now.pid !== before.pid && now.state === 'ready'; }, 'room-svc to be back');
    for (const one of [ann, bob, cid]) for (const what of ['audio', 'frames']) await more(one, what);
    const now = await arrived(ann);
    assert.deepEqual([now.open, now.made], [had.open, had.made], 'by the connections of before');
  });

  await t.test('http-svc is killed, and they go on until they are back', async () => {
    const { pid } = await house.service('http.0'), had = await arrived(ann);
    process.kill(pid, 'SIGKILL');
    await ann.shows('text=The connection to the room is broken');
    for (const one of [ann, bob, cid]) await more(one, 'audio');
    for (const one of [ann, bob, cid]) await one.page.waitForSelector('text=The connection to the room is broken', { state: 'detached' });
    for (const one of [ann, bob, cid]) await more(one, 'frames');
    const now = await arrived(ann);
    assert.deepEqual([now.open, now.made], [had.open, had.made], 'by the connections of before');
    for (const one of [ann, bob, cid]) one.complaints = one.complaints.filter((text) => !/WebSocket|ERR_|Failed to load/.test(text));
  });

  await t.test('one loads the page anew, and one goes', async () => {
    await bob.page.reload();
    await until(async () => (await tileOf(ann, 'Bob').count()) === 0, 'Bob to be gone from the call');
    await talk(bob, 'Video');
    for (const one of [ann, cid]) {
      await connected(one, 'Bob');
      await connected(bob, one.name);
    }
    await sees(ann, 'Bob');
    await sees(bob, 'Ann');
    await cid.page.click('.call button:has-text("Leave")');
    await cid.shows('.call-door');
    for (const one of [ann, bob]) await until(async () => (await tileOf(one, 'Cid').count()) === 0, 'Cid to be gone from the call');
    await more(ann, 'frames');
    await ann.page.click('.brand'); // out of the room, and so out of the call
    await until(async () => (await tileOf(bob, 'Ann').count()) === 0, 'Ann to be gone');
    assert.equal((await arrived(ann)).open, 0);
  });
  for (const person of [ann, bob, cid]) await person.ends();
});

test('a relay is all there is, and it goes away for a while', async (t) => {
  const yard = new Yard(t), turn = await startTurn(yard);
  const { come, made } = await begin(t, { settings: `room:\n  turn_urls: "${turn.server.urls}"\n  turn_username: bob\n  turn_password: pass\n` });
  const address = await made(), people = [await come('Ann', address, { policy: 'relay' }), await come('Bob', address, { policy: 'relay', locale: 'ar', viewport: PHONE, isMobile: true, hasTouch: true })];
  const [ann, bob] = people;
  await talk(ann, 'Voice');
  await bob.page.click('.call-door button >> nth=1');
  await connected(ann, 'Bob');
  await connected(bob, 'Ann');
  await sees(ann, 'Bob');
  for (const one of people) {
    await more(one, 'audio');
    assert.equal((await arrived(one)).relayed, 1);
  }
  await bob.look('call-arabic-phone');
  turn.process.kill('SIGKILL');
  await turn.process.gone;
  for (const one of people) await until(async () => (await one.page.locator('.tile[data-state=broken]:not(.talks)').count()) === 1, `${one.name} to be told of it`);
  await ann.look('call-broken');
  await startTurn(yard, turn.port);
  await connected(ann, 'Bob');
  await connected(bob, 'Ann');
  for (const one of people) await more(one, 'audio');
  for (const person of people) await person.ends();
});

test('pictures are for a few, voices for some more, and nonsense for nobody', async (t) => {
  const { house, come, made } = await begin(t), address = await made(), code = new URL(address).pathname.split('/').pop();
  const ann = await come('Ann', address);
  await talk(ann, 'Video');
  await ann.shows('.tile video.own');
  // Members whose pages never answer; one talks nonsense.
  const others = Array.from({ length: 11 }, (_, i) => new Member(t, { port: house.port }, `Other ${i}`));
  const enter = (some) => Promise.all(some.map((one) => one.join(code, { call: `~${one.id}` })));
  const count = (wanted) => until(async () => (await ann.page.locator('.tile').count()) === wanted, `${wanted} to be in the call`);
  await enter(others.slice(0, 7));
  await count(8);
  const few = ann.page.locator('text=With more than 8 people only voices are sent.');
  assert.equal(await few.count(), 0);
  await enter(others.slice(7));
  await count(12);
  await few.waitFor();
  await ann.look('call-many');
  const dan = await come('Dan', address);
  await talk(dan, 'Voice');
  await dan.shows('text=The call is full');
  const [liar] = others, { room } = await liar.join(code, { call: `~${liar.id}` }), to = room.members.find(({ name }) => name === 'Ann').id;
  const tell = (what) => liar.does('relay', { to, kind: 'other', data: JSON.stringify({ call: `~${liar.id}`, ...what }) });
  for (const what of [{}, { is: 'answer', link: 1, offer: 1, sdp: 'v=0' }, { is: 'offer', link: 1, offer: 1, sdp: 'x' }, { is: 'candidate', link: 1, candidate: { candidate: 'x', sdpMid: '0' } },
    { is: 'candidate', link: 1, candidate: {} }, { is: 'wants', what: 'link' }, { is: 'wants', what: 'restart' }]) await tell(what);
  await liar.does('relay', { to, kind: 'offer', data: '{"type":"offer","sdp":""}' });
  await liar.does('leave');
  await count(11);
  await talk(dan, 'Voice');
  await connected(ann, 'Dan');
  await connected(dan, 'Ann');
  for (const person of [ann, dan]) await person.ends();
});

test('who has no devices, or may not use them, hears the others and is told why', async (t) => {
  const { house, come, made } = await begin(t, { more: [`--host-resolver-rules=MAP ${TOLD} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`] }), address = await made();
  const bare = await come('Bare', address);
  await talk(bare, 'Video');
  await bare.shows('text=There is no microphone.');
  await bare.shows('text=There is no camera.');
  assert.equal(await bare.page.locator('.call button:has-text("Try again")').count(), 2);
  const insecure = await come('Far', address.replace('127.0.0.1', TOLD), { permissions: [], origin: house.url('/').replace('127.0.0.1', TOLD) });
  // As some browsers do, where nothing is recorded: Chromium takes the click on "Voice" for enough.
  await insecure.page.evaluate(() => {
    const { play } = Audio.prototype;
    globalThis.isStrict = true;
    Audio.prototype.play = function () { return globalThis.isStrict && this instanceof HTMLAudioElement ? Promise.reject(new DOMException('', 'NotAllowedError')) : play.call(this); };
  });
  await talk(insecure, 'Voice');
  await insecure.shows('text=only over https');
  await connected(insecure, 'Bare');
  await connected(bare, 'Far');
  await insecure.shows('text=wants a click before');
  await insecure.page.evaluate(() => { globalThis.isStrict = false; });
  await insecure.page.click('button:has-text("Hear the others")');
  await insecure.page.waitForSelector('text=wants a click before', { state: 'detached' });
  await press(insecure, 'Switch the camera on');
  await insecure.shows('text=gives pages a camera only over https');
  await insecure.look('call-insecure');
  for (const person of [bare, insecure]) await person.ends();
});

test('who does not give the page a microphone hears the others, and the film is quieter while they talk', async (t) => {
  const { yard, house, come, made } = await begin(t), one = await makeFilm(yard, { seconds: 20 }), torrent = await makeTorrent(yard, one.file), { port } = await seedWithAria2(yard, torrent.torrent, path.dirname(one.file));
  await house.post('/api/v1/torrents', { source: magnet(torrent.hash, port) });
  await until(async () => (await (await fetch(house.url(`/api/v1/torrents/${torrent.hash}`))).json()).hasMetadata, 'what is in the torrent');
  const address = await made({ source: torrent.hash, name: 'The film' }), ann = await come('Ann', address), shy = await come('Shy', address, { permissions: [] });
  await talk(shy, 'Voice');
  await shy.shows('text=does not let this page use the microphone');
  await talk(ann, 'Voice');
  await connected(shy, 'Ann');
  await isSilent(ann, 'Shy', true);
  const volume = () => shy.page.evaluate(() => document.querySelector('.stage video')?.volume);
  await until(async () => await volume() < 0.5, 'the film to go down');
  await shy.look('call-film');
  await press(ann, 'Switch the microphone off');
  await until(async () => await volume() === 1, 'the film to come back, as nothing is to be heard of her');
  await press(shy, 'Microphone, camera, sound');
  await shy.page.uncheck('text=Film quieter while others talk');
  await shy.page.keyboard.press('Escape');
  await press(ann, 'Switch the microphone on');
  await until(async () => (await shy.page.locator('.tile.talks').count()) > 0, 'Ann to be heard');
  assert.equal(await volume(), 1);
  for (const person of [ann, shy]) await person.ends();
});
