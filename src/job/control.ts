// maand job: runs a Makefile target on a job's allocations, batch by batch, and records what is known afterwards.

import { beginAttempts, readDeployments } from "../catalog/deployments.ts";
import type { CatalogRead } from "../catalog/read.ts";
import { readCatalog } from "../catalog/read.ts";
import { stageForHooks } from "../content/stage.ts";
import type { AllocationStatus } from "../events/event.ts";
import { isChecked } from "../health/checks.ts";
import type { HealthReport } from "../health/run.ts";
import { checkJob, isHealthy } from "../health/run.ts";
import type { HookHost } from "../hooks/host.ts";
import { withHookHost } from "../hooks/with-host.ts";
import type { BatchPlace } from "../lifecycle/batches.ts";
import { leftRunning, workError } from "../lifecycle/errors.ts";
import { storedOrder } from "../lifecycle/order.ts";
import { controlCall, isHookControlled } from "../lifecycle/stop.ts";
import type { TargetRun } from "../lifecycle/target.ts";
import { runTarget, targetError } from "../lifecycle/target.ts";
import { connectKnownWorker } from "../lifecycle/worker.ts";
import { type MaandError, notStarted } from "../model/error.ts";
import type { Result } from "../model/result.ts";
import type { CatalogState } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { expectedIdentity } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import { mapLimited } from "../support/parallel.ts";
import type { Chosen, JobControlPlan, JobRequest } from "./plan.ts";
import { planJobControl } from "./plan.ts";
import type { BatchNotes, TargetResult } from "./records.ts";
import { recordBatch, versionsOf } from "./records.ts";
import { makesUnknown } from "./state.ts";

export interface JobControlRequest extends JobRequest {
  /** Run the job's health checks after each batch, waiting as the manifest says. */
  healthCheck: boolean;
}

export interface JobControlOutcome {
  job: string;
  target: string;
  /** In the order of the batches; those that were refused come last. */
  allocations: TargetResult[];
  /** What the health checks said, when they were asked for and something was run. */
  health?: HealthReport;
  interrupted: boolean;
}

/** Whether everything that was asked for was done, and is well. */
export function isDone(outcome: JobControlOutcome): boolean {
  const allDone = outcome.allocations.every((allocation) => allocation.status === "done");
  return allDone && (outcome.health === undefined || isHealthy(outcome.health));
}

/**
 * Runs a target. What fails on a worker is in its result; a batch that fails keeps the later ones from being begun.
 * @throws MaandError("usage") as `planJobControl` does, before anything is contacted.
 */
export function controlJob(session: Session, request: JobControlRequest): Promise<JobControlOutcome> {
  const read = readCatalog(session.catalog);
  return withHookHost(session, read, (hooks) => control(session, read, hooks, request));
}

async function control(
  session: Session,
  { state, deployments }: CatalogRead,
  hooks: HookHost,
  request: JobControlRequest,
): Promise<JobControlOutcome> {
  const plan = planJobControl(state, deployments, request, storedOrder(session.kv, request.job));
  if (plan.warning !== undefined)
    session.events.emit({
      type: "warning",
      scope: { worker: "-", phase: "job_control" },
      text: plan.warning,
    });
  const results: TargetResult[] = [];
  await prepareHooks(session, state, hooks, plan);
  const links = await reach(session, state, plan);
  let health: HealthReport | undefined;
  let stopped: string | undefined;
  for (const [index, batch] of plan.batches.entries()) {
    if (session.shutdown.graceful.aborted) stopped = "interrupted";
    if (stopped !== undefined) {
      const status = session.shutdown.graceful.aborted ? "interrupted" : "pending";
      const left = batch.map(({ row }) => withoutRun(row.workerIp, status, notStarted(stopped!)));
      recordBatch(session, plan, batch, left, notBegun);
      results.push(...left);
      continue;
    }
    if (plan.batches.length > 1) tellStep(session, plan, `batch ${index + 1} of ${plan.batches.length}`);
    const ran = await runBatch(session, state, hooks, plan, { batch, index }, links);
    if (request.healthCheck && ran.some((result) => result.exit === 0)) {
      const isLast = index === plan.batches.length - 1;
      health = await checkJob(session, state, hooks, plan.job, toCheck(session, state, plan, batch, isLast));
    }
    recordBatch(session, plan, batch, ran, {
      checks: health?.checks,
      isChecked: isChecked(hooks, plan.job),
      silent: false,
      kv: hooks.kv,
    });
    results.push(...ran);
    if (ran.some((result) => result.status === "failed")) stopped = "an earlier batch failed";
    else if (health !== undefined && !isHealthy(health))
      stopped = "the health check after an earlier batch failed";
  }
  const refused = plan.refused.map(({ row, error }) => withoutRun(row.workerIp, "failed", error));
  recordBatch(session, plan, plan.refused, refused, notBegun);
  results.push(...refused);
  return {
    job: plan.job.name,
    target: plan.target,
    allocations: results,
    ...(health === undefined ? {} : { health }),
    interrupted: session.shutdown.graceful.aborted,
  };
}

/** What is missing on this host is said before anything runs; a hook finds the allocation's files in the staging tree. */
async function prepareHooks(
  session: Session,
  state: CatalogState,
  hooks: HookHost,
  plan: JobControlPlan,
): Promise<void> {
  const { name } = plan.job;
  if (!isHookControlled(hooks, name) || plan.batches.length === 0) return;
  hooks.requireRuntimes([name], ["job_control"]);
  await stageForHooks(session, state, hooks.kv, name);
}

/** For allocations on which nothing was run. */
const notBegun: BatchNotes = { checks: undefined, isChecked: true, silent: true };

/** By worker: the connection, or why nothing may be done there. */
type Links = ReadonlyMap<string, Result<Connection>>;

/** Connects to all workers concerned and asks each whether it is as the last deploy left it, before any is touched. */
async function reach(session: Session, state: CatalogState, plan: JobControlPlan): Promise<Links> {
  const links = new Map<string, Result<Connection>>();
  const hosts = plan.batches.flat().map(({ row }) => row.workerIp);
  session.pool.dial(hosts);
  await mapLimited(hosts, session.conf.maxParallelWorkers, async (workerIp) => {
    try {
      const expected = expectedIdentity(session, state, workerIp);
      links.set(workerIp, { ok: true, value: await connectKnownWorker(session, state, workerIp, expected) });
    } catch (thrown) {
      const error = workError(session, thrown, { job: plan.job.name, worker: workerIp });
      links.set(workerIp, { ok: false, error });
    }
  });
  return links;
}

async function runBatch(
  session: Session,
  state: CatalogState,
  hooks: HookHost,
  plan: JobControlPlan,
  { batch, index }: { batch: readonly Chosen[]; index: number },
  links: Links,
): Promise<TargetResult[]> {
  const reached = batch.filter(({ row }) => links.get(row.workerIp)!.ok);
  beginAttempts(
    session.catalog,
    reached
      .filter(({ deployment }) => makesUnknown(deployment, plan.effect))
      .map(({ row }) => ({ allocId: row.allocId })),
  );
  const byHook = isHookControlled(hooks, plan.job.name)
    ? await runByHook(hooks, plan, reached, { index, count: plan.batches.length })
    : undefined;
  return mapLimited(batch, session.conf.maxParallelWorkers, async (chosen) => {
    const { workerIp } = chosen.row;
    const link = links.get(workerIp)!;
    if (!link.ok) return withoutRun(workerIp, unreachedStatus(link.error), link.error);
    return byHook?.get(workerIp) ?? runOne(session, state, plan, chosen, link.value);
  });
}

/** A job with a `job_control` hook gets that, with TARGET, instead of its Makefile. */
async function runByHook(
  hooks: HookHost,
  plan: JobControlPlan,
  batch: readonly Chosen[],
  place: BatchPlace,
): Promise<Map<string, TargetResult>> {
  const targets = batch.map(({ row, deployment }) => ({ allocation: row, ...versionsOf(plan, deployment) }));
  const call = controlCall(plan.job.name, plan, targets, place);
  const { results } = await hooks.run({ ...call, writesWithBatch: true });
  return new Map(
    batch.map(({ row: { workerIp } }): [string, TargetResult] => {
      const own = results.filter((result) => result.workerIp === workerIp);
      const error = own.find((result) => result.error !== undefined)?.error;
      const durationMs = own.reduce((sum, result) => sum + result.durationMs, 0);
      const ended = { workerIp, begun: true, stdout: "", stderr: "", durationMs };
      if (error !== undefined) return [workerIp, { ...ended, status: "failed", exit: 1, error }];
      if (own.length === 0 || own.some((result) => result.status !== "done"))
        return [workerIp, { ...ended, status: "interrupted", error: notStarted("interrupted") }];
      return [workerIp, { ...ended, status: "done", exit: 0 }];
    }),
  );
}

async function runOne(
  session: Session,
  state: CatalogState,
  plan: JobControlPlan,
  { row, deployment }: Chosen,
  connection: Connection,
): Promise<TargetResult> {
  const started = performance.now();
  const run: TargetRun = {
    job: plan.job,
    workerIp: row.workerIp,
    target: plan.target,
    ...versionsOf(plan, deployment),
    phase: "job_control",
    identity: expectedIdentity(session, state, row.workerIp),
    retry: "the command",
  };
  try {
    const result = await runTarget(session, connection, run);
    const { exitCode: exit, stdout, stderr } = result;
    const durationMs = Math.round(performance.now() - started);
    const ended = { workerIp: row.workerIp, begun: true, exit, stdout, stderr, durationMs };
    if (exit === 0) return { ...ended, status: "done" };
    return { ...ended, status: "failed", error: targetError(session, run, result) };
  } catch (thrown) {
    const where = { job: plan.job.name, worker: row.workerIp };
    const failure = workError(session, thrown, where);
    const status = failure.kind === "interrupted" ? "interrupted" : "failed";
    const error = status === "interrupted" ? leftRunning(`make ${plan.target}`, where, failure) : failure;
    return {
      ...withoutRun(row.workerIp, status, error),
      begun: true,
      durationMs: Math.round(performance.now() - started),
    };
  }
}

/** Between batches only what was acted on is asked; at the end the whole job, but for what is stopped by hand. */
function toCheck(
  session: Session,
  state: CatalogState,
  plan: JobControlPlan,
  batch: readonly Chosen[],
  isLast: boolean,
): CatalogState["allocations"] {
  const acted = new Set(batch.map(({ row }) => row.allocId));
  const isDown = plan.effect === "stop";
  if (!isLast) return batch.map(({ row }) => row).filter(() => !isDown);
  const deployments = readDeployments(session.catalog);
  return state.allocations.filter((row) => {
    if (row.job !== plan.job.name || !isActive(row)) return false;
    if (acted.has(row.allocId)) return !isDown;
    return deployments.get(row.allocId)?.state !== "stopped";
  });
}

function tellStep(session: Session, plan: JobControlPlan, text: string): void {
  const scope = { worker: "-", job: plan.job.name, phase: "job_control" as const, action: plan.target };
  session.events.emit({ type: "step", scope, text });
}

function unreachedStatus(error: MaandError): AllocationStatus {
  if (error.kind === "unreachable") return "not_reached";
  return error.kind === "interrupted" ? "interrupted" : "failed";
}

function withoutRun(workerIp: string, status: AllocationStatus, error: MaandError): TargetResult {
  return { workerIp, status, begun: false, stdout: "", stderr: "", error, durationMs: 0 };
}
