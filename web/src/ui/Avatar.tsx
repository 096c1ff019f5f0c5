// SPDX-License-Identifier: MIT
//
// Avatar: the first letter of somebody, always in the same colour.
const HUES = 8;

export function Avatar({ id, name }: { id: string; name: string }) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return <span class={`avatar hue-${sum % HUES}`} aria-hidden="true">{[...name][0]?.toUpperCase() ?? '?'}</span>;
}
