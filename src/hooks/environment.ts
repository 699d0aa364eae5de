// What one invocation of a hook sees in its environment: a pure function.

import type { RolloutOrder } from "../lifecycle/order.ts";
import type { HookEvent } from "../model/manifest.ts";
import type { AllocationRow } from "../model/state.ts";
import type { DeployPhase } from "./plan.ts";

/** What `job_control` hooks are told besides; lists hold worker addresses. */
export interface JobControl {
  /** `deploy`, or the target given to `maand job`. */
  target: string;
  newAllocations: readonly string[];
  updatedAllocations: readonly string[];
  stoppedAllocations: readonly string[];
}

export interface EnvironmentInput {
  event: HookEvent;
  hook: string;
  allocation: AllocationRow;
  currentVersion: string;
  newVersion: string;
  bucketRoot: string;
  bucketId: string;
  batch: { index: number; count: number; workers: readonly string[] };
  phase: DeployPhase;
  order: RolloutOrder;
  /** Present for `job_control`. */
  control?: JobControl;
  /** The run is a rollback. */
  rollback: boolean;
  api: { host: string; port: number; token: string };
  /** The environment of maand itself. */
  inherited: Readonly<Record<string, string | undefined>>;
}

/** Variables of maand's own environment that hooks see; names beginning with `MAAND_` are passed on as well. */
const passedOn: readonly string[] = ["PATH", "HOME", "LANG", "TERM", "SSH_AUTH_SOCK"];

/** The whole environment of one invocation: nothing of the caller's leaks into it but what is named here. */
export function hookEnvironment(input: EnvironmentInput): Record<string, string> {
  const { allocation, batch, order, control } = input;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(input.inherited)) {
    if (value !== undefined && (passedOn.includes(name) || name.startsWith("MAAND_")))
      environment[name] = value;
  }
  const own: Record<string, string> = {
    ALLOCATION_ID: allocation.allocId,
    ALLOCATION_IP: allocation.workerIp,
    ALLOCATION_INDEX: String(allocation.index),
    JOB: allocation.job,
    EVENT: input.event,
    HOOK: input.hook,
    COMMAND: input.hook,
    DISABLED: allocation.disabled ? "1" : "0",
    CURRENT_VERSION: input.currentVersion,
    NEW_VERSION: input.newVersion,
    BUCKET_ROOT: input.bucketRoot,
    BUCKET_ID: input.bucketId,
    BATCH_ALLOCATIONS: batch.workers.join(","),
    BATCH_INDEX: String(batch.index),
    BATCH_COUNT: String(batch.count),
    DEPLOY_PHASE: input.phase,
    ROLLOUT_ORDER: order.workers.join(","),
    ROLLOUT_ORDER_SOURCE: order.source,
    HOOK_API_HOST: input.api.host,
    HOOK_API_PORT: String(input.api.port),
    HOOK_API_TOKEN: input.api.token,
  };
  if (control !== undefined) {
    own.TARGET = control.target;
    own.NEW_ALLOCATIONS = control.newAllocations.join(",");
    own.UPDATED_ALLOCATIONS = control.updatedAllocations.join(",");
    own.STOPPED_ALLOCATIONS = control.stoppedAllocations.join(",");
  }
  if (input.rollback) own.ROLLBACK = "1";
  return { ...environment, ...own };
}
