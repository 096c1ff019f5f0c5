// SPDX-License-Identifier: MIT
//
// relay: how the service worker and a page speak about the bytes of a film that a player asks for, and what both must work out for it.
// Pure.

// The worker, for each request of a player, with a port for what follows. The page says whether the film is one that it may share.
export interface Call { stream: string } // "HASH/FILE"
export type Answer = { size: number; type: string } | undefined;

// Then on the port, as the player reads: "what is here from `at` on, no further than `last`?"
export interface Ask { at: number; last: number }
// Bytes from there; or none before `until`, and whether what is fetched instead should be told.
export type Told = { bytes: Uint8Array } | { until: number; wants: boolean };
// And what was fetched, if so; without bytes the player has gone.
export interface Seen { from: number; bytes?: Uint8Array }

// A film that may pass by a page has an address of its own. Browsers keep what they have of an address, and take nothing more for it from
// where the first bytes did not come from: what the worker answers by itself and what the server answers must not meet there. The server
// does not mind the word.
const PASSES = 'passes=1';
export const passing = (address: string): string => `${address}${address.includes('?') ? '&' : '?'}${PASSES}`;
// What a player asks for by such an address.
export function streamOf({ pathname, search }: URL): string | undefined {
  return search.slice(1).split('&').includes(PASSES) ? /\/stream\/([0-9a-f]{40}\/\d{1,9})$/.exec(pathname)?.[1] : undefined;
}

// "bytes=5-", "bytes=5-9" and "bytes=-5" of a file; undefined where none of it can be had, or it is something else.
export function readRange(header: string | null, size: number): { first: number; last: number } | undefined {
  if (header === null) return size > 0 ? { first: 0, last: size - 1 } : undefined;
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from), last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  return first <= last ? { first, last } : undefined;
}
