// What a manual lifecycle action leaves in the catalog: the state of each allocation and a line of history.

import { setStates } from "../catalog/deployments.ts";
import { recordAllocation } from "../catalog/history.ts";
import type { AllocationStatus } from "../events/event.ts";
import { failureText } from "../health/failure.ts";
import { type CheckResult, hasNotPassed } from "../health/gate.ts";
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
export function versionsOf(
  plan: JobControlPlan,
  deployment: Chosen["deployment"],
): { currentVersion: string; newVersion: string } {
  const currentVersion = deployment.promotedVersion ?? noVersion;
  const isPromoted = hasPromotedFiles(deployment) || deployment.state === "drained";
  return { currentVersion, newVersion: isPromoted ? currentVersion : plan.job.version };
}

/** Writes down what a batch has shown of its allocations, in one commit, and tells it. */
export function settleBatch(
  session: Session,
  plan: JobControlPlan,
  batch: readonly Chosen[],
  results: readonly TargetResult[],
  checks: readonly CheckResult[] | undefined,
  isChecked: boolean,
): void {
  const changes = batch.flatMap(({ row, deployment }) => {
    const result = results.find((candidate) => candidate.workerIp === row.workerIp)!;
    if (!result.begun || !makesUnknown(deployment, plan.effect)) return [];
    const failed = checks?.filter(hasNotPassed).filter((check) => check.workerIp === row.workerIp) ?? [];
    const failure =
      failed.map((check) => `${check.check}: ${check.reason}`).join("; ") || result.error?.message;
    const after = stateAfter(deployment, plan.effect, row.disabled, {
      ok: result.exit === 0,
      health: isChecked ? verdictOf(row.workerIp, checks) : "no_checks",
      ...(failure === undefined ? {} : { failure }),
    });
    return [{ allocId: row.allocId, ...after }];
  });
  setStates(session.catalog, changes);
  for (const result of results) {
    session.events.emit({
      type: "allocation",
      scope: { worker: result.workerIp, job: plan.job.name, phase: "job_control", action: plan.target },
      status: result.status,
      ...(result.error === undefined ? {} : { reason: failureText(result.error) }),
    });
  }
}

function verdictOf(workerIp: string, checks: readonly CheckResult[] | undefined): HealthVerdict {
  const own = checks?.filter((check) => check.workerIp === workerIp) ?? [];
  if (own.length === 0) return "not_asked";
  return own.every((check) => check.pass) ? "passed" : "failed";
}

/** Puts the results into the history. */
export function recordResults(
  session: Session,
  plan: JobControlPlan,
  results: readonly TargetResult[],
): void {
  const versions = new Map(
    plan.batches.flat().map(({ row, deployment }) => [row.workerIp, versionsOf(plan, deployment)]),
  );
  session.catalog.transaction(() => {
    for (const result of results) {
      recordAllocation(session.catalog, {
        runId: session.identity.runId,
        job: plan.job.name,
        workerIp: result.workerIp,
        action: plan.target,
        status: result.status,
        ...versions.get(result.workerIp),
        ...(result.error === undefined ? {} : { reason: result.error.message }),
        at: session.now(),
      });
    }
  })();
}
