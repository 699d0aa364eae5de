// What gc will do, worked out from the catalog alone: stops, deletions on workers, and what then leaves the KV.

import { parseNamespace } from "../kv/namespaces.ts";
import type { AllocationRow, CatalogState, DeploymentRow, JobRow } from "../model/state.ts";
import { deploymentOf, mayRun } from "../model/state.ts";

/** One removed allocation. */
export interface Garbage {
  row: AllocationRow;
  deployment: DeploymentRow;
  /** The job as the catalog still has it. */
  job: JobRow;
  /** It may still run: no deploy has stopped it since it was removed. */
  stop: boolean;
  /** Something of it is or was on the worker. */
  remove: boolean;
}

/** One worker that gc has to visit. */
export interface GcVisit {
  workerIp: string;
  /** No longer in the workspace: the bucket's whole directory goes, and an unreachable one counts as dead. */
  departed: boolean;
  garbage: Garbage[];
}

export interface GcPlan {
  visits: GcVisit[];
  /**
   * Workers of the workspace that nothing has been deployed to yet, where a visit goes to one that has left: they may be
   * the same machine under a new address.
   */
  newcomers: string[];
  /** Removed allocations that never reached a worker which is still in the workspace: only their rows go. */
  rowsOnly: Garbage[];
}

/** Works out what is to be done on workers. Visits are sorted by worker address. */
export function planGc(state: CatalogState, deployments: ReadonlyMap<string, DeploymentRow>): GcPlan {
  const present = new Set(state.workers.map((worker) => worker.host));
  const jobs = new Map(state.jobs.map((job) => [job.name, job]));
  const visits = new Map<string, GcVisit>();
  const rowsOnly: Garbage[] = [];
  for (const row of state.allocations) {
    if (!row.removed) continue;
    const deployment = deploymentOf(deployments, row);
    const remove = deployment.state !== "absent";
    const garbage = { row, deployment, job: jobs.get(row.job)!, stop: mayRun(deployment.state), remove };
    const departed = !present.has(row.workerIp);
    // A worker that left may hold worker.json and the runner although nothing was ever started there.
    if (!departed && !remove) {
      rowsOnly.push(garbage);
      continue;
    }
    const visit = visits.get(row.workerIp) ?? { workerIp: row.workerIp, departed, garbage: [] };
    visit.garbage.push(garbage);
    visits.set(row.workerIp, visit);
  }
  const sorted = [...visits.values()].sort((a, b) => (a.workerIp < b.workerIp ? -1 : 1));
  const isKnown = new Set(
    state.allocations
      .filter((row) => (deployments.get(row.allocId)?.state ?? "absent") !== "absent")
      .map((row) => row.workerIp),
  );
  const newcomers = sorted.some((visit) => visit.departed)
    ? state.workers.map((worker) => worker.host).filter((host) => !isKnown.has(host))
    : [];
  return { visits: sorted, newcomers, rowsOnly };
}

/** Stops in reverse wave order: what demands a job is stopped before that job. */
export function stopWaves(plan: GcPlan): Garbage[][] {
  const stops = plan.visits.flatMap((visit) => visit.garbage).filter((garbage) => garbage.stop);
  const waves = Map.groupBy(stops, (garbage) => garbage.job.deploymentSeq);
  return [...waves].sort(([a], [b]) => b - a).map(([, wave]) => wave);
}

/**
 * Namespaces of hooks' and operators' own values that nobody can want any more: those of jobs that have left the
 * workspace. A job whose removed allocations are still in the catalog keeps them.
 * @param catalogJobs jobs that the catalog still has after the purge, removed ones included
 * @param workspaceJobs directories of `workspace/jobs/` as they are now: a job that is back but not built is not gone
 */
export function ownerlessNamespaces(
  namespaces: readonly string[],
  catalogJobs: ReadonlySet<string>,
  workspaceJobs: ReadonlySet<string>,
): string[] {
  return namespaces.filter((namespace) => {
    const parsed = parseNamespace(namespace);
    if (parsed?.kind !== "job_vars" && parsed?.kind !== "job_secrets") return false;
    return !catalogJobs.has(parsed.job) && !workspaceJobs.has(parsed.job);
  });
}
