// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { kindOf, priorityOf, rarest, readMap, selectionWith, shares } from '../src/swarm.ts';

const base64url = (...bytes) => Buffer.from(bytes).toString('base64url');
const map = readMap({ pieceCount: 10, pieceBytes: 1, cellPieces: 2, ready: base64url(255, 0, 51, 0, 0), state: base64url(0, 1, 2, 3, 4), peers: base64url(0, 0, 251, 7, 255), readers: [{ piece: 5 }, {}] });

test('a map is read, with who reads where', () => {
  assert.deepEqual([...map.ready], [255, 0, 51, 0, 0]);
  assert.deepEqual([...map.peers], [0, 0, 251, 7, 255]);
  assert.deepEqual([...map.readers], [2, 0]);
});

test('its parts add up', () => {
  const parts = shares(map);
  assert.ok(Math.abs(parts.here - 0.24) < 1e-9 && Math.abs(parts.missing - 0.16) < 1e-9, JSON.stringify(parts));
  assert.deepEqual([parts.skipped, parts.soon, parts.coming], [0.2, 0.2, 0.2]);
});

test('the rarest part is one that is missing and wanted', () => {
  assert.equal(rarest(map), 7);
  assert.equal(rarest(readMap({ pieceCount: 2, pieceBytes: 1, cellPieces: 1, ready: base64url(255, 0), state: base64url(0, 1), peers: base64url(0, 0), readers: [] })), undefined);
});

test('kinds of peers', () => {
  assert.deepEqual([{ flags: ['seed', 'incoming', 'webrtc'] }, { flags: ['utp'] }, { flags: ['web_seed'] }, {}].map(kindOf), ['webrtc', 'utp', 'web_seed', 'tcp']);
});

test('one file is chosen otherwise, and the others stay as they are', () => {
  const files = [{ id: 0, isWanted: true }, { id: 1, isWanted: false, isFirst: false }, { id: 2, isWanted: true, isFirst: true }];
  assert.deepEqual(files.map(priorityOf), ['normal', 'skip', 'first']);
  assert.deepEqual(selectionWith(files, 1, 'first'), { files: [0, 1, 2], first: [1, 2] });
  assert.deepEqual(selectionWith(files, 2, 'skip'), { files: [0], first: [] });
  assert.deepEqual(selectionWith(files, 0, 'skip'), { files: [2], first: [2] });
});
