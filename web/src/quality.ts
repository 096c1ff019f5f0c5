// SPDX-License-Identifier: MIT
//
// quality: which size of the picture somebody wants: what fits, the film's own, or at most so high. Kept for all films.
import { computed, signal } from '@preact/signals';
import { recall, remember } from './memory';

export type Quality = 'auto' | 'original' | number;
export interface Size { height: number; isOriginal: boolean }

function readQuality(kept: string | undefined): Quality {
  const height = Number(kept);
  return kept === 'original' ? kept : Number.isInteger(height) && height > 0 ? height : 'auto';
}

const chosen = signal<Quality>(readQuality(recall('quality')));
export const quality = computed(() => chosen.value);

export function setQuality(value: Quality): void {
  chosen.value = value;
  remember('quality', String(value));
}

// The folder of a picture says whether it is the film's own ("v") or made ("v720").
export const isOriginalUrl = (url: string): boolean => /(^|\/)v\/[^/]*$/.test(url.replace(/[?#].*/, ''));

// Of a master playlist of our own server, largest first.
export function readSizes(text: string): Size[] {
  const found: Size[] = [];
  let height = 0;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('#EXT-X-STREAM-INF:')) height = Number(/[:,]RESOLUTION=\d+x(\d+)/.exec(line)?.[1] ?? 0);
    if (line === '' || line.startsWith('#')) continue;
    if (height > 0) found.push({ height, isOriginal: isOriginalUrl(line) });
    height = 0;
  }
  return found.sort((a, b) => b.height - a.height);
}

// Which of them; -1: whichever fits.
export function sizeFor(sizes: Size[], wanted: Quality): number {
  if (wanted === 'auto' || sizes.length === 0) return -1;
  const original = sizes.findIndex(({ isOriginal }) => isOriginal), limit = wanted === 'original' ? Infinity : wanted;
  if (wanted === 'original' && original >= 0) return original;
  const height = (at: number) => sizes[at]?.height ?? 0, order = sizes.map((_, at) => at).sort((a, b) => height(b) - height(a));
  return order.find((at) => height(at) <= limit) ?? order[order.length - 1] ?? -1;
}

// The largest that is none of the film's own; -1: there is no other.
export function largestMade(sizes: Size[]): number {
  return sizes.reduce((best, { height, isOriginal }, at) => (!isOriginal && height > (sizes[best]?.height ?? 0) ? at : best), -1);
}
