// The health gate of a batch: the manifest's probes, then the job's `health_check` hooks, until all pass or time is up.

import { allocationChecks, isChecked, waitOf } from "../../health/checks.ts";
import type { FailedCheck } from "../../health/gate.ts";
import { hasNotPassed, runGate } from "../../health/gate.ts";
import { askHealthHooks } from "../../health/hooks.ts";
import { MaandError } from "../../model/error.ts";
import type { JobRow } from "../../model/state.ts";
import { patientConnection } from "../../session/connect.ts";
import { targetOf } from "../plan/action.ts";
import type { Attempt } from "./batch.ts";
import type { RolloutPlace } from "./batch-hooks.ts";
import type { DeployRun } from "./context.ts";
import { factsOf, hookTarget } from "./context.ts";
import { interruptedAt } from "./outcome.ts";

/** Waits until the batch is healthy; what does not become so gets its error. Only what was acted on is asked. */
export async function passGate(
  run: DeployRun,
  attempts: readonly Attempt[],
  place: RolloutPlace,
): Promise<void> {
  const asked = attempts.filter(
    (attempt) => attempt.error === undefined && targetOf(attempt.action.kind) !== undefined,
  );
  const [first] = asked;
  if (first === undefined) return;
  const { job } = factsOf(run, first.action);
  if (!isChecked(run.hooks, job)) return;
  run.session.events.emit({
    type: "step",
    scope: { worker: "-", job: job.name, phase: "health" },
    text: `waiting for ${asked.map((attempt) => attempt.action.workerIp).join(", ")} to become healthy`,
  });
  await askProbes(run, job, asked);
  await askHooks(
    run,
    job,
    asked.filter((attempt) => attempt.error === undefined),
    place,
  );
}

async function askProbes(run: DeployRun, job: JobRow, asked: readonly Attempt[]): Promise<void> {
  const { session } = run;
  // A job may take its worker's network or sshd down for a while: the gate waits for those too.
  const checks = asked.flatMap(({ action }) =>
    allocationChecks(session, run.state, job, action.workerIp, () =>
      patientConnection(session, action.workerIp),
    ),
  );
  const results = await runGate(checks, () => waitOf(job), session.shutdown.forced);
  for (const attempt of asked) {
    const failed = results
      .filter(hasNotPassed)
      .filter((result) => result.workerIp === attempt.action.workerIp);
    if (failed.length === 0) continue;
    attempt.error = unhealthy(run, attempt, failed);
  }
}

async function askHooks(
  run: DeployRun,
  job: JobRow,
  asked: readonly Attempt[],
  place: RolloutPlace,
): Promise<void> {
  if (!run.hooks.hasHooks(job.name, "health_check")) return;
  const call = {
    job: job.name,
    targets: asked.map((attempt) => hookTarget(run, attempt.action)),
    phase: place.phase,
    batch: { index: place.index, count: place.count },
    finishing: true,
  };
  const results = await askHealthHooks(run.hooks, call, waitOf(job), run.session.shutdown.forced);
  for (const attempt of asked) {
    const failed = results.filter(hasNotPassed).filter((result) => result.allocId === attempt.action.allocId);
    if (failed.length === 0) continue;
    attempt.error = unhealthy(run, attempt, failed);
  }
}

function unhealthy(run: DeployRun, { action }: Attempt, failed: readonly FailedCheck[]): MaandError {
  const { job, workerIp } = action;
  const why = failed
    .map((result) => `${result.check}: ${result.reason} (${result.attempts} attempts)`)
    .join("; ");
  // Nobody waited for it to become healthy, so nothing is known of its health.
  if (run.session.shutdown.forced.aborted) return interruptedAt(action, why);
  return new MaandError("health", "the health check failed", {
    where: { job, worker: workerIp },
    why,
    hint: `look at the job on the worker ("maand job status ${job}", "maand logs show --job ${job}"), then run maand deploy again`,
  });
}
