// gc at the workers: reaching them, and stopping what still runs there of removed allocations.

import { beginAttempts } from "../catalog/deployments.ts";
import type { HookHost } from "../hooks/host.ts";
import { workError } from "../lifecycle/errors.ts";
import { type AllocationRecord, recordAllocations } from "../lifecycle/record.ts";
import { stopAllocation } from "../lifecycle/stop.ts";
import { askIdentity, reachWorker } from "../lifecycle/worker.ts";
import { type MaandError, notStarted } from "../model/error.ts";
import type { Result } from "../model/result.ts";
import type { CatalogState } from "../model/state.ts";
import { noVersion } from "../model/version.ts";
import type { FoundIdentity } from "../model/worker-identity.ts";
import type { Session } from "../session/session.ts";
import { expectedIdentity } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import { mapLimited } from "../support/parallel.ts";
import type { GcStanding } from "./fence.ts";
import { judgeCatalogAge, judgeVisit } from "./fence.ts";
import type { Garbage, GcPlan, GcVisit } from "./plan.ts";

/** A worker during one gc. */
export interface VisitedWorker {
  visit: GcVisit;
  link: Result<Connection>;
  /** Whose machine it is; undefined where it was not reached. */
  standing?: GcStanding | undefined;
  /** Allocations that were stopped in this run. */
  stopped: Set<string>;
  /** Allocations of which nothing is left on the worker: only their rows may go. */
  cleared: Set<string>;
  /** Why an allocation has to stay. */
  failures: Map<string, MaandError>;
}

/** Someone at an address, and what is said there; the error says why not. */
type Met = Result<{ connection: Connection; found: FoundIdentity }>;

async function meet(session: Session, workerIp: string): Promise<Met> {
  try {
    const connection = await reachWorker(session, workerIp);
    return { ok: true, value: { connection, found: await askIdentity(session, connection) } };
  } catch (thrown) {
    return { ok: false, error: workError(session, thrown, { worker: workerIp }) };
  }
}

/**
 * Connects to the workers of a plan and finds out whose machines they are; why one could not be is in its link.
 * @throws MaandError("remote") where this catalog is older than what is on a worker
 */
export async function visitWorkers(
  session: Session,
  plan: GcPlan,
  state: CatalogState,
): Promise<VisitedWorker[]> {
  const hosts = [...plan.visits.map((visit) => visit.workerIp), ...plan.newcomers];
  session.pool.dial(hosts);
  const met = new Map(
    await mapLimited(
      [...new Set(hosts)],
      session.conf.maxParallelWorkers,
      async (workerIp) => [workerIp, await meet(session, workerIp)] as const,
    ),
  );
  const foundAt = (workerIp: string): FoundIdentity | undefined => {
    const answer = met.get(workerIp);
    return answer?.ok === true ? answer.value.found : undefined;
  };
  const refusal = judgeCatalogAge(
    [...met.keys()].map((workerIp) => ({
      workerIp,
      expected: expectedIdentity(session, state, workerIp),
      found: foundAt(workerIp),
    })),
  );
  if (refusal !== undefined) throw refusal;
  const newcomers = new Map(plan.newcomers.map((workerIp) => [workerIp, foundAt(workerIp)]));
  return plan.visits.map((visit): VisitedWorker => {
    const { workerIp } = visit;
    const answer = met.get(workerIp)!;
    const expected = expectedIdentity(session, state, workerIp);
    const visited: VisitedWorker = {
      visit,
      link: answer.ok ? { ok: true, value: answer.value.connection } : answer,
      standing: judgeVisit(visit, expected, foundAt(workerIp), newcomers, state),
      stopped: new Set(),
      cleared: new Set(),
      failures: new Map(),
    };
    const { standing } = visited;
    if (standing?.kind === "refused")
      for (const { row } of visit.garbage) visited.failures.set(row.allocId, standing.error);
    return visited;
  });
}

/** Stops what may still run of one removed allocation; why it could not is kept with the worker. */
export async function stopGarbage(
  session: Session,
  hooks: HookHost,
  visited: VisitedWorker,
  garbage: Garbage,
): Promise<void> {
  const { row, deployment, job } = garbage;
  const { link, standing } = visited;
  if (!link.ok || standing?.kind !== "ours") return;
  const { identity } = standing;
  const where = { job: row.job, worker: row.workerIp };
  try {
    if (session.shutdown.graceful.aborted) throw notStarted("interrupted", where);
    // From here on the process may be down although that has not been recorded.
    beginAttempts(session.catalog, [{ allocId: row.allocId }]);
    const version = deployment.promotedVersion ?? noVersion;
    const stop = { job, allocation: row, currentVersion: version, newVersion: version };
    await stopAllocation(session, hooks, { ...stop, phase: "gc", identity, retry: "maand gc" }, (work) =>
      work(link.value),
    );
    // Down, with its files still there: should the deletion fail, the next gc need not stop it again.
    recordStop(session, garbage, { status: "done", change: { kind: "state", state: "drained" } });
    visited.stopped.add(row.allocId);
  } catch (thrown) {
    const error = workError(session, thrown, where);
    if (error.kind !== "interrupted") recordStop(session, garbage, { status: "failed", error });
    visited.failures.set(row.allocId, error);
  }
}

function recordStop(
  session: Session,
  { row, deployment }: Garbage,
  outcome: Pick<AllocationRecord, "status" | "error" | "change">,
): void {
  const { allocId, job, workerIp } = row;
  const version = deployment.promotedVersion ?? noVersion;
  const of = { allocId, job, workerIp, currentVersion: version, newVersion: version };
  recordAllocations(session, [{ ...of, phase: "gc", action: "stop", ...outcome }]);
}
