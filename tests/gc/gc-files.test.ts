// Old run logs, the staging tree, and which directories may be jobs.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { daysBefore, deleteRunLogs, emptyStaging, jobDirectories } from "../../src/gc/files.ts";
import { useTempDir } from "../support/use.ts";

const dir = useTempDir();

const now = Date.UTC(2026, 5, 30);

function run(id: string, directoryDays: number, fileDays: number): void {
  const path = dir("runs", id);
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
  expect(deleteRunLogs(dir(), "current", daysBefore(now, 30))).toBe(1);
  expect(readdirSync(dir("runs")).sort()).toEqual(["appended", "current", "young"]);
});

test("no logs at all is nothing to do", () => {
  expect(deleteRunLogs(dir("none"), "x", now)).toBe(0);
});

test("staging is emptied, links are not followed, the directory stays", () => {
  const outside = dir("outside");
  const staging = dir("tmp");
  mkdirSync(outside);
  writeFileSync(join(outside, "keep"), "x");
  mkdirSync(join(staging, "workers", "10.0.0.1"), { recursive: true });
  symlinkSync(outside, join(staging, "link"));
  expect(emptyStaging(staging)).toBe(2);
  expect(readdirSync(staging)).toEqual([]);
  expect(existsSync(join(outside, "keep"))).toBe(true);
  expect(emptyStaging(dir("none"))).toBe(0);
});

test("every directory below jobs/ may be a job", () => {
  mkdirSync(dir("jobs", "api"), { recursive: true });
  mkdirSync(dir("jobs", "node_modules"));
  writeFileSync(dir("jobs", "note.txt"), "x");
  expect(jobDirectories(dir())).toEqual(new Set(["api"]));
  expect(jobDirectories(dir("none"))).toEqual(new Set());
});
