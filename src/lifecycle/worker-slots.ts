// How many workers are touched at once: work on a worker that is being touched already takes no further place.

import { createSlots } from "../support/parallel.ts";

/** Runs work on a worker once it has a place; places are given in the order in which workers were first asked for. */
export type WorkerSlots = <R>(workerIp: string, work: () => Promise<R>) => Promise<R>;

/** @param limit `max_parallel_workers`; at least 1 */
export function createWorkerSlots(limit: number): WorkerSlots {
  const slots = createSlots(limit);
  return (workerIp, work) => slots.run(work, { key: workerIp });
}
