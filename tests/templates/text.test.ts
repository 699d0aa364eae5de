// Go's byte strings within JavaScript strings.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { compareBytes } from "../../src/templates/go/order.ts";
import { decodeText, encodeText, normalizeText, runeCount, textLength } from "../../src/templates/go/text.ts";

test("any bytes survive", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decodeText(bytes);
      expect(Buffer.from(encodeText(text)).equals(Buffer.from(bytes))).toBe(true);
      expect(textLength(text)).toBe(bytes.length);
      expect(normalizeText(text)).toBe(text);
    }),
  );
});

test("text in UTF-8 is the same text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      fc.pre(text.isWellFormed());
      expect(decodeText(Buffer.from(text, "utf8"))).toBe(text);
      expect(runeCount(text)).toBe([...text].length);
    }),
  );
});

test("broken sequences are kept byte by byte", () => {
  const broken = [
    [0xff],
    [0xc3],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf8, 0x88],
  ];
  for (const bytes of broken) {
    expect(decodeText(Uint8Array.from(bytes))).toBe(
      String.fromCharCode(...bytes.map((byte) => 0xdc00 + byte)),
    );
  }
});

test("halves of a character that are joined become it", () => {
  expect(normalizeText(decodeText(Uint8Array.of(0xc3)) + decodeText(Uint8Array.of(0xa9)))).toBe("é");
});

test("order is that of the bytes", () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "é", "\uffee", "😀", "") }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(words, (list) => {
      const byBytes = [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect([...list].sort(compareBytes)).toEqual(byBytes);
    }),
  );
});
