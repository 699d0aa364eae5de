// Which job runs on which worker: label matching, soft removal and return, disabled allocations.

import { allocationIdOf } from "../model/ids.ts";
import type { AllocationRow, WorkerRow } from "../model/state.ts";
import { compareText } from "../support/order.ts";
import type { Disabled, WorkspaceJob } from "../workspace/types.ts";

/** Whether a worker carries every selector of a job; both are canonical labels. */
function matches(selectors: readonly string[], labels: ReadonlySet<string>): boolean {
  return selectors.every((selector) => labels.has(selector));
}

/** Whether `disabled.json` disables this job on this worker. */
function isDisabled(disabled: Disabled, job: string, host: string): boolean {
  const entry = disabled.jobs.get(job);
  return entry === "all" || entry?.includes(host) === true || disabled.workers.includes(host);
}

/**
 * The allocations after this build: every matching pair, and the earlier ones that no longer match as removed.
 * @param workers by position
 * @returns by job name, then worker position; removed ones of vanished workers last within their job
 */
export function placeAllocations(
  jobs: readonly WorkspaceJob[],
  workers: readonly WorkerRow[],
  disabled: Disabled,
  previous: readonly AllocationRow[],
): AllocationRow[] {
  const labelSets = workers.map((worker) => new Set(worker.labels));
  const placed: AllocationRow[] = [];
  const live = new Set<string>();
  for (const job of jobs) {
    let index = 0;
    workers.forEach((worker, i) => {
      if (!matches(job.manifest.selectors, labelSets[i]!)) return;
      const allocId = allocationIdOf(job.name, worker.host);
      live.add(allocId);
      placed.push({
        allocId,
        job: job.name,
        workerIp: worker.host,
        workerId: worker.workerId,
        ...(worker.tags.zone === undefined ? {} : { zone: worker.tags.zone }),
        index: index++,
        disabled: isDisabled(disabled, job.name, worker.host),
        removed: false,
      });
    });
  }
  for (const allocation of previous) {
    if (!live.has(allocation.allocId)) placed.push({ ...allocation, removed: true });
  }
  const positions = new Map(workers.map((worker, i) => [worker.host, i]));
  const positionOf = (allocation: AllocationRow): number =>
    positions.get(allocation.workerIp) ?? workers.length;
  return placed.sort(
    (a, b) =>
      compareText(a.job, b.job) || positionOf(a) - positionOf(b) || compareText(a.workerIp, b.workerIp),
  );
}
