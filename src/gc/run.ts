// gc: stops and deletes what is left of removed allocations on workers, then purges the catalog, logs and staging.

import { compactCatalog } from "../catalog/purge.ts";
import { type CatalogRead, readCatalog } from "../catalog/read.ts";
import { adoptWorkerId } from "../catalog/state.ts";
import { failureText } from "../health/failure.ts";
import type { HookHost } from "../hooks/host.ts";
import { withHookHost } from "../hooks/with-host.ts";
import { workError } from "../lifecycle/errors.ts";
import { type AllocationRecord, recordAllocations } from "../lifecycle/record.ts";
import { runLogged } from "../lifecycle/target.ts";
import { MaandError, notStarted } from "../model/error.ts";
import type { AllocationRow } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { ShellText } from "../ssh/exec/quote.ts";
import { mapLimited } from "../support/parallel.ts";
import { deleteBucketCommand, deleteJobCommand } from "../worker/commands.ts";
import { type CatalogPurge, purgeCatalog } from "./catalog.ts";
import type { GcStanding } from "./fence.ts";
import { daysBefore, deleteRunLogs, emptyStaging, jobDirectories, runLogDays } from "./files.ts";
import { type Garbage, planGc, stopWaves } from "./plan.ts";
import { stopGarbage, type VisitedWorker, visitWorkers } from "./worker.ts";

export interface GcRequest {
  /** Days that tombstones are kept. */
  retainDays: number;
}

/** What became of one removed allocation. */
export interface GcAllocation {
  allocId: string;
  job: string;
  workerIp: string;
  /** `kept`: its rows stay for the next gc. */
  status: "purged" | "kept";
  stopped: boolean;
  error?: MaandError;
}

/** What became of a worker that has left the workspace. */
export interface GcWorker {
  workerIp: string;
  /**
   * `moved`: its machine answers under a new address; `replaced`: another machine answers at the old one. In both cases
   * only the rows go.
   */
  status: "deleted" | "dead" | "moved" | "replaced" | "kept";
  /** Where its machine answers now. */
  movedTo?: string;
  /** What the machine that answers is. */
  why?: string;
  error?: MaandError;
}

export interface GcOutcome {
  allocations: GcAllocation[];
  workers: GcWorker[];
  catalog: CatalogPurge;
  runLogs: number;
  /** Entries of `tmp/` that were deleted. */
  staging: number;
  interrupted: boolean;
}

/** Seconds for deleting a directory on a worker: data may be large, but a deletion that hangs must end. */
const deleteSeconds = 600;

/**
 * Collects garbage. What fails on a worker is in the outcome and keeps the rows concerned.
 * @throws MaandError("local") before anything is done, when a stop needs a hook that this host cannot run.
 */
export function collectGarbage(session: Session, request: GcRequest): Promise<GcOutcome> {
  const read = readCatalog(session.catalog);
  return withHookHost(session, read, (hooks) => collect(session, read, hooks, request));
}

async function collect(
  session: Session,
  { state, deployments }: CatalogRead,
  hooks: HookHost,
  request: GcRequest,
): Promise<GcOutcome> {
  const { catalog, paths, identity } = session;
  const plan = planGc(state, deployments);
  hooks.requireRuntimes(
    stopWaves(plan)
      .flat()
      .map(({ row }) => row.job),
    ["job_control"],
  );
  const visited = await visitWorkers(session, plan, state);
  const workerOf = new Map(visited.map((worker) => [worker.visit.workerIp, worker]));
  for (const wave of stopWaves(plan)) {
    await mapLimited(wave, session.conf.maxParallelWorkers, (garbage) =>
      stopGarbage(session, hooks, workerOf.get(garbage.row.workerIp)!, garbage),
    );
  }
  const workers = await mapLimited(visited, session.conf.maxParallelWorkers, (worker) =>
    deleteOn(session, worker),
  );

  const allocations = [
    ...visited.flatMap((worker) => worker.visit.garbage.map((garbage) => garbageOutcome(worker, garbage))),
    ...plan.rowsOnly.map(
      ({ row: { allocId, job, workerIp } }): GcAllocation => ({
        allocId,
        job,
        workerIp,
        status: "purged",
        stopped: false,
      }),
    ),
  ];
  const purgedIds = new Set(
    allocations.filter((entry) => entry.status === "purged").map((entry) => entry.allocId),
  );
  // The machine goes on as the worker that it has been all the time: the next deploy finds it as it is known.
  for (const { visit, standing } of visited)
    if (standing?.kind === "moved") adoptWorkerId(catalog, standing.to, visit.garbage[0]!.row.workerId);
  const garbage = [...plan.visits.flatMap((visit) => visit.garbage), ...plan.rowsOnly];
  const now = session.now();
  const purge = recordPurge(session, allocations, () =>
    purgeCatalog(catalog, session.kv, {
      purged: garbage.map(({ row }) => row).filter((row) => purgedIds.has(row.allocId)),
      workspaceJobs: jobDirectories(paths.workspace),
      tombstonesUntil: daysBefore(now, request.retainDays),
      now,
    }),
  );
  const runLogs = deleteRunLogs(paths.logs, identity.runId, daysBefore(now, runLogDays));
  const staging = emptyStaging(paths.staging);
  compactCatalog(catalog);
  return {
    allocations,
    workers: workers.filter((worker) => worker !== undefined),
    catalog: purge,
    runLogs,
    staging,
    interrupted: session.shutdown.graceful.aborted,
  };
}

/** Deletes what can go on one worker; tells what became of the worker itself when it has left the workspace. */
async function deleteOn(session: Session, visited: VisitedWorker): Promise<GcWorker | undefined> {
  const { visit, link, standing, failures, cleared } = visited;
  const { workerIp } = visit;
  if (standing?.kind === "moved" || standing?.kind === "replaced")
    return forgetOnly(session, visited, standing);
  if (standing?.kind === "refused")
    return visit.departed ? { workerIp, status: "kept", error: standing.error } : undefined;
  if (!link.ok) return visit.departed ? departedUnreached(session, workerIp, link.error) : undefined;
  const connection = link.value;
  const directory = remoteDirectory(session);
  const { useSudo } = session.conf;
  const free = visit.garbage.filter(({ row }) => !failures.has(row.allocId));
  // Before the files go: a pair that comes back after a crash has to be deployed as new.
  recordAllocations(
    session,
    free
      .filter(({ remove }) => remove)
      .map(({ row }) => ({ ...recordOf(row, "pending"), change: { kind: "forget" }, silent: true })),
  );
  if (visit.departed && failures.size === 0) {
    try {
      await deleteRemote(
        session,
        connection,
        { worker: workerIp },
        directory,
        deleteBucketCommand(directory, useSudo),
      );
      for (const { row } of free) cleared.add(row.allocId);
      return { workerIp, status: "deleted" };
    } catch (thrown) {
      const error = workError(session, thrown, { worker: workerIp });
      for (const { row } of free) failures.set(row.allocId, error);
      return { workerIp, status: "kept", error };
    }
  }
  for (const { row, remove } of free) {
    if (!remove) {
      cleared.add(row.allocId);
      continue;
    }
    const where = { job: row.job, worker: workerIp };
    try {
      await deleteRemote(
        session,
        connection,
        where,
        `jobs/${row.job}`,
        deleteJobCommand(directory, row.job, useSudo),
      );
      cleared.add(row.allocId);
    } catch (thrown) {
      failures.set(row.allocId, workError(session, thrown, where));
    }
  }
  return visit.departed ? { workerIp, status: "kept", error: [...failures.values()][0]! } : undefined;
}

/** The worker that has left is not to be found at its address: its rows go, and nothing on the machine that answers does. */
function forgetOnly(
  session: Session,
  { visit, cleared }: VisitedWorker,
  standing: Extract<GcStanding, { kind: "moved" | "replaced" }>,
): GcWorker {
  const { workerIp, garbage } = visit;
  for (const { row } of garbage) cleared.add(row.allocId);
  if (standing.kind === "replaced") {
    const text = `it has left the workspace, and what answers at its address is not it (${standing.why}): nothing is deleted there`;
    session.events.emit({ type: "warning", scope: { worker: workerIp, phase: "gc" }, text });
    return { workerIp, status: "replaced", why: standing.why };
  }
  return { workerIp, status: "moved", movedTo: standing.to };
}

function departedUnreached(session: Session, workerIp: string, error: MaandError): GcWorker {
  // Only a worker that cannot be reached counts as dead, not one that we lack a key for or were kept from asking.
  if (error.kind !== "unreachable") return { workerIp, status: "kept", error };
  const text = `it has left the workspace and cannot be reached: it counts as dead (${failureText(error)})`;
  session.events.emit({ type: "warning", scope: { worker: workerIp, phase: "gc" }, text });
  return { workerIp, status: "dead", error };
}

async function deleteRemote(
  session: Session,
  connection: Connection,
  where: { worker: string; job?: string },
  path: string,
  command: ShellText,
): Promise<void> {
  if (session.shutdown.graceful.aborted) throw notStarted("interrupted", where);
  const scope = { ...where, phase: "gc" as const, action: "delete" };
  const title = `rm -rf ${path}`;
  const result = await runLogged(session, connection, {
    scope,
    title,
    command,
    timeoutSeconds: deleteSeconds,
  });
  if (result.exitCode === 0) return;
  throw new MaandError("remote", `${path} could not be deleted`, {
    where,
    why: failureText(result.stderr) || `exit status ${result.exitCode}`,
    hint: "fix it on the worker, then run maand gc again",
  });
}

function garbageOutcome(visited: VisitedWorker, { row }: Garbage): GcAllocation {
  const { visit, link, standing, failures, stopped, cleared } = visited;
  const of = {
    allocId: row.allocId,
    job: row.job,
    workerIp: row.workerIp,
    stopped: stopped.has(row.allocId),
  };
  if (standing?.kind !== "moved" && !link.ok) {
    const isDead = visit.departed && link.error.kind === "unreachable";
    return isDead ? { ...of, status: "purged" } : { ...of, status: "kept", error: link.error };
  }
  if (cleared.has(row.allocId)) return { ...of, status: "purged" };
  return { ...of, status: "kept", error: failures.get(row.allocId) ?? notStarted("interrupted") };
}

/** The purge of the catalog and what it means for each allocation, in one commit: whoever hears of it may rely on it. */
function recordPurge(
  session: Session,
  allocations: readonly GcAllocation[],
  purge: () => CatalogPurge,
): CatalogPurge {
  let purged: CatalogPurge | undefined;
  const records = allocations.map((entry): AllocationRecord => {
    const record = recordOf(entry, entry.status === "purged" ? "done" : "failed");
    return entry.error === undefined ? record : { ...record, error: entry.error };
  });
  recordAllocations(session, records, undefined, () => {
    purged = purge();
  });
  return purged!;
}

function recordOf(
  { allocId, job, workerIp }: Pick<AllocationRow, "allocId" | "job" | "workerIp">,
  status: AllocationRecord["status"],
): AllocationRecord {
  return { allocId, job, workerIp, phase: "gc", action: "gc", status };
}
