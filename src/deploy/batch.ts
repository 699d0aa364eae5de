// One batch: stage, sync and run its allocations side by side; then record what they have become.

import type { Promotion } from "../catalog/deployments.ts";
import { beginAttempts, promote, setStates } from "../catalog/deployments.ts";
import { stageJob, workerStaging } from "../content/stage.ts";
import type { DeployPhase } from "../hooks/plan.ts";
import type { MaandError } from "../model/error.ts";
import type { Action } from "./action.ts";
import { targetOf } from "./action.ts";
import type { Ledger } from "./ledger.ts";
import { requireTarget } from "./lifecycle.ts";
import type { DeployRun } from "./run-state.ts";
import { factsOf, hookTarget, targetSeconds } from "./run-state.ts";
import { asMaandError } from "./worker-link.ts";

/** An action that was carried out, and how it went so far. */
export interface Attempt {
  action: Action;
  error?: MaandError;
}

/** The place of a batch in its rollout, as hooks see it. */
export interface BatchPlace {
  phase: DeployPhase;
  index: number;
  count: number;
}

/** Syncs a batch and, unless the job is controlled by a hook, runs its lifecycle targets. */
export async function actOn(
  run: DeployRun,
  batch: readonly Action[],
  lifecycle: "make" | "none",
): Promise<Attempt[]> {
  beginAttempts(
    run.session.catalog,
    batch.map((action) => ({ allocId: action.allocId, content: factsOf(run, action).content! })),
  );
  return Promise.all(
    batch.map(async (action): Promise<Attempt> => {
      try {
        await stage(run, action);
        await run.links.sync(action.workerIp, action.job);
        if (lifecycle === "make") await runLifecycle(run, action);
        return { action };
      } catch (error) {
        return { action, error: asMaandError(error, action.workerIp) };
      }
    }),
  );
}

async function runLifecycle(run: DeployRun, action: Action): Promise<void> {
  const target = targetOf(action.kind);
  if (target === undefined) return;
  await run.limit(() =>
    requireTarget(run.session, run.links.connectionTo(action.workerIp), {
      job: action.job,
      workerIp: action.workerIp,
      target,
      currentVersion: action.currentVersion,
      newVersion: action.newVersion,
      timeoutSeconds: targetSeconds(run, action),
      phase: "rollout",
    }),
  );
}

/** Runs the job's `after_allocation_started` hooks for those of a batch that were started. */
export async function afterStarted(
  run: DeployRun,
  attempts: readonly Attempt[],
  place: BatchPlace,
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
  place: BatchPlace,
  control?: { newAllocations: string[]; updatedAllocations: string[] },
): Promise<void> {
  const [first] = attempts;
  if (first === undefined) return;
  const { results } = await run.hooks.run({
    event,
    job: first.action.job,
    targets: attempts.map(({ action }) => hookTarget(run, action)),
    phase: place.phase,
    batch: { index: place.index, count: place.count },
    finishing: true,
    ...(control === undefined ? {} : { control: { target: "deploy", stoppedAllocations: [], ...control } }),
  });
  for (const attempt of attempts) {
    const failed = results.find(
      (result) => result.allocId === attempt.action.allocId && result.error !== undefined,
    );
    if (failed?.error !== undefined) attempt.error = failed.error;
  }
}

/** Puts the allocation's files, rendered with the versions they are deployed with, into the staging tree. */
export async function stage(run: DeployRun, action: Action): Promise<void> {
  const { job, row } = factsOf(run, action);
  const { files, read } = await run.facts.contents.forSync(job, row, action.currentVersion);
  stageJob(workerStaging(run.session.paths.staging, action.workerIp), action.job, files, read);
}

/** Keeps what is about to be promoted, before it is: a promoted content is always there to go back to. */
async function keepContent(run: DeployRun, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    const { job, row } = factsOf(run, action);
    await run.facts.contents.keep(job, row);
  }
}

/**
 * Records a batch: what is well is promoted in one commit, what failed its gate is marked so. What hooks wrote while
 * the batch ran becomes durable with it; of a batch that failed nothing is kept.
 */
export async function settleBatch(
  run: DeployRun,
  attempts: readonly Attempt[],
  ledger: Ledger,
): Promise<void> {
  const { catalog } = run.session;
  const well = attempts.filter((attempt) => attempt.error === undefined).map((attempt) => attempt.action);
  await keepContent(run, well);
  const job = attempts[0]?.action.job;
  if (job !== undefined) {
    if (well.length === attempts.length) run.hooks.checkpoint(job);
    else run.hooks.discard(job);
  }
  promote(
    catalog,
    well.map((action) => ({ ...promotionOf(run, action), state: action.leadsTo })),
  );
  const failed = attempts.filter((attempt) => attempt.error !== undefined);
  setStates(
    catalog,
    failed.map(({ action, error }) => ({
      allocId: action.allocId,
      state: error!.kind === "health" ? ("health_failed" as const) : ("unsettled" as const),
      failure: error!.message,
    })),
  );
  for (const { action, error } of attempts)
    ledger.settle(action, error === undefined ? "done" : "failed", error);
}

function promotionOf(run: DeployRun, action: Action): Promotion {
  return { allocId: action.allocId, version: action.newVersion, content: factsOf(run, action).content! };
}

/** Content and version of disabled allocations stay current in the catalog and the staging tree; nothing runs. */
export async function keepDisabledCurrent(
  run: DeployRun,
  actions: readonly Action[],
  ledger: Ledger,
): Promise<void> {
  for (const action of actions) {
    try {
      await stage(run, action);
      await keepContent(run, [action]);
      const wasStopped = factsOf(run, action).deployment.state === "stopped";
      promote(run.session.catalog, [
        { ...promotionOf(run, action), ...(wasStopped ? { state: action.leadsTo } : {}) },
      ]);
      ledger.settle(action, "done");
    } catch (error) {
      ledger.settle(action, "failed", asMaandError(error, action.workerIp));
    }
  }
}
