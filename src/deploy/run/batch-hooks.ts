// The hooks of one batch: for what was started, or in place of the lifecycle targets.

import type { DeployPhase } from "../../hooks/plan.ts";
import type { BatchPlace } from "../../lifecycle/batches.ts";
import { MaandError } from "../../model/error.ts";
import type { Action } from "../plan/action.ts";
import { targetOf } from "../plan/action.ts";
import type { Attempt } from "./batch.ts";
import type { DeployRun } from "./context.ts";
import { hookTarget } from "./context.ts";
import { interruptedAt } from "./outcome.ts";

/** The place of a batch in its rollout, as hooks see it. */
export interface RolloutPlace extends BatchPlace {
  phase: DeployPhase;
}

/** Runs the job's `after_allocation_started` hooks for those of a batch that were started. */
export async function afterStarted(
  run: DeployRun,
  attempts: readonly Attempt[],
  place: RolloutPlace,
): Promise<void> {
  const started = attempts.filter(
    (attempt) => attempt.error === undefined && targetOf(attempt.action.kind) !== undefined,
  );
  const job = started[0]?.action.job;
  if (job === undefined || !run.hooks.hasHooks(job, "after_allocation_started")) return;
  await hookAttempts(run, "after_allocation_started", started, place);
}

/** Runs the hooks of an event for these attempts as one batch; a failure becomes the attempt's error. */
export async function hookAttempts(
  run: DeployRun,
  event: "after_allocation_started" | "job_control",
  attempts: readonly Attempt[],
  place: RolloutPlace,
  control?: { newAllocations: string[]; updatedAllocations: string[] },
): Promise<void> {
  const [first] = attempts;
  if (first === undefined) return;
  run.withHooksRun.add(first.action.job);
  const { results } = await run.hooks.run({
    event,
    job: first.action.job,
    targets: attempts.map(({ action }) => hookTarget(run, action)),
    phase: place.phase,
    batch: { index: place.index, count: place.count },
    writesWithBatch: true,
    finishing: true,
    ...(control === undefined ? {} : { control: { target: "deploy", stoppedAllocations: [], ...control } }),
  });
  for (const attempt of attempts) {
    const own = results.filter((result) => result.allocId === attempt.action.allocId);
    const failed = own.find((result) => result.error !== undefined);
    const missed = own.find((result) => result.status === "skipped");
    if (failed !== undefined) attempt.error = failed.error!;
    else if (missed !== undefined || own.length === 0)
      attempt.error = hookDidNotRun(run, attempt.action, missed?.hook ?? event);
  }
}

/** A hook that was skipped has not done its part: what depends on it must not be promoted. */
function hookDidNotRun(run: DeployRun, action: Action, hook: string): MaandError {
  if (run.session.shutdown.forced.aborted) return interruptedAt(action, `${hook} did not run`);
  return new MaandError("hook", `${hook} did not run`, {
    where: { job: action.job, worker: action.workerIp },
    why: "an earlier hook of the batch failed",
    hint: "fix that hook, then run maand deploy again",
  });
}
