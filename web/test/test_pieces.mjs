// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { Gatherer, ahead, hereAgain, hereUntil, lengthOf, pieceAt } from '../src/pieces.ts';
import { passing, readRange, streamOf } from '../src/relay.ts';

// Ten pieces of 100 bytes, the last of 50; the film lies from 250 to 920.
const layout = { pieceBytes: 100, pieceCount: 10, totalBytes: 950, fileOffset: 250, fileBytes: 670 };
const having = (...pieces) => (piece) => pieces.includes(piece);

test('pieces under a film that begins and ends within some', () => {
  assert.deepEqual([0, 49, 50, 669].map((position) => pieceAt(layout, position)), [2, 2, 3, 9]);
  assert.deepEqual([0, 8, 9].map((piece) => lengthOf(layout, piece)), [100, 100, 50]);
  assert.equal(hereUntil(layout, having(3, 4), 0), 0);
  assert.equal(hereUntil(layout, having(2, 3, 5), 10), 150);
  assert.equal(hereUntil(layout, having(8, 9), 600), 670);
});

test('a gap ends where enough lies in a row, or at the end of the film', () => {
  assert.equal(hereAgain(layout, having(4, 6, 7), 0, 100), 150);
  assert.equal(hereAgain(layout, having(4, 6, 7), 0, 200), 350);
  assert.equal(hereAgain(layout, having(4, 9), 0, 200), 650);
  assert.equal(hereAgain(layout, having(), 0, 1), 670);
  assert.equal(hereAgain(layout, having(2), 60, 1), 670);
});

test('what comes next is wanted, and nothing behind the film', () => {
  assert.deepEqual(ahead(layout, 0, 200), { from: 3, to: 4 });
  assert.deepEqual(ahead(layout, 0, 1), { from: 3, to: 3 });
  assert.deepEqual(ahead(layout, 500, 1e9), { from: 8, to: 9 });
  assert.equal(ahead(layout, 660, 1e9), undefined);
});

test('bytes that come by become pieces, if they come whole and are wanted', () => {
  const got = [], all = Uint8Array.from({ length: 670 }, (_, i) => i % 251);
  const gatherer = new Gatherer(layout, (piece, bytes) => got.push([piece, bytes]), (piece) => piece !== 4);
  for (let at = 0; at < 320; at += 7) gatherer.take(at, all.subarray(at, at + 7));
  assert.deepEqual(got, [[3, all.slice(50, 150)]]);
  gatherer.take(400, all.subarray(400, 500)); // a jump into 6
  gatherer.take(500, all.subarray(500));
  assert.deepEqual(got.slice(1), [[7, all.slice(450, 550)], [8, all.slice(550, 650)]]);
  gatherer.take(250, all.subarray(250, 300));
  gatherer.take(310, all.subarray(310, 360)); // with a hole
  assert.equal(got.length, 3);
});

test('ranges as players ask for them', () => {
  assert.deepEqual(readRange(null, 10), { first: 0, last: 9 });
  assert.deepEqual(readRange('bytes=3-', 10), { first: 3, last: 9 });
  assert.deepEqual(readRange('bytes=3-5', 10), { first: 3, last: 5 });
  assert.deepEqual(readRange('bytes=3-99', 10), { first: 3, last: 9 });
  assert.deepEqual(readRange('bytes=-4', 10), { first: 6, last: 9 });
  assert.deepEqual(readRange('bytes=-40', 10), { first: 0, last: 9 });
  for (const bad of ['bytes=10-', 'bytes=5-3', 'bytes=-', 'bytes=-0', 'bytes=0-1,3-4', 'items=1-2', '']) assert.equal(readRange(bad, 10), undefined, bad);
  assert.equal(readRange(null, 0), undefined);
});

test('addresses of streams, also below a path of a proxy', () => {
  const hash = 'a'.repeat(40);
  for (const path of [`/below/stream/${hash}/3`, `/stream/${hash}/3?grant=a.b`]) {
    const address = `http://here${path}`;
    assert.equal(streamOf(new URL(passing(address))), `${hash}/3`);
    assert.equal(streamOf(new URL(address)), undefined, 'by its own address it does not pass by anybody');
  }
  for (const other of [`/stream/${hash}`, `/stream/${hash}/3/name.mp4`, `/stream/${hash}/x`, `/hls/${hash}/3`]) assert.equal(streamOf(new URL(passing(`http://here${other}`))), undefined, other);
});
