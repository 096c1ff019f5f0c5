// SPDX-License-Identifier: MIT
//
// levels: who is speaking, by how loud a sound is, and the film made quieter meanwhile.
const SPEECH = 0.01; // of 1; below is the noise of a room
const PAUSE_MS = 700; // between two words
const QUIETER = 0.3;
const STEP = 0.34; // of the way, each time

export class Speech {
  private heardMs = -Infinity;

  // `level`: now, from 0 to 1.
  step(level: number, nowMs: number): boolean {
    if (level >= SPEECH) this.heardMs = nowMs;
    return nowMs - this.heardMs < PAUSE_MS;
  }
}

// Moves a volume down and back, a little each time. Who sets it himself meanwhile is left alone until there is silence.
export class Duck {
  private before = 1;
  private given: number | undefined; // what was set last; undefined: nothing is changed
  private isRefused = false;

  // What the volume is to be, from what it is.
  step(volume: number, isTalking: boolean): number {
    if (this.given === undefined) {
      if (!isTalking) return volume;
      this.before = volume;
    } else if (Math.abs(volume - this.given) > 0.001) {
      this.before = volume;
      this.isRefused = true;
    }
    const aim = isTalking && !this.isRefused ? this.before * QUIETER : this.before, left = aim - volume;
    const next = Math.abs(left) < 0.01 ? aim : volume + left * STEP;
    if (!isTalking) this.isRefused = false;
    this.given = !isTalking && next === this.before ? undefined : next;
    return next;
  }
}
