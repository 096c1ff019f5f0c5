// SPDX-License-Identifier: MIT
//
// A player that takes its time, a server whose clock is another one, and the room's clock between them. All of it is simulated:
// nothing waits, everything follows from a seed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Clock, Offset } from '../src/clock.ts';

const SERVER_AHEAD_MS = 1.7e12;

class World {
  constructor({ seekMs = 250, startMs = 60, drift = 1, delayMs = 40, seed = 1 } = {}) {
    Object.assign(this, { seekMs, startMs, drift, delayMs, seed, nowMs: 1000, againMs: 0, epoch: 0, letters: [], clock: new Clock() });
    this.player = { positionMs: 0, isPlaying: false, isSeeking: false, rate: 1, movesMs: Infinity, seekEndsMs: Infinity };
    this.seeks = 0;
  }

  random() { // of its own, so that a failure comes again
    this.seed = (this.seed * 1103515245 + 12345) & 0x7fffffff;
    return this.seed / 0x7fffffff;
  }

  get serverMs() { return this.nowMs + SERVER_AHEAD_MS; }
  get roomMs() { return this.state.positionMs + (this.state.isPlaying ? Math.max(this.serverMs - this.state.atMs, 0) * this.state.rate : 0); }
  get errorMs() { return this.player.positionMs - this.roomMs; }

  says(change) {
    const before = this.state ? this.roomMs : 0;
    this.state = { positionMs: before, rate: 1, isPlaying: false, ...this.state && { rate: this.state.rate, isPlaying: this.state.isPlaying, positionMs: before }, ...change,
      epoch: ++this.epoch, atMs: this.serverMs + 200 };
    if (this.state.isPlaying && change.positionMs === undefined) this.state.positionMs += 200 * this.state.rate * (change.isPlaying === undefined ? 1 : 0);
    const { state } = this;
    this.post(() => this.clock.setState(state));
  }

  post(read) { this.letters.push({ atMs: this.nowMs + this.delayMs * (0.5 + this.random()), read }); }

  tick() {
    this.nowMs++;
    const { player, clock } = this;
    for (const letter of this.letters.filter(({ atMs }) => atMs <= this.nowMs)) {
      this.letters.splice(this.letters.indexOf(letter), 1);
      letter.read();
    }
    if (clock.asks(this.nowMs)) {
      const sentMs = this.nowMs;
      this.post(() => { const heard = this.serverMs; this.post(() => clock.offset.add(sentMs, heard, heard, this.nowMs)); });
    }
    if (player.isSeeking && this.nowMs >= player.seekEndsMs) player.isSeeking = false;
    if (player.isPlaying && !player.isSeeking && this.nowMs >= player.movesMs) player.positionMs += player.rate * this.drift;
    if (this.nowMs < this.againMs) return;
    const { seekToMs, does, rate, againMs } = clock.step(player, this.nowMs);
    this.againMs = this.nowMs + againMs;
    if (seekToMs !== undefined) {
      this.seeks++;
      Object.assign(player, { positionMs: seekToMs, isSeeking: true, seekEndsMs: this.nowMs + this.seekMs * (0.7 + 0.6 * this.random()) });
    }
    if (does === 'play') Object.assign(player, { isPlaying: true, movesMs: this.nowMs + this.startMs * (0.7 + 0.6 * this.random()) });
    if (does === 'pause') player.isPlaying = false;
    player.rate = rate;
  }

  run(ms, look = () => {}) {
    for (let i = 0; i < ms; i++) {
      this.tick();
      look();
    }
  }

  staysWithin(limitMs, ms) {
    let most = 0;
    this.run(ms, () => { most = Math.max(most, Math.abs(this.errorMs)); });
    assert.ok(most <= limitMs, `${most} ms off`);
  }
}

test('the sample with the least delay tells the time', () => {
  const offset = new Offset();
  assert.equal(offset.isKnown, false);
  assert.equal(offset.add(0, 1200, 1200, 400), true);
  assert.equal(offset.add(1000, 2005, 2005, 1010), true);
  assert.deepEqual([offset.ms, offset.delayMs], [1000, 10]);
  for (const wrong of [[10, 5, 5, 0], [0, 5, 4, 10], [0, NaN, 5, 10]]) assert.equal(offset.add(...wrong), false);
  for (let i = 0; i < 8; i++) offset.add(0, 1090, 1090, 100); // eight later ones have pushed it out
  assert.deepEqual([offset.ms, offset.delayMs], [1040, 100]);
});

test('samples that contradict each other tell of another clock', () => {
  const offset = new Offset();
  offset.add(0, 1010, 1010, 20);
  offset.add(1000, 2200, 2200, 1220); // wrong by 90, which its delay explains
  assert.equal(offset.ms, 1000);
  offset.add(2000, 2910, 2910, 2220);
  assert.deepEqual([offset.ms, offset.delayMs], [800, 220]);
});

for (const [name, options] of [['a quick player', { seekMs: 30, startMs: 10 }], ['a slow one', { seekMs: 900, startMs: 200, seed: 7 }], ['one that runs too fast', { drift: 1.004 }],
  ['a bad line', { delayMs: 150, seed: 3 }]]) {
  test(`${name} plays in step, through pauses, jumps and other rates`, () => {
    const world = new World(options), limit = options.delayMs ? 120 : 60;
    world.says({ isPlaying: true });
    world.run(8000);
    world.staysWithin(limit, 20000);
    world.says({ isPlaying: false });
    world.run(3000);
    assert.ok(!world.player.isPlaying && Math.abs(world.errorMs) <= 40, `paused ${world.errorMs} ms off`);
    world.says({ positionMs: 600000 });
    world.run(3000);
    assert.ok(Math.abs(world.errorMs) <= 40);
    world.says({ isPlaying: true, positionMs: 600000 });
    world.run(6000);
    world.staysWithin(limit, 5000);
    world.says({ positionMs: 5000, isPlaying: true });
    world.run(8000);
    world.staysWithin(limit, 5000);
    world.says({ rate: 1.5, isPlaying: true, positionMs: world.roomMs + 300 });
    world.run(8000);
    world.staysWithin(limit * 1.5, 5000);
  });
}

test('small errors are played away, not jumped over', () => {
  const world = new World({ drift: 1.01 });
  world.says({ isPlaying: true });
  world.run(8000);
  const { seeks } = world;
  const rates = new Set();
  world.run(30000, () => rates.add(world.player.rate));
  assert.equal(world.seeks, seeks);
  for (const rate of rates) assert.ok(rate >= 0.95 && rate <= 1.05, String(rate));
  assert.ok(rates.size > 1);
});

test('a player that stalls lands again', () => {
  const world = new World();
  world.says({ isPlaying: true });
  world.run(8000);
  world.player.movesMs = world.nowMs + 4000;
  world.run(4000);
  assert.ok(world.errorMs < -2000);
  world.run(6000);
  world.staysWithin(60, 3000);
});

test('an older state changes nothing', () => {
  const clock = new Clock(), state = { epoch: 5, atMs: 0, positionMs: 1, rate: 1, isPlaying: false };
  clock.setState(state);
  clock.setState({ ...state, epoch: 4, positionMs: 2 });
  clock.setState({ ...state, positionMs: 3 });
  assert.equal(clock.state.positionMs, 1);
});

test('it is told where the player is once a second, and of every new state', () => {
  const clock = new Clock(), player = { positionMs: 500.7, isPlaying: false, isSeeking: false };
  assert.equal(clock.report(player, 10, 1000), undefined, 'no state');
  clock.setState({ epoch: 1, atMs: 0, positionMs: 0, rate: 1, isPlaying: false });
  assert.equal(clock.report(player, 10, 1000), undefined, 'no time');
  clock.offset.add(0, 5, 5, 10);
  assert.deepEqual(clock.report(player, 10.5, 2000), { epoch: 1, atMs: 2000, positionMs: 500, bufferedMs: 10 });
  assert.equal(clock.report(player, 10, 2500), undefined);
  clock.setState({ epoch: 2, atMs: 0, positionMs: 0, rate: 1, isPlaying: false });
  assert.equal(clock.report({ ...player, isSeeking: true }, 10, 2600), undefined);
  assert.equal(clock.report(player, -5, 2700).bufferedMs, -1);
  assert.equal(clock.report({ ...player, isSeeking: true }, 10, 3800).bufferedMs, 0);
});
