// SPDX-License-Identifier: MIT
//
// The server as a peer in a room: a browser offers it a connection by the room's relay, and finds BitTorrent behind the channel.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Member } from '../service/room/page_client.mjs';
import { startChromium } from './chromium.mjs';
import { House, Yard, magnet, makeTorrent, seedWithAria2, until } from './house.mjs';
import { servePage } from './pages.mjs';

// The description of a connection with one channel, all candidates in it.
const offer = (page) => page.evaluate(async () => {
  const connection = globalThis.connection = new RTCPeerConnection(), channel = connection.createDataChannel('film');
  channel.binaryType = 'arraybuffer';
  globalThis.heard = [];
  channel.onmessage = ({ data }) => globalThis.heard.push(...new Uint8Array(data));
  globalThis.open = new Promise((resolve) => { channel.onopen = () => resolve(channel); });
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== 'complete') await new Promise((resolve) => { connection.onicegatheringstatechange = resolve; });
  return { type: 'offer', sdp: connection.localDescription.sdp };
});

test('a browser in a room finds the film behind the peer called server', async (t) => {
  const yard = new Yard(t), folder = path.join(yard.dir, 'original');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'data.bin'), crypto.randomBytes(1 << 20));
  const { torrent, hash } = await makeTorrent(yard, path.join(folder, 'data.bin')), seeder = await seedWithAria2(yard, torrent, folder);
  const house = await House.start(t, yard), link = magnet(hash, seeder.port);
  const ann = new Member(t, house, 'Ann'), { tracker } = await ann.create();
  assert.equal(tracker, 'tracker');
  const page = await (await startChromium(t, yard, { isOpen: false })).newPage();
  await page.goto(await servePage(t));
  const session = await offer(page), fromServer = ({ from }) => from === 'server';

  await ann.does('relay', { to: 'server', kind: 'offer', data: JSON.stringify(session) });
  assert.match(JSON.parse((await ann.hears('relay', fromServer)).data).error, /not a torrent/, 'nothing plays');
  await ann.does('queueAdd', { source: link });
  assert.equal((await ann.hears('queue')).queue[0].infoHash, hash);
  await ann.does('relay', { to: 'server', kind: 'offer', data: JSON.stringify(session) });
  assert.match(JSON.parse((await ann.hears('relay', fromServer)).data).error, /does not have this torrent/);

  await house.json('add', link);
  await until(async () => (await house.json('call', 'rtc', 'Stats')).torrents === 1, 'rtc-svc to know the torrent');
  await ann.does('relay', { to: 'server', kind: 'offer', data: '{"type":"offer","sdp":"nonsense"}' });
  assert.match(JSON.parse((await ann.hears('relay', fromServer)).data).error, /no session description/);
  await ann.does('relay', { to: 'server', kind: 'offer', data: JSON.stringify(session) });
  const { kind, data } = await ann.hears('relay', fromServer);
  assert.equal(kind, 'answer', data);
  const handshake = [19, ...Buffer.from('BitTorrent protocol'), 0, 0, 0, 0, 0, 16, 0, 0, ...Buffer.from(hash, 'hex'), ...Buffer.from('-WW0000-123456789012')];
  await page.evaluate(async ([answer, bytes]) => {
    await globalThis.connection.setRemoteDescription(answer);
    (await globalThis.open).send(new Uint8Array(bytes));
  }, [JSON.parse(data), handshake]);
  const heard = Buffer.from(await until(() => page.evaluate(() => globalThis.heard.length >= 68 && globalThis.heard), 'its handshake'));
  assert.deepEqual([heard.subarray(1, 20).toString(), heard.subarray(28, 48).toString('hex')], ['BitTorrent protocol', hash]);
});
