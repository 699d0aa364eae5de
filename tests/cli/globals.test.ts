// The flags that every command takes, wherever they stand.

import { describe, expect, test } from "bun:test";
import { takeGlobals } from "../../src/cli/globals.ts";
import { maandErrorBy } from "../support/thrown.ts";

const refusal = (...argv: string[]) => maandErrorBy(() => takeGlobals(argv));

test("they are taken out, with their values, before and after the command", () => {
  const argv = [
    "--bucket=/b",
    "deploy",
    "--json",
    "--jobs",
    "a",
    "--quiet",
    "--lock-wait",
    "1.5",
    "--no-color",
  ];
  expect(takeGlobals(argv)).toEqual({
    globals: { bucket: "/b", json: true, quiet: true, color: false, progress: true, lockWaitSeconds: 1.5 },
    rest: ["deploy", "--jobs", "a"],
  });
});

test("what stands after -- is the command's own", () => {
  expect(takeGlobals(["run_command", "--", "--json"])).toEqual({
    globals: { json: false, quiet: false, color: true, progress: true, lockWaitSeconds: 0 },
    rest: ["run_command", "--", "--json"],
  });
});

test("--health-check is --health_check", () => {
  expect(takeGlobals(["job", "start", "api", "--health-check"]).rest).toEqual([
    "job",
    "start",
    "api",
    "--health_check",
  ]);
});

describe("refused", () => {
  test.each([
    [["--bucket"], "--bucket needs a value"],
    [["--bucket="], "--bucket needs a value"],
    [["info", "--bucket", "--json"], "--bucket needs a value"],
    [["--lock-wait"], "--lock-wait needs a value"],
    [["--json=no"], "--json takes no value"],
    [["--no-color=1"], "--no-color takes no value"],
    [["--lock-wait", "soon"], '--lock-wait "soon" is not a number of seconds'],
    [["--lock-wait", "-1"], '--lock-wait "-1" is not a number of seconds'],
  ])("%j", (argv, message) => {
    expect(refusal(...argv)).toMatchObject({ kind: "usage", message });
    expect(refusal(...argv).hint).toBeString();
  });
});
