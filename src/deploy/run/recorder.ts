// What has become of each allocation of one job's rollout: written down as it happens, summed up as the job's outcome.

import type { AllocationStatus } from "../../events/event.ts";
import type { AllocationRecord, StateChange } from "../../lifecycle/record.ts";
import { recordAllocations } from "../../lifecycle/record.ts";
import type { MaandError } from "../../model/error.ts";
import type { Action } from "../plan/action.ts";
import type { JobPlan } from "../plan/plan.ts";
import { hasWork, rolloutActions } from "../plan/plan.ts";
import type { DeployRun } from "./context.ts";
import type { AllocationOutcome, JobOutcome } from "./outcome.ts";
import { isBad, outcomeOf } from "./outcome.ts";

/** How one action came out, and what the catalog knows of its allocation from then on. */
export interface SettledAction {
  action: Action;
  status: AllocationStatus;
  error?: MaandError;
  change?: StateChange;
  /** What becomes of what hooks wrote for its allocation. */
  writes?: AllocationRecord["writes"];
}

export interface RolloutRecorder {
  /** Records how actions came out: state, history and event, in one commit. Those that were skipped are only told. */
  settle(settled: readonly SettledAction[]): void;
  /** Settles everything of a plan that has work and is not settled yet. */
  failAll(plan: JobPlan, error: MaandError): void;
  /** As `failAll` where the catalog itself has failed: told, but not written. */
  abandon(plan: JobPlan, error: MaandError): void;
  /** Whether anything failed so far. */
  hasFailed(): boolean;
  /** The job's outcome; what was not settled was not come to, which the history keeps. */
  close(plan: JobPlan, reason?: string): JobOutcome;
}

/** The record of an action, for stops and rollouts alike. */
export function actionRecord(
  { action, status, error, change, writes }: SettledAction,
  phase: AllocationRecord["phase"],
): AllocationRecord {
  return {
    allocId: action.allocId,
    job: action.job,
    workerIp: action.workerIp,
    phase,
    action: action.kind,
    status,
    currentVersion: action.currentVersion,
    newVersion: action.newVersion,
    ...(error === undefined ? {} : { error }),
    ...(change === undefined ? {} : { change }),
    ...(writes === undefined ? {} : { writes }),
  };
}

export function createRolloutRecorder(run: DeployRun): RolloutRecorder {
  const { session } = run;
  const outcomes = new Map<string, AllocationOutcome>();

  const note = ({ action, status, error }: SettledAction): void =>
    void outcomes.set(action.allocId, outcomeOf(action, status, error));
  const settle = (asked: readonly SettledAction[]): void => {
    const settled = asked.map((entry) =>
      entry.error?.kind === "interrupted" ? { ...entry, status: "interrupted" as const } : entry,
    );
    const acted = settled.filter(({ status }) => status !== "skipped");
    if (acted.length > 0)
      recordAllocations(
        session,
        acted.map((entry) => actionRecord(entry, "rollout")),
        run.hooks.kv,
      );
    for (const entry of settled) {
      note(entry);
      if (entry.status !== "skipped") continue;
      const { action } = entry;
      const scope = {
        worker: action.workerIp,
        job: action.job,
        phase: "rollout",
        action: action.kind,
      } as const;
      session.events.emit({ type: "deploy_skip", scope, reason: action.reason });
    }
  };
  const remaining = (plan: JobPlan): Action[] =>
    rolloutActions(plan).filter((action) => !outcomes.has(action.allocId));

  return {
    settle,
    failAll(plan, error) {
      settle(
        remaining(plan).map((action) =>
          action.kind === "skip" ? { action, status: "skipped" } : { action, status: "failed", error },
        ),
      );
    },
    abandon(plan, error) {
      for (const action of remaining(plan)) note({ action, status: "failed", error });
      const scope = { worker: "-", job: plan.job, phase: "rollout" } as const;
      session.events.emit({ type: "allocation", scope, status: "failed", reason: error.message });
    },
    hasFailed: () => [...outcomes.values()].some(isBad),
    close(plan, reason) {
      const status = session.shutdown.graceful.aborted ? "interrupted" : "pending";
      const left = remaining(plan).map((action): SettledAction => ({ action, status }));
      const unchanged = left.filter(({ action }) => action.kind !== "skip");
      if (unchanged.length > 0)
        recordAllocations(
          session,
          unchanged.map((entry) => ({ ...actionRecord(entry, "rollout"), silent: true })),
        );
      for (const entry of left) note(entry);
      const allocations = rolloutActions(plan).map((action) => outcomes.get(action.allocId)!);
      return jobOutcome(plan, allocations, reason);
    },
  };
}

function jobOutcome(plan: JobPlan, allocations: AllocationOutcome[], reason?: string): JobOutcome {
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
}
