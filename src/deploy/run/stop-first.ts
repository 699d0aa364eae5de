// Before a start of what may run already: nobody knows how far an earlier attempt came, so what it left is stopped.

import { recordAllocations } from "../../lifecycle/record.ts";
import { isHookControlled, stopAllocation } from "../../lifecycle/stop.ts";
import type { MaandError } from "../../model/error.ts";
import type { Action } from "../plan/action.ts";
import type { DeployRun } from "./context.ts";
import { actionError, factsOf } from "./context.ts";

/**
 * Stops what an unfinished attempt may have left running, with the files that are about to be started. That it fails
 * (there may be nothing to stop) is told and kept in the history, and the start goes on: it has the last word.
 * @throws MaandError("interrupted") after a second Ctrl-C
 */
export async function stopFirst(run: DeployRun, action: Action): Promise<void> {
  if (!action.stopFirst) return;
  const { session, hooks } = run;
  const { job, row } = factsOf(run, action);
  const { workerIp, currentVersion, newVersion } = action;
  const scope = { worker: workerIp, job: job.name, phase: "rollout", action: "stop" } as const;
  session.events.emit({
    type: "step",
    scope,
    text: "stopping what an unfinished start may have left running",
  });
  if (isHookControlled(hooks, job.name)) run.withHooksRun.add(job.name);
  try {
    await stopAllocation(
      session,
      hooks,
      {
        job,
        allocation: row,
        currentVersion,
        newVersion,
        phase: "rollout",
        identity: run.links.identityOf(workerIp),
        retry: "maand deploy",
      },
      (work) => run.slots(workerIp, async () => work(await run.links.connect(workerIp))),
    );
    record(run, action);
  } catch (thrown) {
    const error = actionError(run, thrown, action);
    if (error.kind === "interrupted") throw error;
    record(run, action, error);
    const why = error.why === undefined ? "" : `\n${error.why}`;
    session.events.emit({
      type: "warning",
      scope,
      text: `the stop before the start failed, the start goes on: ${error.message}${why}`,
    });
  }
}

/** A line of history; the state stays unknown until the start has ended. */
function record({ session }: DeployRun, action: Action, error?: MaandError): void {
  const { allocId, job, workerIp, currentVersion, newVersion } = action;
  recordAllocations(session, [
    {
      allocId,
      job,
      workerIp,
      phase: "rollout",
      action: "stop",
      status: error === undefined ? "done" : "failed",
      currentVersion,
      newVersion,
      ...(error === undefined ? {} : { error }),
      silent: true,
    },
  ]);
}
