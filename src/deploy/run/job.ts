// One job's rollout: its hooks before, batches of starts and upgrades each gated and promoted, its hooks after.

import { setPostDeploy } from "../../catalog/deployments.ts";
import { catalogFailure } from "../../catalog/failure.ts";
import { stageForHooks } from "../../content/stage.ts";
import { isChecked } from "../../health/checks.ts";
import type { DeployPhase } from "../../hooks/plan.ts";
import { batchWidth, cutBatches } from "../../lifecycle/batches.ts";
import { isHookControlled } from "../../lifecycle/stop.ts";
import type { MaandError } from "../../model/error.ts";
import type { Action } from "../plan/action.ts";
import { targetOf } from "../plan/action.ts";
import type { JobPlan } from "../plan/plan.ts";
import { hasRollout, hasWork, planJob } from "../plan/plan.ts";
import type { Attempt } from "./batch.ts";
import { actOn, keepDisabledCurrent, settleBatch } from "./batch.ts";
import type { RolloutPlace } from "./batch-hooks.ts";
import { afterStarted, hookAttempts } from "./batch-hooks.ts";
import type { DeployRun } from "./context.ts";
import { factsOf } from "./context.ts";
import { passGate } from "./gate.ts";
import type { JobOutcome } from "./outcome.ts";
import type { RolloutRecorder } from "./recorder.ts";
import { createRolloutRecorder } from "./recorder.ts";

/**
 * Rolls out one job. Failures are in the outcome, those of the bucket's own disk among them: other jobs go on, and what
 * is under way there is seen to its end.
 */
export async function rollOutJob(run: DeployRun, planned: JobPlan): Promise<JobOutcome> {
  const recorder = createRolloutRecorder(run);
  try {
    return await rollOut(run, planned, recorder);
  } catch (thrown) {
    const failure = catalogFailure(thrown, run.session.paths.catalog);
    if (!failure.known) throw thrown;
    recorder.abandon(planned, failure.error);
    return recorder.close(planned, failure.error.message);
  }
}

async function rollOut(run: DeployRun, planned: JobPlan, recorder: RolloutRecorder): Promise<JobOutcome> {
  const { graceful } = run.session.shutdown;
  const current = await afterUpstream(run, planned);
  const { plan, error } = graceful.aborted ? { plan: current } : await beforeDeploy(run, current);
  if (error !== undefined) {
    recorder.failAll(plan, error);
    return recorder.close(plan, error.message);
  }
  recorder.settle(plan.skips.map((action) => ({ action, status: "skipped" })));
  if (graceful.aborted) return recorder.close(plan);
  if (plan.renderError !== undefined) {
    recorder.failAll(plan, plan.renderError);
    return recorder.close(plan, plan.renderError.message);
  }
  if (!hasWork(plan)) return recorder.close(plan);
  // Noted before anything is promoted: a run that ends in between leaves the hooks due.
  if (hasRollout(plan) && run.hooks.hasHooks(plan.job, "post_deploy"))
    setPostDeploy(run.session.catalog, plan.job, "pending");

  await keepDisabledCurrent(run, plan.promotes, recorder);
  const starts = reachable(run, plan.starts, recorder);
  const upgrades = reachable(run, plan.upgrades, recorder);
  if (isControlled(run, plan.job)) await rollOutControlled(run, [...starts, ...upgrades].flat(), recorder);
  else {
    const goOn = await rollOutStarts(run, starts, recorder);
    if (goOn) await rollOutUpgrades(run, upgrades, recorder);
  }
  const failure = await afterDeploy(run, plan, recorder);
  return recorder.close(plan, failure === undefined ? undefined : hooksFailed(run, plan.job, failure));
}

/** The processes are as they should be and no allocation tells of it: the job's reason says all there is to say. */
function hooksFailed(run: DeployRun, job: string, error: MaandError): string {
  const text = `post_deploy failed, it runs again in the next deploy: ${[error.message, error.why ?? ""].filter((part) => part !== "").join(": ")}`;
  run.session.events.emit({ type: "error", scope: { worker: "-", job, phase: "hook" }, text });
  return text;
}

/** Whether a `job_control` hook stands in for the job's lifecycle targets. */
function isControlled(run: DeployRun, job: string): boolean {
  return !run.options.syncOnly && isHookControlled(run.hooks, job);
}

/** What a job as a whole is in, as its hooks see it. */
function phaseOf(plan: JobPlan): DeployPhase {
  if (plan.upgrades.length > 0) return "update";
  return plan.starts.length > 0 ? "new" : "";
}

/** Hooks of a job that this one demands may have changed what its templates read: it is rendered and planned again. */
async function afterUpstream(run: DeployRun, plan: JobPlan): Promise<JobPlan> {
  return plan.demands.some((job) => run.withHooksRun.has(job)) ? planAgain(run, plan) : plan;
}

async function planAgain(run: DeployRun, plan: JobPlan): Promise<JobPlan> {
  const warnings: string[] = [];
  const { rollout } = planJob(await run.facts.reload(plan.job), run.options, warnings);
  for (const text of warnings)
    run.session.events.emit({ type: "warning", scope: { worker: "-", job: plan.job }, text });
  return rollout ?? plan;
}

/** Runs `pre_deploy` hooks of a job that has something to roll out, then renders and plans it again. */
async function beforeDeploy(run: DeployRun, plan: JobPlan): Promise<{ plan: JobPlan; error?: MaandError }> {
  const wanted = hasRollout(plan) || plan.renderError !== undefined;
  if (!wanted || !run.hooks.hasHooks(plan.job, "pre_deploy")) return { plan };
  await stageForHooks(run.session, run.state, run.hooks.kv, plan.job);
  run.withHooksRun.add(plan.job);
  const call = { event: "pre_deploy" as const, job: plan.job, phase: phaseOf(plan) };
  const ran = await run.hooks.run(call);
  if (ran.ok) return { plan: await planAgain(run, plan) };
  // Nothing of the job is begun after Ctrl-C; its outcome says so.
  return ran.error.kind === "interrupted" ? { plan } : { plan, error: ran.error };
}

/** Runs `post_deploy` hooks of a job whose rollout is complete, or whose hooks failed there last time. */
async function afterDeploy(
  run: DeployRun,
  plan: JobPlan,
  recorder: RolloutRecorder,
): Promise<MaandError | undefined> {
  if (recorder.hasFailed() || run.session.shutdown.graceful.aborted) return undefined;
  if (!run.hooks.hasHooks(plan.job, "post_deploy")) {
    if (plan.postDeployDue) setPostDeploy(run.session.catalog, plan.job, "ok");
    return undefined;
  }
  run.withHooksRun.add(plan.job);
  await stageForHooks(run.session, run.state, run.hooks.kv, plan.job);
  const call = { event: "post_deploy" as const, job: plan.job, phase: phaseOf(plan) };
  const { error } = await run.hooks.run(call);
  if (error?.kind === "interrupted") return undefined;
  setPostDeploy(run.session.catalog, plan.job, error === undefined ? "ok" : "failed");
  return error;
}

/** The batches without the allocations of workers that cannot take part: those fail alone. */
function reachable(run: DeployRun, batches: readonly Action[][], recorder: RolloutRecorder): Action[][] {
  return batches
    .map((batch) =>
      batch.filter((action) => {
        const failure = run.links.all.get(action.workerIp)?.failure;
        if (failure === undefined) return true;
        recorder.settle([{ action, status: "not_reached", error: failure }]);
        return false;
      }),
    )
    .filter((batch) => batch.length > 0);
}

/** First starts: batch after batch, then one gate over all of them. Returns whether the job may go on. */
async function rollOutStarts(
  run: DeployRun,
  batches: readonly Action[][],
  recorder: RolloutRecorder,
): Promise<boolean> {
  const started: Attempt[] = [];
  let done = 0;
  const gated = batches[0]?.[0] !== undefined && isChecked(run.hooks, factsOf(run, batches[0][0]).job);
  for (const [index, batch] of batches.entries()) {
    if (run.session.shutdown.graceful.aborted) break;
    const attempts = await actOn(run, batch, "make", recorder);
    await afterStarted(run, attempts, { phase: "new", index, count: batches.length });
    started.push(...attempts);
    if (!gated) settleBatch(attempts, recorder);
    if (attempts.some((attempt) => attempt.error !== undefined)) break;
    done = index + 1;
  }
  if (gated && started.length > 0) {
    await passGate(run, started, { phase: "new", index: 0, count: 1 });
    settleBatch(started, recorder);
  }
  return done === batches.length && started.every((attempt) => attempt.error === undefined);
}

/** Upgrades: every batch passes its gate and is promoted before the next begins. */
async function rollOutUpgrades(
  run: DeployRun,
  batches: readonly Action[][],
  recorder: RolloutRecorder,
): Promise<void> {
  for (const [index, batch] of batches.entries()) {
    if (run.session.shutdown.graceful.aborted) return;
    const place: RolloutPlace = { phase: "update", index, count: batches.length };
    const attempts = await actOn(run, batch, "make", recorder);
    if (attempts.length === 0) continue;
    await afterStarted(run, attempts, place);
    await passGate(run, attempts, place);
    settleBatch(attempts, recorder);
    if (attempts.some((attempt) => attempt.error !== undefined)) return;
  }
}

/** With a `job_control` hook: files are synced and the hook run in upgrade batches, then one gate over what was done. */
async function rollOutControlled(
  run: DeployRun,
  actions: readonly Action[],
  recorder: RolloutRecorder,
): Promise<void> {
  const [first] = actions;
  if (first === undefined) return;
  const { job } = factsOf(run, first);
  const of = (wanted: boolean) =>
    actions.filter((action) => (action.kind === "start") === wanted).map((action) => action.workerIp);
  const control = { newAllocations: of(true), updatedAllocations: of(false) };
  const batches = cutBatches(actions, batchWidth(job.manifest, "upgrades"));
  const phase: DeployPhase = control.updatedAllocations.length > 0 ? "update" : "new";
  const acted: Attempt[] = [];
  for (const [index, batch] of batches.entries()) {
    if (run.session.shutdown.graceful.aborted) break;
    const attempts = await actOn(run, batch, "none", recorder);
    // The hook stands in for targets; where the policy asks for none, there is nothing to stand in for.
    const synced = attempts.filter(
      (attempt) => attempt.error === undefined && targetOf(attempt.action.kind) !== undefined,
    );
    await hookAttempts(run, "job_control", synced, { phase, index, count: batches.length }, control);
    acted.push(...attempts);
    if (attempts.some((attempt) => attempt.error !== undefined)) break;
  }
  if (acted.length > 0) await passGate(run, acted, { phase, index: 0, count: 1 });
  settleBatch(acted, recorder);
}
