// Patterns for paths: what a line of .gitignore means, and no pattern that takes long.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { globFault, matchGlobs } from "../../src/model/glob.ts";

/** A path with a slash at its end is a directory. */
const matches = (patterns: string | string[], path: string): boolean =>
  matchGlobs([patterns].flat())(path.replace(/\/$/, ""), path.endsWith("/"));

// What `git check-ignore` says of the same lines and paths.
const table: [pattern: string | string[], yes: string[], no: string[]][] = [
  ["a.conf", ["a.conf", "x/a.conf", "x/y/a.conf", "x/a.conf/below"], ["b.conf", "a.conf.x", "xa.conf"]],
  ["*.conf", ["a.conf", "x/a.conf", ".conf"], ["a.con", "a.conf.d"]],
  ["/a.conf", ["a.conf"], ["x/a.conf"]],
  ["x/a.conf", ["x/a.conf"], ["y/x/a.conf", "a.conf"]],
  ["x/*.conf", ["x/a.conf"], ["x/y/a.conf"]],
  ["conf", ["conf", "conf/a", "x/conf/y/z"], ["confx", "x/aconf"]],
  ["conf/", ["conf/", "conf/a", "x/conf/a", "x/conf/"], ["conf", "x/conf"]],
  ["/conf/", ["conf/a"], ["x/conf/a"]],
  ["**/conf", ["conf", "x/y/conf", "conf/a"], ["aconf"]],
  ["conf/**", ["conf/a", "conf/x/y"], ["conf", "conf/", "x/conf/a"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a/b/c"], ["a", "ab", "x/a/b"]],
  ["**", ["a", "a/b", "a/"], []],
  ["a**b", ["ab", "axxb", "x/a1b"], ["a/b"]],
  ["?", ["a", "x/ä", "ä/b"], ["ab", "ab/cd"]],
  ["[a-c]x", ["ax", "cx"], ["dx", "x", "[a-c]x"]],
  ["[!a-c]x", ["dx"], ["ax", "d/x"]],
  ["[^a]x", ["bx"], ["ax"]],
  ["[]a]x", ["]x", "ax"], ["bx"]],
  ["[a-]x", ["-x", "ax"], ["bx"]],
  ["[[:digit:]_]x", ["1x", "_x"], ["ax", ":x"]],
  ["\\*x", ["*x"], ["ax"]],
  ["\\#x", ["#x"], ["x"]],
  ["\\!x", ["!x"], ["x"]],
  ["a  ", ["a"], ["a  "]],
  ["a\\ ", ["a "], ["a"]],
  ["{a,b}", ["{a,b}"], ["a", "b"]],
  [
    ["*.ini", "!keep.ini"],
    ["a.ini", "x/b.ini"],
    ["keep.ini", "x/keep.ini"],
  ],
  [["!keep.ini", "*.ini"], ["keep.ini"], []],
  [["conf/", "!conf/a"], ["conf/a", "conf/b"], []],
  [["conf/*", "!conf/a"], ["conf/b"], ["conf/a"]],
  [[".env"], [".env", "x/.env"], ["env"]],
  [["*"], [".env", "a/.b"], []],
];
describe.each(table)("%j", (pattern, yes, no) => {
  test("matches what it means", () => {
    expect(yes.filter((path) => !matches(pattern, path))).toEqual([]);
    expect(no.filter((path) => matches(pattern, path))).toEqual([]);
  });
});

test("a template stands for the file that it becomes", () => {
  for (const suffix of ["tpl", "eta"]) {
    expect(matches(`app.conf.${suffix}`, "app.conf")).toBe(true);
    expect(matches(`conf/*.conf.${suffix}`, "conf/x.conf")).toBe(true);
    expect(matches(["*", `!app.conf.${suffix}`], "app.conf")).toBe(false);
    expect(matches(`app.conf.${suffix}`, "other.conf")).toBe(false);
  }
});

test.each([
  ["#x", "it is a comment"],
  ["", "it names nothing"],
  ["/", "it names nothing"],
  ["!", "it names nothing"],
  ["a/../b", "without . and .."],
  ["./a", "without . and .."],
  ["a//b", "two slashes"],
  ["a\\", "escapes nothing"],
  ["x/[ab", "a [ has no ]"],
])("%s is refused and matches nothing", (pattern, fault) => {
  expect(globFault(pattern)).toContain(fault);
  expect(matches(pattern, "a")).toBe(false);
});

const long = 20_000;
test.each([
  [`${"*a".repeat(500)}b`, `${"a".repeat(long)}c`],
  [`${"**/a/".repeat(200)}b`, `${"a/".repeat(long / 10)}c`],
  [`${"**/*a*a*a*/".repeat(60)}b`, `${"aaaaaaaa/".repeat(long / 20)}c`],
  [`${"?*".repeat(400)}b`, "a".repeat(long)],
  [`${"[a-z]*".repeat(150)}b`, "a".repeat(long)],
])("many stars and a long path take no time: %#", (pattern, path) => {
  const begun = performance.now();
  expect(globFault(pattern)).toBeUndefined();
  expect(matches(pattern, path)).toBe(false);
  expect(performance.now() - begun).toBeLessThan(2000);
});

test("whatever the pattern and the path: an answer, and an escaped path matches itself", () => {
  const name = fc.string({ unit: fc.constantFrom(..."ab.*?[]!^-\\ {}#ä"), minLength: 1, maxLength: 6 });
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
  fc.assert(
    fc.property(path, path, (pattern, candidate) => {
      expect(typeof matches(pattern, candidate)).toBe("boolean");
      const literal = `/${pattern.replace(/[^/]/gu, "\\$&")}`;
      if (globFault(literal) === undefined) expect(matches(literal, pattern)).toBe(true);
    }),
    { numRuns: 3000 },
  );
});
