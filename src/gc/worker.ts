// gc at the workers: reaching them, and stopping what still runs there of removed allocations.

import { beginAttempts } from "../catalog/deployments.ts";
import { remoteError } from "../health/failure.ts";
import type { HookHost } from "../hooks/host.ts";
import { operatorFault } from "../lifecycle/operator-fault.ts";
import { runTarget } from "../lifecycle/target.ts";
import { MaandError } from "../model/error.ts";
import type { Result } from "../model/result.ts";
import { noVersion } from "../model/version.ts";
import type { Session } from "../session/session.ts";
import { untilStopped } from "../session/until-stopped.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { Garbage, GcVisit } from "./plan.ts";

/** A worker during one gc. */
export interface Call {
  visit: GcVisit;
  link: Result<Connection>;
  /** Allocations that were stopped in this run. */
  stopped: Set<string>;
  /** Allocations of which nothing is left on the worker: only their rows may go. */
  cleared: Set<string>;
  /** Why an allocation has to stay. */
  faults: Map<string, MaandError>;
}

/** Connects to one worker; why it could not is in the call. */
export async function callWorker(session: Session, visit: GcVisit): Promise<Call> {
  const call = { visit, stopped: new Set<string>(), cleared: new Set<string>(), faults: new Map() };
  try {
    if (session.shutdown.graceful.aborted) throw notStarted();
    const connecting = session.pool.connect(visit.workerIp);
    return { ...call, link: { ok: true, value: await untilStopped(session, visit.workerIp, connecting) } };
  } catch (thrown) {
    return { ...call, link: { ok: false, error: remoteError(thrown, { worker: visit.workerIp }) } };
  }
}

/** Stops what may still run of one removed allocation; why it could not is in the call. */
export async function stopOne(
  session: Session,
  hooks: HookHost,
  call: Call,
  garbage: Garbage,
): Promise<void> {
  const { row, deployment, job } = garbage;
  if (!call.link.ok) return;
  try {
    if (session.shutdown.graceful.aborted) throw notStarted();
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
    const result = await runTarget(session, call.link.value, run);
    if (result.exitCode !== 0) throw operatorFault(run, result, "maand gc");
    call.stopped.add(row.allocId);
  } catch (thrown) {
    call.faults.set(row.allocId, remoteError(thrown, { job: row.job, worker: row.workerIp }));
  }
}

/** A job with a `job_control` hook is stopped by that, as in a deploy: it may have no Makefile at all. */
async function stopByHook(hooks: HookHost, { row }: Garbage, version: string): Promise<void> {
  const { error, interrupted } = await hooks.run({
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
  if (error === undefined && !interrupted) return hooks.checkpoint(row.job);
  hooks.discard(row.job);
  throw error ?? notStarted();
}

/** What was not started because of Ctrl-C. */
export function notStarted(): MaandError {
  return new MaandError("interrupted", "not started", { why: "interrupted" });
}
