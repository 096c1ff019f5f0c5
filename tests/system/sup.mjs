// SPDX-License-Identifier: MIT
//
// sup: subtitles of Blu-ray (PGS), which are pictures; ffmpeg can copy but not make them. Layout of the segments as in
// libavcodec/pgssubdec.c and US patent 2009/0185789.

const CLOCK = 90000;
const PALETTE = 0x14, OBJECT = 0x15, COMPOSITION = 0x16, WINDOW = 0x17, END = 0x80;
const RED = [81, 90, 240]; // Y, Cb, Cr

const u16 = (...numbers) => Buffer.concat(numbers.map((number) => Buffer.from([number >> 8, number & 255])));

function segment(seconds, type, body) {
  const head = Buffer.alloc(13);
  head.write('PG', 'latin1');
  head.writeUInt32BE(Math.round(seconds * CLOCK), 2);
  head[10] = type;
  head.writeUInt16BE(body.length, 11);
  return Buffer.concat([head, body]);
}

// A line of one colour, run-length encoded.
function line(width) {
  return Buffer.from(width < 64 ? [0, 0x80 | width, 1, 0, 0] : [0, 0xc0 | (width >> 8), width & 255, 1, 0, 0]);
}

// Red rectangles: [{from, until, x, y, width, height}], in seconds and pixels of a picture of that size.
export function makeSup(width, height, shown) {
  const parts = [];
  for (const [i, { from, until, x, y, ...size }] of shown.entries()) {
    const window = Buffer.concat([Buffer.from([1, 0]), u16(x, y, size.width, size.height)]);
    const pixels = Buffer.concat(Array.from({ length: size.height }, () => line(size.width))), length = pixels.length + 4;
    parts.push(
      segment(from, COMPOSITION, Buffer.concat([u16(width, height), Buffer.from([0x10]), u16(2 * i), Buffer.from([0x80, 0, 0, 1]), u16(0), Buffer.from([0, 0]), u16(x, y)])),
      segment(from, WINDOW, window),
      segment(from, PALETTE, Buffer.from([0, 0, 1, RED[0], RED[2], RED[1], 255])),
      segment(from, OBJECT, Buffer.concat([u16(0), Buffer.from([0, 0xc0, length >> 16, (length >> 8) & 255, length & 255]), u16(size.width, size.height), pixels])),
      segment(from, END, Buffer.alloc(0)),
      segment(until, COMPOSITION, Buffer.concat([u16(width, height), Buffer.from([0x10]), u16(2 * i + 1), Buffer.from([0, 0, 0, 0])])),
      segment(until, WINDOW, window),
      segment(until, END, Buffer.alloc(0)));
  }
  return Buffer.concat(parts);
}
