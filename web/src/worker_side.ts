// SPDX-License-Identifier: MIT
//
// worker_side: the page's side of the service worker (worker.ts). It is there for two things: to say so when the server is away, and
// to let a film pass by who shares it (sharing.ts). Browsers have it with https, and on the machine itself.
import type { Answer, Call } from './relay';
import { here } from './router';

export interface Relay { answer(): Answer; open(port: MessagePort): void; onDistrust(why: string): void }

const CONTROL_MS = 2000; // until then a first visit has it, or does without
const STAY_MS = 20000; // browsers end a worker that hears nothing for half a minute, with what passes through it
const relays = new Map<string, Relay>();

export const hasWorker = (): boolean => 'serviceWorker' in navigator && isSecureContext;

export function startWorker(): void {
  if (!hasWorker()) return;
  navigator.serviceWorker.addEventListener('message', ({ data, ports: [port] }: MessageEvent<Call>) => {
    const relay = relays.get(data.stream), answer = relay?.answer();
    port?.postMessage(answer);
    if (port && relay && answer) relay.open(port);
  });
  navigator.serviceWorker.startMessages();
  setInterval(() => { if (relays.size > 0) navigator.serviceWorker.controller?.postMessage('stay'); }, STAY_MS);
  // Without it all goes on as well.
  navigator.serviceWorker.register(here('worker.js'), { scope: here('.').pathname }).catch(() => {});
}

// Who answers for a stream from now on. Returns what ends that.
export function relayStream(stream: string, relay: Relay): () => void {
  relays.set(stream, relay);
  return () => { if (relays.get(stream) === relay) relays.delete(stream); };
}

export const isControlled = (): boolean => hasWorker() && navigator.serviceWorker.controller !== null;

// A player is about to ask for a stream: of one that somebody answers for, the worker should hear. True: it will.
export async function untilRelayed(stream: string): Promise<boolean> {
  if (!relays.has(stream)) return false;
  if (isControlled()) return true;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, CONTROL_MS);
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
  return relays.has(stream) && isControlled();
}

// It failed in a player: from now on without us. False: it was without us before.
export function distrust(stream: string, why: string): boolean {
  const relay = relays.get(stream);
  relays.delete(stream);
  relay?.onDistrust(why);
  return relay !== undefined && isControlled();
}
