// What stands around tests: directories that come and go with them, stand-ins that say when they are used too early.

import { afterAll, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MaandError } from "../../src/model/error.ts";
import { golden } from "../support/golden.ts";
import { maandErrorBy, maandRejectionOf, rejectionOf, thrownBy } from "../support/thrown.ts";
import { standIn, useTempDir, useTempDirs } from "../support/use.ts";

const dir = useTempDir();
const tempDir = useTempDirs();
const early = tempDir();
const seen: string[] = [];
// Set after those of the functions above, so that it runs after them.
afterAll(() => {
  expect([early, ...seen].filter((path) => existsSync(path))).toEqual([]);
});

for (const name of ["first", "second"])
  test(`a directory for each test: the ${name} one finds it empty`, () => {
    expect(readdirSync(dir())).toEqual([]);
    expect(dir("a", "b")).toBe(join(dir(), "a/b"));
    writeFileSync(dir("left"), "");
    expect(seen).not.toContain(dir());
    seen.push(dir());
  });

test("a maker of directories gives another one each time, before the tests too", () => {
  seen.push(tempDir(), tempDir());
  expect(new Set([early, ...seen]).size).toBe(seen.length + 1);
  for (const path of [early, ...seen.slice(-2)]) expect(readdirSync(path)).toEqual([]);
});

test("a stand-in has the members of the real thing, and says so when there is none yet", () => {
  let real: { name: string } | undefined;
  const thing = standIn("thing", () => real);
  expect(() => thing.name).toThrow("there is no thing yet");
  real = { name: "one" };
  expect([thing.name, { ...thing }, "name" in thing]).toEqual(["one", { name: "one" }, true]);
  real = { name: "two" };
  expect(thing.name).toBe("two");
});

test("a golden text is held against its file, and written only with UPDATE_GOLDEN=1", () => {
  const before = process.env.UPDATE_GOLDEN;
  const path = dir("text.expected");
  writeFileSync(path, "old\n");
  try {
    delete process.env.UPDATE_GOLDEN;
    expect(() => golden(path, "new\n")).toThrow();
    expect(readFileSync(path, "utf8")).toBe("old\n");
    process.env.UPDATE_GOLDEN = "1";
    golden(path, "new\n");
    expect(readFileSync(path, "utf8")).toBe("new\n");
  } finally {
    if (before === undefined) delete process.env.UPDATE_GOLDEN;
    else process.env.UPDATE_GOLDEN = before;
  }
});

test("an expected error that does not come, or is another one, fails the test", async () => {
  const usage = new MaandError("usage", "no");
  const fail = (error: Error) => () => {
    throw error;
  };
  expect(maandErrorBy(fail(usage), "usage")).toBe(usage);
  expect(await maandRejectionOf(Promise.reject(usage))).toBe(usage);
  expect(() => maandErrorBy(fail(usage), "catalog")).toThrow();
  expect(() => maandErrorBy(fail(new TypeError("a defect")))).toThrow("a defect");
  expect(() => thrownBy(() => 1)).toThrow("nothing was thrown");
  expect(await rejectionOf(rejectionOf(Promise.resolve(1)))).toBeInstanceOf(Error);
});
