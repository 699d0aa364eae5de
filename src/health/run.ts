// All health checks of a bucket, or of some jobs, as one result: the worker gate and what each job asks for.

import { stageForHooks } from "../content/stage.ts";
import type { HookHost } from "../hooks/host.ts";
import type { AllocationRow, CatalogState, JobRow } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import { liveConnection, patientConnection } from "../session/connect.ts";
import type { Session } from "../session/session.ts";
import { allocationChecks, isChecked, waitOf } from "./checks.ts";
import type { Check, CheckResult } from "./gate.ts";
import { defaultWait, hasNotPassed, noWait, runGate } from "./gate.ts";
import { askHealthHooks } from "./hooks.ts";
import type { WorkerCheck } from "./worker-gate.ts";
import { runWorkerGate } from "./worker-gate.ts";

export interface HealthReport {
  /** By worker position; empty where the worker gate was not asked for. */
  workers: WorkerCheck[];
  /** By job, then worker position, then the order of the manifest; none when Ctrl-C came before they were asked. */
  checks: CheckResult[];
  /** Jobs that have nothing their health could be told by. */
  skipped: string[];
  /** Whether all was asked that there was to ask: Ctrl-C may come before the checks. */
  complete: boolean;
}

/** Whether everything was asked and passed. */
export function isHealthy(report: HealthReport): boolean {
  const { workers, checks, complete } = report;
  return complete && workers.every((worker) => worker.pass) && checks.every((check) => check.pass);
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
  hooks: HookHost,
  options: HealthOptions,
): Promise<HealthReport> {
  const jobs = state.jobs.filter(
    (job) => !job.removed && (options.jobs === undefined || options.jobs.includes(job.name)),
  );
  const workers = await runWorkerGate(
    session,
    state.workers.map((worker) => worker.host),
    options.wait ? defaultWait : noWait,
  );
  const skipped = jobs.filter((job) => !isChecked(hooks, job)).map((job) => job.name);
  // A worker that was not waited for has told nothing of its jobs.
  if (session.shutdown.graceful.aborted) return { workers, checks: [], skipped, complete: false };
  const active = state.allocations.filter(isActive);
  const checks = await checkAllocations(session, state, hooks, jobs, active, options.wait);
  return { workers, checks, skipped, complete: true };
}

/** The checks of one job on the given allocations, without the worker gate. Never throws. */
export async function checkJob(
  session: Session,
  state: CatalogState,
  hooks: HookHost,
  job: JobRow,
  allocations: readonly AllocationRow[],
): Promise<HealthReport> {
  const checks = await checkAllocations(session, state, hooks, [job], allocations, true);
  const skipped = isChecked(hooks, job) ? [] : [job.name];
  return { workers: [], checks, skipped, complete: true };
}

/** Probes first, then the hooks of what has passed them. */
async function checkAllocations(
  session: Session,
  state: CatalogState,
  hooks: HookHost,
  jobs: readonly JobRow[],
  allocations: readonly AllocationRow[],
  wait: boolean,
): Promise<CheckResult[]> {
  const results = await askProbes(session, state, jobs, allocations, wait);
  const failed = new Set(results.filter(hasNotPassed).map((result) => `${result.job}@${result.workerIp}`));
  for (const job of jobs) {
    if (!hooks.hasHooks(job.name, "health_check")) continue;
    const targets = allocations
      .filter(
        (allocation) => allocation.job === job.name && !failed.has(`${job.name}@${allocation.workerIp}`),
      )
      .map((allocation) => ({ allocation }));
    if (targets.length === 0) continue;
    await stageForHooks(session, state, hooks.kv, job.name);
    const call = { job: job.name, targets };
    results.push(
      ...(await askHealthHooks(hooks, call, wait ? waitOf(job) : noWait, session.shutdown.graceful)),
    );
  }
  const rank = new Map(jobs.map((job, i) => [job.name, i]));
  return results.sort((a, b) => rank.get(a.job)! - rank.get(b.job)!);
}

/** All probes are asked at the same time. Ctrl-C ends the waiting: what has not passed by then has failed. */
async function askProbes(
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
    const { workerIp } = allocation;
    const own = allocationChecks(session, state, job, workerIp, () =>
      wait ? patientConnection(session, workerIp) : liveConnection(session, workerIp),
    );
    return wait ? own.map((check) => tellingWait(session, check, waitOf(job).attempts)) : own;
  });
  return runGate(
    checks,
    (name) => (wait ? waitOf(byName.get(name)!) : noWait),
    session.shutdown.graceful,
    (check, result) => {
      const scope = { worker: check.workerIp, job: check.job, phase: "health" as const };
      if (result === undefined)
        session.events.emit({ type: "progress", scope, text: check.name, state: "begin" });
      else {
        const reason = result.pass ? {} : { reason: result.reason };
        const end = { type: "progress", scope, text: check.name, state: "end" } as const;
        session.events.emit({ ...end, ok: result.pass, ...reason });
      }
    },
  );
}

/** The check as it is, saying once that it is waited for: a wait that says nothing looks like a hang. */
function tellingWait(session: Session, check: Check, attempts: number): Check {
  let isSaid = attempts <= 1;
  return {
    ...check,
    async run() {
      const verdict = await check.run();
      if (!verdict.pass && !isSaid) {
        const scope = { worker: check.workerIp, job: check.job, phase: "health" as const };
        const text = `asking up to ${attempts} times until it passes: ${check.name}: ${verdict.reason}`;
        session.events.emit({ type: "step", scope, text });
        isSaid = true;
      }
      return verdict;
    },
  };
}
