// Go's order of strings and of the keys of a map: by their bytes.

import { encodeText } from "./text.ts";
import type { MapValue } from "./value.ts";

/** The keys of a map in Go's order, which is the order of their bytes. */
export function keysInOrder(value: MapValue): string[] {
  return [...value.entries.keys()].sort(compareBytes);
}

/** Order of two strings by their UTF-8 bytes. UTF-16 order differs above U+FFFF, hence by code point. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] === b[i]) continue;
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x < 0xd800 && y < 0xd800) return x - y;
    return Buffer.compare(encodeText(a.slice(Math.max(0, i - 1))), encodeText(b.slice(Math.max(0, i - 1))));
  }
  return a.length - b.length;
}
