// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { leaveGrants, renewed, setGrant } from '../src/grants.ts';

const A = 'a'.repeat(40), B = 'b'.repeat(40);

test('addresses of a torrent get its grant as it is now, and no others do', () => {
  setGrant(A, 'exp=9&sig=new');
  for (const [address, expected] of [[`http://host/below/hls/${A}/0/v/1.m4s?can=avc1%2Cmp4a&exp=1&sig=old`, `http://host/below/hls/${A}/0/v/1.m4s?can=avc1%2Cmp4a&exp=9&sig=new`],
    [`http://host/stream/${A}/0?exp=1&sig=old`, `http://host/stream/${A}/0?exp=9&sig=new`], [`http://host/api/v1/torrents/${A}`, `http://host/api/v1/torrents/${A}?exp=9&sig=new`],
    [`http://host/stream/${B}/0?exp=1&sig=old`, `http://host/stream/${B}/0?exp=1&sig=old`], [`http://host/api/v1/torrents/${A}a`, `http://host/api/v1/torrents/${A}a`],
    ['http://host/api/v1/torrents', 'http://host/api/v1/torrents']])
    assert.equal(renewed(address), expected);
  leaveGrants();
  assert.equal(renewed(`http://host/stream/${A}/0`), `http://host/stream/${A}/0`);
});
