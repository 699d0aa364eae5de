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

  test("what tells one row from another is never cut, and short values are not either", () => {
    const rows = [
      ["web", "10.77.1.20", "a".repeat(64), "promoted"],
      ["web", "10.77.1.21", "b".repeat(64), "stopped"],
    ];
    const text = formatTable(["job", "worker_ip", "current_hash", "rollout"], rows, { width: 40 });
    expect(text.split("\n").slice(1, 3)).toEqual([
      "web  10.77.1.20  aaaaaaaaaaaa…  promoted",
      "web  10.77.1.21  bbbbbbbbbbbb…  stopped",
    ]);
    const names = ["worker-one.eu.example.net", "worker-two.eu.example.net"];
    const cut = formatTable(
      ["worker", "text"],
      names.map((name) => [name, "x".repeat(80)]),
      { width: 40 },
    );
    for (const name of names) expect(cut).toContain(name);
  });

  test("headings give way before values do", () => {
    const text = formatTable(["worker_ip", "deployment_seq"], [["10.77.1.20", 3]], { width: 20 });
    expect(text).toBe("worker_ip   deploym…\n10.77.1.20  3\n");
  });

  test("where even that does not fit, each row is a paragraph with its values whole", () => {
    const rows = [
      ["10.77.1.20", "a".repeat(40)],
      ["10.77.1.21", undefined],
    ];
    expect(formatTable(["worker_ip", "hash"], rows, { width: 15 })).toBe(
      `worker_ip  10.77.1.20\nhash       ${"a".repeat(40)}\n\nworker_ip  10.77.1.21\nhash       -\n`,
    );
    expect(formatTable(["worker_ip", "hash"], [], { width: 5 })).toBe("work…  hash\n");
  });

  test("a value of a million characters is cut at once", () => {
    const text = formatTable(["job", "v"], [["web", "v".repeat(1_000_000)]], { width: 80 });
    expect(text.split("\n")[1]).toBe(`web  ${"v".repeat(74)}…`);
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
      fc.option(fc.integer({ min: 83, max: 140 }), { nil: undefined }),
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
