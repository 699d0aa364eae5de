// Stopping what is no longer wanted: removed and newly disabled allocations, in reverse wave order.

import { beginAttempts, forgetPromotions, setStates } from "../../catalog/deployments.ts";
import { deployFault } from "../../lifecycle/fault.ts";
import { requireTarget, runLogged } from "../../lifecycle/target.ts";
import { MaandError } from "../../model/error.ts";
import { remoteDirectory } from "../../session/session.ts";
import { deleteDeployedCommand } from "../../worker/commands.ts";
import type { Action } from "../plan/action.ts";
import type { DeployPlan } from "../plan/plan.ts";
import type { DeployRun } from "./context.ts";
import { factsOf, hookTarget, targetSeconds } from "./context.ts";
import type { AllocationOutcome } from "./outcome.ts";
import { interruptedAt, outcomeOf } from "./outcome.ts";

/** Seconds for deleting a job's deployed files. */
const deleteSeconds = 120;

/** Carries out the reconcile part of a plan. A failure is an outcome; it never keeps the other stops from happening. */
export async function reconcile(run: DeployRun, plan: DeployPlan["reconcile"]): Promise<AllocationOutcome[]> {
  const outcomes: AllocationOutcome[] = [];
  for (const wave of plan) {
    const done = await Promise.all(
      wave.jobs.map(async ({ batches }) => {
        const ofJob: AllocationOutcome[] = [];
        for (const batch of batches) {
          if (run.session.shutdown.graceful.aborted) {
            ofJob.push(...batch.map((action) => outcomeOf(action, "interrupted")));
          } else ofJob.push(...(await Promise.all(batch.map((action) => stopOne(run, action)))));
        }
        return ofJob;
      }),
    );
    outcomes.push(...done.flat());
  }
  return outcomes;
}

async function stopOne(run: DeployRun, action: Action): Promise<AllocationOutcome> {
  const { session, links } = run;
  const { row } = factsOf(run, action);
  const scope = {
    worker: action.workerIp,
    job: action.job,
    phase: "reconcile" as const,
    action: action.kind,
  };
  const link = links.all.get(action.workerIp);
  if (link?.failure !== undefined) {
    if (link.failure.kind === "interrupted") return outcomeOf(action, "interrupted");
    // A worker that answers and is only unfit may well have the process running.
    if (!link.departed || link.failure.kind !== "unreachable")
      return outcomeOf(action, "not_reached", link.failure);
    const reason = `worker ${action.workerIp} has left the workspace and cannot be reached: assumed dead, nothing was stopped there`;
    session.events.emit({ type: "reconcile_skip_stop", scope, reason });
    session.events.emit({ type: "warning", scope, text: reason });
    return outcomeOf(action, "skipped");
  }
  try {
    await links.connect(action.workerIp);
    // From here on the process may be down although the stop has not been recorded.
    beginAttempts(session.catalog, [{ allocId: row.allocId }]);
    await stopProcess(run, action);
    const complaint = await afterStopped(run, action);
    if (action.kind === "stop") setStates(session.catalog, [{ allocId: row.allocId, state: "drained" }]);
    else {
      await deleteFiles(run, action);
      forgetPromotions(session.catalog, [row.allocId]);
    }
    return complaint === undefined ? outcomeOf(action, "done") : outcomeOf(action, "failed", complaint);
  } catch (thrown) {
    const error = deployFault(session, thrown, action.workerIp);
    return outcomeOf(action, error.kind === "interrupted" ? "interrupted" : "failed", error);
  }
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

/** By the job's Makefile, or by its `job_control` hook with TARGET=stop. */
async function stopProcess(run: DeployRun, action: Action): Promise<void> {
  const { session, hooks } = run;
  if (hooks.hasHooks(action.job, "job_control")) {
    run.withHooksRun.add(action.job);
    const { error, interrupted } = await hooks.run({
      event: "job_control",
      job: action.job,
      targets: [hookTarget(run, action)],
      phase: "stop",
      finishing: true,
      control: {
        target: "stop",
        newAllocations: [],
        updatedAllocations: [],
        stoppedAllocations: [action.workerIp],
      },
    });
    if (error !== undefined || interrupted) {
      hooks.discard(action.job);
      throw error ?? interruptedAt(action, "the job_control hook was not run");
    }
    hooks.checkpoint(action.job);
    return;
  }
  await run.slots(action.workerIp, async () =>
    requireTarget(session, await run.links.connect(action.workerIp), {
      job: action.job,
      workerIp: action.workerIp,
      target: "stop",
      currentVersion: action.currentVersion,
      newVersion: action.newVersion,
      timeoutSeconds: targetSeconds(run, action),
      phase: "reconcile",
      onlyIfPresent: true,
    }),
  );
}

/** Runs `after_allocation_stopped`. The process is down whatever the hook says: its failure is told, no more. */
async function afterStopped(run: DeployRun, action: Action): Promise<MaandError | undefined> {
  const { hooks } = run;
  if (!hooks.hasHooks(action.job, "after_allocation_stopped")) return undefined;
  run.withHooksRun.add(action.job);
  const { error } = await hooks.run({
    event: "after_allocation_stopped",
    job: action.job,
    targets: [hookTarget(run, action)],
    phase: "stop",
    finishing: true,
  });
  if (error === undefined) hooks.checkpoint(action.job);
  else hooks.discard(action.job);
  return error;
}
