// Tables: aligned, whole when piped, cut on a terminal, never steering it.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cell, formatTable } from "../../src/cli/output/table.ts";

const workers: Cell[][] = [
  ["10.0.0.1", "a", 8192, "web,worker"],
  ["fe80::1:2:3", undefined, 512, ""],
];
const columns = ["worker_ip", "zone", { name: "memory_mb", align: "right" as const }, "labels"];

test("columns stand under their names, numbers to the right, nothing is empty", () => {
  expect(formatTable(columns, workers)).toBe(
    [
      "worker_ip    zone  memory_mb  labels",
      "10.0.0.1     a          8192  web,worker",
      "fe80::1:2:3  -           512  -",
      "",
    ].join("\n"),
  );
});

test("without rows there is the heading", () => {
  expect(formatTable(["job", "name"], [])).toBe("job  name\n");
});

test("booleans, zero and short rows", () => {
  expect(formatTable(["a", "b", "c"], [[false, 0], [null]])).toBe("a      b  c\nfalse  0  -\n-      -  -\n");
});

test("wide characters take two columns", () => {
  expect(
    formatTable(
      ["name", "x"],
      [
        ["安寧", 1],
        ["ab", 2],
      ],
    ),
  ).toBe("name  x\n安寧  1\nab    2\n");
});

describe("piped", () => {
  test("values are whole and without colour", () => {
    const long = "v".repeat(5000);
    const text = formatTable(["k", "v"], [["key", long]]);
    expect(text).toContain(long);
    expect(text).not.toContain("\x1b");
  });
});

describe("on a terminal", () => {
  test("the widest columns are cut with an ellipsis", () => {
    const text = formatTable(["k", "value", "n"], [["key", "v".repeat(100), 7]], { width: 30 });
    expect(text.split("\n")[1]).toBe(`key  ${"v".repeat(21)}…  7`);
  });

  test("the heading is set off", () => {
    expect(formatTable(["k"], [["a"]], { color: true })).toBe("\x1b[1mk\x1b[22m\na\n");
  });

  test("a narrow one keeps something of each column", () => {
    const text = formatTable(["first", "second"], [["a".repeat(40), "b".repeat(40)]], { width: 3 });
    expect(text.split("\n")[1]).toBe("aaaaa…  bbbbb…");
  });
});

test("any cells: one line per row, no control characters, no wider than asked", () => {
  const cell = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\x1b]0;title\x07", "a\nb", "\t", "\u009b31m", "\u202e", "安寧".repeat(30), "👩‍👩‍👧‍👦"),
    fc.integer(),
    fc.boolean(),
    fc.constant(undefined),
  );
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((n) =>
      fc.array(fc.array(cell, { minLength: n, maxLength: n }), { maxLength: 6 }).map((rows) => ({ n, rows })),
    );
  fc.assert(
    fc.property(
      table,
      fc.option(fc.integer({ min: 60, max: 120 }), { nil: undefined }),
      ({ n, rows }, width) => {
        const text = formatTable(
          Array.from({ length: n }, (_, i) => `c${i}`),
          rows,
          { width },
        );
        const lines = text.split("\n");
        expect(lines).toHaveLength(rows.length + 2);
        for (const line of lines) {
          expect(line).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
          if (width !== undefined) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(width);
        }
      },
    ),
    { numRuns: 500 },
  );
});
