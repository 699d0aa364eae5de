// TOML values as text, and where keys stand.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { parseToml } from "../../src/bucket/toml.ts";
import { plainDecimalText } from "../../src/workspace/vars.ts";
import { errors } from "../support/checked.ts";

describe("places", () => {
  const text = [
    "# a = 0",
    'a = "x # not a remark" # b = 1',
    'long = """',
    "[not.a.table]",
    'quote = "5"""""',
    "lit = '''",
    "b = 2'''",
    "list = [ # remark",
    '  "]", 1,',
    "]",
    "x.y = 1",
    "",
    '[ "q.r" . s ]',
    "k = { in = 1 }",
    "[[rows]]",
    "v = 1",
    "[[rows]]",
    "  v = 2",
    "[rows.sub]",
    "w = 3",
  ].join("\r\n");
  const document = parseToml("x.conf", text);
  const at = (keys: (string | number)[], part: "key" | "value" = "value") => {
    const { line, column } = document.place(keys, part);
    return line === undefined ? "none" : `${line}:${column}`;
  };

  test("the text is valid", () => {
    expect(errors(document)).toEqual([]);
  });

  for (const [keys, value, key] of [
    [["a"], "2:5", "2:1"],
    [["lit"], "6:7", "6:1"],
    [["list"], "8:8", "8:1"],
    [["x"], "11:7", "11:1"],
    [["x", "y"], "11:7", "11:1"],
    [["q.r", "s"], "13:1", "13:1"],
    [["q.r", "s", "k"], "14:5", "14:1"],
    [["q.r", "s", "k", "in"], "14:12", "14:7"],
    [["list", 1], "9:8", "9:8"],
    [["rows", 0, "v"], "16:5", "16:1"],
    [["rows", 1, "v"], "18:7", "18:3"],
    [["rows", 1, "sub", "w"], "20:5", "20:1"],
    [["b"], "none", "none"],
    [["not"], "none", "none"],
  ] as const)
    test(JSON.stringify(keys), () => {
      expect([at([...keys]), at([...keys], "key")]).toEqual([value, key]);
    });

  test("every key that a writer of TOML makes is found", () => {
    const key = fc
      .string({ minLength: 1, maxLength: 6 })
      .filter((k) => k !== "__proto__" && /^[ -~]+$/.test(k));
    const value = fc.oneof(
      fc.string({ maxLength: 10 }).filter((s) => s.isWellFormed()),
      fc.integer(),
      fc.boolean(),
      fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }),
    );
    const table = fc.dictionary(key, value, { maxKeys: 5 });
    fc.assert(
      fc.property(table, fc.dictionary(key, table, { maxKeys: 3 }), (flat, tables) => {
        const written = stringify({ ...flat, ...tables });
        const read = parseToml("x.conf", written);
        expect(errors(read)).toEqual([]);
        for (const [name, inner] of Object.entries(tables))
          for (const k of Object.keys(inner)) expect(read.source([name, k])).toBeDefined();
      }),
      { numRuns: 300 },
    );
  });
});

describe("syntax faults", () => {
  for (const [text, place] of [
    ["a = b", "1:5"],
    ['a = 1\nb = "x', "2:5"],
    ["a = 1\r\n\r\na = 2", "3:1"],
    ["= 1", "1:1"],
    [`a = ${"[".repeat(1000)}`, undefined],
  ] as const)
    test(JSON.stringify(text.slice(0, 20)), () => {
      const [fault, ...more] = errors(parseToml("x.conf", text));
      expect(more).toEqual([]);
      if (place !== undefined) expect(`${fault?.place.line}:${fault?.place.column}`).toBe(place);
      expect(fault?.message).not.toContain("\n");
    });
});

describe("floats in plain decimal", () => {
  for (const [written, plain] of Object.entries({
    "1.5": "1.5",
    "+1.50": "1.50",
    "-0.1": "-0.1",
    "1_000.5": "1000.5",
    "1e3": "1000",
    "1.5E+3": "1500",
    "2.5e-3": "0.0025",
    "-12.34e1": "-123.4",
    "1e-10": "0.0000000001",
    "0e9": "0",
    "6.02214076e23": "602214076000000000000000",
  }))
    test(`${written} is ${plain}`, () => {
      expect(plainDecimalText(written)).toBe(plain);
    });

  test("is the same number for every double, without an exponent", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const plain = plainDecimalText(String(value));
        expect(plain).toMatch(/^-?\d+(\.\d+)?$/);
        expect(Number(plain) === value).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("a huge exponent costs nothing", () => {
    expect(plainDecimalText("1e-999999999").length).toBeLessThan(500);
  });
});

describe("the parts of a key are bounded, so that nobody waits for a file of one line", () => {
  const parts = (count: number, part = "a") => Array.from({ length: count }, () => part).join(".");
  const fault = /this key has more than 64 parts with dots between them/;

  test.each([
    `${parts(100_000)} = 1`,
    `[${parts(100_000)}]`,
    `[[${parts(100_000)}]]`,
    `${parts(100_000, '"a.b"')} = 1`,
    `${parts(100_000, "'x'")} = 1`,
    `${parts(100_000, " a ")} = 1`,
    `x = { ${parts(100_000)} = 1 }`,
    `# a remark\ny = "a.b" # ...\n${parts(65)} = 1`,
  ])("%#", (text) => {
    const begun = performance.now();
    const [found] = errors(parseToml("x.conf", text));
    expect(found?.message).toMatch(fault);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  test("dots elsewhere do not count, and 64 parts are not too many", () => {
    const dots = ".".repeat(200);
    const lines = [
      `${parts(64)} = 1`,
      `text = "${dots} \\" ${dots}"`,
      `literal = '${dots}'`,
      `long = """\n${dots}\n"quoted" ${dots}"""`,
      `plain = '''${dots}\n${dots}'''`,
      `list = [${Array.from({ length: 200 }, () => "1.5").join(", ")}] # ${dots}`,
    ];
    expect(errors(parseToml("x.conf", lines.join("\n")))).toEqual([]);
  });
});
