// gc at the workers: reaching them, and stopping what still runs there of removed allocations.

import { beginAttempts } from "../catalog/deployments.ts";
import type { HookHost } from "../hooks/host.ts";
import { workError } from "../lifecycle/errors.ts";
import { type AllocationRecord, recordAllocations } from "../lifecycle/record.ts";
import { stopAllocation } from "../lifecycle/stop.ts";
import { reachWorker } from "../lifecycle/worker.ts";
import { type MaandError, notStarted } from "../model/error.ts";
import type { Result } from "../model/result.ts";
import { noVersion } from "../model/version.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { Garbage, GcVisit } from "./plan.ts";

/** A worker during one gc. */
export interface VisitedWorker {
  visit: GcVisit;
  link: Result<Connection>;
  /** Allocations that were stopped in this run. */
  stopped: Set<string>;
  /** Allocations of which nothing is left on the worker: only their rows may go. */
  cleared: Set<string>;
  /** Why an allocation has to stay. */
  failures: Map<string, MaandError>;
}

/** Connects to one worker; why it could not is in the result. */
export async function visitWorker(session: Session, visit: GcVisit): Promise<VisitedWorker> {
  const rest = { visit, stopped: new Set<string>(), cleared: new Set<string>(), failures: new Map() };
  try {
    return { ...rest, link: { ok: true, value: await reachWorker(session, visit.workerIp) } };
  } catch (thrown) {
    return { ...rest, link: { ok: false, error: workError(session, thrown, { worker: visit.workerIp }) } };
  }
}

/** Stops what may still run of one removed allocation; why it could not is kept with the worker. */
export async function stopGarbage(
  session: Session,
  hooks: HookHost,
  visited: VisitedWorker,
  garbage: Garbage,
): Promise<void> {
  const { row, deployment, job } = garbage;
  const { link } = visited;
  if (!link.ok) return;
  const where = { job: row.job, worker: row.workerIp };
  try {
    if (session.shutdown.graceful.aborted) throw notStarted("interrupted", where);
    // From here on the process may be down although that has not been recorded.
    beginAttempts(session.catalog, [{ allocId: row.allocId }]);
    const version = deployment.promotedVersion ?? noVersion;
    const stop = { job, allocation: row, currentVersion: version, newVersion: version };
    await stopAllocation(session, hooks, { ...stop, phase: "gc", retry: "maand gc" }, (work) =>
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
