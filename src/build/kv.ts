// The KV values that follow from the catalog.

import {
  allocationNamespace,
  bucketNamespace,
  bucketVarsNamespace,
  jobConfigNamespace,
  jobNamespace,
  workerNamespace,
  workersNamespace,
  workerTagsNamespace,
} from "../kv/namespaces.ts";
import { type Diagnostic, warningAt } from "../model/diagnostic.ts";
import { labelId } from "../model/ids.ts";
import type { AllocationRow, CatalogState, JobRow, KvValues, WorkerRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import { plainDecimal } from "../model/units.ts";
import { sortedKeys } from "../support/order.ts";
import { manifestPath } from "../workspace/paths.ts";
import type { Workspace, WorkspacePlaces } from "../workspace/types.ts";
import type { Reservation } from "./resources.ts";

/** Keys of `maand/bucket` that a port's flat key must not take the place of. */
const bucketKeys = new Set(["bucket_id", "jobs", "activejobs"]);

export interface KvInput {
  state: CatalogState;
  workspace: Workspace;
  reservations: ReadonlyMap<string, Reservation>;
  /** PEM of the bucket's CA certificate. */
  caCert: string;
  places: WorkspacePlaces;
}

/** All values that build owns, certificates of allocations and Prometheus apart. */
export function kvValues(input: KvInput): { values: KvValues; warnings: Diagnostic[] } {
  const { state, workspace } = input;
  const values: KvValues = new Map();
  const put = (namespace: string, entries: Iterable<readonly [string, string | undefined]>): void => {
    let keys = values.get(namespace);
    if (keys === undefined) {
      keys = new Map();
      values.set(namespace, keys);
    }
    for (const [key, value] of entries) if (value !== undefined) keys.set(key, value);
  };

  const live = state.allocations.filter((allocation) => !allocation.removed);
  const liveByJob = Map.groupBy(live, (allocation) => allocation.job);
  const liveByWorker = Map.groupBy(live, (allocation) => allocation.workerIp);
  const jobs = state.jobs.filter((job) => !job.removed);
  const activeJobs = jobs.filter((job) => liveByJob.get(job.name)?.some(isActive));

  const flat = flatPorts(input, new Set(activeJobs.map((job) => job.name)));
  put(bucketNamespace, [
    ["bucket_id", state.bucketId],
    ["jobs", jobs.map((job) => job.name).join(",")],
    ["activejobs", activeJobs.map((job) => job.name).join(",")],
    ...flat.entries,
  ]);
  put(bucketVarsNamespace, Object.entries(workspace.bucketVars));
  put(workersNamespace, [["certs/ca.crt", input.caCert]]);

  const byLabel = workersByLabel(state.workers);
  for (const [label, workers] of byLabel) put(workersNamespace, labelEntries(label, workers));
  const peersByLabel = new Map(
    [...byLabel].map(([label, bearers]) => [label, peersOf(bearers.map((worker) => worker.host))]),
  );
  for (const worker of state.workers) {
    put(
      workerNamespace(worker.host),
      workerEntries(worker, peersByLabel, liveByWorker.get(worker.host) ?? []),
    );
    put(workerTagsNamespace(worker.host), Object.entries(worker.tags));
  }

  const workspaceJobs = new Map(workspace.jobs.map((job) => [job.name, job]));
  const portsByJob = Map.groupBy(state.ports, (port) => port.job);
  for (const job of jobs) {
    const allocations = liveByJob.get(job.name) ?? [];
    if (allocations.length === 0) continue;
    const ports = portsByJob.get(job.name) ?? [];
    put(jobNamespace(job.name), [
      ...jobEntries(job, allocations, input.reservations.get(job.name) ?? {}),
      ...ports.map((port) => [`port_${port.name}`, String(port.number)] as const),
    ]);
    put(jobConfigNamespace(job.name), [
      ...Object.entries(workspaceJobs.get(job.name)?.vars ?? {}),
      ...Object.entries(workspace.reservations.get(job.name)?.vars ?? {}),
    ]);
    const peers = peersOf(allocations.map((allocation) => allocation.workerIp));
    for (const allocation of allocations) {
      put(allocationNamespace(job.name, allocation.workerIp), [
        [`${job.name}_allocation_index`, String(allocation.index)],
        ["peer_workers", peers.get(allocation.workerIp)!.peers],
        ["version", job.version],
      ]);
    }
  }
  return { values, warnings: flat.warnings };
}

interface Peers {
  /** Place of the host in the list. */
  index: number;
  /** All other hosts, comma list. */
  peers: string;
}

/** The others of each host. They are cut out of the whole list: joining them one by one is slow in large jobs. */
function peersOf(hosts: readonly string[]): Map<string, Peers> {
  const all = hosts.join(",");
  const found = new Map<string, Peers>();
  let start = 0;
  for (const [index, host] of hosts.entries()) {
    const end = start + host.length;
    const peers = index === 0 ? all.slice(end + 1) : all.slice(0, start - 1) + all.slice(end);
    found.set(host, { index, peers });
    start = end + 1;
  }
  return found;
}

function workersByLabel(workers: readonly WorkerRow[]): Map<string, WorkerRow[]> {
  const byLabel = new Map<string, WorkerRow[]>();
  for (const worker of workers) {
    for (const label of worker.labels) {
      const list = byLabel.get(label);
      if (list === undefined) byLabel.set(label, [worker]);
      else list.push(worker);
    }
  }
  return byLabel;
}

function labelEntries(label: string, workers: readonly WorkerRow[]): [string, string][] {
  return [
    [`${label}_workers`, workers.map((worker) => worker.host).join(",")],
    [`${label}_workers_length`, String(workers.length)],
    ...workers.map((worker, i): [string, string] => [`${label}_${i}`, worker.host]),
    [`${label}_label_id`, labelId(label)],
  ];
}

function workerEntries(
  worker: WorkerRow,
  peersByLabel: ReadonlyMap<string, ReadonlyMap<string, Peers>>,
  allocations: readonly AllocationRow[],
): [string, string | undefined][] {
  return [
    ["worker_ip", worker.host],
    ["worker_id", worker.workerId],
    // A worker without a declared hostname is known by its address.
    ["hostname", worker.hostname ?? worker.host],
    ["position", String(worker.position)],
    ["labels", worker.labels.join(",")],
    ["worker_memory_mb", decimal(worker.memoryMb)],
    ["worker_cpu_mhz", decimal(worker.cpuMhz)],
    [
      "jobs",
      allocations
        .filter(isActive)
        .map((allocation) => allocation.job)
        .join(","),
    ],
    ...worker.labels.flatMap((label): [string, string][] => {
      const { index, peers } = peersByLabel.get(label)!.get(worker.host)!;
      return [
        [`${label}_peers`, peers],
        [`${label}_allocation_index`, String(index)],
      ];
    }),
  ];
}

function jobEntries(
  job: JobRow,
  allocations: readonly AllocationRow[],
  reservation: Reservation,
): [string, string | undefined][] {
  const active = allocations.filter(isActive).map((allocation) => allocation.workerIp);
  return [
    ["name", job.name],
    ["job_id", job.jobId],
    ["job_name", job.name],
    ["version", job.version],
    ["selectors", job.manifest.selectors.join(",")],
    ["workers", active.join(",")],
    ["workers_length", String(active.length)],
    ...active.map((ip, i): [string, string] => [`worker_${i}`, ip]),
    ["rollout_order", active.join(",")],
    ["memory", decimal(reservation.memoryMb)],
    ["cpu", decimal(reservation.cpuMhz)],
    ["min_memory_mb", decimal(reservation.memoryBounds?.min)],
    ["max_memory_mb", decimal(reservation.memoryBounds?.max)],
    ["min_cpu_mhz", decimal(reservation.cpuBounds?.min)],
    ["max_cpu_mhz", decimal(reservation.cpuBounds?.max)],
  ];
}

function decimal(value: number | undefined): string | undefined {
  return value === undefined ? undefined : plainDecimal(value);
}

/** Flat keys of `maand/bucket`: a port name that exactly one job uses, when that job has an active allocation. */
function flatPorts(
  input: KvInput,
  active: ReadonlySet<string>,
): { entries: [string, string][]; warnings: Diagnostic[] } {
  const byName = Map.groupBy(input.state.ports, (port) => port.name);
  const entries: [string, string][] = [];
  const warnings: Diagnostic[] = [];
  for (const name of sortedKeys(byName.keys())) {
    const ports = byName.get(name)!;
    const [first] = ports;
    const at = input.places.place(manifestPath(first!.job), ["resources", "ports", name]);
    if (bucketKeys.has(name)) {
      const message = `port name "${name}" is also a key of ${bucketNamespace}, so it has no flat key there`;
      const hint = `templates read it as port_${name} of maand/job/<job>`;
      warnings.push(warningAt(at, message, hint));
    } else if (ports.length > 1) {
      const message = `port name "${name}" is used by ${ports.map((port) => port.job).join(" and ")}, so ${bucketNamespace} has no key "${name}"`;
      warnings.push(warningAt(at, message, `templates read port_${name} of maand/job/<job> instead`));
    } else if (active.has(first!.job)) {
      entries.push([name, String(first!.number)]);
    }
  }
  return { entries, warnings };
}
