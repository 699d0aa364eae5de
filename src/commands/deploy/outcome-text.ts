// How a deploy came out, for people and programs.

import { formatDuration } from "../../cli/output/duration.ts";
import { errorJson, failureLines } from "../../cli/output/errors.ts";
import { formatTable } from "../../cli/output/table.ts";
import type { Channel } from "../../cli/output/terminal.ts";
import type { AllocationOutcome, DeployOutcome, JobOutcome } from "../../deploy/run/outcome.ts";
import { hasFailed, wasIdle } from "../../deploy/run/outcome.ts";
import { formatPlace, type MaandError } from "../../model/error.ts";
import { visible } from "../../support/visible.ts";

/** The summary: a table of what was acted on, then every failure with its reason, then one closing line. */
export function outcomeText(outcome: DeployOutcome, durationMs: number, channel: Channel): string {
  const rows = allOutcomes(outcome).filter((entry) => entry.status !== "skipped");
  const parts: string[] = [];
  if (rows.length > 0) {
    const cells = rows.map((entry) => [
      entry.job,
      entry.workerIp,
      entry.action,
      entry.status,
      entry.currentVersion === entry.newVersion
        ? entry.newVersion
        : `${entry.currentVersion} → ${entry.newVersion}`,
    ]);
    const options = { width: channel.width(), color: channel.paint.enabled };
    parts.push(formatTable(["job", "worker", "action", "status", "version"], cells, options));
  }
  parts.push(failuresText(rows));
  for (const job of outcome.waves.flatMap((wave) => wave.jobs)) {
    if (job.status === "blocked") parts.push(`blocked: ${job.job}: ${job.reason}\n`);
    // Nothing is wrong with any allocation: a hook of the job as a whole has failed.
    const isTold = job.allocations.some((entry) => entry.error !== undefined);
    if (job.status === "failed" && !isTold) parts.push(`failed: ${job.job}: ${visible(job.reason ?? "")}\n`);
  }
  for (const worker of outcome.unreached) {
    if (!worker.due) {
      const note = worker.departed ? "" : "; nothing was due there, its worker.json stays behind";
      parts.push(`not reached: ${worker.workerIp}: ${visible(oneLine(worker.error))}${note}\n`);
    }
  }
  parts.push(`${closingLine(outcome, rows)} in ${formatDuration(durationMs)}\n`);
  return parts.join("");
}

function closingLine(outcome: DeployOutcome, rows: readonly AllocationOutcome[]): string {
  const unreached = new Set(outcome.unreached.map(({ workerIp }) => workerIp));
  const skipped = allOutcomes(outcome).filter((entry) => entry.status === "skipped");
  // Of a worker that was not reached nobody has asked whether it is still so.
  const unasked = skipped.filter(({ workerIp }) => unreached.has(workerIp)).length;
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status.replace("_", " ")}`);
  if (skipped.length > unasked) parts.push(`${skipped.length - unasked} up to date`);
  if (unasked > 0) parts.push(`${unasked} up to date when last asked`);
  const state = outcome.interrupted
    ? "interrupted, run maand deploy to go on"
    : hasFailed(outcome)
      ? "failed"
      : wasIdle(outcome)
        ? "nothing to do"
        : "done";
  return `deploy ${outcome.updateSeq}: ${state}${parts.length === 0 ? "" : ` (${parts.join(", ")})`}`;
}

/** Failures with the same cause are told once: one dead worker is one message, however many jobs it has. */
function failuresText(rows: readonly AllocationOutcome[]): string {
  const groups = Map.groupBy(rows, ({ error }) => error);
  return [...groups]
    .map(([error, entries]) => {
      if (error === undefined) return "";
      const who = entries.map((entry) => `${entry.job}@${entry.workerIp}`).join(", ");
      return failureLines(who, error, error.where.file === undefined ? "" : formatPlace(error.where));
    })
    .join("");
}

function oneLine(error: MaandError): string {
  return error.why === undefined ? error.message : `${error.message} (${error.why.split("\n").at(-1)})`;
}

function allOutcomes(outcome: DeployOutcome): AllocationOutcome[] {
  return [
    ...outcome.reconcile,
    ...outcome.waves.flatMap((wave) => wave.jobs.flatMap((job) => job.allocations)),
  ];
}

/** The outcome as JSON members. */
export function outcomeJson(outcome: DeployOutcome): Record<string, unknown> {
  return {
    update_seq: outcome.updateSeq,
    interrupted: outcome.interrupted,
    reconcile: outcome.reconcile.map(allocationJson),
    waves: outcome.waves.map((wave) => ({ seq: wave.seq, jobs: wave.jobs.map(jobJson) })),
    unreached: outcome.unreached.map((worker) => ({
      worker_ip: worker.workerIp,
      due: worker.due,
      error: errorJson(worker.error),
    })),
  };
}

function jobJson(job: JobOutcome): Record<string, unknown> {
  return {
    job: job.job,
    status: job.status,
    ...(job.reason === undefined ? {} : { reason: job.reason }),
    allocations: job.allocations.map(allocationJson),
  };
}

function allocationJson(entry: AllocationOutcome): Record<string, unknown> {
  return {
    job: entry.job,
    worker_ip: entry.workerIp,
    action: entry.action,
    status: entry.status,
    current_version: entry.currentVersion,
    new_version: entry.newVersion,
    ...(entry.stopFirst ? { stop_first: true } : {}),
    ...(entry.matched.length === 0 ? {} : { matched: entry.matched }),
    ...(entry.error === undefined ? {} : { error: errorJson(entry.error) }),
  };
}
