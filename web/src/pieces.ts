// SPDX-License-Identifier: MIT
//
// pieces: which pieces of a torrent lie under a film, which of them are worth having soon, and whole pieces made of bytes that come
// by. Pure.

export interface Layout { pieceBytes: number; pieceCount: number; totalBytes: number; fileOffset: number; fileBytes: number }
export type Has = (piece: number) => boolean;

export const pieceAt = ({ pieceBytes, fileOffset }: Layout, position: number): number => Math.floor((fileOffset + position) / pieceBytes);
// Of the file, where the piece begins; below 0 where it begins in the file before.
const positionOf = ({ pieceBytes, fileOffset }: Layout, piece: number): number => piece * pieceBytes - fileOffset;
const lastPiece = (layout: Layout): number => pieceAt(layout, Math.max(0, layout.fileBytes - 1));
export const lengthOf = ({ pieceBytes, totalBytes }: Layout, piece: number): number => Math.min(pieceBytes, totalBytes - piece * pieceBytes);

// How far there is something from `position` on without a gap; `position` itself where there is nothing.
export function hereUntil(layout: Layout, has: Has, position: number): number {
  let piece = pieceAt(layout, position);
  const last = lastPiece(layout);
  if (!has(piece)) return position;
  while (piece < last && has(piece + 1)) piece++;
  return Math.min(layout.fileBytes, positionOf(layout, piece + 1));
}

// From where on there is something again, with as much in a row that changing over to it is worth while; the end of the file: nowhere.
export function hereAgain(layout: Layout, has: Has, position: number, worthBytes: number): number {
  const last = lastPiece(layout);
  for (let piece = pieceAt(layout, position) + 1; piece <= last; piece++) {
    if (!has(piece)) continue;
    const from = positionOf(layout, piece), until = hereUntil(layout, has, from);
    if (until - from >= worthBytes || until >= layout.fileBytes) return from;
    piece = pieceAt(layout, until);
  }
  return layout.fileBytes;
}

// What a player at `position` will want: from the piece after the one it is in. Undefined at the end.
export function ahead(layout: Layout, position: number, bytes: number): { from: number; to: number } | undefined {
  const from = pieceAt(layout, position) + 1, to = Math.min(lastPiece(layout), Math.max(from, pieceAt(layout, position + bytes)));
  return from <= to ? { from, to } : undefined;
}

// Bytes as a player gets them, one after the other; each piece that came by from its beginning to its end.
export class Gatherer {
  private piece = -1;
  private bytes: Uint8Array | undefined;
  private filled = 0;

  constructor(private readonly layout: Layout, private readonly onPiece: (piece: number, bytes: Uint8Array) => void, private readonly wants: Has) {}

  take(position: number, bytes: Uint8Array): void {
    while (bytes.length > 0) {
      const piece = pieceAt(this.layout, position), begin = positionOf(this.layout, piece), length = lengthOf(this.layout, piece);
      const used = Math.min(bytes.length, begin + length - position);
      // A piece that the film shares with what lies before or behind it does not come by whole.
      const isOurs = begin >= 0 && begin + length <= this.layout.fileBytes;
      if (position === begin && isOurs && this.wants(piece)) {
        this.piece = piece;
        this.bytes = new Uint8Array(length);
        this.filled = 0;
      }
      if (this.bytes && this.piece === piece && begin + this.filled === position) {
        this.bytes.set(bytes.subarray(0, used), this.filled);
        this.filled += used;
        if (this.filled === length) {
          this.onPiece(piece, this.bytes);
          this.bytes = undefined;
        }
      } else {
        this.bytes = undefined;
      }
      position += used;
      bytes = bytes.subarray(used);
    }
  }
}
