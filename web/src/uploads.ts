// SPDX-License-Identifier: MIT
//
// uploads: files on their way to the server. They go on in whichever view, as long as the page is open.
import { type Signal, signal } from '@preact/signals';

export type SendingState = 'sending' | 'waiting' | 'paused' | 'failed' | 'sent';
export interface Sending {
  hash: string; // by which the server knows it
  name: string;
  sizeBytes: number;
  sentBytes: Signal<number>;
  rate: Signal<number>; // bytes per second; 0 while unknown
  state: Signal<SendingState>;
  error: Signal<unknown>; // while it waits or has failed
  pause(): void;
  resume(): void;
  cancel(): Promise<void>;
}

export const sendings = signal<Sending[]>([]);

// As soon as the server knows of it: by which hash. The same file again goes on where it was.
export async function sendFile(file: File): Promise<string> {
  const same = sendings.value.find(({ name, sizeBytes, state }) => name === file.name && sizeBytes === file.size && state.value !== 'sent');
  if (same) {
    if (same.state.value !== 'sending') same.resume();
    return same.hash;
  }
  const { send } = await import('./sending');
  const sending = await send(file);
  sendings.value = [...sendings.value, sending];
  return sending.hash;
}

export const forgetSending = (gone: Sending): void => { sendings.value = sendings.value.filter((one) => one !== gone); };

// Closing the page ends them.
addEventListener('beforeunload', (event) => {
  if (sendings.value.some(({ state }) => state.value === 'sending' || state.value === 'waiting')) event.preventDefault();
});
