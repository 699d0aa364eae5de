// Old run logs, the staging tree, and which directories may be jobs.

import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daysBefore, deleteRunLogs, emptyStaging, jobDirectories } from "../../src/gc/files.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "maand-gc-files-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const now = Date.UTC(2026, 5, 30);

function run(id: string, directoryDays: number, fileDays: number): void {
  const path = join(dir, "runs", id);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "maand.log"), "x");
  utimesSync(
    join(path, "maand.log"),
    new Date(daysBefore(now, fileDays)),
    new Date(daysBefore(now, fileDays)),
  );
  utimesSync(path, new Date(daysBefore(now, directoryDays)), new Date(daysBefore(now, directoryDays)));
}

test("runs that wrote nothing for 30 days go; the current one and one that was appended to stay", () => {
  run("old", 31, 31);
  run("young", 29, 29);
  run("appended", 40, 1);
  run("current", 40, 40);
  expect(deleteRunLogs(dir, "current", daysBefore(now, 30))).toBe(1);
  expect(readdirSync(join(dir, "runs")).sort()).toEqual(["appended", "current", "young"]);
});

test("no logs at all is nothing to do", () => {
  expect(deleteRunLogs(join(dir, "none"), "x", now)).toBe(0);
});

test("staging is emptied, links are not followed, the directory stays", () => {
  const outside = join(dir, "outside");
  const staging = join(dir, "tmp");
  mkdirSync(outside);
  writeFileSync(join(outside, "keep"), "x");
  mkdirSync(join(staging, "workers", "10.0.0.1"), { recursive: true });
  symlinkSync(outside, join(staging, "link"));
  expect(emptyStaging(staging)).toBe(2);
  expect(readdirSync(staging)).toEqual([]);
  expect(existsSync(join(outside, "keep"))).toBe(true);
  expect(emptyStaging(join(dir, "none"))).toBe(0);
});

test("every directory below jobs/ may be a job", () => {
  mkdirSync(join(dir, "jobs", "api"), { recursive: true });
  mkdirSync(join(dir, "jobs", "node_modules"));
  writeFileSync(join(dir, "jobs", "note.txt"), "x");
  expect(jobDirectories(dir)).toEqual(new Set(["api"]));
  expect(jobDirectories(join(dir, "none"))).toEqual(new Set());
});
