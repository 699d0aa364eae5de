// Small catalogs for tests of pure parts.

import { allocationId, jobId } from "../../../src/model/ids.ts";
import type {
  AllocationRow,
  CatalogState,
  DeploymentRow,
  JobRow,
  RuntimeState,
} from "../../../src/model/state.ts";
import { manifest } from "./workspace.ts";

type Manifest = JobRow["manifest"];

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

export function allocationRow(
  job: string,
  workerIp: string,
  changes: Partial<AllocationRow> = {},
): AllocationRow {
  return {
    allocId: allocationId(job, workerIp),
    job,
    workerIp,
    workerId: `id-${workerIp}`,
    index: 0,
    disabled: false,
    removed: false,
    ...changes,
  };
}

export function catalogState(
  hosts: readonly string[],
  jobs: JobRow[],
  allocations: AllocationRow[],
): CatalogState {
  return {
    bucketId: "bucket",
    workers: hosts.map((host, position) => ({
      host,
      workerId: `id-${host}`,
      position,
      labels: ["worker"],
      tags: {},
    })),
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
