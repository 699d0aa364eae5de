// Workspace and previous catalog → next catalog: a function from data to data.

import { isBuildOwned } from "../kv/namespaces.ts";
import { retainedNamespaces } from "../kv/retention.ts";
import type { KvEntry } from "../kv/store.ts";
import { type Checked, checked, type Diagnostic, errorAt, isError } from "../model/diagnostic.ts";
import { jobId } from "../model/ids.ts";
import type {
  AllocationRow,
  CatalogState,
  JobFileRow,
  JobRow,
  KvValues,
  RuntimeState,
  WorkerRow,
} from "../model/state.ts";
import { hasFiles } from "../model/state.ts";
import { compareText } from "../support/order.ts";
import { manifestPath } from "../workspace/paths.ts";
import type { Workspace, WorkspacePlaces } from "../workspace/types.ts";
import { sequenceJobs } from "./demands.ts";
import { kvValues } from "./kv.ts";
import { placeAllocations } from "./placement.ts";
import { assignPorts } from "./ports.ts";
import type { Reservation } from "./resources.ts";
import { checkCapacity, checkReservation, reservationOf } from "./resources.ts";

export interface BuildInput {
  workspace: Workspace;
  places: WorkspacePlaces;
  previous: CatalogState;
  /** State of each allocation that was ever deployed, by allocation id. */
  runtime: ReadonlyMap<string, RuntimeState>;
  jobConfigSelector: string;
  caCert: string;
  /** A fresh random UUID for each host that has none yet; called once per new host, in position order. */
  newWorkerId: (host: string) => string;
}

export interface BuildPlan {
  next: CatalogState;
  kv: KvValues;
  /** Namespaces that stay as they are because something of theirs is still to be stopped. */
  retained: ReadonlySet<string>;
}

/** Works out the next catalog. */
export function planBuild(input: BuildInput): Checked<BuildPlan> {
  const { workspace, previous, places } = input;
  const workers = workerRows(workspace, previous, input.newWorkerId);
  const allocations = placeAllocations(workspace.jobs, workers, workspace.disabled, previous.allocations);
  const sequence = sequenceJobs(workspace.jobs, places);
  const reservations = new Map(
    workspace.jobs.map((job) => [job.name, reservationOf(job, workspace.reservations.get(job.name))]),
  );
  const workerIndex = new Map(workspace.workers.map((worker) => [worker.host, worker.index]));
  const ports = assignPorts(workspace.jobs, workspace.portRange, previous.ports, places);
  const diagnostics = [
    ...sequence.diagnostics,
    ...[...reservations].flatMap(([job, reservation]) =>
      checkReservation(job, reservation, input.jobConfigSelector, places),
    ),
    ...checkCapacity(workers, allocations, reservations, places, workerIndex),
    ...ports.diagnostics,
    ...checkCounts(workspace, allocations, places),
  ];
  if (!sequence.ok || !ports.ok || diagnostics.some(isError)) return { ok: false, diagnostics };

  const next: CatalogState = {
    bucketId: previous.bucketId,
    workers,
    jobs: jobRows(workspace, previous, allocations, sequence.value, reservations),
    allocations,
    ports: ports.value,
    files: jobFiles(workspace, previous, allocations, input.runtime),
  };
  const { values, warnings } = kvValues({
    state: next,
    workspace,
    reservations,
    caCert: input.caCert,
    places,
  });
  const retained = retainedNamespaces(next.allocations, input.runtime, values);
  return checked({ next, kv: values, retained }, [...diagnostics, ...warnings]);
}

function workerRows(
  workspace: Workspace,
  previous: CatalogState,
  newWorkerId: (host: string) => string,
): WorkerRow[] {
  // One that left and is back before gc is still the worker that its own worker.json says it is.
  const known = new Map([
    ...previous.allocations.map((allocation) => [allocation.workerIp, allocation.workerId] as const),
    ...previous.workers.map((worker) => [worker.host, worker.workerId] as const),
  ]);
  return workspace.workers.map((worker) => ({
    host: worker.host,
    workerId: known.get(worker.host) ?? newWorkerId(worker.host),
    ...(worker.hostname === undefined ? {} : { hostname: worker.hostname }),
    position: worker.position,
    ...(worker.memoryMb === undefined ? {} : { memoryMb: worker.memoryMb }),
    ...(worker.cpuMhz === undefined ? {} : { cpuMhz: worker.cpuMhz }),
    labels: worker.labels,
    tags: worker.tags,
  }));
}

function jobRows(
  workspace: Workspace,
  previous: CatalogState,
  allocations: readonly AllocationRow[],
  sequence: ReadonlyMap<string, number>,
  reservations: ReadonlyMap<string, Reservation>,
): JobRow[] {
  const rows: JobRow[] = workspace.jobs.map((job) => {
    const reservation = reservations.get(job.name)!;
    return {
      name: job.name,
      jobId: jobId(job.name),
      version: job.manifest.version,
      disabled: workspace.disabled.jobs.get(job.name) === "all",
      removed: false,
      deploymentSeq: sequence.get(job.name) ?? 0,
      manifest: job.manifest,
      ...(reservation.memoryMb === undefined ? {} : { memoryMb: reservation.memoryMb }),
      ...(reservation.cpuMhz === undefined ? {} : { cpuMhz: reservation.cpuMhz }),
    };
  });
  const present = new Set(workspace.jobs.map((job) => job.name));
  const stillAllocated = new Set(allocations.map((allocation) => allocation.job));
  for (const job of previous.jobs) {
    if (!present.has(job.name) && stillAllocated.has(job.name)) rows.push({ ...job, removed: true });
  }
  return rows.sort((a, b) => compareText(a.name, b.name));
}

/** Files of workspace jobs, and the last known ones of a job that has left but is still on a worker. */
function jobFiles(
  workspace: Workspace,
  previous: CatalogState,
  allocations: readonly AllocationRow[],
  runtime: ReadonlyMap<string, RuntimeState>,
): Map<string, JobFileRow[]> {
  const files = new Map<string, JobFileRow[]>();
  for (const job of workspace.jobs) {
    files.set(
      job.name,
      job.files.map((file) =>
        file.kind === "file" ? { kind: "file", path: file.path, mode: file.mode, sha256: file.sha256 } : file,
      ),
    );
  }
  for (const allocation of allocations) {
    const kept = previous.files.get(allocation.job);
    if (kept === undefined || files.has(allocation.job)) continue;
    if (hasFiles(runtime.get(allocation.allocId) ?? "absent")) files.set(allocation.job, kept);
  }
  return files;
}

function checkCounts(
  workspace: Workspace,
  allocations: readonly AllocationRow[],
  places: WorkspacePlaces,
): Diagnostic[] {
  const counts = new Map<string, number>();
  for (const allocation of allocations) {
    if (!allocation.removed) counts.set(allocation.job, (counts.get(allocation.job) ?? 0) + 1);
  }
  return workspace.jobs.flatMap((job) => {
    const count = counts.get(job.name) ?? 0;
    const wanted = job.manifest.minAllocationsCount;
    if (count >= wanted) return [];
    const place = places.place(manifestPath(job.name), ["min_allocations_count"]);
    const message = `job "${job.name}" is allocated to ${count} of at least ${wanted} workers (selectors ${job.manifest.selectors.join(", ")})`;
    const hint = "label more workers in workspace/workers.json or lower min_allocations_count";
    return [errorAt(place, message, hint)];
  });
}

/** What has to be written to turn the KV that is there into the one that was planned. */
export interface KvDifference {
  puts: { namespace: string; key: string; value: string }[];
  deletes: { namespace: string; key: string }[];
}

/**
 * @param current live entries of the catalog
 * @param keep keys whose stored value stays although the plan does not carry it (certificates that are reused)
 * @param catalogChanged whether anything else of the catalog changes: only then is `rollout_order`, which a hook
 *   may have set, put back to the plan's
 */
export function diffKv(
  plan: { kv: KvValues; retained: ReadonlySet<string> },
  current: readonly KvEntry[],
  keep: (namespace: string, key: string) => boolean,
  catalogChanged: boolean,
): KvDifference {
  const isRolloutOrder = (namespace: string, key: string) =>
    key === "rollout_order" && namespace.startsWith("maand/job/");
  const puts: KvDifference["puts"] = [];
  const orders: KvDifference["puts"] = [];
  const deletes: KvDifference["deletes"] = [];
  const stored = new Map<string, Set<string>>();
  for (const entry of current) {
    if (entry.deleted || !isBuildOwned(entry.namespace)) continue;
    const { namespace, key } = entry;
    if (keep(namespace, key)) continue;
    const value = plan.kv.get(namespace)?.get(key);
    if (value === undefined) {
      if (!plan.retained.has(namespace)) deletes.push({ namespace, key });
      continue;
    }
    let keys = stored.get(namespace);
    if (keys === undefined) {
      keys = new Set();
      stored.set(namespace, keys);
    }
    keys.add(key);
    const before = typeof entry.value === "string" ? entry.value : entry.value.reveal();
    if (before !== value) (isRolloutOrder(namespace, key) ? orders : puts).push({ namespace, key, value });
  }
  for (const [namespace, keys] of plan.kv) {
    const known = stored.get(namespace);
    if (known?.size === keys.size) continue;
    for (const [key, value] of keys) if (!known?.has(key)) puts.push({ namespace, key, value });
  }
  if (catalogChanged || puts.length > 0 || deletes.length > 0) puts.push(...orders);
  return { puts, deletes };
}
