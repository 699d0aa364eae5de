// maand job start|stop|restart|status|run: one row per allocation, then what failed and why.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatDuration } from "../../cli/output/duration.ts";
import { errorJson, failureLines } from "../../cli/output/errors.ts";
import { formatTable } from "../../cli/output/table.ts";
import type { Terminal } from "../../cli/output/terminal.ts";
import { isHealthy } from "../../health/run.ts";
import type { JobControlOutcome } from "../../job/control.ts";
import { controlJob, isDone } from "../../job/control.ts";
import type { TargetResult } from "../../job/records.ts";
import { foldResults } from "../../support/fold.ts";
import { countOf } from "../../support/plural.ts";
import { healthJson, healthText } from "../health-check/run.ts";

export interface JobFlags {
  target: string;
  allocations?: string[] | undefined;
  health_check?: boolean;
}

export async function jobCommand(
  invocation: BucketInvocation,
  flags: JobFlags,
  { job }: { job: string },
): Promise<Outcome> {
  const outcome = await controlJob(invocation.session, {
    job,
    target: flags.target,
    allocations: flags.allocations,
    healthCheck: flags.health_check === true,
  });
  const { health } = outcome;
  return {
    text: outcomeText(outcome, invocation.terminal),
    json: {
      job,
      target: outcome.target,
      interrupted: outcome.interrupted,
      allocations: outcome.allocations.map(resultJson),
      ...(health === undefined ? {} : { health: healthJson(health) }),
    },
    ending: endingOf({ interrupted: outcome.interrupted, failed: !isDone(outcome) }),
  };
}

function outcomeText(outcome: JobControlOutcome, terminal: Terminal): string {
  const { job, target, allocations, health } = outcome;
  if (allocations.length === 0) return `job ${job} has no active allocation: nothing to do\n`;
  const { stdout } = terminal;
  const options = { width: stdout.width(), color: stdout.paint.enabled };
  // What a target printed has just scrolled by; only the lines of `status` are kept for its table.
  const withOutput = target === "status" || !terminal.sameScreen;
  const columns = ["worker_ip", "status", { name: "exit", align: "right" as const }];
  if (withOutput) columns.push("output");
  const rows = allocations.map((entry) => [
    entry.workerIp,
    statusOf(target, entry),
    entry.exit,
    ...(withOutput ? [outputOf(target, entry)] : []),
  ]);
  const parts = [formatTable(columns, rows, options)];
  // One cause is told once, however many workers it struck.
  const failures = foldResults(
    allocations.filter((entry) => needsReason(target, entry)),
    ({ error }) => JSON.stringify([error?.message, error?.why, error?.hint]),
  );
  for (const group of failures)
    parts.push(failureLines(group.map((entry) => `${job}@${entry.workerIp}`).join(", "), group[0]!.error!));
  if (health !== undefined) parts.push(healthText(health, false));
  if (target !== "status") parts.push(closingLine(outcome));
  return parts.join("");
}

function closingLine(outcome: JobControlOutcome): string {
  const { job, target, allocations, health } = outcome;
  const bad = allocations.filter((entry) => entry.status !== "done").length;
  const all = countOf(allocations.length, "allocation");
  const took = formatDuration(Math.max(...allocations.map((entry) => entry.durationMs)));
  if (outcome.interrupted) return `${target} of ${job}: interrupted, ${bad} of ${all} not done\n`;
  if (bad > 0) return `${target} of ${job}: ${bad} of ${all} failed\n`;
  if (health !== undefined && !isHealthy(health)) return `${target} of ${job}: done, but it is not healthy\n`;
  return `${target} of ${job}: done on ${all}, the longest took ${took}\n`;
}

/** For `status` a target that ended has done its work, whatever it found. */
function statusOf(target: string, entry: TargetResult): string {
  if (target === "status" && entry.exit !== undefined) return entry.exit === 0 ? "ok" : "not ok";
  return entry.status.replace("_", " ");
}

/** The table of `status` says all there is to say of a target that ended; other failures need their reason. */
function needsReason(target: string, entry: TargetResult): boolean {
  return entry.error !== undefined && !(target === "status" && entry.exit !== undefined);
}

function outputOf(target: string, entry: TargetResult): string {
  if (needsReason(target, entry)) return "";
  const lines = `${entry.stdout}\n${entry.stderr}`.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.join("; ");
}

function resultJson(entry: TargetResult): Record<string, unknown> {
  return {
    worker_ip: entry.workerIp,
    status: entry.status,
    exit: entry.exit ?? null,
    stdout: entry.stdout,
    stderr: entry.stderr,
    ...(entry.error === undefined ? {} : { error: errorJson(entry.error) }),
    duration_ms: entry.durationMs,
  };
}
