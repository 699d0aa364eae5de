// The summary of run_command: what is folded, what is repeated on a terminal, how it ends.

import { expect, test } from "bun:test";
import { summaryText } from "../../src/commands/run-command/run.ts";
import type { ShellResult } from "../../src/fleet/run-command.ts";
import { MaandError } from "../../src/model/error.ts";

const result = (workerIp: string, stdout: string, changes: Partial<ShellResult> = {}): ShellResult => ({
  workerIp,
  exit: 0,
  stdout,
  stderr: "",
  truncated: false,
  durationMs: 5,
  ...changes,
});
const text = (workers: ShellResult[], seen: boolean, interrupted = false) =>
  summaryText({ workers, interrupted }, seen);

test("one worker's output is not said twice on one screen, and is whole elsewhere", () => {
  const workers = [result("a", "one\ntwo\n")];
  expect(text(workers, false)).toBe("a:\n  one\n  two\n");
  expect(text(workers, true)).toBe("done on 1 worker\n");
});

test("what several workers say is folded on a terminal too", () => {
  const workers = [result("a", "same\n"), result("b", "other\n"), result("c", "same\n")];
  expect(text(workers, false)).toBe("2 workers: same\n  on a, c\nb: other\n");
  expect(text(workers, true)).toBe("2 workers: same\n  on a, c\ndone on 3 workers\n");
  expect(text([result("a", ""), result("b", "")], true)).toBe("2 workers: no output\n");
});

test("of a long failure the end is repeated, all of it when it was not seen", () => {
  const lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
  const workers = [result("a", `${lines.join("\n")}\n`, { exit: 3 }), result("b", "fine\n")];
  expect(text(workers, true)).toBe(
    `a: exit 3\n  ... 20 lines more above\n${lines
      .slice(20)
      .map((line) => `  ${line}\n`)
      .join("")}1 of 2 workers failed\n`,
  );
  expect(text(workers, false).split("\n")).toHaveLength(34);
});

test("an interrupted run says so, whatever came out of it", () => {
  const error = new MaandError("interrupted", "not started", { why: "interrupted" });
  const { exit: _, ...unbegun } = result("b", "");
  expect(text([result("a", "x\n"), { ...unbegun, error }], false, true)).toBe(
    "a: x\nb: not started: interrupted\ninterrupted: 1 of 2 workers not done\n",
  );
  expect(text([result("a", "x\n")], false, true)).toBe("a: x\ninterrupted: all done on 1 worker\n");
});

test("a worker's control characters never steer the terminal", () => {
  expect(text([result("a", "x\x1b[2Jy\r\n")], false)).toBe("a: x\\x1b[2Jy\n");
});
