// Log files on disk: where lines go, who may read them, rotation, and a disk that refuses.

import { beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Event } from "../../src/events/event.ts";
import { createLogWriter, type LogWriterOptions } from "../../src/events/log-writer.ts";
import { parseLogLine } from "../../src/events/logline.ts";
import { useTempDir } from "../support/use.ts";

const runId = "11111111-2222-4333-8444-555555555555";
const dir = useTempDir();
let logsDir: string;
beforeEach(() => {
  logsDir = dir("logs");
});

function writer(options: Partial<LogWriterOptions> = {}) {
  const reasons: string[] = [];
  const made = createLogWriter({
    logsDir,
    identity: { runId, command: "deploy" },
    format: "kv",
    now: () => new Date(Date.UTC(2026, 5, 2, 22, 7, 1, 123)),
    onDisabled: (reason) => reasons.push(reason),
    ...options,
  });
  return { ...made, reasons };
}

function output(worker: string, line: string): Event {
  return { type: "output", scope: { worker, job: "pg" }, id: 1, stream: "stdout", line };
}

function messages(path: string): (string | undefined)[] {
  return readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => parseLogLine(line)?.msg);
}

test("each line goes to the worker's file and to the run's", () => {
  let seq: number | undefined;
  const log = writer({ seq: () => seq });
  log.listen(output("10.0.0.1", "before"));
  seq = 8;
  log.listen(output("10.0.0.1", "after"));
  log.listen(output("fe80::1", "six"));
  log.listen({ type: "step", scope: { worker: "-" }, text: "wave 0" });
  expect(existsSync(join(logsDir, "10.0.0.1.log"))).toBe(false);
  log.close();
  for (const where of [logsDir, join(logsDir, "runs", runId)]) {
    expect(
      readdirSync(where)
        .filter((name) => name !== "runs")
        .sort(),
    ).toEqual(["10.0.0.1.log", "fe80::1.log", "maand.log"]);
    expect(messages(join(where, "10.0.0.1.log"))).toEqual(["before", "after"]);
    expect(messages(join(where, "maand.log"))).toEqual(["wave 0"]);
  }
  const seqs = readFileSync(join(logsDir, "10.0.0.1.log"), "utf8")
    .split("\n")
    .map((l) => parseLogLine(l)?.seq);
  expect(seqs.slice(0, 2)).toEqual([undefined, 8]);
  log.listen(output("10.0.0.1", "too late"));
  log.flush();
  expect(messages(join(logsDir, "10.0.0.1.log"))).toEqual(["before", "after"]);
  expect(log.reasons).toEqual([]);
});

test("nobody else may read them", () => {
  const log = writer();
  log.listen(output("10.0.0.1", "x"));
  log.close();
  for (const path of [logsDir, join(logsDir, "runs"), join(logsDir, "runs", runId)])
    expect(statSync(path).mode & 0o777).toBe(0o700);
  for (const path of [join(logsDir, "10.0.0.1.log"), join(logsDir, "runs", runId, "10.0.0.1.log")])
    expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a worker's name never leads out of the directory", () => {
  const log = writer();
  for (const name of ["../evil", "a/b", "..", ".", "", ".hidden", "nul\0"]) log.listen(output(name, name));
  log.close();
  expect(readdirSync(dir())).toEqual(["logs"]);
  expect(readdirSync(logsDir).sort()).toEqual(["maand.log", "runs"]);
  expect(messages(join(logsDir, "maand.log"))).toHaveLength(7);
});

test("lines are written without being asked", async () => {
  const log = writer();
  log.listen(output("10.0.0.1", "x"));
  for (let i = 0; i < 200 && !existsSync(join(logsDir, "10.0.0.1.log")); i++) await Bun.sleep(50);
  expect(messages(join(logsDir, "10.0.0.1.log"))).toEqual(["x"]);
  log.close();
});

test("a flood is written before the second is over", () => {
  const log = writer();
  for (let i = 0; i < 40; i++) log.listen(output("10.0.0.1", "x".repeat(50_000)));
  expect(statSync(join(logsDir, "10.0.0.1.log")).size).toBeGreaterThan(1_000_000);
  log.close();
  expect(messages(join(logsDir, "10.0.0.1.log"))).toHaveLength(40);
});

test("a full file is rotated and five are kept", () => {
  const log = writer({ rotation: { maxBytes: 2000, keep: 5 } });
  for (let i = 0; i < 100; i++) {
    log.listen(output("10.0.0.1", String(i)));
    log.flush();
  }
  log.close();
  const names = readdirSync(logsDir)
    .filter((name) => name !== "runs")
    .sort();
  expect(names).toEqual(["", ".1", ".2", ".3", ".4", ".5"].map((end) => `10.0.0.1.log${end}`));
  const kept = [".5", ".4", ".3", ".2", ".1", ""].flatMap((end) =>
    messages(join(logsDir, `10.0.0.1.log${end}`)),
  );
  const numbers = kept.map(Number);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 100 - numbers.length + i));
  for (const name of names) expect(statSync(join(logsDir, name)).size).toBeLessThanOrEqual(2000);
  expect(log.reasons).toEqual([]);
});

test("one run writes so much about a worker, then says how much of the output it leaves out", () => {
  const log = writer({ maxRunBytes: 20_000 });
  for (let i = 0; i < 1000; i++) log.listen(output("10.0.0.1", `line ${i} ${"x".repeat(90)}`));
  log.listen(output("10.0.0.2", "another worker has its own share"));
  log.listen({ type: "command_end", scope: { worker: "10.0.0.1" }, id: 1, exit: 0, durationMs: 5 });
  log.close();
  const paths = [join(logsDir, "10.0.0.1.log"), join(logsDir, "runs", runId, "10.0.0.1.log")];
  const sizes = paths.map((path) => statSync(path).size);
  // The lines that say so, and the end of the command, come on top.
  expect(sizes[0]! + sizes[1]!).toBeLessThan(22_000);
  const text = readFileSync(paths[0]!, "utf8");
  const kept = text.match(/msg="line /g)!.length;
  expect(text).toContain("what is printed from here on is left out: one run logs at most 0 MB per worker");
  expect(text).toContain(`${1000 - kept} lines, 0.1 MB as printed, of the output are left out`);
  expect(text).toContain("event=hook_end");
  expect(messages(join(logsDir, "10.0.0.2.log"))).toEqual(["another worker has its own share"]);
});

test("half a line of a crashed run does not spoil the next line", () => {
  mkdirSync(logsDir);
  writeFileSync(join(logsDir, "10.0.0.1.log"), "ts=2026-06-02T22:07:01.1");
  const log = writer();
  log.listen(output("10.0.0.1", "whole"));
  log.flush();
  log.listen(output("10.0.0.1", "again"));
  log.close();
  expect(messages(join(logsDir, "10.0.0.1.log"))).toEqual([undefined, "whole", "again"]);
});

test("a full disk turns logging off with one warning", () => {
  mkdirSync(logsDir);
  symlinkSync("/dev/full", join(logsDir, "10.0.0.1.log"));
  const log = writer();
  for (let i = 0; i < 3; i++) {
    log.listen(output("10.0.0.1", "x"));
    log.flush();
  }
  log.listen(output("10.0.0.2", "y"));
  log.close();
  expect(log.reasons).toHaveLength(1);
  expect(log.reasons[0]).toContain("ENOSPC");
  expect(existsSync(join(logsDir, "10.0.0.2.log"))).toBe(false);
});

test("a warning about the log that comes back as an event does no harm", () => {
  writeFileSync(logsDir, "a file where the directory should be");
  let calls = 0;
  const log = createLogWriter({
    logsDir,
    identity: { runId, command: "deploy" },
    format: "json",
    now: () => new Date(),
    onDisabled: (reason) => {
      calls += 1;
      log.listen({ type: "warning", scope: { worker: "-" }, text: reason });
    },
  });
  log.listen(output("10.0.0.1", "x"));
  log.flush();
  log.close();
  expect(calls).toBe(1);
  expect(readFileSync(logsDir, "utf8")).toStartWith("a file");
});

test("two writers append to one file without losing lines", () => {
  const a = writer();
  const b = writer({ format: "jsonl" });
  for (let i = 0; i < 50; i++) {
    (i % 2 === 0 ? a : b).listen(output("10.0.0.1", String(i)));
    (i % 3 === 0 ? a : b).flush();
  }
  a.close();
  b.close();
  const seen = messages(join(logsDir, "10.0.0.1.log"))
    .map(Number)
    .sort((x, y) => x - y);
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
});
