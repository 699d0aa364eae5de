// What the catalog holds, as values: rows with everything that a test does not care about filled in, and whole states.

import { allocationIdOf, jobId } from "../../../src/model/ids.ts";
import type {
  AllocationRow,
  CatalogState,
  DeploymentRow,
  JobRow,
  RuntimeState,
  WorkerRow,
} from "../../../src/model/state.ts";
import { manifest } from "./manifest.ts";

type Manifest = JobRow["manifest"];

const everyState: Record<RuntimeState, true> = {
  absent: true,
  unknown: true,
  running: true,
  health_failed: true,
  stopped: true,
  drained: true,
  cleaned: true,
};

/** Every state that an allocation can be in; the compiler sees to it that none is missing. */
export const runtimeStates = Object.keys(everyState) as RuntimeState[];

/** A job of version 1.0.0 in wave 0. `of` changes its manifest. */
export function jobRow(name: string, changes: Partial<JobRow> = {}, of: Partial<Manifest> = {}): JobRow {
  return {
    name,
    jobId: jobId(name),
    version: "1.0.0",
    disabled: false,
    removed: false,
    deploymentSeq: 0,
    manifest: manifest(of),
    ...changes,
  };
}

/** A live, enabled allocation with the ids that a build would give it. */
export function allocationRow(
  job: string,
  workerIp: string,
  changes: Partial<AllocationRow> = {},
): AllocationRow {
  return {
    allocId: allocationIdOf(job, workerIp),
    job,
    workerIp,
    workerId: `id-${workerIp}`,
    index: 0,
    disabled: false,
    removed: false,
    ...changes,
  };
}

/** A worker with no label but `worker`. */
export function workerRow(host: string, position = 0, changes: Partial<WorkerRow> = {}): WorkerRow {
  return { host, workerId: `id-${host}`, position, labels: ["worker"], tags: {}, ...changes };
}

/** A catalog without ports and files; an empty one when nothing is given. */
export function catalogState(
  hosts: readonly string[] = [],
  jobs: JobRow[] = [],
  allocations: AllocationRow[] = [],
): CatalogState {
  return {
    bucketId: "bucket",
    workers: hosts.map((host, position) => workerRow(host, position)),
    jobs,
    allocations,
    ports: [],
    files: new Map(),
  };
}

/** Deployments of all allocations in one state, promoted where that state says so. */
export function deploymentsOf(
  allocations: readonly AllocationRow[],
  state: RuntimeState,
): Map<string, DeploymentRow> {
  const isPromoted = state !== "absent" && state !== "cleaned";
  return new Map(
    allocations.map(({ allocId }) => [
      allocId,
      { allocId, state, ...(isPromoted ? { promotedHash: "a", promotedVersion: "1.0.0" } : {}) },
    ]),
  );
}
