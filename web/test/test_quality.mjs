// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { isOwnName } from '../src/cast.ts';
import { largestMade, readSizes, sizeFor } from '../src/quality.ts';

const MASTER = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="a, RESOLUTION=1x9",URI="a1/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=3200000,RESOLUTION=1280x720,AUDIO="sound"
v720/index.m3u8?exp=1&sig=v/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=9000000,CODECS="avc1.640028,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=25.000\r
v/index.m3u8?exp=1\r
#EXT-X-STREAM-INF:BANDWIDTH=128000
a1/index.m3u8
`;

test('sizes are read from a playlist, the largest first; what has no picture is none', () => {
  assert.deepEqual(readSizes(MASTER), [{ height: 1080, isOriginal: true }, { height: 720, isOriginal: false }]);
  assert.deepEqual(readSizes(''), []);
});

test('what is wanted is found among what is offered', () => {
  const [original, hd, sd] = [{ height: 1080, isOriginal: true }, { height: 720, isOriginal: false }, { height: 480, isOriginal: false }];
  const sizes = [sd, original, hd];
  for (const [wanted, found] of [['auto', undefined], ['original', original], [1080, original], [1000, hd], [720, hd], [500, sd], [100, sd]])
    assert.equal(sizes[sizeFor(sizes, wanted)], found, String(wanted));
  assert.equal(sizeFor([sd, hd], 'original'), 1, 'the best there is, when the film as it is cannot be had');
  assert.equal(sizeFor([], 720), -1);
  assert.equal(largestMade(sizes), 2);
  assert.equal(largestMade([original]), -1);
});

test('a name that means this machine everywhere is known', () => {
  for (const name of ['localhost', 'film.localhost', '127.0.0.1', '127.1.2.3', '[::1]']) assert.ok(isOwnName(name), name);
  for (const name of ['localhost.example', '128.0.0.1', 'films', '192.168.1.127', '[fe80::1]']) assert.ok(!isOwnName(name), name);
});
