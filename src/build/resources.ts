// Reservations against bounds and capacity.

import type { Fault } from "../model/fault.ts";
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
  ofWorker(worker: WorkerRow): number | undefined;
}

const resources: readonly Resource[] = [
  { field: "memory", unit: "mb", ofReservation: (r) => r.memoryMb, ofWorker: (w) => w.memoryMb },
  { field: "cpu", unit: "mhz", ofReservation: (r) => r.cpuMhz, ofWorker: (w) => w.cpuMhz },
];

/** Share of a worker's capacity above which build warns. */
const tightShare = 0.9;

/** The reservation of one job; a value outside the manifest's bounds is a fault. */
export function reserve(
  job: WorkspaceJob,
  chosen: JobReservation | undefined,
  selector: string,
  places: WorkspacePlaces,
): { reservation: Reservation; faults: Fault[] } {
  const faults: Fault[] = [];
  const pick = (
    field: "memory" | "cpu",
    unit: string,
    bounds: Bounds | undefined,
    value: number | undefined,
  ) => {
    if (value === undefined) return bounds === undefined ? undefined : { value: bounds.max, bounds };
    if (bounds === undefined) return { value, bounds: { min: value, max: value } };
    if (value < bounds.min || value > bounds.max) {
      faults.push({
        ...places.place(jobsConfPath(selector), [job.name, field]),
        what: `${field} of job "${job.name}" is ${plainDecimal(value)} ${unit}, outside the manifest's ${plainDecimal(bounds.min)} to ${plainDecimal(bounds.max)} ${unit}`,
        hint: `choose a value in that range or change resources.${field} in ${manifestPath(job.name)}`,
      });
    }
    return { value, bounds };
  };
  const memory = pick("memory", "mb", job.manifest.memory, chosen?.memoryMb);
  const cpu = pick("cpu", "mhz", job.manifest.cpu, chosen?.cpuMhz);
  return {
    reservation: {
      ...(memory === undefined ? {} : { memoryMb: memory.value, memoryBounds: memory.bounds }),
      ...(cpu === undefined ? {} : { cpuMhz: cpu.value, cpuBounds: cpu.bounds }),
    },
    faults,
  };
}

/** Per worker, the sum over active allocations must fit what the worker declares. */
export function checkCapacity(
  workers: readonly WorkerRow[],
  allocations: readonly AllocationRow[],
  reservations: ReadonlyMap<string, Reservation>,
  places: WorkspacePlaces,
  workerIndex: ReadonlyMap<string, number>,
): { faults: Fault[]; warnings: Fault[] } {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
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
        faults.push({
          ...at,
          what: `worker ${worker.host} declares no ${field}, its jobs reserve ${sum}`,
          hint: `add "${field}" to this worker ("maand collect facts" finds it) or drop the reservations`,
        });
      } else if (required > available) {
        faults.push({
          ...at,
          what: `worker ${worker.host} has ${plainDecimal(available)} ${unit} of ${field}, its jobs reserve ${sum}`,
          hint: `lower a reservation in ${bucketPath("bucket.jobs.conf")} or a manifest, move or disable a job, or raise the worker's "${field}" if it has more`,
        });
      } else if (required > available * tightShare) {
        warnings.push({
          ...at,
          what: `worker ${worker.host} has ${plainDecimal(available)} ${unit} of ${field}, its jobs reserve ${sum}: over 90 %`,
          hint: "plan for more capacity before the next job",
        });
      }
    }
  }
  return { faults, warnings };
}

/** A sum without the dust of binary fractions: 0.1 + 0.2 fits into 0.3. Six decimals are what `plainDecimal` shows. */
function total(amounts: readonly number[]): number {
  return Math.round(amounts.reduce((sum, amount) => sum + amount, 0) * 1e6) / 1e6;
}
