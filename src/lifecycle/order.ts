// The order in which a job's allocations are worked on: the list that a hook has put into the KV, else worker position.

import { jobNamespace } from "../kv/namespaces.ts";
import type { KvStore } from "../kv/store.ts";
import type { AllocationRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";

/** The order of one job, as worker addresses. */
export interface RolloutOrder {
  /** All active workers. */
  workers: string[];
  /** "kv": a hook has put another order than that of the worker positions. */
  source: "kv" | "default";
  /** What the KV says, when it does not name exactly the active workers and so is not followed. */
  ignored?: string;
}

/** `rollout_order` of a job as the KV has it: addresses separated by commas; undefined when there is none. */
export function storedOrder(kv: Pick<KvStore, "get">, job: string): string | undefined {
  const stored = kv.get(jobNamespace(job), "rollout_order");
  return typeof stored === "string" && stored.trim() !== "" ? stored : undefined;
}

/**
 * The stored list when it is a permutation of the active workers, else the order of worker positions. White space
 * around addresses does not count.
 * @param allocations all allocations of the job, by worker position
 */
export function rolloutOrder(
  stored: string | undefined,
  allocations: readonly AllocationRow[],
): RolloutOrder {
  const active = allocations.filter(isActive).map((allocation) => allocation.workerIp);
  if (stored === undefined) return { workers: active, source: "default" };
  const wanted = stored.split(",").map((ip) => ip.trim());
  const known = new Set(active);
  const isPermutation =
    wanted.length === active.length &&
    new Set(wanted).size === wanted.length &&
    wanted.every((ip) => known.has(ip));
  if (!isPermutation) return { workers: active, source: "default", ignored: stored };
  return { workers: wanted, source: wanted.every((ip, i) => ip === active[i]) ? "default" : "kv" };
}

/** What the operator is told of a list that is not followed; undefined when there is none, or nobody to order. */
export function ignoredOrderWarning(job: string, order: RolloutOrder): string | undefined {
  if (order.ignored === undefined || order.workers.length === 0) return undefined;
  return `rollout_order of job "${job}" (${order.ignored}) does not list exactly its active workers (${order.workers.join(",")}): going by worker position`;
}

/** Sorts by rollout order; what the order does not name (disabled, removed) keeps its place at the end. */
export function inRolloutOrder<T>(
  items: readonly T[],
  order: RolloutOrder,
  workerIp: (item: T) => string,
): T[] {
  const rank = new Map(order.workers.map((ip, i) => [ip, i]));
  const rankOf = (item: T): number => rank.get(workerIp(item)) ?? order.workers.length;
  return [...items].sort((a, b) => rankOf(a) - rankOf(b));
}
