// scripts/demo as a newcomer runs it: to its end, with the service up throughout, and nothing left behind.

import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess } from "../support/process.ts";

const fleets = process.env.MAAND_FLEET_ROOT ?? "/tmp/maand-fleet";
const leftovers = () => [
  ...(existsSync(fleets) ? readdirSync(fleets) : []).filter((name) => name.startsWith("demo")),
  ...readdirSync(tmpdir()).filter((name) => name.startsWith("maand-demo.")),
];

test("the demo reaches its end, never has fewer than two of three instances answering, and cleans up", async () => {
  const before = leftovers();
  const { code, stdout, stderr } = await runProcess([join(import.meta.dir, "../../scripts/demo")], {
    timeoutSeconds: 150,
  });
  expect(`${code} ${stderr}`).toStartWith("0 ");
  const fewest = /fewest instances that answered at one time: (\d) of 3; versions seen: (\S+)/.exec(stdout);
  expect(Number(fewest?.[1])).toBeGreaterThanOrEqual(2);
  expect(fewest?.[2]).toBe("1.0.0,2.0.0");
  // Before the upgrade and after it every worker answers at its own address.
  expect(stdout.match(/"version": "1\.0\.0"/g)).toHaveLength(3);
  expect(stdout.match(/"version": "2\.0\.0"/g)).toHaveLength(3);
  expect(stdout).toContain("nothing to do");
  expect(stdout).toContain("no job is left on any worker");
  expect(leftovers()).toEqual(before);
}, 180_000);
