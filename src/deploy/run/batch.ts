// One batch: stage, sync and run its allocations side by side; then record what they have become.

import type { AttemptedContent, NewAttempt } from "../../catalog/deployments.ts";
import { beginAttempts, readDeployments } from "../../catalog/deployments.ts";
import { stageJob, workerStaging } from "../../content/stage.ts";
import type { DeployPhase } from "../../hooks/plan.ts";
import type { BatchPlace } from "../../lifecycle/batches.ts";
import type { StateChange } from "../../lifecycle/record.ts";
import { requireTarget } from "../../lifecycle/target.ts";
import { MaandError } from "../../model/error.ts";
import type { RuntimeState } from "../../model/state.ts";
import { mayRun } from "../../model/state.ts";
import type { Action } from "../plan/action.ts";
import { begunBy, isDue, targetOf } from "../plan/action.ts";
import type { DeployRun } from "./context.ts";
import { actionError, factsOf, hookTarget } from "./context.ts";
import { interruptedAt } from "./outcome.ts";
import type { RolloutRecorder, SettledAction } from "./recorder.ts";
import { stopFirst } from "./stop-first.ts";

/** An action that was carried out, and how it went so far. */
export interface Attempt {
  action: Action;
  /** What was staged, as it is to be promoted. */
  content?: AttemptedContent;
  error?: MaandError;
}

/** The place of a batch in its rollout, as hooks see it. */
export interface RolloutPlace extends BatchPlace {
  phase: DeployPhase;
}

/**
 * Syncs a batch and, unless the job is controlled by a hook, runs its lifecycle targets. Who is still waited for joins when
 * it answers; an allocation whose worker does not take part fails alone and has no attempt.
 */
export async function actOn(
  run: DeployRun,
  batch: readonly Action[],
  lifecycle: "make" | "none",
  recorder: Pick<RolloutRecorder, "settle">,
): Promise<Attempt[]> {
  const isLate = ({ workerIp }: Action): boolean => run.links.all.get(workerIp)?.late !== undefined;
  const begin = (actions: readonly Action[]): void =>
    beginAttempts(
      run.session.catalog,
      actions.map((action) => newAttempt(run, action, factsOf(run, action).content!)),
    );
  const late = batch.filter(isLate);
  begin(batch.filter((action) => !late.includes(action)));
  const attempts = await Promise.all(
    batch.map(async (action): Promise<Attempt | undefined> => {
      const attempt: Attempt = { action };
      if (late.includes(action)) {
        const { failure } = await run.links.join(action.workerIp);
        if (failure !== undefined) {
          recorder.settle([{ action, status: "not_reached", error: failure }]);
          return undefined;
        }
        begin([action]);
      }
      try {
        attempt.content = await stage(run, action);
        await run.links.sync(action.workerIp, action.job, attempt.content.hash);
        await stopFirst(run, action);
        if (lifecycle === "make") await runLifecycle(run, action);
      } catch (error) {
        attempt.error = actionError(run, error, action);
      }
      return attempt;
    }),
  );
  return attempts.filter((attempt) => attempt !== undefined);
}

function newAttempt(run: DeployRun, action: Action, content: AttemptedContent): NewAttempt {
  const begun = begunBy(action, factsOf(run, action).deployment);
  return { allocId: action.allocId, content, ...(begun === undefined ? {} : { begun }) };
}

async function runLifecycle(run: DeployRun, action: Action): Promise<void> {
  const target = targetOf(action.kind);
  if (target === undefined) return;
  await run.slots(action.workerIp, async () =>
    requireTarget(run.session, await run.links.connect(action.workerIp), {
      job: factsOf(run, action).job,
      workerIp: action.workerIp,
      target,
      currentVersion: action.currentVersion,
      newVersion: action.newVersion,
      phase: "rollout",
      identity: run.links.identityOf(action.workerIp),
      retry: "maand deploy",
    }),
  );
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

/**
 * Puts the allocation's files, rendered with the versions they are deployed with, into the staging tree, and their
 * bytes into the catalog. Returns the content to promote: that of the KV of this moment, which hooks may have changed
 * since the plan was made.
 */
async function stage(run: DeployRun, action: Action): Promise<AttemptedContent> {
  const facts = factsOf(run, action);
  const { promoted, staged, keep } = await run.facts.contents.capture(
    facts.job,
    facts.row,
    action.currentVersion,
  );
  await keep();
  if (isDue(action) && promoted.hash !== facts.content?.hash)
    beginAttempts(run.session.catalog, [newAttempt(run, action, promoted)]);
  const staging = workerStaging(run.session.paths.staging, action.workerIp);
  stageJob(staging, action.job, staged.files, staged.pieces);
  return promoted;
}

/**
 * Records a batch in one commit: what is well is promoted, what failed its gate is marked so. What hooks wrote for an
 * allocation becomes durable with its promotion and is dropped with its failure; a batch mate's failure takes nothing.
 */
export function settleBatch(attempts: readonly Attempt[], recorder: RolloutRecorder): void {
  if (attempts.length === 0) return;
  recorder.settle(
    attempts.map(({ action, content, error }): SettledAction => {
      if (error !== undefined)
        return { action, status: "failed", error, change: failureOf(error), writes: "drop" };
      const change = { ...promotionOf(action, content!, action.leadsTo), syncedHash: content!.hash };
      return { action, status: "done", change, writes: "keep" };
    }),
  );
}

/** Only a gate that said no is known to have left the process running. */
function failureOf(error: MaandError): StateChange {
  const failure = error.message;
  return error.kind === "health"
    ? { kind: "state", state: "health_failed", failure }
    : { kind: "fail", failure };
}

function promotionOf(
  action: Action,
  content: AttemptedContent,
  state?: RuntimeState,
): Extract<StateChange, { kind: "promote" }> {
  return { kind: "promote", version: action.newVersion, content, ...(state === undefined ? {} : { state }) };
}

/** Content and version of disabled allocations stay current in the catalog and the staging tree; nothing runs. */
export async function keepDisabledCurrent(
  run: DeployRun,
  actions: readonly Action[],
  recorder: RolloutRecorder,
): Promise<void> {
  const states = readDeployments(run.session.catalog);
  for (const action of actions) {
    const state = states.get(action.allocId)?.state ?? "absent";
    // Its stop failed or was not come to: what runs there is the old version, and must not be taken for the new one.
    if (mayRun(state)) continue;
    recorder.settle([await keepCurrent(run, action, state)]);
  }
}

async function keepCurrent(run: DeployRun, action: Action, state: RuntimeState): Promise<SettledAction> {
  try {
    const content = await stage(run, action);
    const change = promotionOf(action, content, state === "stopped" ? action.leadsTo : undefined);
    return { action, status: "done", change };
  } catch (thrown) {
    return { action, status: "failed", error: actionError(run, thrown, action) };
  }
}
