// Links of a job: where they lead is what the kernel says.

import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import fc from "fast-check";
import { followLink } from "../../src/workspace/links.ts";
import { useTempDirs } from "../support/use.ts";

const tempDir = useTempDirs();

test("agrees with the kernel on every tree whose links exist", () => {
  const root = realpathSync(tempDir());
  const directories = ["", "a", "a/b", "a/b/c"];
  const target = fc
    .array(fc.constantFrom("..", ".", "a", "b", "c", "x", "y", "z"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("/"));
  const link = fc.tuple(fc.constantFrom(...directories), fc.constantFrom("x", "y", "z"), target);
  let compared = 0;
  fc.assert(
    fc.property(fc.array(link, { minLength: 4, maxLength: 8, size: "max" }), (wanted) => {
      const top = join(mkdtempSync(join(root, "t-")), "up/job");
      mkdirSync(join(top, "a/b/c"), { recursive: true });
      for (const name of ["x", "y", "z"]) writeFileSync(join(top, "..", name), "");
      const links = new Map<string, string>();
      for (const [directory, name, to] of wanted) {
        const path = directory === "" ? name : `${directory}/${name}`;
        if (links.has(path)) continue;
        links.set(path, to);
        symlinkSync(to, join(top, path));
      }
      for (const [path, to] of links) {
        const found = followLink(path, to, links);
        let real: string;
        try {
          real = realpathSync(join(top, path));
        } catch {
          // Dangling or looping: the kernel has no answer to compare with.
          continue;
        }
        compared += 1;
        const inside = relative(top, real);
        if (inside.startsWith("..")) expect(found).toBe("outside");
        // A path that leaves and comes back is refused although it ends inside.
        else if (found !== "outside") expect(found).toEqual({ path: inside });
      }
    }),
    { numRuns: 200 },
  );
  expect(compared).toBeGreaterThan(50);
});

for (const [target, result] of [
  ["b", { path: "d/b" }],
  ["../b", { path: "b" }],
  ["./x/../b", { path: "d/b" }],
  ["..", { path: "" }],
  ["../..", "outside"],
  ["../../job/d/b", "outside"],
  ["/etc", "outside"],
  ["to-absolute", "outside"],
  ["self", "loop"],
] as const)
  test(`d/link -> ${target}`, () => {
    const links = new Map([
      ["d/to-absolute", "/etc"],
      ["d/self", "self"],
    ]);
    expect(followLink("d/link", target, links)).toEqual(result as never);
  });
