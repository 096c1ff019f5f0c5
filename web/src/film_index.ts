// SPDX-License-Identifier: MIT
//
// film_index: where in a film its index is, when that is at the end: no player begins without it. Cameras write it there.
const MATROSKA_TAIL = 2 << 20; // its index is small, and the last thing in most files
const BOXES_MAX = 64;

async function read(film: Blob, at: number, length: number): Promise<DataView> {
  return new DataView(await film.slice(at, at + length).arrayBuffer());
}

const word = (view: DataView, at: number): string => String.fromCharCode(...new Uint8Array(view.buffer, at, 4));

// MP4 is a row of boxes, each with its length and name in front; "moov" is the index.
async function findMoov(film: Blob): Promise<number | undefined> {
  let hasData = false;
  for (let at = 0, count = 0; at + 16 <= film.size && count < BOXES_MAX; count++) {
    const head = await read(film, at, 16), name = word(head, 4), short = head.getUint32(0);
    if (name === 'moov') return hasData ? at : undefined;
    if (name === 'mdat') hasData = true;
    const length = short === 1 ? Number(head.getBigUint64(8)) : short;
    if (length < 8) return undefined; // up to the end, or nonsense
    at += length;
  }
  return undefined;
}

// Where to begin so that it is in; undefined: it needs no help.
export async function indexAt(film: Blob): Promise<number | undefined> {
  if (film.size < 16) return undefined;
  const head = await read(film, 0, 16);
  if (word(head, 4) === 'ftyp') return findMoov(film);
  const isMatroska = head.getUint32(0) === 0x1a45dfa3, isAvi = word(head, 0) === 'RIFF' && word(head, 8) === 'AVI ';
  return isMatroska || isAvi ? Math.max(0, film.size - MATROSKA_TAIL) : undefined;
}
