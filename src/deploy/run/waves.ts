// The waves of a deploy, one after the other; what demands a failed job is blocked.

import { recordAllocations } from "../../lifecycle/record.ts";
import type { JobRow } from "../../model/state.ts";
import { demandsOf } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";
import { compareText } from "../../support/order.ts";
import type { DeployPlan, JobPlan } from "../plan/plan.ts";
import { hasWork, rolloutActions } from "../plan/plan.ts";
import type { DeployRun } from "./context.ts";
import { rollOutJob } from "./job.ts";
import type { DeployOutcome, JobOutcome } from "./outcome.ts";
import { outcomeOf } from "./outcome.ts";
import { actionRecord } from "./recorder.ts";

/** Waves one after the other, the jobs of a wave side by side. */
export async function rollOutWaves(run: DeployRun, plan: DeployPlan): Promise<DeployOutcome["waves"]> {
  const waves: DeployOutcome["waves"] = [];
  const failed = new Set<string>();
  for (const wave of plan.waves) {
    const busy = wave.jobs.filter(hasWork);
    if (busy.length > 0 && !run.session.shutdown.graceful.aborted)
      step(run.session, `wave ${wave.seq}: ${busy.map((job) => job.job).join(", ")}`);
    // Whatever one job meets, the others are seen to their end before it is told.
    const settled = await Promise.allSettled(wave.jobs.map((job) => rollOutUnlessBlocked(run, job, failed)));
    const jobs = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    for (const job of jobs) if (job.status === "failed") failed.add(job.job);
    waves.push({ seq: wave.seq, jobs });
  }
  return waves;
}

/** A job that demands a failed one, itself or through others, waits for the next deploy. */
async function rollOutUnlessBlocked(
  run: DeployRun,
  plan: JobPlan,
  failed: ReadonlySet<string>,
): Promise<JobOutcome> {
  const culprits = allDemands(run.state.jobs, plan.job).filter((job) => failed.has(job));
  if (culprits.length === 0 || !hasWork(plan)) return rollOutJob(run, plan);
  const reason = `it demands ${culprits.join(", ")}, which failed`;
  run.session.events.emit({
    type: "allocation",
    scope: { worker: "-", job: plan.job, phase: "rollout" },
    status: "blocked",
    reason,
  });
  const actions = rolloutActions(plan);
  const blocked = actions.filter((action) => action.kind !== "skip");
  recordAllocations(
    run.session,
    blocked.map((action) => ({ ...actionRecord({ action, status: "blocked" }, "rollout"), silent: true })),
  );
  const allocations = actions.map((action) =>
    outcomeOf(action, action.kind === "skip" ? "skipped" : "blocked"),
  );
  return { job: plan.job, seq: plan.seq, status: "blocked", reason, allocations };
}

/** The jobs that a job demands, and those that they demand in turn. */
function allDemands(jobs: readonly JobRow[], name: string): string[] {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const found = new Set<string>();
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const job = byName.get(next);
    for (const demanded of job === undefined ? [] : demandsOf(job)) {
      if (found.has(demanded)) continue;
      found.add(demanded);
      waiting.push(demanded);
    }
  }
  return [...found].sort(compareText);
}

/** Tells the reader what the deploy has come to. */
export function step(session: Session, text: string): void {
  session.events.emit({ type: "step", scope: { worker: "-" }, text });
}
