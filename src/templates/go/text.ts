// Go strings are bytes, ours are UTF-16: how text with bytes that are not UTF-8 is carried in a JavaScript string.

// A byte that is no part of valid UTF-8 is kept as the lone low surrogate U+DC00 + byte, which no valid text contains.
const escapeBase = 0xdc00;

/** The byte that a lone surrogate stands for, or undefined when the code point is an ordinary character. */
export function escapedByte(codePoint: number): number | undefined {
  return codePoint >= escapeBase + 0x80 && codePoint <= escapeBase + 0xff
    ? codePoint - escapeBase
    : undefined;
}

/** The bytes of a Go string. Surrogates that stand for no byte become U+FFFD, as when text is written out. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text, "utf8");
  const out: number[] = [];
  for (const character of text) {
    const byte = escapedByte(character.codePointAt(0)!);
    if (byte === undefined) out.push(...Buffer.from(character, "utf8"));
    else out.push(byte);
  }
  return Uint8Array.from(out);
}

/** The Go string of these bytes: the reverse of `encodeText`. */
export function decodeText(bytes: Uint8Array): string {
  const plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  if (!plain.includes("\ufffd")) return plain;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceLength(bytes, at);
    text +=
      size === 0
        ? String.fromCharCode(escapeBase + bytes[at]!)
        : Buffer.from(bytes.subarray(at, at + size)).toString("utf8");
    at += Math.max(size, 1);
  }
  return text;
}

/** Length in bytes, which is what Go's `len` counts. */
export function textLength(text: string): number {
  return text.isWellFormed() ? Buffer.byteLength(text, "utf8") : encodeText(text).length;
}

/** Joins escaped bytes that have become neighbours and together are valid UTF-8. Needed after every concatenation. */
export function normalizeText(text: string): string {
  return text.isWellFormed() ? text : decodeText(encodeText(text));
}

/** Number of runes; a byte that is not UTF-8 counts as one. */
export function runeCount(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Code points as Go's `for range` sees them: a byte that is not UTF-8 is U+FFFD. */
export function runeOf(character: string): number {
  const codePoint = character.codePointAt(0)!;
  return codePoint >= 0xd800 && codePoint <= 0xdfff ? 0xfffd : codePoint;
}

// Length of the well-formed UTF-8 sequence at `at`; 0 when there is none (overlong forms, surrogates, beyond U+10FFFF).
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + size > bytes.length) return 0;
  for (let i = 1; i < size; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  const second = bytes[at + 1]!;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second > 0x9f) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second > 0x8f) return 0;
  return size;
}
