// SPDX-License-Identifier: MIT
//
// memory: what this browser keeps. Without storage (private windows, blocked) it is kept as long as the page is open.
const kept = new Map<string, string>();

export function recall(name: string): string | undefined {
  try {
    return localStorage.getItem(`sharestream.${name}`) ?? kept.get(name);
  } catch {
    return kept.get(name);
  }
}

export function remember(name: string, value: string): void {
  kept.set(name, value);
  try {
    localStorage.setItem(`sharestream.${name}`, value);
  } catch { /* kept above */ }
}

export function forget(name: string): void {
  kept.delete(name);
  try {
    localStorage.removeItem(`sharestream.${name}`);
  } catch { /* nothing to forget */ }
}

// Random, as hex digits. crypto.randomUUID() is missing where there is no https.
export const randomText = (length: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => byte.toString(16).padStart(2, '0')).join('');

// The same each time, made up once.
export function recallOrMake(name: string, make: () => string): string {
  const found = recall(name) ?? make();
  remember(name, found);
  return found;
}
