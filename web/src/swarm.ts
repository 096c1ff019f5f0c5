// SPDX-License-Identifier: MIT
//
// swarm: what the server says of a torrent's swarm, so that it can be shown; and what it is told when files are chosen. Pure.
import type { File, Pieces, SwarmPeer } from './api';

export const kinds = ['webrtc', 'tcp', 'utp', 'web_seed'] as const;
export type Kind = typeof kinds[number];
// In the order of PiecesReply.Cell.
export const cells = ['here', 'skipped', 'missing', 'soon', 'coming'] as const;
export type Cell = typeof cells[number];
export interface PieceMap { ready: Uint8Array; states: Uint8Array; peers: Uint8Array; readers: Set<number>; cellPieces: number; pieceCount: number }
export const kindOf = ({ flags = [] }: SwarmPeer): Kind => kinds.find((kind) => flags.includes(kind)) ?? 'tcp';

export function decode(text: string): Uint8Array {
  const bytes = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0));
}

export const readMap = ({ ready, state, peers, readers, cellPieces, pieceCount }: Pieces): PieceMap => ({ ready: decode(ready), states: decode(state), peers: decode(peers), cellPieces, pieceCount,
  readers: new Set(readers.map(({ piece = 0 }) => Math.floor(piece / Math.max(1, cellPieces)))) });

// Of all pieces, how large a part is what; together 1.
export function shares({ ready, states }: PieceMap): Record<Cell, number> {
  const sums: Record<Cell, number> = { here: 0, skipped: 0, missing: 0, soon: 0, coming: 0 };
  for (const [cell, amount] of ready.entries()) {
    sums.here += amount / 255;
    sums[cells[states[cell] ?? 0] ?? 'missing'] += 1 - amount / 255;
  }
  for (const name of cells) sums[name] /= Math.max(1, ready.length);
  return sums;
}

// How many have what fewest have, of what is missing and wanted; undefined: nothing is.
export function rarest({ states, peers }: PieceMap): number | undefined {
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
