// A worker's bucket directory on this host, with runner.py and jobs, and the interpreters that it is run by.

import { afterEach, beforeEach } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { runnerText } from "../../src/worker/commands.ts";

export const python3 = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).trim();

/** Interpreters of the versions that match, where pyenv or the distribution has brought some. */
export function interpreters(version: RegExp): string[] {
  const versions = join(homedir(), ".pyenv/versions");
  const kept = existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, "bin/python"))
    : [];
  const own = ["2.7", "3.4", "3.5", "3.6", "3.7"].map((name) => `/usr/bin/python${name}`);
  return [...kept, ...own].filter((path) => version.test(path) && existsSync(path));
}

let root = "";

/** For the top of a test file: a new directory for each test. */
export function useRunnerRoom(): void {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "maand-runner-"));
    mkdirSync(join(root, "bin"));
    writeFileSync(runnerPath(), runnerText);
    writeFileSync(join(root, "worker.json"), `{"bucket_id":"b-1"}\n`);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
}

/** Something in the directory. */
export const inRoom = (...parts: string[]) => join(root, ...parts);
export const runnerPath = () => inRoom("bin/runner.py");

export function job(name: string, makefile: string): void {
  mkdirSync(inRoom("jobs", name), { recursive: true });
  writeFileSync(inRoom("jobs", name, "Makefile"), makefile);
}
