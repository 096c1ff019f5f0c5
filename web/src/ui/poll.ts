// SPDX-License-Identifier: MIT
//
// poll: what the server says, asked again and again while somebody looks. What it said last stays while it does not answer.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { ApiError, token } from '../api';

export interface Poll<T> { value: T | undefined; error: unknown; refresh(): Promise<void> }

const EVERY_MS = 2000;

// `inputs`: with other ones it is another question.
export function usePoll<T>(question: () => Promise<T>, inputs: unknown[] = [], everyMs = EVERY_MS): Poll<T> {
  const value = useSignal<T | undefined>(undefined), error = useSignal<unknown>(undefined), refresh = useRef(() => Promise.resolve());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined, turn = 0;
    const look = async () => {
      const mine = ++turn;
      clearTimeout(timer);
      if (document.hidden) return;
      try {
        const found = await question();
        if (mine !== turn) return;
        value.value = found;
        error.value = undefined;
      } catch (reason) {
        if (mine !== turn) return;
        error.value = reason;
        if (reason instanceof ApiError && reason.wantsToken) return;
      }
      timer = setTimeout(look, everyMs);
    };
    value.value = error.value = undefined;
    refresh.current = look;
    document.addEventListener('visibilitychange', look);
    void look();
    return () => {
      turn = -1;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [token.value, ...inputs]);
  return { value: value.value, error: error.value, refresh: () => refresh.current() };
}
