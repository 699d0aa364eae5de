// Stopping what is no longer wanted: removed and newly disabled allocations, in reverse wave order.

import { beginAttempts } from "../../catalog/deployments.ts";
import { recordAllocations } from "../../lifecycle/record.ts";
import { stopAllocation } from "../../lifecycle/stop.ts";
import { runLogged } from "../../lifecycle/target.ts";
import { MaandError } from "../../model/error.ts";
import { remoteDirectory } from "../../session/session.ts";
import { deleteDeployedCommand } from "../../worker/commands.ts";
import type { Action } from "../plan/action.ts";
import type { DeployPlan } from "../plan/plan.ts";
import type { DeployRun } from "./context.ts";
import { actionError, factsOf, hookTarget } from "./context.ts";
import type { AllocationOutcome } from "./outcome.ts";
import { outcomeOf } from "./outcome.ts";
import type { SettledAction } from "./recorder.ts";
import { actionRecord } from "./recorder.ts";

/** Seconds for deleting a job's deployed files. */
const deleteSeconds = 120;

/** Carries out the stops of a plan. A failure is an outcome; it never keeps the other stops from happening. */
export async function carryOutStops(
  run: DeployRun,
  plan: DeployPlan["reconcile"],
): Promise<AllocationOutcome[]> {
  const outcomes: AllocationOutcome[] = [];
  for (const wave of plan) {
    const done = await Promise.all(wave.jobs.map(({ batches }) => stopJob(run, batches)));
    outcomes.push(...done.flat());
  }
  return outcomes;
}

async function stopJob(run: DeployRun, batches: readonly Action[][]): Promise<AllocationOutcome[]> {
  const outcomes: AllocationOutcome[] = [];
  for (const batch of batches)
    outcomes.push(...(await Promise.all(batch.map((action) => settleStop(run, action)))));
  return outcomes;
}

/** Stops one allocation and records at once what has become of it. */
async function settleStop(run: DeployRun, action: Action): Promise<AllocationOutcome> {
  const settled = await stopOne(run, action);
  const { status, error } = settled;
  // An assumed death changes nothing and has been told already; what Ctrl-C kept from being begun is in the summary.
  if (status === "skipped") return outcomeOf(action, status);
  const record = actionRecord(settled, "reconcile");
  try {
    recordAllocations(run.session, [
      status === "interrupted" && error === undefined ? { ...record, silent: true } : record,
    ]);
    return outcomeOf(action, status, error);
  } catch (thrown) {
    return outcomeOf(action, "failed", actionError(run, thrown, action));
  }
}

async function stopOne(run: DeployRun, action: Action): Promise<SettledAction> {
  const { session, links } = run;
  const { allocId } = action;
  const link = await links.join(action.workerIp);
  if (session.shutdown.graceful.aborted || link.failure?.kind === "interrupted")
    return { action, status: "interrupted" };
  if (link.failure !== undefined) {
    // A worker that answers and is only unfit may well have the process running.
    if (!link.departed || link.failure.kind !== "unreachable")
      return { action, status: "not_reached", error: link.failure };
    tellAssumedDead(run, action);
    return { action, status: "skipped" };
  }
  try {
    await links.connect(action.workerIp);
    // From here on the process may be down although the stop has not been recorded.
    beginAttempts(session.catalog, [{ allocId }]);
    const { job, row } = factsOf(run, action);
    const { currentVersion, newVersion } = action;
    await stopAllocation(
      session,
      run.hooks,
      {
        job,
        allocation: row,
        currentVersion,
        newVersion,
        phase: "reconcile",
        identity: links.identityOf(action.workerIp),
        retry: "maand deploy",
      },
      (work) => run.slots(action.workerIp, async () => work(await links.connect(action.workerIp))),
    );
    const complaint = await afterStopped(run, action);
    if (action.kind === "remove") await deleteFiles(run, action);
    const change =
      action.kind === "remove"
        ? ({ kind: "forget" } as const)
        : ({ kind: "state", state: "drained" } as const);
    if (complaint === undefined) return { action, status: "done", change };
    return { action, status: "failed", error: complaint, change };
  } catch (thrown) {
    const error = actionError(run, thrown, action);
    const change = { kind: "fail", failure: error.message } as const;
    return { action, status: error.kind === "interrupted" ? "interrupted" : "failed", error, change };
  }
}

function tellAssumedDead({ session }: DeployRun, { workerIp, job, kind }: Action): void {
  const scope = { worker: workerIp, job, phase: "reconcile", action: kind } as const;
  const reason = `worker ${workerIp} has left the workspace and cannot be reached: assumed dead, nothing was stopped there`;
  session.events.emit({ type: "reconcile_skip_stop", scope, reason });
  session.events.emit({ type: "warning", scope, text: reason });
}

async function deleteFiles(run: DeployRun, { job, workerIp, kind }: Action): Promise<void> {
  const { session } = run;
  const result = await run.slots(workerIp, async () =>
    runLogged(session, await run.links.connect(workerIp), {
      scope: { worker: workerIp, job, phase: "reconcile", action: kind },
      title: `delete deployed files of ${job}, keep data/ and logs/`,
      command: deleteDeployedCommand(remoteDirectory(session), job, session.conf.useSudo),
      timeoutSeconds: deleteSeconds,
    }),
  );
  if (result.exitCode === 0) return;
  throw new MaandError("remote", "the job was stopped, but its deployed files could not be deleted", {
    where: { job, worker: workerIp },
    why: result.stderr.trim(),
    hint: "fix it on the worker, then run maand deploy again",
  });
}

/** Runs `after_allocation_stopped`. The process is down whatever the hook says: its failure is told, no more. */
async function afterStopped(run: DeployRun, action: Action): Promise<MaandError | undefined> {
  if (!run.hooks.hasHooks(action.job, "after_allocation_stopped")) return undefined;
  run.withHooksRun.add(action.job);
  const { error } = await run.hooks.run({
    event: "after_allocation_stopped",
    job: action.job,
    targets: [hookTarget(run, action)],
    phase: "stop",
    finishing: true,
  });
  return error;
}
