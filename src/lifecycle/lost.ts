// What a worker has lost since it was deployed to: set up anew, emptied, or restored to something older. Pure.

import type { Deployment } from "../catalog/deployments.ts";
import type { AllocationRow } from "../model/state.ts";
import { hasFiles, isActive } from "../model/state.ts";
import type { FoundIdentity } from "../model/worker-identity.ts";
import type { JobDirectory } from "../worker/check.ts";
import { syncMark } from "../worker/receive.ts";

/** An allocation whose files are not those that were synced last, with why. */
export interface LostAllocation {
  row: AllocationRow;
  /** Completes "job web: ...". */
  why: string;
}

export interface FoundOnWorker {
  found: FoundIdentity;
  /** By job. */
  jobs: ReadonlyMap<string, JobDirectory>;
}

/**
 * The allocations of one worker that must be taken for absent.
 * @param showsFiles whether a content has any file that a look into the job's directory shows
 */
export function lostAllocations(
  rows: readonly AllocationRow[],
  deployments: ReadonlyMap<string, Deployment>,
  on: FoundOnWorker,
  showsFiles: (hash: string) => boolean,
): LostAllocation[] {
  return rows.flatMap((row) => {
    const deployment = deployments.get(row.allocId);
    if (deployment === undefined || !hasFiles(deployment.state) || deployment.promotedHash === undefined)
      return [];
    const why = whyLost(row, deployment, on, showsFiles);
    return why === undefined ? [] : [{ row, why }];
  });
}

function whyLost(
  row: AllocationRow,
  { promotedHash, attemptHash, syncedHash, state }: Deployment,
  { found, jobs }: FoundOnWorker,
  showsFiles: (hash: string) => boolean,
): string | undefined {
  const directory = jobs.get(row.job);
  if (directory === undefined) return "its directory is missing";
  if (directory.bare && showsFiles(syncedHash ?? promotedHash!)) return "its directory is empty";
  // What is to be stopped is stopped with whatever files are there.
  if (!isActive(row)) return undefined;
  if (found.kind === "none") return "the worker has no worker.json";
  if (found.kind === "unreadable") return `the worker's worker.json ${found.why}`;
  // An attempt that was cut short, or an older maand, left no mark to go by; the former is done again anyhow.
  const isSettled = attemptHash === undefined && (state === "running" || state === "stopped");
  if (!isSettled || syncedHash === undefined || directory.mark === syncMark(syncedHash)) return undefined;
  return directory.mark === undefined
    ? "its last sync is not complete there"
    : "its files are of another sync than the last";
}
