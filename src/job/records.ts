// What a manual lifecycle action leaves in the catalog: the state of each allocation and a line of history.

import type { AllocationStatus } from "../events/event.ts";
import { failureText } from "../health/failure.ts";
import { type CheckResult, hasNotPassed } from "../health/gate.ts";
import type { KvOverlay } from "../kv/overlay.ts";
import type { AllocationRecord, StateChange } from "../lifecycle/record.ts";
import { recordAllocations } from "../lifecycle/record.ts";
import type { Versions } from "../lifecycle/target.ts";
import type { MaandError } from "../model/error.ts";
import { noVersion } from "../model/version.ts";
import type { Session } from "../session/session.ts";
import type { Chosen, JobControlPlan } from "./plan.ts";
import type { HealthVerdict } from "./state.ts";
import { hasPromotedFiles, makesUnknown, stateAfter } from "./state.ts";

/** How the target went on one allocation. */
export interface TargetResult {
  workerIp: string;
  status: AllocationStatus;
  /** Whether the worker was told to run the target, so that something may have happened. */
  begun: boolean;
  /** The target's exit code; absent when it was not run to its end. */
  exit?: number;
  stdout: string;
  stderr: string;
  error?: MaandError;
  durationMs: number;
}

/** What the files on the worker are of: the new version is the promoted one unless a deploy was cut short there. */
export function versionsOf(plan: JobControlPlan, deployment: Chosen["deployment"]): Versions {
  const currentVersion = deployment.promotedVersion ?? noVersion;
  const isPromoted = hasPromotedFiles(deployment) || deployment.state === "drained";
  return { currentVersion, newVersion: isPromoted ? currentVersion : plan.job.version };
}

/** What is known of a batch beside its results. */
export interface BatchNotes {
  /** What the health checks after it said; undefined when nothing was asked. */
  checks: readonly CheckResult[] | undefined;
  /** Whether the job has any check at all. */
  isChecked: boolean;
  /** Nothing was begun: the table at the end tells it. */
  silent: boolean;
  /** Where hooks have written for the batch, when any ran. */
  kv?: KvOverlay;
}

/** Writes down what a batch has shown of its allocations, in one commit with the history, and tells it. */
export function recordBatch(
  session: Session,
  plan: JobControlPlan,
  batch: readonly Chosen[],
  results: readonly TargetResult[],
  notes: BatchNotes,
): void {
  const rows = new Map(batch.map((chosen) => [chosen.row.workerIp, chosen]));
  recordAllocations(
    session,
    results.map((result): AllocationRecord => {
      const chosen = rows.get(result.workerIp)!;
      const change = changeOf(plan, chosen, result, notes);
      const { error } = result;
      return {
        allocId: chosen.row.allocId,
        job: plan.job.name,
        workerIp: result.workerIp,
        phase: "job_control",
        action: plan.target,
        status: result.status,
        ...versionsOf(plan, chosen.deployment),
        ...(error === undefined ? {} : { error, reason: failureText(error) }),
        ...(change === undefined ? {} : { change }),
        silent: notes.silent,
        writes: result.status === "done" ? "keep" : "drop",
      };
    }),
    notes.kv,
  );
}

function changeOf(
  plan: JobControlPlan,
  { row, deployment }: Chosen,
  result: TargetResult,
  { checks, isChecked }: BatchNotes,
): StateChange | undefined {
  if (!result.begun || !makesUnknown(deployment, plan.effect)) return undefined;
  const failed = checks?.filter(hasNotPassed).filter((check) => check.workerIp === row.workerIp) ?? [];
  const failure =
    failed.map((check) => `${check.check}: ${check.reason}`).join("; ") || result.error?.message;
  const after = stateAfter(deployment, plan.effect, row.disabled, {
    ok: result.exit === 0,
    health: isChecked ? verdictOf(row.workerIp, checks) : "no_checks",
    ...(failure === undefined ? {} : { failure }),
  });
  return { kind: "state", ...after };
}

function verdictOf(workerIp: string, checks: readonly CheckResult[] | undefined): HealthVerdict {
  const own = checks?.filter((check) => check.workerIp === workerIp) ?? [];
  if (own.length === 0) return "not_asked";
  return own.every((check) => check.pass) ? "passed" : "failed";
}
