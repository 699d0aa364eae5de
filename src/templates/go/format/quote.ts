// Go's quoted strings and characters, as %q, %#v and strconv.Quote write them.

import { escapedByte, runeOf } from "../text.ts";

const named = new Map([
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0b, "\\v"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
  [0x5c, "\\\\"],
]);

/**
 * Whether Go prints this code point as it is: letters, marks, numbers, punctuation, symbols and the plain space.
 * By the Unicode version of the JavaScript engine, which is ahead of Go's: the two part only in characters since 2023.
 */
export function isPrintable(codePoint: number): boolean {
  if (codePoint < 0x7f) return codePoint >= 0x20;
  if (codePoint > 0x10ffff) return false;
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(String.fromCodePoint(codePoint));
}

/** The text between double quotes, with escapes; `ascii` escapes everything beyond ASCII too (%+q). */
export function quoteText(text: string, ascii = false): string {
  let out = '"';
  for (const character of text) {
    const byte = escapedByte(character.codePointAt(0)!);
    if (byte !== undefined) out += `\\x${byte.toString(16).padStart(2, "0")}`;
    else if (character === '"') out += '\\"';
    else out += escapeRune(runeOf(character), ascii);
  }
  return `${out}"`;
}

/** The code point between single quotes; anything that is no character is U+FFFD. */
export function quoteRune(codePoint: number, ascii = false): string {
  const valid = codePoint >= 0 && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
  const rune = valid ? codePoint : 0xfffd;
  return rune === 0x27 ? "'\\''" : `'${escapeRune(rune, ascii)}'`;
}

/** Whether the text can stand between backquotes on one line (%#q). */
export function fitsBackquotes(text: string): boolean {
  for (const character of text) {
    const codePoint = character.codePointAt(0)!;
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) return false;
    if (codePoint === 0xfeff || codePoint === 0x60 || codePoint === 0x7f) return false;
    if (codePoint < 0x20 && codePoint !== 0x09) return false;
  }
  return true;
}

function escapeRune(rune: number, ascii: boolean): string {
  const name = named.get(rune);
  if (name !== undefined) return name;
  if (isPrintable(rune) && (rune < 0x7f || !ascii)) return String.fromCodePoint(rune);
  if (rune < 0x80) return `\\x${rune.toString(16).padStart(2, "0")}`;
  if (rune < 0x10000) return `\\u${rune.toString(16).padStart(4, "0")}`;
  return `\\U${rune.toString(16).padStart(8, "0")}`;
}
