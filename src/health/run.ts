// All health checks of a bucket, or of some jobs, as one result: the worker gate and what each job asks for.

import type { AllocationRow, CatalogState, JobRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { allocationChecks, hasProbes, waitOf } from "./checks.ts";
import type { Check, CheckResult } from "./gate.ts";
import { defaultWait, noWait, runGate } from "./gate.ts";
import type { WorkerResult } from "./worker-gate.ts";
import { checkWorkers, liveConnection, patientConnection } from "./worker-gate.ts";

export interface HealthReport {
  /** By worker position; empty where the worker gate was not asked for. */
  workers: WorkerResult[];
  /** By job, then worker position, then the order of the manifest. */
  checks: CheckResult[];
  /** Jobs that have nothing their health could be told by. */
  skipped: string[];
}

/** Whether everything that was asked passed. */
export function isHealthy(report: HealthReport): boolean {
  return report.workers.every((worker) => worker.ok) && report.checks.every((check) => check.ok);
}

export interface HealthOptions {
  /** Only these jobs, which must be in the catalog; all that are not removed when absent. */
  jobs?: readonly string[];
  /** Wait as each manifest says; else every check is asked once. */
  wait: boolean;
}

/** What `maand health_check` does: the worker gate over the whole catalog, then the checks of the jobs. Never throws. */
export async function checkHealth(
  session: Session,
  state: CatalogState,
  options: HealthOptions,
): Promise<HealthReport> {
  const jobs = state.jobs.filter(
    (job) => !job.removed && (options.jobs === undefined || options.jobs.includes(job.name)),
  );
  const workers = await checkWorkers(
    session,
    state.workers.map((worker) => worker.host),
    options.wait ? defaultWait : noWait,
  );
  const active = state.allocations.filter(isActive);
  const checks = await checkAllocations(session, state, jobs, active, options.wait);
  return { workers, checks, skipped: jobs.filter((job) => !hasProbes(job)).map((job) => job.name) };
}

/** The checks of one job on the given allocations, without the worker gate. Never throws. */
export async function checkJob(
  session: Session,
  state: CatalogState,
  job: JobRow,
  allocations: readonly AllocationRow[],
): Promise<HealthReport> {
  const checks = await checkAllocations(session, state, [job], allocations, true);
  return { workers: [], checks, skipped: hasProbes(job) ? [] : [job.name] };
}

/** All probes are asked at the same time. Ctrl-C ends the waiting: what has not passed by then has failed. */
async function checkAllocations(
  session: Session,
  state: CatalogState,
  jobs: readonly JobRow[],
  allocations: readonly AllocationRow[],
  wait: boolean,
): Promise<CheckResult[]> {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const checks: Check[] = allocations.flatMap((allocation) => {
    const job = byName.get(allocation.job);
    if (job === undefined) return [];
    return allocationChecks(session, state, job, allocation.workerIp, () =>
      wait ? patientConnection(session, allocation.workerIp) : liveConnection(session, allocation.workerIp),
    );
  });
  return runGate(
    checks,
    (name) => (wait ? waitOf(byName.get(name)!) : noWait),
    session.interrupt.stopping,
    (check, result) => {
      const scope = { worker: check.workerIp, job: check.job, phase: "health" as const };
      if (result === undefined)
        session.events.emit({ type: "progress", scope, text: check.name, state: "begin" });
      else session.events.emit({ type: "progress", scope, text: check.name, state: "end", ok: result.ok });
    },
  );
}
