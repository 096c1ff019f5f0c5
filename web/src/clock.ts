// SPDX-License-Identifier: MIT
//
// clock: what a viewer does so that its player is where the room's clock is. The algorithm of services/room-svc/core/clock_client.h, line by
// line; why it is so is told there. Pure: times are milliseconds of this page's own clock unless they say server.
const SAMPLES = 8;
const DRIFT_MS = 20;
const ASK_FIRST = 8;
const ASK_FIRST_MS = 300;
const ASK_MS = 5000;
const REPORT_MS = 1000;
const SEEK_GUESS_MS = 300;
const START_GUESS_MS = 50;
const LEARN = 0.3;
const ESTIMATE_MAX_MS = 3000;
const IN_PLACE_MS = 25;
const NUDGE_END_MS = 6;
const NUDGE_MOST = 0.05;
const NUDGE_OVER_MS = 1000;
const LAND_MS = 350;
const JUMP_MS = 3000;
const STILL_MS = 40;
const CUT_MS = 500;
const STALL_MS = 400;
const STEP_MS = 200;
const STEP_LANDING_MS = 50;

// As the server tells it.
export interface State { epoch: number; atMs: number; positionMs: number; rate: number; isPlaying: boolean }
export interface Player { positionMs: number; isPlaying: boolean; isSeeking: boolean }
export interface Action { seekToMs?: number; does?: 'play' | 'pause'; rate: number; againMs: number }
export interface Report { epoch: number; atMs: number; positionMs: number; bufferedMs: number }

interface Sample { offsetMs: number; delayMs: number }

// Between two clocks, by samples as of NTP: the one with the least delay among the last few counts. Samples that cannot all be right tell
// that the other clock was set, or is another server's: the older ones go.
export class Offset {
  private samples: Sample[] = [];

  add(sentMs: number, heardMs: number, answeredMs: number, backMs: number): boolean {
    const delayMs = (backMs - sentMs) - (answeredMs - heardMs);
    if (!Number.isFinite(delayMs) || delayMs < 0 || answeredMs < heardMs) return false;
    const sample = { offsetMs: ((heardMs - sentMs) + (answeredMs - backMs)) / 2, delayMs }, { best } = this;
    if (best && Math.abs(best.offsetMs - sample.offsetMs) > (best.delayMs + delayMs) / 2 + DRIFT_MS) this.samples = [];
    this.samples.push(sample);
    if (this.samples.length > SAMPLES) this.samples.shift();
    return true;
  }

  private get best(): Sample | undefined {
    return this.samples.reduce<Sample | undefined>((best, one) => (best && best.delayMs <= one.delayMs ? best : one), undefined);
  }

  get isKnown(): boolean { return this.samples.length > 0; }
  get ms(): number { return this.best?.offsetMs ?? 0; }
  get delayMs(): number { return this.best?.delayMs ?? -1; }
}

export class Clock {
  readonly offset = new Offset();
  state: State | undefined;
  private askedMs = 0;
  private asked = 0;
  private reportedMs = -Infinity;
  private reportedEpoch = -1;
  private rate = 1;
  private seekMs = SEEK_GUESS_MS;
  private startMs = START_GUESS_MS;
  private seekAtMs = 0;
  private startAtMs = 0;
  private isLanding = false;
  private isNudging = false;
  private movedMs = 0;
  private movedPositionMs = 0;

  // ---- the server's time

  // Soon and often, as in the beginning: what is known already counts until it is contradicted.
  askAnew(): void {
    this.asked = 0;
  }

  asks(nowMs: number): boolean {
    if (this.asked > 0 && nowMs - this.askedMs < (this.asked < ASK_FIRST ? ASK_FIRST_MS : ASK_MS)) return false;
    this.askedMs = nowMs;
    this.asked++;
    return true;
  }

  serverMs(nowMs: number): number {
    return nowMs + this.offset.ms;
  }

  // ---- the room

  setState(state: State): void {
    if (this.state && state.epoch <= this.state.epoch) return;
    this.state = state;
    this.isLanding = true;
    this.isNudging = false;
  }

  // Everything again from where the player happens to be: for somebody who thinks it is off.
  resync(): void {
    this.isLanding = true;
    this.isNudging = false;
  }

  roomMs(nowMs: number): number {
    const { state } = this;
    return state ? state.positionMs + (state.isPlaying ? Math.max(this.serverMs(nowMs) - state.atMs, 0) * state.rate : 0) : 0;
  }

  step(player: Player, nowMs: number): Action {
    const { state } = this, serverMs = this.serverMs(nowMs), roomMs = this.roomMs(nowMs), isStalled = this.watch(player, nowMs);
    const action: Action = { rate: state?.rate ?? 1, againMs: this.isLanding ? STEP_LANDING_MS : STEP_MS };
    if (!state || !this.offset.isKnown) action.rate = 1;
    else if (serverMs < state.atMs) this.prepare(state, player, serverMs, nowMs, action);
    else if (!state.isPlaying) this.standAt(player, roomMs, nowMs, action);
    else if (player.isSeeking || isStalled) { /* wait for the player; another seek would only begin anew */ }
    else if (player.isPlaying) this.follow(state, player, roomMs, nowMs, action);
    else this.start(state, player, roomMs, nowMs, action);
    this.rate = action.rate;
    return action;
  }

  // What to tell the server, when it is time to.
  report(player: Player, bufferedMs: number, nowMs: number): Report | undefined {
    const { state } = this, serverMs = this.serverMs(nowMs);
    if (!state || !this.offset.isKnown || serverMs < state.atMs) return undefined;
    if (nowMs - this.reportedMs < REPORT_MS && !(this.reportedEpoch !== state.epoch && !player.isSeeking)) return undefined;
    if (!player.isSeeking) this.reportedEpoch = state.epoch;
    this.reportedMs = nowMs;
    return { epoch: state.epoch, atMs: Math.trunc(serverMs), positionMs: Math.trunc(player.positionMs),
      bufferedMs: player.isSeeking ? 0 : Math.trunc(Math.max(bufferedMs, -1)) };
  }

  // ---- within

  private watch(player: Player, nowMs: number): boolean {
    let hasMoved = player.positionMs !== this.movedPositionMs;
    if (this.seekAtMs !== 0 && !player.isSeeking) {
      this.seekMs = learn(this.seekMs, nowMs - this.seekAtMs);
      this.seekAtMs = 0;
      hasMoved = true;
    }
    if (!player.isPlaying || player.isSeeking) this.movedMs = nowMs;
    if (hasMoved) {
      this.movedMs = nowMs;
      this.movedPositionMs = player.positionMs;
    }
    if (nowMs - this.movedMs < STALL_MS) return false;
    this.resync();
    return true;
  }

  private seek(toMs: number, nowMs: number, action: Action): void {
    action.seekToMs = Math.max(toMs, 0);
    this.seekAtMs = nowMs;
    this.isNudging = false;
  }

  private standAt(player: Player, positionMs: number, nowMs: number, action: Action): void {
    if (player.isPlaying) action.does = 'pause';
    if (!player.isSeeking && Math.abs(player.positionMs - positionMs) > STILL_MS) this.seek(positionMs, nowMs, action);
  }

  private land(state: State, player: Player, roomMs: number, nowMs: number, action: Action): void {
    if (player.isPlaying) action.does = 'pause';
    this.seek(roomMs + (this.seekMs * 1.3 + this.startMs) * state.rate, nowMs, action);
  }

  private start(state: State, player: Player, roomMs: number, nowMs: number, action: Action): void {
    const earlyMs = (player.positionMs - roomMs) / state.rate - this.startMs;
    if (earlyMs < -LAND_MS) {
      this.land(state, player, roomMs, nowMs, action);
    } else if (earlyMs > JUMP_MS) {
      this.seek(roomMs + this.startMs * state.rate, nowMs, action);
    } else if (earlyMs > 1) {
      action.againMs = Math.min(earlyMs, STEP_MS);
    } else {
      action.does = 'play';
      action.againMs = STEP_LANDING_MS;
      this.startAtMs = nowMs;
      this.movedMs = nowMs;
    }
  }

  private nudged(errorMs: number): number {
    const size = Math.abs(errorMs);
    if (size > IN_PLACE_MS) this.isNudging = true;
    else if (size < NUDGE_END_MS) this.isNudging = false;
    return this.isNudging ? 1 - Math.min(Math.max(errorMs / NUDGE_OVER_MS, -NUDGE_MOST), NUDGE_MOST) : 1;
  }

  private follow(state: State, player: Player, roomMs: number, nowMs: number, action: Action): void {
    const errorMs = player.positionMs - roomMs, size = Math.abs(errorMs);
    if (this.startAtMs !== 0 && this.movedMs > this.startAtMs) {
      if (size <= LAND_MS) this.startMs = learn(this.startMs, this.startMs - errorMs / state.rate);
      this.startAtMs = 0;
    }
    if (size > (this.isLanding ? LAND_MS : JUMP_MS)) {
      this.land(state, player, roomMs, nowMs, action);
      return;
    }
    if (size <= IN_PLACE_MS) this.isLanding = false;
    action.rate *= this.nudged(errorMs);
  }

  private prepare(state: State, player: Player, serverMs: number, nowMs: number, action: Action): void {
    const leftMs = state.atMs - serverMs, thenMs = player.positionMs + (player.isPlaying ? leftMs * this.rate : 0);
    if (player.isPlaying) action.rate = this.rate;
    action.againMs = Math.min(leftMs, STEP_MS);
    if (player.isSeeking) return;
    if (Math.abs(thenMs - state.positionMs) > CUT_MS) this.standAt(player, state.positionMs, nowMs, action);
    else if (!player.isPlaying && state.isPlaying) this.start(state, player, state.positionMs - leftMs * state.rate, nowMs, action);
  }
}

function learn(averageMs: number, measuredMs: number): number {
  return averageMs + LEARN * (Math.min(Math.max(measuredMs, 0), ESTIMATE_MAX_MS) - averageMs);
}
