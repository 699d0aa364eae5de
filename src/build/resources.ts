// Reservations against bounds and capacity.

import { type Diagnostic, errorAt, warningAt } from "../model/diagnostic.ts";
import type { Bounds } from "../model/manifest.ts";
import type { AllocationRow, WorkerRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import { plainDecimal } from "../model/units.ts";
import { bucketPath, jobsConfPath, manifestPath, workersPath } from "../workspace/paths.ts";
import type { JobReservation, WorkspaceJob, WorkspacePlaces } from "../workspace/types.ts";

/** What one allocation of a job takes, and between what bounds it was chosen. */
export interface Reservation {
  memoryMb?: number;
  cpuMhz?: number;
  memoryBounds?: Bounds;
  cpuBounds?: Bounds;
}

interface Resource {
  field: "memory" | "cpu";
  unit: "mb" | "mhz";
  ofReservation(reservation: Reservation): number | undefined;
  boundsOf(reservation: Reservation): Bounds | undefined;
  ofWorker(worker: WorkerRow): number | undefined;
}

const resources: readonly Resource[] = [
  {
    field: "memory",
    unit: "mb",
    ofReservation: (r) => r.memoryMb,
    boundsOf: (r) => r.memoryBounds,
    ofWorker: (w) => w.memoryMb,
  },
  {
    field: "cpu",
    unit: "mhz",
    ofReservation: (r) => r.cpuMhz,
    boundsOf: (r) => r.cpuBounds,
    ofWorker: (w) => w.cpuMhz,
  },
];

/** Share of a worker's capacity above which build warns. */
const tightShare = 0.9;

/** The reservation of one job: its table in bucket.jobs*.conf, else what its manifest allows at most. */
export function reservationOf(job: WorkspaceJob, chosen: JobReservation | undefined): Reservation {
  const memory = pick(job.manifest.memory, chosen?.memoryMb);
  const cpu = pick(job.manifest.cpu, chosen?.cpuMhz);
  return {
    ...(memory === undefined ? {} : { memoryMb: memory.value, memoryBounds: memory.bounds }),
    ...(cpu === undefined ? {} : { cpuMhz: cpu.value, cpuBounds: cpu.bounds }),
  };
}

/** What is reserved, and the bounds that hold: a value without bounds is both of them. */
function pick(
  bounds: Bounds | undefined,
  chosen: number | undefined,
): { value: number; bounds: Bounds } | undefined {
  if (chosen === undefined) return bounds === undefined ? undefined : { value: bounds.max, bounds };
  return { value: chosen, bounds: bounds ?? { min: chosen, max: chosen } };
}

/** A reservation must lie within the manifest's bounds. */
export function checkReservation(
  job: string,
  reservation: Reservation,
  selector: string,
  places: WorkspacePlaces,
): Diagnostic[] {
  return resources.flatMap(({ field, unit, ofReservation, boundsOf }) => {
    const value = ofReservation(reservation);
    const bounds = boundsOf(reservation);
    if (value === undefined || bounds === undefined) return [];
    if (value >= bounds.min && value <= bounds.max) return [];
    const place = places.place(jobsConfPath(selector), [job, field]);
    const message = `${field} of job "${job}" is ${plainDecimal(value)} ${unit}, outside the manifest's ${plainDecimal(bounds.min)} to ${plainDecimal(bounds.max)} ${unit}`;
    const hint = `choose a value in that range or change resources.${field} in ${manifestPath(job)}`;
    return [errorAt(place, message, hint)];
  });
}

/** Per worker, the sum over active allocations must fit what the worker declares. */
export function checkCapacity(
  workers: readonly WorkerRow[],
  allocations: readonly AllocationRow[],
  reservations: ReadonlyMap<string, Reservation>,
  places: WorkspacePlaces,
  workerIndex: ReadonlyMap<string, number>,
): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const jobsOn = new Map<string, string[]>(workers.map((worker) => [worker.host, []]));
  for (const allocation of allocations) {
    if (isActive(allocation)) jobsOn.get(allocation.workerIp)?.push(allocation.job);
  }
  for (const worker of workers) {
    for (const resource of resources) {
      const parts = jobsOn.get(worker.host)!.flatMap((job) => {
        const amount = resource.ofReservation(reservations.get(job)!);
        return amount === undefined ? [] : [{ job, amount }];
      });
      if (parts.length === 0) continue;
      const required = total(parts.map((part) => part.amount));
      const available = resource.ofWorker(worker);
      const { field, unit } = resource;
      const sum = `${plainDecimal(required)} ${unit} of ${field} (${parts.map((p) => `${p.job} ${plainDecimal(p.amount)}`).join(" + ")})`;
      const at = places.place(workersPath, [workerIndex.get(worker.host) ?? 0, field]);
      if (available === undefined) {
        const message = `worker ${worker.host} declares no ${field}, its jobs reserve ${sum}`;
        const hint = `add "${field}" to this worker ("maand collect facts" finds it) or drop the reservations`;
        diagnostics.push(errorAt(at, message, hint));
      } else if (required > available) {
        const message = `worker ${worker.host} has ${plainDecimal(available)} ${unit} of ${field}, its jobs reserve ${sum}`;
        const hint = `lower a reservation in ${bucketPath("bucket.jobs.conf")} or a manifest, move or disable a job, or raise the worker's "${field}" if it has more`;
        diagnostics.push(errorAt(at, message, hint));
      } else if (required > available * tightShare) {
        const message = `worker ${worker.host} has ${plainDecimal(available)} ${unit} of ${field}, its jobs reserve ${sum}: over 90 %`;
        diagnostics.push(warningAt(at, message, "plan for more capacity before the next job"));
      }
    }
  }
  return diagnostics;
}

/** A sum without the dust of binary fractions: 0.1 + 0.2 fits into 0.3. Six decimals are what `plainDecimal` shows. */
function total(amounts: readonly number[]): number {
  return Math.round(amounts.reduce((sum, amount) => sum + amount, 0) * 1e6) / 1e6;
}
