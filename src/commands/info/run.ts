// maand info: what this bucket is and holds, on one screen.

import { readUpdateSeq } from "../../catalog/deployments.ts";
import { type LastRun, readLastRun } from "../../catalog/last-run.ts";
import { readState } from "../../catalog/state.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatDuration } from "../../cli/output/duration.ts";
import { isActive } from "../../model/state.ts";

export async function infoCommand({ session }: BucketInvocation): Promise<Outcome> {
  const { allocations, jobs, workers } = readState(session.catalog);
  const active = allocations.filter(isActive).length;
  const removed = allocations.filter((allocation) => allocation.removed).length;
  const counts = { active, disabled: allocations.length - active - removed, removed };
  const present = jobs.filter((job) => !job.removed).length;
  const updateSeq = readUpdateSeq(session.catalog);
  const last = readLastRun(session.catalog, "deploy");
  const lines: [string, string][] = [
    ["bucket", session.paths.root],
    ["bucket_id", session.bucketId],
    ["update_seq", String(updateSeq)],
    ["workers", String(workers.length)],
    ["jobs", String(present)],
    ["allocations", `${counts.active} active, ${counts.disabled} disabled, ${counts.removed} removed`],
    ["last_deploy", last === undefined ? "never" : lastText(last)],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return {
    text: lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join(""),
    json: {
      bucket: session.paths.root,
      bucket_id: session.bucketId,
      update_seq: updateSeq,
      workers: workers.length,
      jobs: present,
      allocations: counts,
      last_deploy: last === undefined ? null : lastJson(last),
    },
  };
}

function lastText(run: LastRun): string {
  const { exitCode, finishedAt, operator, startedAt } = run;
  const began = `${new Date(startedAt).toISOString().slice(0, 19).replace("T", " ")} UTC by ${operator}`;
  if (finishedAt === undefined) return `${began}, not finished: it runs now or was killed (run ${run.runId})`;
  const ended = exitCode === 0 ? "ok" : `exit code ${exitCode}`;
  return `${began}, ${ended} after ${formatDuration(finishedAt - startedAt)} (run ${run.runId})`;
}

function lastJson(run: LastRun): Record<string, unknown> {
  const iso = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
  return {
    run_id: run.runId,
    operator: run.operator,
    started_at: iso(run.startedAt),
    finished_at: iso(run.finishedAt),
    exit_code: run.exitCode ?? null,
  };
}
