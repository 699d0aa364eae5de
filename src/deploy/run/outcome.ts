// How a deploy came out, as a value: the summary, `--json` and the exit code are read from it.

import type { AllocationStatus } from "../../events/event.ts";
import { MaandError } from "../../model/error.ts";
import type { Action, ActionKind } from "../plan/action.ts";

export interface AllocationOutcome {
  job: string;
  workerIp: string;
  action: ActionKind;
  status: AllocationStatus;
  currentVersion: string;
  newVersion: string;
  /** A stop came before it, because nobody knew what was running. */
  stopFirst: boolean;
  matched: string[];
  error?: MaandError;
}

export type JobStatus = "done" | "skipped" | "failed" | "blocked" | "interrupted";

export interface JobOutcome {
  job: string;
  seq: number;
  status: JobStatus;
  /** Why, for anything but done and skipped. */
  reason?: string;
  allocations: AllocationOutcome[];
}

export interface UnreachedWorker {
  workerIp: string;
  /** Something was to be done there, so that this is a failure and not just a warning. */
  due: boolean;
  departed: boolean;
  error: MaandError;
}

export interface DeployOutcome {
  updateSeq: number;
  /** Stops and removals, in the order in which they were done. */
  reconcile: AllocationOutcome[];
  waves: { seq: number; jobs: JobOutcome[] }[];
  unreached: UnreachedWorker[];
  interrupted: boolean;
}

/** The outcome of one action. */
export function outcomeOf(action: Action, status: AllocationStatus, error?: MaandError): AllocationOutcome {
  return {
    job: action.job,
    workerIp: action.workerIp,
    action: action.kind,
    status,
    currentVersion: action.currentVersion,
    newVersion: action.newVersion,
    stopFirst: action.stopFirst,
    matched: action.matched,
    ...(error === undefined ? {} : { error }),
  };
}

/** The error of an action that Ctrl-C cut short. */
export function interruptedAt({ job, workerIp }: Action, why?: string): MaandError {
  return new MaandError("interrupted", "interrupted before it was done", {
    where: { job, worker: workerIp },
    ...(why === undefined ? {} : { why }),
    hint: "run maand deploy to go on",
  });
}

/** Whether something went wrong with the allocation itself. */
export function isBad({ status }: AllocationOutcome): boolean {
  return status === "failed" || status === "not_reached";
}

/** Whether anything failed or was blocked: exit 1. */
export function hasFailed(outcome: DeployOutcome): boolean {
  const bad = (allocation: AllocationOutcome): boolean =>
    isBad(allocation) || allocation.status === "blocked";
  return (
    outcome.reconcile.some(bad) ||
    outcome.waves.some((wave) =>
      wave.jobs.some(
        (job) => job.status === "failed" || job.status === "blocked" || job.allocations.some(bad),
      ),
    )
  );
}

/** Whether nothing had to be done anywhere. */
export function wasIdle(outcome: DeployOutcome): boolean {
  return (
    outcome.reconcile.length === 0 &&
    outcome.waves.every((wave) => wave.jobs.every((job) => job.status === "skipped"))
  );
}
