// What has become of each allocation of one job's rollout, and what the job's outcome is in the end.

import type { MaandError } from "../../model/error.ts";
import type { Action } from "../plan/action.ts";
import type { JobPlan } from "../plan/plan.ts";
import { hasWork, rolloutActions } from "../plan/plan.ts";
import type { DeployRun } from "./context.ts";
import type { AllocationOutcome, JobOutcome } from "./outcome.ts";
import { outcomeOf } from "./outcome.ts";

type Status = AllocationOutcome["status"];

export interface RolloutRecorder {
  /** Notes how an action came out and tells the event stream. */
  settle(action: Action, status: Status, error?: MaandError): void;
  /** Settles everything of a plan that has work and is not settled yet. */
  failAll(plan: JobPlan, error: MaandError): void;
  /** Whether anything failed so far. */
  hasFailed(): boolean;
  /** The job's outcome; what was not settled was not come to. */
  close(plan: JobPlan, reason?: string): JobOutcome;
}

export function createRolloutRecorder(run: DeployRun): RolloutRecorder {
  const outcomes = new Map<string, AllocationOutcome>();
  const { events, shutdown } = run.session;

  const settle = (action: Action, asked: Status, error?: MaandError): void => {
    const status = error?.kind === "interrupted" ? "interrupted" : asked;
    outcomes.set(action.allocId, outcomeOf(action, status, error));
    const scope = {
      worker: action.workerIp,
      job: action.job,
      phase: "rollout" as const,
      action: action.kind,
    };
    if (status === "skipped") events.emit({ type: "deploy_skip", scope, reason: action.reason });
    else
      events.emit({
        type: "allocation",
        scope,
        status,
        ...(error === undefined ? {} : { reason: error.message }),
      });
  };
  const isBad = (outcome: AllocationOutcome): boolean =>
    outcome.status === "failed" || outcome.status === "not_reached";

  return {
    settle,
    failAll(plan, error) {
      for (const action of rolloutActions(plan)) {
        if (outcomes.has(action.allocId)) continue;
        if (action.kind === "skip") settle(action, "skipped");
        else settle(action, "failed", error);
      }
    },
    hasFailed: () => [...outcomes.values()].some(isBad),
    close(plan, reason) {
      const interrupted = shutdown.graceful.aborted;
      const allocations = rolloutActions(plan).map(
        (action) =>
          outcomes.get(action.allocId) ?? outcomeOf(action, interrupted ? "interrupted" : "pending"),
      );
      const bad = allocations.filter(isBad).length;
      const base = { job: plan.job, seq: plan.seq, allocations };
      if (bad > 0 || reason !== undefined) {
        return {
          ...base,
          status: "failed",
          reason: reason ?? `${bad} of ${allocations.length} allocations failed`,
        };
      }
      if (allocations.some((outcome) => outcome.status === "interrupted")) {
        return { ...base, status: "interrupted", reason: "interrupted before it was done" };
      }
      return { ...base, status: hasWork(plan) ? "done" : "skipped" };
    },
  };
}
