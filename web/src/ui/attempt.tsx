// SPDX-License-Identifier: MIT
//
// attempt: something that the server may refuse. Then the words for it are shown, until they are closed or the next attempt.
import type { JSX } from 'preact';
import { useSignal } from '@preact/signals';
import { ApiError } from '../api';
import type { RoomError } from '../room';
import { Notice, explain, explainRoom } from './parts';

// False: refused.
export type Attempt = (work: () => Promise<unknown>) => Promise<boolean>;

export function useAttempt(): { attempt: Attempt; refusal: JSX.Element | false } {
  const refused = useSignal('');
  const attempt: Attempt = async (work) => {
    refused.value = '';
    try {
      await work();
      return true;
    } catch (reason) {
      refused.value = reason instanceof ApiError ? explain(reason).what : explainRoom(reason as RoomError).title;
      return false;
    }
  };
  return { attempt, refusal: refused.value !== '' && <Notice kind="warn" title={refused.value} onClose={() => { refused.value = ''; }} /> };
}
