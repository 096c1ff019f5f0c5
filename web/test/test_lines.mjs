// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { readPlaylist } from '../src/lines.ts';

test('a playlist of subtitles is read with its times, also of a film that is open to few', () => {
  const text = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:7\n#EXTINF:6.000000,\n0.vtt?exp=1&sig=a\n#EXTINF:4.500000,\r\n1.vtt?exp=1&sig=a\r\n#EXT-X-ENDLIST\n';
  assert.deepEqual(readPlaylist(text, 'http://host/below/hls/x/0/s3/index.m3u8?exp=1&sig=a').map(({ fromS, untilS, url }) => [fromS, untilS, url]),
    [[0, 6, 'http://host/below/hls/x/0/s3/0.vtt?exp=1&sig=a'], [6, 10.5, 'http://host/below/hls/x/0/s3/1.vtt?exp=1&sig=a']]);
  assert.deepEqual(readPlaylist('', 'http://host/'), []);
});
