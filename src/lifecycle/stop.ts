// Bringing one allocation down: by the job's `job_control` hook with TARGET=stop, else by the stop target of its Makefile.

import type { Phase } from "../events/event.ts";
import type { HookCall, HookTarget } from "../hooks/call.ts";
import type { HookHost } from "../hooks/host.ts";
import type { AllocationRow, JobRow } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { BatchPlace } from "./batches.ts";
import { requireTarget, type TargetRun, type Versions } from "./target.ts";

/** What a target does to the process, as far as maand knows by its name. */
export type Effect = "start" | "restart" | "reload" | "stop" | "none";

/** Whether a `job_control` hook stands in for the job's Makefile targets. */
export function isHookControlled(hooks: Pick<HookHost, "hasHooks">, job: string): boolean {
  return hooks.hasHooks(job, "job_control");
}

/** The call of a `job_control` hook in the place of one target that an operator or a stop asks for. */
export function controlCall(
  job: string,
  { target, effect }: { target: string; effect: Effect },
  targets: readonly HookTarget[],
  place?: BatchPlace,
): HookCall {
  const ips = targets.map(({ allocation }) => allocation.workerIp);
  return {
    event: "job_control",
    job,
    targets,
    phase: effect === "stop" ? "stop" : "",
    ...(place === undefined ? {} : { batch: place }),
    finishing: true,
    control: {
      target,
      newAllocations: [],
      updatedAllocations: effect === "stop" || effect === "none" ? [] : ips,
      stoppedAllocations: effect === "stop" ? ips : [],
    },
  };
}

export interface Stop extends Versions {
  job: JobRow;
  allocation: AllocationRow;
  phase: Phase;
  /** As in `TargetRun`. */
  identity: TargetRun["identity"];
  retry: TargetRun["retry"];
}

/**
 * Stops one allocation and returns once it is down. Where a hook does it, its KV writes are kept with its success.
 * @param onWorker runs work with a connection to the allocation's worker, when its turn has come
 * @throws MaandError when it is not known to be down
 */
export async function stopAllocation(
  session: Session,
  hooks: HookHost,
  stop: Stop,
  onWorker: (work: (connection: Connection) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { job, allocation, currentVersion, newVersion } = stop;
  const { workerIp } = allocation;
  if (isHookControlled(hooks, job.name)) {
    const target = { allocation, currentVersion, newVersion };
    const call = controlCall(job.name, { target: "stop", effect: "stop" }, [target]);
    const ran = await hooks.run(call);
    if (!ran.ok) throw ran.error;
    return;
  }
  await onWorker((connection) =>
    requireTarget(session, connection, {
      job,
      workerIp,
      target: "stop",
      currentVersion,
      newVersion,
      phase: stop.phase,
      onlyIfPresent: true,
      identity: stop.identity,
      retry: stop.retry,
    }),
  );
}
