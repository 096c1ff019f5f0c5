// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { indexAt } from '../src/film_index.ts';

const box = (name, length, long = false) => {
  const data = Buffer.alloc(length);
  data.writeUInt32BE(long ? 1 : length, 0);
  data.write(name, 4, 'latin1');
  if (long) data.writeBigUInt64BE(BigInt(length), 8);
  return data;
};
const film = (...parts) => new Blob(parts);

test('the index of an MP4 is found where it is at the end, and only there', async () => {
  assert.equal(await indexAt(film(box('ftyp', 32), box('mdat', 1000), box('moov', 100))), 1032);
  assert.equal(await indexAt(film(box('ftyp', 32), box('free', 8), box('mdat', 1000, true), box('moov', 100))), 1040);
  assert.equal(await indexAt(film(box('ftyp', 32), box('moov', 100), box('mdat', 1000))), undefined);
  assert.equal(await indexAt(film(box('ftyp', 32), box('mdat', 1000))), undefined);
});

test('Matroska and AVI have it as the last thing', async () => {
  const large = Buffer.alloc(5 << 20), small = Buffer.alloc(100);
  for (const one of [large, small]) one.writeUInt32BE(0x1a45dfa3, 0);
  assert.equal(await indexAt(film(large)), 3 << 20);
  assert.equal(await indexAt(film(small)), 0);
  assert.equal(await indexAt(film('RIFF....AVI LIST', large)), (3 << 20) + 16);
});

test('what is no film is left alone', async () => {
  for (const data of ['', 'x', 'RIFF....WAVEfmt ........', Buffer.alloc(100)]) assert.equal(await indexAt(film(data)), undefined);
  // Lengths that lead nowhere end the search.
  const broken = box('ftyp', 32);
  broken.writeUInt32BE(3, 0);
  assert.equal(await indexAt(film(broken, box('moov', 100))), undefined);
});
