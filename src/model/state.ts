// The catalog as plain values: what build leaves behind and deploy plans from.

import type { Manifest } from "./manifest.ts";
import { assertNever } from "./result.ts";

export interface WorkerRow {
  host: string;
  workerId: string;
  hostname?: string;
  position: number;
  memoryMb?: number;
  cpuMhz?: number;
  labels: string[];
  tags: Record<string, string>;
}

export interface JobRow {
  name: string;
  jobId: string;
  version: string;
  disabled: boolean;
  /** Gone from the workspace; kept while an allocation of it is still in the catalog. */
  removed: boolean;
  deploymentSeq: number;
  manifest: Manifest;
  /** Reservation per allocation, in MB and MHz. */
  memoryMb?: number;
  cpuMhz?: number;
}

export interface AllocationRow {
  allocId: string;
  job: string;
  workerIp: string;
  workerId: string;
  zone?: string;
  /** Place among the job's non-removed allocations, by worker position; a removed one keeps its last. */
  index: number;
  disabled: boolean;
  removed: boolean;
}

export interface PortRow {
  job: string;
  name: string;
  number: number;
  source: "fixed" | "pool";
}

/** What is known to be true of an allocation on its worker. Only deploy, job control and gc change it. */
export type RuntimeState =
  | "absent" // nothing of it was ever put there
  | "unknown" // a sync or lifecycle target was begun and has not been promoted
  | "running" // promoted
  | "health_failed" // the lifecycle ran, its gate did not pass
  | "stopped" // by hand
  | "drained" // stopped because it is disabled
  | "cleaned"; // removed: stopped and its files deleted, `data/` and `logs/` are still there

/** What may be found on the worker in each state. */
const leftBy: Record<RuntimeState, "nothing" | "files" | "process and files"> = {
  absent: "nothing",
  cleaned: "nothing",
  stopped: "files",
  drained: "files",
  unknown: "process and files",
  running: "process and files",
  health_failed: "process and files",
};

/** The state comes from the catalog: one that nobody knows must not pass for "nothing is there". */
function left(state: RuntimeState): (typeof leftBy)[RuntimeState] {
  return leftBy[state] ?? assertNever(state as never, "state of an allocation");
}

/** A process of this allocation may be alive. */
export function mayRun(state: RuntimeState): boolean {
  return left(state) === "process and files";
}

/** Deployed files of this allocation are on the worker. */
export function hasFiles(state: RuntimeState): boolean {
  return left(state) !== "nothing";
}

export interface DeploymentRow {
  allocId: string;
  state: RuntimeState;
  promotedHash?: string;
  promotedVersion?: string;
  previousHash?: string;
  previousVersion?: string;
  /** Content of the attempt that has not been promoted yet (state `unknown` or `health_failed`). */
  attemptHash?: string;
  /** Why the last attempt failed. */
  failure?: string;
}

/** The row of an allocation; one that was never acted on has none and is absent. */
export function deploymentOf<D extends DeploymentRow>(
  deployments: ReadonlyMap<string, D>,
  { allocId }: Pick<AllocationRow, "allocId">,
): D | { allocId: string; state: "absent" } {
  return deployments.get(allocId) ?? { allocId, state: "absent" };
}

/** The states alone, by allocation id. */
export function runtimeStates(deployments: ReadonlyMap<string, DeploymentRow>): Map<string, RuntimeState> {
  return new Map([...deployments].map(([id, row]) => [id, row.state]));
}

export type JobFileRow =
  | { kind: "file"; path: string; mode: number; sha256: string }
  | { kind: "dir"; path: string; mode: number }
  | { kind: "link"; path: string; target: string };

/** What build owns, KV and file content apart. */
export interface CatalogState {
  bucketId: string;
  /** By position. */
  workers: WorkerRow[];
  /** By name. */
  jobs: JobRow[];
  /** By job, then worker position. */
  allocations: AllocationRow[];
  ports: PortRow[];
  /** By job name, each sorted by path. */
  files: Map<string, JobFileRow[]>;
}

/** Not removed and not disabled. */
export function isActive(allocation: AllocationRow): boolean {
  return !allocation.removed && !allocation.disabled;
}

/** The jobs that a job's own hooks demand, each once. */
export function demandsOf(job: Pick<JobRow, "manifest">): string[] {
  return [
    ...new Set(job.manifest.hooks.flatMap((hook) => (hook.demand === undefined ? [] : [hook.demand.job]))),
  ];
}

/** KV as values: namespace to key to text. */
export type KvValues = Map<string, Map<string, string>>;
