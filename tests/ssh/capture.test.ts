// Lines and tails of outputs, however the bytes are cut.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLineSplitter, createTail, maxLineBytes } from "../../src/ssh/exec/capture.ts";

/** `bytes` pushed in pieces of these sizes. */
function split(bytes: Uint8Array, sizes: readonly number[]): string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line));
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : Math.max(1, sizes[i % sizes.length]!);
    splitter.push(bytes.slice(at, at + size));
    at += size;
  }
  splitter.end();
  return lines;
}

test("the cuts between chunks change nothing", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "ü", "日", "😀", "\n", "\r\n", " ") });
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 5 }), (content, sizes) => {
      const expected = content.split("\n").map((line) => line.replace(/\r$/, ""));
      if (expected.at(-1) === "" && !content.endsWith("\r")) expected.pop();
      expect(split(new TextEncoder().encode(content), sizes)).toEqual(content === "" ? [] : expected);
    }),
    { numRuns: 1000 },
  );
});

test("bytes that are no UTF-8 become U+FFFD and lose no line", () => {
  const bytes = Uint8Array.from([0xff, 0x61, 0x0a, 0xc3, 0x0a, 0x62]);
  expect(split(bytes, [1])).toEqual(["\ufffda", "\ufffd", "b"]);
});

test("a long line comes in pieces, cut between characters", () => {
  const long = "ü".repeat(maxLineBytes);
  const lines = split(new TextEncoder().encode(`x${long}\nnext`), [10_000]);
  expect(lines.at(-1)).toBe("next");
  expect(lines.slice(0, -1).join("")).toBe(`x${long}`);
  expect(Math.max(...lines.map((l) => Buffer.byteLength(l)))).toBeLessThanOrEqual(maxLineBytes);
  expect(split(new Uint8Array(3 * maxLineBytes).fill(0x80), []).length).toBe(3);
});

test("the tail is the end of what was pushed", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.integer({ min: 0, max: 100 }),
      (chunks, limit) => {
        const tail = createTail(limit);
        for (const chunk of chunks) tail.push(chunk);
        const all = Buffer.concat(chunks);
        expect(tail.bytes().equals(all.subarray(Math.max(0, all.length - limit)))).toBe(true);
      },
    ),
  );
  const tail = createTail(10);
  for (let i = 0; i < 1000; i++) tail.push(new Uint8Array(1000).fill(i & 0xff));
  expect([...tail.bytes()]).toEqual(new Array(10).fill(999 & 0xff));
});
