// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict';
import test from 'node:test';
import { Duck, Speech } from '../src/levels.ts';

const steps = (duck, volume, isTalking, count = 30) => {
  for (let i = 0; i < count; i++) volume = duck.step(volume, isTalking);
  return volume;
};

test('somebody speaks until there is a pause, and noise is no speech', () => {
  const speech = new Speech();
  assert.deepEqual([[0.001, 0], [0.3, 100], [0, 200], [0, 700], [0, 800], [0.5, 900], [0, 1500], [0, 1700]].map(([level, ms]) => speech.step(level, ms)),
    [false, true, true, true, false, true, true, false]);
});

test('the film goes down while others talk, little by little, and comes back to where it was', () => {
  const duck = new Duck();
  assert.equal(duck.step(0.8, false), 0.8);
  const first = duck.step(0.8, true);
  assert.ok(first < 0.8 && first > 0.5, String(first));
  const low = steps(duck, first, true);
  assert.ok(Math.abs(low - 0.24) < 1e-9, String(low));
  assert.equal(steps(duck, low, false), 0.8);
  assert.ok(Math.abs(steps(duck, 0.8, true) - 0.24) < 1e-9, 'once more');
});

test('who sets the volume meanwhile is left alone until there is silence', () => {
  const duck = new Duck(), low = steps(duck, 1, true);
  assert.equal(steps(duck, 0.9, true), 0.9);
  assert.ok(low < 0.9);
  assert.equal(steps(duck, 0.9, false), 0.9);
  assert.ok(steps(duck, 0.9, true) < 0.5, 'the next words');
});

test('a film without sound stays so, and one whose volume cannot be set does no harm', () => {
  assert.equal(steps(new Duck(), 0, true), 0);
  const duck = new Duck();
  for (let i = 0; i < 5; i++) duck.step(1, true); // stays 1 whatever is set
  assert.equal(duck.step(1, false), 1);
});
