// SPDX-License-Identifier: MIT
//
// position: where the film of a room is just now, without a player.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { RoomSession } from '../room';

const STEP_MS = 250;

export function usePosition(session: RoomSession): number {
  const at = useSignal(0);
  useEffect(() => {
    const look = () => {
      const { durationMs = 0 } = session.room.peek()?.clock ?? {}, ms = session.clock.roomMs(performance.now());
      at.value = durationMs > 0 ? Math.min(ms, durationMs) : ms;
    };
    look();
    const timer = setInterval(look, STEP_MS);
    return () => clearInterval(timer);
  }, [session]);
  return at.value;
}
