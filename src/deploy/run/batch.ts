// One batch: stage, sync and run its allocations side by side; then record what they have become.

import type { AttemptedContent, NewAttempt } from "../../catalog/deployments.ts";
import { beginAttempts, readDeployments } from "../../catalog/deployments.ts";
import { stageJob, workerStaging } from "../../content/stage.ts";
import type { StateChange } from "../../lifecycle/record.ts";
import { requireTarget } from "../../lifecycle/target.ts";
import type { MaandError } from "../../model/error.ts";
import type { RuntimeState } from "../../model/state.ts";
import { mayRun } from "../../model/state.ts";
import type { Action } from "../plan/action.ts";
import { begunBy, isDue, targetOf } from "../plan/action.ts";
import type { DeployRun } from "./context.ts";
import { actionError, factsOf } from "./context.ts";
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
  const late = new Set(batch.filter(isLate));
  const begin = (actions: readonly Action[]): void =>
    beginAttempts(
      run.session.catalog,
      actions.map((action) => newAttempt(run, action, factsOf(run, action).content!)),
    );
  begin(batch.filter((action) => !late.has(action)));
  const absent: SettledAction[] = [];
  const act = async (action: Action): Promise<Attempt[]> => {
    const attempt: Attempt = { action };
    try {
      if (late.has(action)) {
        const error = await whyAbsent(run, action);
        if (error !== undefined) {
          absent.push({ action, status: "not_reached", error });
          return [];
        }
        begin([action]);
      }
      attempt.content = await stage(run, action);
      await run.links.sync(action.workerIp, action.job, attempt.content.hash);
      await stopFirst(run, action);
      if (lifecycle === "make") await runLifecycle(run, action);
    } catch (error) {
      attempt.error = actionError(run, error, action);
    }
    return [attempt];
  };
  const attempts = (await Promise.all(batch.map(act))).flat();
  if (absent.length > 0) recorder.settle(absent);
  return attempts;
}

/** Why an allocation of a worker that was waited for is not begun; undefined where it may be. */
async function whyAbsent(run: DeployRun, action: Action): Promise<MaandError | undefined> {
  const { failure } = await run.links.join(action.workerIp);
  if (failure !== undefined) return failure;
  return run.session.shutdown.graceful.aborted ? interruptedAt(action, "it was not begun") : undefined;
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
