// SPDX-License-Identifier: MIT
//
// grants: what a room gives its members, where the server wants a token, to see what it plays. New ones come long before the old ones end.
import { signal } from '@preact/signals';

export const grants = signal<ReadonlyMap<string, string>>(new Map()); // by info-hash: "exp=...&sig=..."

// In a room of a server that is somebody else's: who may look, and change nothing.
export const isGuest = signal(false);

export function setGrant(hash: string, query: string): void {
  grants.value = new Map(grants.value).set(hash, query);
}

// Outside of rooms there are none.
export function leaveGrants(): void {
  grants.value = new Map();
  isGuest.value = false;
}

// An address of ours with the grant for its torrent as it is now: players and playlists keep addresses for hours.
export function renewed(address: string): string {
  const grant = grants.peek().get(/\/([0-9a-f]{40})(?:[/?]|$)/.exec(address)?.[1] ?? '');
  if (!grant) return address;
  const [path = '', query = ''] = address.split('?'), kept = query.split('&').filter((part) => part && !/^(exp|sig)=/.test(part));
  return `${path}?${[...kept, grant].join('&')}`;
}
