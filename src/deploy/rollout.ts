// One job's rollout: batches of starts and upgrades, each synced, run, gated and promoted before the next.

import type { Promotion } from "../catalog/deployments.ts";
import { beginAttempts, promote, setStates } from "../catalog/deployments.ts";
import { allocationChecks, hasHealthCheck, waitOf } from "../health/checks.ts";
import { runGate } from "../health/gate.ts";
import { MaandError } from "../model/error.ts";
import type { Action } from "./action.ts";
import { targetOf } from "./action.ts";
import { requireTarget } from "./lifecycle.ts";
import type { AllocationOutcome, JobOutcome } from "./outcome.ts";
import { outcomeOf } from "./outcome.ts";
import type { JobPlan } from "./plan.ts";
import { hasWork, rolloutActions } from "./plan.ts";
import type { DeployRun } from "./run-state.ts";
import { factsOf } from "./run-state.ts";
import { stageJob, workerStaging } from "./stage.ts";
import { asMaandError } from "./worker-link.ts";

/** An action that was carried out, and how it went so far. */
interface Attempt {
  action: Action;
  error?: MaandError;
}

/** Rolls out one job. Failures are in the outcome; nothing is thrown for them. */
export async function rollOutJob(run: DeployRun, plan: JobPlan): Promise<JobOutcome> {
  const outcomes = new Map<string, AllocationOutcome>();
  const settle = (action: Action, status: AllocationOutcome["status"], error?: MaandError): void => {
    outcomes.set(action.allocId, outcomeOf(action, status, error));
    emitOutcome(run, action, status, error);
  };
  for (const action of plan.skips) {
    outcomes.set(action.allocId, outcomeOf(action, "skipped"));
    run.session.events.emit({
      type: "deploy_skip",
      scope: { worker: action.workerIp, job: action.job, phase: "rollout", action: "skip" },
      reason: action.reason,
    });
  }
  const finish = (reason?: string): JobOutcome => summarise(plan, outcomes, run, reason);
  if (plan.renderFault !== undefined) {
    for (const action of rolloutActions(plan)) {
      if (action.kind !== "skip") settle(action, "failed", plan.renderFault);
    }
    return finish(plan.renderFault.message);
  }
  if (!hasWork(plan)) return finish();

  await keepDisabledCurrent(run, plan.promotes, settle);
  const ok = await rollOutStarts(run, reachable(run, plan.starts, settle), settle);
  if (ok) await rollOutUpgrades(run, reachable(run, plan.upgrades, settle), settle);
  return finish();
}

type Settle = (action: Action, status: AllocationOutcome["status"], error?: MaandError) => void;

/** Content and version of disabled allocations stay current in the catalog and the staging tree. */
async function keepDisabledCurrent(run: DeployRun, actions: readonly Action[], settle: Settle): Promise<void> {
  for (const action of actions) {
    try {
      await stage(run, action);
      await keepContent(run, [action]);
      promote(run.session.catalog, [promotionOf(run, action, false)]);
      settle(action, "done");
    } catch (error) {
      settle(action, "failed", asMaandError(error, action.workerIp));
    }
  }
}

/** The batches without the allocations of workers that cannot take part: those fail alone (04, "Promotion and resume"). */
function reachable(run: DeployRun, batches: readonly Action[][], settle: Settle): Action[][] {
  return batches
    .map((batch) =>
      batch.filter((action) => {
        const failure = run.links.all.get(action.workerIp)?.failure;
        if (failure === undefined) return true;
        settle(action, "not_reached", failure);
        return false;
      }),
    )
    .filter((batch) => batch.length > 0);
}

/** First starts: batch after batch, then one gate over all of them. Returns whether the job may go on. */
async function rollOutStarts(run: DeployRun, batches: Action[][], settle: Settle): Promise<boolean> {
  const started: Attempt[] = [];
  for (const batch of batches) {
    if (run.session.interrupt.stopping.aborted) break;
    const attempts = await actOn(run, batch);
    started.push(...attempts);
    const failed = attempts.some((attempt) => attempt.error !== undefined);
    if (!gated(run, batch[0]!)) await settleBatch(run, attempts, settle);
    if (failed) break;
  }
  if (started.length > 0 && gated(run, started[0]!.action)) {
    await passGate(run, started);
    await settleBatch(run, started, settle);
  }
  const all = batches.flat().length;
  return started.length === all && started.every((attempt) => attempt.error === undefined);
}

/** Upgrades: every batch passes its gate and is promoted before the next begins. */
async function rollOutUpgrades(run: DeployRun, batches: Action[][], settle: Settle): Promise<void> {
  for (const batch of batches) {
    if (run.session.interrupt.stopping.aborted) return;
    const attempts = await actOn(run, batch);
    if (gated(run, batch[0]!)) await passGate(run, attempts);
    await settleBatch(run, attempts, settle);
    if (attempts.some((attempt) => attempt.error !== undefined)) return;
  }
}

function gated(run: DeployRun, action: Action): boolean {
  return hasHealthCheck(factsOf(run, action).job);
}

/** Stages, syncs and runs one batch, its allocations side by side. */
async function actOn(run: DeployRun, batch: readonly Action[]): Promise<Attempt[]> {
  const { session } = run;
  beginAttempts(
    session.catalog,
    batch.map((action) => ({ allocId: action.allocId, content: factsOf(run, action).content! })),
  );
  return Promise.all(
    batch.map(async (action): Promise<Attempt> => {
      const { job } = factsOf(run, action);
      try {
        await stage(run, action);
        await run.links.sync(action.workerIp, action.job);
        const target = targetOf(action.kind);
        if (target !== undefined) {
          await run.limit(() =>
            requireTarget(session, run.links.connectionTo(action.workerIp), {
              job: action.job,
              workerIp: action.workerIp,
              target,
              currentVersion: action.currentVersion,
              newVersion: action.newVersion,
              timeoutSeconds: job.manifest.lifecycleTimeout ?? session.conf.commandTimeoutSeconds,
              phase: "rollout",
            }),
          );
        }
        return { action };
      } catch (error) {
        return { action, error: asMaandError(error, action.workerIp) };
      }
    }),
  );
}

/** Puts the allocation's files, rendered with the versions they are deployed with, into the staging tree. */
async function stage(run: DeployRun, action: Action): Promise<void> {
  const { job, row } = factsOf(run, action);
  const { files, read } = await run.contents.forSync(job, row, action.currentVersion);
  stageJob(workerStaging(run.session.paths.staging, action.workerIp), action.job, files, read);
}

/** Keeps what is about to be promoted, before it is: a promoted content is always there to go back to. */
async function keepContent(run: DeployRun, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    const { job, row } = factsOf(run, action);
    await run.contents.keep(job, row);
  }
}

/** Waits until the batch is healthy; what does not become so gets its error. Only what ran a target is asked. */
async function passGate(run: DeployRun, attempts: Attempt[]): Promise<void> {
  const { session } = run;
  const asked = attempts.filter((attempt) => attempt.error === undefined && targetOf(attempt.action.kind) !== undefined);
  if (asked.length === 0) return;
  const [first] = asked;
  const job = factsOf(run, first!.action).job;
  session.events.emit({
    type: "step",
    scope: { worker: "-", job: job.name, phase: "health" },
    text: `waiting for ${asked.map((attempt) => attempt.action.workerIp).join(", ")} to become healthy`,
  });
  const checks = asked.flatMap((attempt) =>
    allocationChecks(session, run.state, job, attempt.action.workerIp, async () =>
      run.links.connectionTo(attempt.action.workerIp),
    ),
  );
  const results = await runGate(checks, () => waitOf(job), session.interrupt.aborting);
  for (const attempt of asked) {
    const failed = results.filter((result) => result.workerIp === attempt.action.workerIp && !result.ok);
    if (failed.length === 0) continue;
    attempt.error = new MaandError("health", "the health check failed", {
      where: { job: job.name, worker: attempt.action.workerIp },
      why: failed.map((result) => `${result.check}: ${result.error} (${result.attempts} attempts)`).join("; "),
      remedy: `look at the job on the worker ("maand job status ${job.name}", "maand logs show --job ${job.name}"), then run maand deploy again`,
    });
  }
}

/** Records a batch: what is well is promoted in one commit, what failed its gate is marked so. */
async function settleBatch(run: DeployRun, attempts: readonly Attempt[], settle: Settle): Promise<void> {
  const { catalog } = run.session;
  const well = attempts.filter((attempt) => attempt.error === undefined).map((attempt) => attempt.action);
  await keepContent(run, well);
  promote(
    catalog,
    well.map((action) => promotionOf(run, action, true)),
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
  for (const { action, error } of attempts) settle(action, error === undefined ? "done" : "failed", error);
}

function promotionOf(run: DeployRun, action: Action, settles: boolean): Promotion {
  return {
    allocId: action.allocId,
    version: action.newVersion,
    content: factsOf(run, action).content!,
    ...(settles ? { state: action.leadsTo } : {}),
  };
}

function emitOutcome(run: DeployRun, action: Action, status: AllocationOutcome["status"], error?: MaandError): void {
  run.session.events.emit({
    type: "allocation",
    scope: { worker: action.workerIp, job: action.job, phase: "rollout", action: action.kind },
    status,
    ...(error === undefined ? {} : { reason: error.message }),
  });
}

function summarise(
  plan: JobPlan,
  outcomes: Map<string, AllocationOutcome>,
  run: DeployRun,
  reason: string | undefined,
): JobOutcome {
  const interrupted = run.session.interrupt.stopping.aborted;
  const allocations = rolloutActions(plan).map(
    (action) => outcomes.get(action.allocId) ?? outcomeOf(action, interrupted ? "interrupted" : "pending"),
  );
  const bad = allocations.filter((a) => a.status === "failed" || a.status === "not_reached");
  const base = { job: plan.job, seq: plan.seq, allocations };
  if (bad.length > 0) {
    return { ...base, status: "failed", reason: reason ?? `${bad.length} of ${allocations.length} allocations failed` };
  }
  if (allocations.some((a) => a.status === "interrupted")) {
    return { ...base, status: "interrupted", reason: "interrupted before it was done" };
  }
  return { ...base, status: hasWork(plan) ? "done" : "skipped" };
}
