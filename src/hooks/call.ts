// What a caller asks the hook host to run, and what comes back.

import type { BatchPlace } from "../lifecycle/batches.ts";
import type { MaandError } from "../model/error.ts";
import type { HookEvent } from "../model/manifest.ts";
import type { AllocationRow } from "../model/state.ts";
import type { JobControl } from "./environment.ts";
import type { DeployPhase } from "./plan.ts";

/** One allocation to run hooks for. */
export interface HookTarget {
  allocation: AllocationRow;
  /** What is promoted; read from the catalog when absent. */
  currentVersion?: string;
  /** What is coming; the job's version when absent. */
  newVersion?: string;
}

/** One event of one job. */
export interface HookCall {
  event: HookEvent;
  job: string;
  /** All non-removed allocations of the job when absent. Any order: they are worked on in rollout order. */
  targets?: readonly HookTarget[];
  /** `DEPLOY_PHASE`; also decides the batch width. "" when absent. */
  phase?: DeployPhase;
  /** The place of these allocations in a rollout: they are one batch of it and stay together. */
  batch?: BatchPlace;
  /**
   * What is written to the KV waits, each allocation's in its own name: `recordAllocations` keeps or drops it with what
   * becomes of that allocation. Without it the run keeps what its hooks wrote when all of them succeed, and else drops it.
   */
  writesWithBatch?: boolean;
  /** For `job_control`. */
  control?: JobControl;
  /** Only the hook of this name: `maand hooks`. */
  hook?: string;
  /** Part of a batch that is under way: Ctrl-C lets it finish, only the second one ends it. */
  finishing?: boolean;
  /** Seconds for one invocation; see `timeoutOf` for what holds when it is absent. */
  timeoutSeconds?: number;
}

/** One hook of one allocation. */
export interface HookResult {
  hook: string;
  job: string;
  workerIp: string;
  allocId: string;
  /** `skipped`: an earlier batch or hook failed, or Ctrl-C came. */
  status: "done" | "failed" | "skipped";
  /** Kind "hook", or "interrupted" for one that Ctrl-C ended. */
  error?: MaandError;
  /** 0 for skipped ones. */
  durationMs: number;
}

/** How an event of a job went; `ok` where every hook ran to a good end, none where there is nothing to run. */
export type HookRun = {
  /** By hook, then in rollout order; empty when the job has no hook for the event. */
  results: HookResult[];
  /** Something did not run, or was ended, because of Ctrl-C. */
  interrupted: boolean;
  /** What became of the KV writes; `pending` where the call says that they wait for the batch. */
  writes: "kept" | "dropped" | "pending";
} & (
  | { ok: true; error?: undefined }
  /** All failures as one error; of kind "interrupted" where there is no other. */
  | { ok: false; error: MaandError }
);
