// SPDX-License-Identifier: MIT
//
// swarm: what is known of a torrent's swarm, asked for as long as somebody looks; and how it is told.
import { type Signal, signal } from '@preact/signals';
import { type File, type Pieces, type SwarmPeer, type Torrent, type Tracker, api } from './api';

export const kinds = ['webrtc', 'tcp', 'utp', 'web_seed'] as const;
export type Kind = typeof kinds[number];
// In the order of PiecesReply.Cell.
export const cells = ['here', 'skipped', 'missing', 'soon', 'coming'] as const;
export type Cell = typeof cells[number];
export interface Map_ { ready: Uint8Array; states: Uint8Array; peers: Uint8Array; readers: Set<number>; cellPieces: number; pieceCount: number }
export interface Swarm {
  torrent: Signal<Torrent | undefined>;
  peers: Signal<SwarmPeer[] | undefined>;
  peerCount: Signal<number>;
  trackers: Signal<Tracker[]>;
  map: Signal<Map_ | undefined>;
  error: Signal<unknown>;
  refresh(): Promise<void>;
  end(): void;
}

const LOOK_MS = 2000;
const CELLS = 1024;

export const kindOf = ({ flags = [] }: SwarmPeer): Kind => kinds.find((kind) => flags.includes(kind)) ?? 'tcp';

export function decode(text: string): Uint8Array {
  const bytes = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0));
}

export const readMap = ({ ready, state, peers, readers, cellPieces, pieceCount }: Pieces): Map_ => ({ ready: decode(ready), states: decode(state), peers: decode(peers), cellPieces, pieceCount,
  readers: new Set(readers.map(({ piece = 0 }) => Math.floor(piece / Math.max(1, cellPieces)))) });

// Of all pieces, how large a part is what; together 1.
export function shares({ ready, states }: Map_): Record<Cell, number> {
  const sums: Record<Cell, number> = { here: 0, skipped: 0, missing: 0, soon: 0, coming: 0 };
  for (const [cell, amount] of ready.entries()) {
    sums.here += amount / 255;
    sums[cells[states[cell] ?? 0] ?? 'missing'] += 1 - amount / 255;
  }
  for (const name of cells) sums[name] /= Math.max(1, ready.length);
  return sums;
}

// How many have what fewest have, of what is missing and wanted; undefined: nothing is.
export function rarest({ states, peers }: Map_): number | undefined {
  const counts = [...peers].filter((_, cell) => (states[cell] ?? 0) > 1);
  return counts.length > 0 ? Math.min(...counts) : undefined;
}

export type Priority = 'skip' | 'normal' | 'first';
export const priorityOf = ({ isWanted, isFirst }: File): Priority => (!isWanted ? 'skip' : isFirst ? 'first' : 'normal');

// What to tell the server when one file is to be fetched otherwise. No file at all would mean all of them.
export function selectionWith(files: File[], id: number, priority: Priority): { files: number[]; first: number[] } {
  const of = (file: File) => (file.id === id ? priority : priorityOf(file)), ids = (list: File[]) => list.map((file) => file.id);
  return { files: ids(files.filter((file) => of(file) !== 'skip')), first: ids(files.filter((file) => of(file) === 'first')) };
}

export function openSwarm(hash: string): Swarm {
  const torrent = signal<Torrent | undefined>(undefined), peers = signal<SwarmPeer[] | undefined>(undefined), peerCount = signal(0), trackers = signal<Tracker[]>([]);
  const map = signal<Map_ | undefined>(undefined), error = signal<unknown>(undefined);
  let hasEnded = false, timer: ReturnType<typeof setTimeout> | undefined;

  async function refresh(): Promise<void> {
    const [info, swarm, pieces] = await Promise.all([api.torrent(hash), api.peers(hash), api.pieces(hash, CELLS)]);
    if (hasEnded) return;
    torrent.value = info;
    peers.value = [...swarm.peers].sort((a, b) => kinds.indexOf(kindOf(a)) - kinds.indexOf(kindOf(b)) || (b.downloadRate ?? 0) + (b.uploadRate ?? 0) - (a.downloadRate ?? 0) - (a.uploadRate ?? 0));
    peerCount.value = swarm.peerCount;
    trackers.value = swarm.trackers;
    map.value = pieces.pieceCount > 0 ? readMap(pieces) : undefined;
    error.value = undefined;
  }

  async function look(): Promise<void> {
    if (!document.hidden) await refresh().catch((reason: unknown) => { error.value = reason; });
    if (!hasEnded) timer = setTimeout(() => void look(), LOOK_MS);
  }

  void look();
  return { torrent, peers, peerCount, trackers, map, error, refresh,
    end() {
      hasEnded = true;
      clearTimeout(timer);
    } };
}
