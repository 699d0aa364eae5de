// The JSON reader: as strict as the standard, and right about places.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../../src/workspace/json.ts";
import { errors } from "../support/checked.ts";

const runs = Number(process.env.FUZZ_RUNS ?? 3000);

describe("strictness", () => {
  test("accepts exactly what JSON.parse accepts, and reads the same value", () => {
    const token = fc.constantFrom(
      ..."{}[],:\"'/#\\ \n\r\t\u00a0\ufeff".split(""),
      ..."true false null nul 0 01 -1 1.5 1e3 1e 1. .5 - + NaN //x /*x*/".split(" "),
      '"a"',
      '"\\n"',
      '"\\x"',
      '"\\u12"',
      '"\t"',
      '"a":',
      "{}",
      "[]",
      "[1,2]",
      '{"a":1}',
    );
    const text = fc.oneof(
      fc.array(token, { maxLength: 10 }).map((parts) => parts.join("")),
      fc.json({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(text, (content) => {
        const { value, diagnostics } = parseJson("x.json", content);
        const repeats = diagnostics.some(
          ({ message }) => message.endsWith("is there twice") || message.startsWith('"__proto__"'),
        );
        fc.pre(!repeats && !content.startsWith("\ufeff"));
        let expected: { value: unknown } | undefined;
        try {
          expected = { value: JSON.parse(content) };
        } catch {}
        expect(diagnostics.length === 0).toBe(expected !== undefined);
        if (expected !== undefined) expect(JSON.stringify(value)).toBe(JSON.stringify(expected.value));
      }),
      { numRuns: runs },
    );
  });

  test("depth is bounded, so that no recursion ends the process", () => {
    for (const text of ["[".repeat(100_000), '{"a":'.repeat(100_000), "[".repeat(65) + "]".repeat(65)])
      expect(errors(parseJson("x.json", text))).toMatchObject([
        { message: "nested more than 64 levels deep" },
      ]);
    expect(errors(parseJson("x.json", "[".repeat(64) + "]".repeat(64)))).toEqual([]);
  });

  test("thousands of mistakes are told in time: the first ones, and how many follow", () => {
    const begun = performance.now();
    const found = errors(parseJson("x.json", `[${"1 ".repeat(100_000)}]`));
    expect(found).toHaveLength(21);
    expect(found.at(-1)?.message).toBe("99979 more syntax errors follow");
    const document = parseJson("x.json", `[\n${"1,\n".repeat(100_000)}1]`);
    for (let i = 0; i < 100_000; i++) expect(document.place([i]).line).toBe(i + 2);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe("places", () => {
  test("every value of any document is found where it stands", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.constantFrom(0, 2), (compact, indent) => {
        const text = JSON.stringify(JSON.parse(compact), null, indent);
        const document = parseJson("x.json", text);
        fc.pre(errors(document).length === 0);
        const lines = text.split("\n");
        const visit = (value: unknown, path: (string | number)[]) => {
          const { line, column } = document.place(path);
          const rest = [lines[line! - 1]!.slice(column! - 1), ...lines.slice(line!)].join("\n");
          expect(rest.startsWith(document.source(path)!)).toBe(true);
          expect(JSON.parse(document.source(path)!)).toEqual(value as never);
          if (typeof value === "object" && value !== null)
            for (const [key, child] of Object.entries(value))
              visit(child, [...path, Array.isArray(value) ? Number(key) : key]);
        };
        visit(JSON.parse(text), []);
      }),
      { numRuns: 300 },
    );
  });

  test("a byte order mark and CRLF do not shift them", () => {
    const document = parseJson("x.json", '\ufeff{\r\n  "a": 1,\r\n  "b": 2\r\n}');
    expect(errors(document)).toEqual([]);
    expect(document.place(["b"])).toEqual({ file: "x.json", line: 3, column: 8 });
    expect(document.place(["b"], "key")).toEqual({ file: "x.json", line: 3, column: 3 });
  });
});
