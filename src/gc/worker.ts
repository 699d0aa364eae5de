// gc at the workers: reaching them, and stopping what still runs there of removed allocations.

import { beginAttempts } from "../catalog/deployments.ts";
import { failureText } from "../health/failure.ts";
import type { HookHost } from "../hooks/host.ts";
import { operatorFault } from "../lifecycle/operator-fault.ts";
import { runTarget } from "../lifecycle/target.ts";
import { MaandError } from "../model/error.ts";
import { noVersion } from "../model/version.ts";
import type { Session } from "../session/session.ts";
import { untilStopped } from "../session/until-stopped.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { Garbage, GcVisit } from "./plan.ts";

/** A worker during one gc. */
export interface Call {
  visit: GcVisit;
  connection?: Connection;
  failure?: MaandError;
  /** Allocations that were stopped in this run. */
  stopped: Set<string>;
  /** Why an allocation has to stay. */
  faults: Map<string, MaandError>;
}

/** Connects to one worker; why it could not is in the call. */
export async function reach(session: Session, visit: GcVisit): Promise<Call> {
  const call: Call = { visit, stopped: new Set(), faults: new Map() };
  try {
    if (session.shutdown.graceful.aborted) throw interrupted();
    call.connection = await untilStopped(session, visit.workerIp, session.pool.connect(visit.workerIp));
  } catch (thrown) {
    call.failure = asError(thrown, { worker: visit.workerIp });
  }
  return call;
}

/** Stops what may still run of one removed allocation; why it could not is in the call. */
export async function stopOne(
  session: Session,
  hooks: HookHost,
  call: Call,
  garbage: Garbage,
): Promise<void> {
  const { row, deployment, job } = garbage;
  if (call.connection === undefined) return;
  try {
    if (session.shutdown.graceful.aborted) throw interrupted();
    // From here on the process may be down although that has not been recorded.
    beginAttempts(session.catalog, [{ allocId: row.allocId }]);
    const version = deployment.promotedVersion ?? noVersion;
    if (hooks.hasHooks(row.job, "job_control")) {
      await stopByHook(hooks, garbage, version);
      call.stopped.add(row.allocId);
      return;
    }
    const run = {
      job: row.job,
      workerIp: row.workerIp,
      target: "stop",
      currentVersion: version,
      newVersion: version,
      timeoutSeconds: job.manifest.lifecycleTimeout ?? session.conf.commandTimeoutSeconds,
      phase: "gc" as const,
      onlyIfPresent: true,
    };
    const result = await runTarget(session, call.connection, run);
    if (result.exitCode !== 0) throw operatorFault(run, result, "maand gc");
    call.stopped.add(row.allocId);
  } catch (thrown) {
    call.faults.set(row.allocId, asError(thrown, { job: row.job, worker: row.workerIp }));
  }
}

/** A job with a `job_control` hook is stopped by that, as in a deploy: it may have no Makefile at all. */
async function stopByHook(hooks: HookHost, { row }: Garbage, version: string): Promise<void> {
  const { error, interrupted: wasInterrupted } = await hooks.run({
    event: "job_control",
    job: row.job,
    targets: [{ allocation: row, currentVersion: version, newVersion: version }],
    phase: "stop",
    finishing: true,
    control: {
      target: "stop",
      newAllocations: [],
      updatedAllocations: [],
      stoppedAllocations: [row.workerIp],
    },
  });
  if (error === undefined && !wasInterrupted) return hooks.checkpoint(row.job);
  hooks.discard(row.job);
  throw error ?? interrupted();
}

/** What was not started because of Ctrl-C. */
export function interrupted(): MaandError {
  return new MaandError("interrupted", "not started", { why: "interrupted" });
}

/** Anything thrown, as an error about a worker. */
export function asError(thrown: unknown, where: { worker: string; job?: string }): MaandError {
  if (thrown instanceof MaandError) return thrown;
  return new MaandError("remote", failureText(thrown), { where, cause: thrown });
}
