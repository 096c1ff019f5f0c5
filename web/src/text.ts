// SPDX-License-Identifier: MIT
//
// text: as much of a text as the server takes: it counts bytes, fields count letters.
export const cut = (text: string, bytes: number): string => text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(bytes)).read);
