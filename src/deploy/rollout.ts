// One job's rollout: its hooks before, batches of starts and upgrades each gated and promoted, its hooks after.

import { setPostDeploy } from "../catalog/deployments.ts";
import { stageForHooks } from "../content/stage-for-hooks.ts";
import type { DeployPhase } from "../hooks/plan.ts";
import type { MaandError } from "../model/error.ts";
import type { Action } from "./action.ts";
import type { Attempt, BatchPlace } from "./batch.ts";
import { actOn, afterStarted, hookAttempts, keepDisabledCurrent, settleBatch } from "./batch.ts";
import { isGated, passGate } from "./gate.ts";
import type { Ledger } from "./ledger.ts";
import { openLedger } from "./ledger.ts";
import type { JobOutcome } from "./outcome.ts";
import type { JobPlan } from "./plan.ts";
import { batchesOf, hasRollout, hasWork, planJob } from "./plan.ts";
import type { DeployRun } from "./run-state.ts";
import { factsOf } from "./run-state.ts";

/** Rolls out one job. Failures are in the outcome; nothing is thrown for them. */
export async function rollOutJob(run: DeployRun, planned: JobPlan): Promise<JobOutcome> {
  const ledger = openLedger(run);
  const { plan, error } = await beforeDeploy(run, planned);
  if (error !== undefined) {
    ledger.failAll(plan, error);
    return ledger.close(plan, error.message);
  }
  for (const action of plan.skips) ledger.settle(action, "skipped");
  if (plan.renderFault !== undefined) {
    ledger.failAll(plan, plan.renderFault);
    return ledger.close(plan, plan.renderFault.message);
  }
  if (!hasWork(plan)) return ledger.close(plan);

  await keepDisabledCurrent(run, plan.promotes, ledger);
  const starts = reachable(run, plan.starts, ledger);
  const upgrades = reachable(run, plan.upgrades, ledger);
  if (isControlled(run, plan.job)) await rollOutControlled(run, [...starts, ...upgrades].flat(), ledger);
  else {
    const goOn = await rollOutStarts(run, starts, ledger);
    if (goOn) await rollOutUpgrades(run, upgrades, ledger);
  }
  const failure = await afterDeploy(run, plan, ledger);
  return ledger.close(plan, failure?.message);
}

/** Whether a `job_control` hook stands in for the job's lifecycle targets. */
function isControlled(run: DeployRun, job: string): boolean {
  return !run.options.syncOnly && run.hooks.hasHooks(job, "job_control");
}

/** What a job as a whole is in, as its hooks see it. */
function phaseOf(plan: JobPlan): DeployPhase {
  if (plan.upgrades.length > 0) return "update";
  return plan.starts.length > 0 ? "new" : "";
}

/** Runs `pre_deploy` hooks of a job that has something to roll out, then renders and plans it again. */
async function beforeDeploy(run: DeployRun, plan: JobPlan): Promise<{ plan: JobPlan; error?: MaandError }> {
  const wanted = hasRollout(plan) || plan.renderFault !== undefined;
  if (!wanted || !run.hooks.hasHooks(plan.job, "pre_deploy")) return { plan };
  await stageForHooks(run.session, run.state, run.facts.contents, plan.job);
  const { error } = await run.hooks.run({ event: "pre_deploy", job: plan.job, phase: phaseOf(plan) });
  if (error !== undefined) {
    run.hooks.discard(plan.job);
    return { plan, error };
  }
  run.hooks.checkpoint(plan.job);
  const warnings: string[] = [];
  const { rollout } = planJob(await run.facts.reload(plan.job), run.options, warnings);
  for (const text of warnings)
    run.session.events.emit({ type: "warning", scope: { worker: "-", job: plan.job }, text });
  return { plan: rollout ?? plan };
}

/** Runs `post_deploy` hooks of a job whose rollout is complete, or whose hooks failed there last time. */
async function afterDeploy(run: DeployRun, plan: JobPlan, ledger: Ledger): Promise<MaandError | undefined> {
  if (ledger.hasFailed() || run.session.interrupt.stopping.aborted) return undefined;
  if (!run.hooks.hasHooks(plan.job, "post_deploy")) {
    if (plan.postDeployDue) setPostDeploy(run.session.catalog, plan.job, "ok");
    return undefined;
  }
  // Durable before the hooks begin: a crash in the middle of them makes the next deploy run them again.
  setPostDeploy(run.session.catalog, plan.job, "failed");
  await stageForHooks(run.session, run.state, run.facts.contents, plan.job);
  const { error, interrupted } = await run.hooks.run({
    event: "post_deploy",
    job: plan.job,
    phase: phaseOf(plan),
  });
  if (error !== undefined || interrupted) {
    run.hooks.discard(plan.job);
    return error;
  }
  run.hooks.checkpoint(plan.job);
  setPostDeploy(run.session.catalog, plan.job, "ok");
  return undefined;
}

/** The batches without the allocations of workers that cannot take part: those fail alone (04, "Promotion and resume"). */
function reachable(run: DeployRun, batches: readonly Action[][], ledger: Ledger): Action[][] {
  return batches
    .map((batch) =>
      batch.filter((action) => {
        const failure = run.links.all.get(action.workerIp)?.failure;
        if (failure === undefined) return true;
        ledger.settle(action, "not_reached", failure);
        return false;
      }),
    )
    .filter((batch) => batch.length > 0);
}

/** First starts: batch after batch, then one gate over all of them. Returns whether the job may go on. */
async function rollOutStarts(run: DeployRun, batches: readonly Action[][], ledger: Ledger): Promise<boolean> {
  const started: Attempt[] = [];
  const gated = batches[0]?.[0] !== undefined && isGated(run, factsOf(run, batches[0][0]).job);
  for (const [index, batch] of batches.entries()) {
    if (run.session.interrupt.stopping.aborted) break;
    const attempts = await actOn(run, batch, "make");
    await afterStarted(run, attempts, { phase: "new", index, count: batches.length });
    started.push(...attempts);
    if (!gated) await settleBatch(run, attempts, ledger);
    if (attempts.some((attempt) => attempt.error !== undefined)) break;
  }
  if (gated && started.length > 0) {
    await passGate(run, started, { phase: "new", index: 0, count: 1 });
    await settleBatch(run, started, ledger);
  }
  const all = batches.flat().length;
  return started.length === all && started.every((attempt) => attempt.error === undefined);
}

/** Upgrades: every batch passes its gate and is promoted before the next begins. */
async function rollOutUpgrades(run: DeployRun, batches: readonly Action[][], ledger: Ledger): Promise<void> {
  for (const [index, batch] of batches.entries()) {
    if (run.session.interrupt.stopping.aborted) return;
    const place: BatchPlace = { phase: "update", index, count: batches.length };
    const attempts = await actOn(run, batch, "make");
    await afterStarted(run, attempts, place);
    await passGate(run, attempts, place);
    await settleBatch(run, attempts, ledger);
    if (attempts.some((attempt) => attempt.error !== undefined)) return;
  }
}

/** With a `job_control` hook: files are synced and the hook run in upgrade batches, then one gate over what was done. */
async function rollOutControlled(run: DeployRun, actions: readonly Action[], ledger: Ledger): Promise<void> {
  const [first] = actions;
  if (first === undefined) return;
  const { job } = factsOf(run, first);
  const of = (wanted: boolean) =>
    actions.filter((action) => (action.kind === "start") === wanted).map((action) => action.workerIp);
  const control = { newAllocations: of(true), updatedAllocations: of(false) };
  const batches = batchesOf(actions, job.manifest.maxConcurrentUpgrades);
  const phase: DeployPhase = control.updatedAllocations.length > 0 ? "update" : "new";
  const acted: Attempt[] = [];
  for (const [index, batch] of batches.entries()) {
    if (run.session.interrupt.stopping.aborted) break;
    const attempts = await actOn(run, batch, "none");
    const synced = attempts.filter((attempt) => attempt.error === undefined);
    await hookAttempts(run, "job_control", synced, { phase, index, count: batches.length }, control);
    acted.push(...attempts);
    if (attempts.some((attempt) => attempt.error !== undefined)) break;
  }
  await passGate(run, acted, { phase, index: 0, count: 1 });
  await settleBatch(run, acted, ledger);
}
