// How much at once: the batches that a job's allocations are cut into, and the workers that are touched over all jobs.

import type { Manifest } from "../model/manifest.ts";
import { assertNever } from "../model/result.ts";
import { createSlots } from "../support/parallel.ts";

/** Which width of the manifest holds: first starts, everything that touches what runs, or all at once. */
export type BatchKind = "starts" | "upgrades" | "all";

/** The place of a batch among those of its rollout, from 0. */
export interface BatchPlace {
  index: number;
  count: number;
}

/** Allocations at a time; 0 is all of them. */
export function batchWidth(
  manifest: Pick<Manifest, "maxConcurrentStarts" | "maxConcurrentUpgrades">,
  kind: BatchKind,
): number {
  switch (kind) {
    case "starts":
      return manifest.maxConcurrentStarts;
    case "upgrades":
      return manifest.maxConcurrentUpgrades;
    case "all":
      return 0;
    default:
      return assertNever(kind, "kind of batch");
  }
}

/** Cuts a list into batches of `width`; 0 is one batch of all, and nothing makes no batch. */
export function cutBatches<T>(items: readonly T[], width: number): T[][] {
  if (items.length === 0) return [];
  if (width <= 0) return [[...items]];
  const batches: T[][] = [];
  for (let i = 0; i < items.length; i += width) batches.push(items.slice(i, i + width));
  return batches;
}

/**
 * Runs work on a worker once it has a place: work on a worker that is being touched already takes no further one; places are
 * given in the order in which workers were first asked for.
 */
export type WorkerSlots = <R>(workerIp: string, work: () => Promise<R>) => Promise<R>;

/** @param limit `max_parallel_workers`; at least 1 */
export function createWorkerSlots(limit: number): WorkerSlots {
  const slots = createSlots(limit);
  return (workerIp, work) => slots.run(work, { key: workerIp });
}
