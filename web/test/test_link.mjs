// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { troubleOf } from '../src/devices.ts';
import { readAbout, readMessage, videoRate } from '../src/link.ts';

test('messages of a call are read, those of another one and nonsense are not', () => {
  const read = (what, call = 'a') => readMessage(typeof what === 'string' ? what : JSON.stringify({ call: 'a', ...what }), call);
  const good = [{ is: 'offer', link: 1, offer: 2, sdp: 'v=0' }, { is: 'answer', link: 1, offer: 2, sdp: 'v=0' }, { is: 'candidate', link: 0, candidate: { candidate: 'x' } },
    { is: 'wants', what: 'link' }, { is: 'wants', what: 'restart' }];
  for (const one of good) {
    assert.deepEqual(read(one), one);
    assert.equal(read(one, 'b'), undefined);
  }
  for (const one of ['', '{', 'null', '1', '[]', '{"is":"offer"}', {}, { is: 'offer', link: 1, offer: 2 }, { is: 'offer', link: '1', offer: 2, sdp: '' }, { is: 'offer', link: -1, offer: 2, sdp: '' },
    { is: 'answer', link: 1.5, offer: 2, sdp: '' }, { is: 'answer', link: 1, offer: 2, sdp: 7 }, { is: 'candidate', link: 1 }, { is: 'candidate', link: 1, candidate: null },
    { is: 'candidate', link: 1, candidate: 'x' }, { is: 'wants', what: 'all' }, { is: 'other' }]) assert.equal(read(one), undefined, JSON.stringify(one));
});

test('what others tell of themselves is read, and nothing else', () => {
  assert.deepEqual(readAbout('{"mic":true,"camera":false,"more":1}'), { mic: true, camera: false });
  assert.equal(readAbout('{"asks":"quiet"}'), 'asks');
  for (const one of ['', 'x', 'null', '{}', '{"mic":1,"camera":0}', '{"asks":"all"}', `{"mic":true,"camera":true,"x":"${'x'.repeat(300)}"}`, new ArrayBuffer(3), undefined]) assert.equal(readAbout(one), undefined);
});

test('all pictures together stay within what a line at home sends', () => {
  assert.deepEqual([0, 1, 3, 7, 11].map(videoRate), [900000, 900000, 800000, 342857, 218181]);
  assert.equal(videoRate(100), 200000);
});

test('why there is no device has a word', () => {
  const of = (name) => troubleOf(new DOMException('', name));
  assert.deepEqual(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'DataError'].map(of), ['denied', 'missing', 'busy', 'failed']);
  assert.deepEqual([troubleOf('insecure'), troubleOf(undefined), troubleOf(new TypeError('x'))], ['insecure', 'failed', 'failed']);
});
