// Which hooks run for an event, over which allocations, in which order and batches: from data alone.

import type { BatchKind, BatchPlace } from "../lifecycle/batches.ts";
import { cutBatches } from "../lifecycle/batches.ts";
import type { HookDeclaration, HookEvent } from "../model/manifest.ts";
import type { JobRow } from "../model/state.ts";
import { compareText } from "../support/order.ts";

/** Which part of a rollout a hook belongs to; "" outside of one. */
export type DeployPhase = "new" | "update" | "stop" | "";

/** One round of a hook: allocations that are worked on at the same time. */
export interface HookBatch<T> extends BatchPlace {
  members: T[];
}

/** The hooks of a job for an event, by name. */
export function hooksFor(job: JobRow, event: HookEvent): HookDeclaration[] {
  return job.manifest.hooks
    .filter((hook) => hook.executedOn.includes(event))
    .sort((a, b) => compareText(a.name, b.name));
}

/** Which width holds: that of first starts, else that of upgrades. */
export function batchKind(phase: DeployPhase): BatchKind {
  return phase === "new" ? "starts" : "upgrades";
}

/**
 * Cuts allocations into rounds. When the caller's own batch is given, they are that one batch of the rollout and stay
 * together.
 */
export function hookBatches<T>(members: readonly T[], width: number, place?: BatchPlace): HookBatch<T>[] {
  if (members.length === 0) return [];
  if (place !== undefined) return [{ ...place, members: [...members] }];
  const batches = cutBatches(members, width);
  return batches.map((batch, index) => ({ index, count: batches.length, members: batch }));
}

/** What holds for all hooks of an event. */
interface EventRules {
  /**
   * Whether a failure in one batch keeps the later batches and hooks of the event from running. A gate asks everything,
   * so that all that is unhealthy is told at once; a stop has happened already, and each one is told of.
   */
  stopsAtFailure: boolean;
  /** Whether hooks may change the KV. */
  mayWriteKv: boolean;
  /** Whether hooks may put `rollout_order`: only where no rollout of the job is under way. */
  maySetRolloutOrder: boolean;
}

const acting: EventRules = { stopsAtFailure: true, mayWriteKv: true, maySetRolloutOrder: false };

/** The rules of every event. */
export const eventRules: Readonly<Record<HookEvent, EventRules>> = {
  post_build: acting,
  pre_deploy: { ...acting, maySetRolloutOrder: true },
  job_control: acting,
  after_allocation_started: acting,
  after_allocation_stopped: { ...acting, stopsAtFailure: false },
  health_check: { stopsAtFailure: false, mayWriteKv: false, maySetRolloutOrder: false },
  post_deploy: acting,
  cli: { ...acting, maySetRolloutOrder: true },
};
