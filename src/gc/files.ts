// What gc deletes on the CLI host: old run logs and the staging tree.

import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { unindexedNames } from "../model/job-paths.ts";

/** Days that `logs/runs/<run_id>/` is kept. */
export const runLogDays = 30;

const dayMs = 24 * 60 * 60 * 1000;

/** Moment `days` before `now`, both in milliseconds since 1970. */
export function daysBefore(now: number, days: number): number {
  return now - days * dayMs;
}

/**
 * Deletes the directories of runs that wrote nothing since `until` (milliseconds since 1970), the current run's never.
 * Returns how many went.
 */
export function deleteRunLogs(logs: string, currentRun: string, until: number): number {
  const runs = join(logs, "runs");
  if (!existsSync(runs)) return 0;
  const old = readdirSync(runs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== currentRun)
    .map((entry) => join(runs, entry.name))
    .filter((directory) => lastChange(directory) < until);
  for (const directory of old) rmSync(directory, { recursive: true, force: true });
  return old.length;
}

/** A log file that is appended to does not change its directory: both count. */
function lastChange(directory: string): number {
  const paths = [directory, ...readdirSync(directory).map((name) => join(directory, name))];
  return Math.max(...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
}

/** Deletes everything below `tmp/`; the directory itself stays. Returns how many entries went. */
export function emptyStaging(staging: string): number {
  if (!existsSync(staging)) return 0;
  const names = readdirSync(staging);
  for (const name of names) rmSync(join(staging, name), { recursive: true, force: true });
  return names.length;
}

/** Names of the directories of `workspace/jobs/`: any of them may be a job that is not built yet. */
export function jobDirectories(workspace: string): Set<string> {
  const jobs = join(workspace, "jobs");
  if (!existsSync(jobs)) return new Set();
  const entries = readdirSync(jobs, { withFileTypes: true });
  return new Set(
    entries
      .filter((entry) => entry.isDirectory() && !unindexedNames.has(entry.name))
      .map((entry) => entry.name),
  );
}
