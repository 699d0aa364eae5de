// The record of runs: what each command did, when, by whom, and how it ended.

import type { Catalog } from "./open.ts";

export interface RunStart {
  runId: string;
  command: string;
  /** Arguments as typed; commands that take secrets never put them there. */
  arguments: readonly string[];
  /** Login name on the CLI host. */
  operator: string;
  updateSeq: number;
  /** Milliseconds since 1970. */
  startedAt: number;
}

/** Records that a run began. */
export function beginRun(catalog: Catalog, run: RunStart): void {
  catalog
    .query(
      "INSERT INTO run (run_id, command, arguments, operator, update_seq, started_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .run(run.runId, run.command, JSON.stringify(run.arguments), run.operator, run.updateSeq, run.startedAt);
}

/** Records how a run ended; `finishedAt` in milliseconds since 1970. */
export function finishRun(catalog: Catalog, runId: string, exitCode: number, finishedAt: number): void {
  catalog
    .query("UPDATE run SET exit_code = ?, finished_at = ? WHERE run_id = ?")
    .run(exitCode, finishedAt, runId);
}

export interface RunAllocation {
  runId: string;
  job: string;
  workerIp: string;
  action: string;
  status: string;
  currentVersion?: string;
  newVersion?: string;
  hash?: string;
  reason?: string;
  at: number;
}

/** Records how one allocation of a run came out; a later word on the same action replaces the earlier one. */
export function recordAllocation(catalog: Catalog, entry: RunAllocation): void {
  catalog
    .query("INSERT OR REPLACE INTO run_allocation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    .run(
      entry.runId,
      entry.job,
      entry.workerIp,
      entry.action,
      entry.status,
      entry.currentVersion ?? null,
      entry.newVersion ?? null,
      entry.hash ?? null,
      entry.reason ?? null,
      entry.at,
    );
}
