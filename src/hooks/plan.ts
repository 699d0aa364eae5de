// Which hooks run for an event, over which allocations, in which order and batches: from data alone.

import { jobNamespace } from "../kv/namespaces.ts";
import type { KvStore } from "../kv/store.ts";
import type { HookDeclaration, HookEvent } from "../model/manifest.ts";
import type { AllocationRow, JobRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import { compareText } from "../support/order.ts";

/** Which part of a rollout a hook belongs to; "" outside of one. */
export type DeployPhase = "new" | "update" | "stop" | "";

/** The order in which a job's allocations are worked on, as worker addresses. */
export interface RolloutOrder {
  /** All active workers. */
  workers: string[];
  /** "kv": a hook has put another order than that of the worker positions. */
  source: "kv" | "default";
  /** What the KV says, when it does not name exactly the active workers and was ignored. */
  ignored?: string;
}

/** One round of a hook: allocations that are worked on at the same time. */
export interface HookBatch<T> {
  index: number;
  count: number;
  members: T[];
}

/** The hooks of a job for an event, by name. */
export function hooksFor(job: JobRow, event: HookEvent): HookDeclaration[] {
  return job.manifest.hooks
    .filter((hook) => hook.executedOn.includes(event))
    .sort((a, b) => compareText(a.name, b.name));
}

/**
 * `rollout_order` of the KV when it is a permutation of the active workers, else the order of worker positions.
 * @param allocations all allocations of the job, by worker position
 */
export function rolloutOrder(
  job: string,
  allocations: readonly AllocationRow[],
  kv: Pick<KvStore, "get">,
): RolloutOrder {
  const active = allocations.filter(isActive).map((allocation) => allocation.workerIp);
  const stored = kv.get(jobNamespace(job), "rollout_order");
  if (typeof stored !== "string" || stored.trim() === "") return { workers: active, source: "default" };
  const wanted = stored.split(",").map((ip) => ip.trim());
  const known = new Set(active);
  const isPermutation =
    wanted.length === active.length &&
    new Set(wanted).size === wanted.length &&
    wanted.every((ip) => known.has(ip));
  if (!isPermutation) return { workers: active, source: "default", ignored: stored };
  return { workers: wanted, source: wanted.every((ip, i) => ip === active[i]) ? "default" : "kv" };
}

/** Sorts by rollout order; what the order does not name (disabled, removed) keeps its place at the end. */
export function inOrder<T>(
  items: readonly T[],
  order: readonly string[],
  workerIp: (item: T) => string,
): T[] {
  const rank = new Map(order.map((ip, i) => [ip, i]));
  const rankOf = (item: T): number => rank.get(workerIp(item)) ?? order.length;
  return [...items].sort((a, b) => rankOf(a) - rankOf(b));
}

/** How many allocations a hook works on at once: `max_concurrent_starts` (0 is all) for first starts, else upgrades. */
export function batchWidth(job: JobRow, phase: DeployPhase): number {
  return phase === "new" ? job.manifest.maxConcurrentStarts : job.manifest.maxConcurrentUpgrades;
}

/**
 * Cuts allocations into rounds. When the caller's own batch is given, they are that one batch of the rollout and stay
 * together.
 */
export function hookBatches<T>(
  members: readonly T[],
  width: number,
  place?: { index: number; count: number },
): HookBatch<T>[] {
  if (members.length === 0) return [];
  if (place !== undefined) return [{ ...place, members: [...members] }];
  const size = width <= 0 ? members.length : width;
  const count = Math.ceil(members.length / size);
  return Array.from({ length: count }, (_, index) => ({
    index,
    count,
    members: members.slice(index * size, (index + 1) * size),
  }));
}

interface EventRules {
  stopsAtFailure: boolean;
  mayWriteKv: boolean;
  maySetRolloutOrder: boolean;
}

const asUsual: EventRules = { stopsAtFailure: true, mayWriteKv: true, maySetRolloutOrder: false };

const rules: Record<HookEvent, EventRules> = {
  post_build: asUsual,
  pre_deploy: { ...asUsual, maySetRolloutOrder: true },
  job_control: asUsual,
  after_allocation_started: asUsual,
  after_allocation_stopped: { ...asUsual, stopsAtFailure: false },
  health_check: { ...asUsual, stopsAtFailure: false, mayWriteKv: false },
  post_deploy: asUsual,
  cli: { ...asUsual, maySetRolloutOrder: true },
};

/**
 * Whether a failure in one batch keeps the later batches and hooks of the event from running. A gate asks everything,
 * so that all that is unhealthy is told at once; a stop has happened already, and each one is told of.
 */
export function stopsAtFailure(event: HookEvent): boolean {
  return rules[event].stopsAtFailure;
}

/** Whether hooks of the event may change the KV. */
export function mayWriteKv(event: HookEvent): boolean {
  return rules[event].mayWriteKv;
}

/** Whether hooks of the event may put `rollout_order`: only where no rollout of the job is under way. */
export function maySetRolloutOrder(event: HookEvent): boolean {
  return rules[event].maySetRolloutOrder;
}
