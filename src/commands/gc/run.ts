// maand gc: what was deleted where, and what had to stay.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { errorJson, failureLines } from "../../cli/output/errors.ts";
import type { GcAllocation, GcOutcome, GcWorker } from "../../gc/run.ts";
import { collectGarbage } from "../../gc/run.ts";
import { countOf } from "../../support/plural.ts";
import type { GcFlags } from "./command.ts";

export async function gcCommand({ session }: BucketInvocation, flags: GcFlags): Promise<Outcome> {
  const outcome = await collectGarbage(session, { retainDays: flags.retainDays ?? 0 });
  const failed =
    outcome.allocations.some((entry) => entry.status === "kept") ||
    outcome.workers.some((worker) => worker.status === "kept");
  return {
    text: outcomeText(outcome),
    json: outcomeJson(outcome),
    ending: endingOf({ interrupted: outcome.interrupted, failed }),
  };
}

function outcomeText(outcome: GcOutcome): string {
  const parts: string[] = [];
  for (const entry of outcome.allocations) {
    const who = `${entry.job}@${entry.workerIp}`;
    if (entry.error !== undefined)
      parts.push(failureLines(who, entry.error), `kept: ${who}: gc tries again next time\n`);
    else parts.push(`purged: ${who}${entry.stopped ? " (it still ran and was stopped)" : ""}\n`);
  }
  for (const worker of outcome.workers) {
    if (worker.status === "deleted") parts.push(`deleted: the bucket's directory on ${worker.workerIp}\n`);
    if (worker.status === "moved")
      parts.push(
        `moved: ${worker.workerIp} has left the workspace, its machine answers at ${worker.movedTo}: only the rows of the old address went\n`,
      );
    if (worker.status === "replaced")
      parts.push(
        `forgotten: ${worker.workerIp} has left the workspace, another machine answers there and was left alone\n`,
      );
    if (worker.status === "dead")
      parts.push(`dead: ${worker.workerIp} has left the workspace and was not reached\n`);
  }
  const { jobs, kvKeys, kvVersions, trees, blobs } = outcome.catalog;
  const purged = [
    counted(jobs, "job"),
    counted(kvKeys, "KV key"),
    counted(kvVersions, "old KV version"),
    counted(trees, "file list"),
    counted(blobs, "file content"),
    counted(outcome.runLogs, "run log"),
    outcome.staging > 0 ? "staging" : "",
  ].filter((part) => part !== "");
  if (purged.length > 0) parts.push(`purged: ${purged.join(", ")}\n`);
  if (outcome.interrupted) parts.push("gc: interrupted, run it again to go on\n");
  return parts.length === 0 ? "gc: nothing to do\n" : parts.join("");
}

function counted(number: number, noun: string): string {
  return number === 0 ? "" : countOf(number, noun);
}

function outcomeJson(outcome: GcOutcome): Record<string, unknown> {
  return {
    interrupted: outcome.interrupted,
    allocations: outcome.allocations.map(allocationJson),
    workers: outcome.workers.map(workerJson),
    purged: {
      jobs: outcome.catalog.jobs,
      kv_keys: outcome.catalog.kvKeys,
      kv_versions: outcome.catalog.kvVersions,
      file_lists: outcome.catalog.trees,
      file_contents: outcome.catalog.blobs,
      run_logs: outcome.runLogs,
      staging: outcome.staging,
    },
  };
}

function allocationJson(entry: GcAllocation): Record<string, unknown> {
  return {
    job: entry.job,
    worker_ip: entry.workerIp,
    status: entry.status,
    stopped: entry.stopped,
    ...(entry.error === undefined ? {} : { error: errorJson(entry.error) }),
  };
}

function workerJson(worker: GcWorker): Record<string, unknown> {
  return {
    worker_ip: worker.workerIp,
    status: worker.status,
    ...(worker.movedTo === undefined ? {} : { moved_to: worker.movedTo }),
    ...(worker.why === undefined ? {} : { why: worker.why }),
    ...(worker.error === undefined ? {} : { error: errorJson(worker.error) }),
  };
}
