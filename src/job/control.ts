// maand job: runs a Makefile target on a job's allocations, batch by batch, and records what is known afterwards.

import { beginAttempts, readDeployments, readUpdateSeq } from "../catalog/deployments.ts";
import type { CatalogRead } from "../catalog/read.ts";
import { readCatalog } from "../catalog/read.ts";
import { stageForHooks } from "../content/stage.ts";
import type { AllocationStatus } from "../events/event.ts";
import { failureText } from "../health/failure.ts";
import type { HealthReport } from "../health/run.ts";
import { checkJob, isChecked, isHealthy } from "../health/run.ts";
import type { HookHost } from "../hooks/host.ts";
import { withHookHost } from "../hooks/with-host.ts";
import { jobNamespace } from "../kv/namespaces.ts";
import { connectKnownWorker } from "../lifecycle/identity.ts";
import { operatorFault } from "../lifecycle/operator-fault.ts";
import { runTarget } from "../lifecycle/target.ts";
import { MaandError } from "../model/error.ts";
import type { CatalogState } from "../model/state.ts";
import { isActive } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import { mapLimited } from "../support/parallel.ts";
import type { Chosen, JobControlPlan, JobRequest } from "./plan.ts";
import { planJobControl } from "./plan.ts";
import type { TargetResult } from "./records.ts";
import { recordResults, settleBatch, versionsOf } from "./records.ts";
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
  const plan = planJobControl(state, deployments, request, rolloutOrder(session, request.job));
  const results: TargetResult[] = [];
  await prepareHooks(session, state, hooks, plan);
  const links = await reach(session, state, plan);
  let health: HealthReport | undefined;
  let stopped: string | undefined;
  for (const [index, batch] of plan.batches.entries()) {
    if (session.shutdown.graceful.aborted) stopped = "interrupted";
    if (stopped !== undefined) {
      const status = session.shutdown.graceful.aborted ? "interrupted" : "pending";
      results.push(...batch.map(({ row }) => withoutRun(row.workerIp, status, notBegun(stopped!))));
      continue;
    }
    if (plan.batches.length > 1) step(session, plan, `batch ${index + 1} of ${plan.batches.length}`);
    const ran = await runBatch(session, hooks, plan, { batch, index }, links);
    if (request.healthCheck && ran.some((result) => result.exit === 0)) {
      const isLast = index === plan.batches.length - 1;
      health = await checkJob(session, state, hooks, plan.job, toCheck(session, state, plan, batch, isLast));
    }
    settleBatch(session, plan, batch, ran, health?.checks, isChecked(hooks, plan.job));
    results.push(...ran);
    if (ran.some((result) => result.status === "failed")) stopped = "an earlier batch failed";
    else if (health !== undefined && !isHealthy(health))
      stopped = "the health check after an earlier batch failed";
  }
  results.push(...plan.refused.map(({ row, error }) => withoutRun(row.workerIp, "failed", error)));
  recordResults(session, plan, results);
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
  if (!hooks.hasHooks(name, "job_control") || plan.batches.length === 0) return;
  hooks.requireRuntimes([name], ["job_control"]);
  await stageForHooks(session, state, hooks.kv, name);
}

function rolloutOrder(session: Session, job: string): string[] | undefined {
  const order = session.kv.get(jobNamespace(job), "rollout_order");
  return typeof order === "string" && order !== "" ? order.split(",") : undefined;
}

type Links = ReadonlyMap<string, Connection | MaandError>;

/** Connects to all workers concerned and asks each whether it is as the last deploy left it, before any is touched. */
async function reach(session: Session, state: CatalogState, plan: JobControlPlan): Promise<Links> {
  const updateSeq = readUpdateSeq(session.catalog);
  const links = new Map<string, Connection | MaandError>();
  const hosts = plan.batches.flat().map(({ row }) => row.workerIp);
  await mapLimited(hosts, session.conf.maxParallelWorkers, async (workerIp) => {
    const workerId = state.workers.find((worker) => worker.host === workerIp)?.workerId ?? "";
    try {
      const expected = { bucketId: session.bucketId, workerId, updateSeq };
      links.set(workerIp, await connectKnownWorker(session, workerIp, expected));
    } catch (thrown) {
      links.set(workerIp, asError(thrown, plan, workerIp));
    }
  });
  return links;
}

async function runBatch(
  session: Session,
  hooks: HookHost,
  plan: JobControlPlan,
  { batch, index }: { batch: readonly Chosen[]; index: number },
  links: Links,
): Promise<TargetResult[]> {
  const reached = batch.filter(({ row }) => !(links.get(row.workerIp) instanceof MaandError));
  beginAttempts(
    session.catalog,
    reached
      .filter(({ deployment }) => makesUnknown(deployment, plan.effect))
      .map(({ row }) => ({ allocId: row.allocId })),
  );
  const byHook = hooks.hasHooks(plan.job.name, "job_control")
    ? await runByHook(hooks, plan, reached, { index, count: plan.batches.length })
    : undefined;
  return mapLimited(batch, session.conf.maxParallelWorkers, async (chosen) => {
    const { workerIp } = chosen.row;
    const link = links.get(workerIp)!;
    if (link instanceof MaandError) return withoutRun(workerIp, unreachedStatus(link), link);
    return byHook?.get(workerIp) ?? runOne(session, plan, chosen, link);
  });
}

/** A job with a `job_control` hook gets that, with TARGET, instead of its Makefile. */
async function runByHook(
  hooks: HookHost,
  plan: JobControlPlan,
  batch: readonly Chosen[],
  place: { index: number; count: number },
): Promise<Map<string, TargetResult>> {
  const { name } = plan.job;
  const ips = batch.map(({ row }) => row.workerIp);
  const { results } = await hooks.run({
    event: "job_control",
    job: name,
    targets: batch.map(({ row, deployment }) => ({ allocation: row, ...versionsOf(plan, deployment) })),
    phase: plan.effect === "stop" ? "stop" : "",
    batch: place,
    finishing: true,
    control: {
      target: plan.target,
      newAllocations: [],
      updatedAllocations: plan.effect === "stop" || plan.effect === "none" ? [] : ips,
      stoppedAllocations: plan.effect === "stop" ? ips : [],
    },
  });
  const complete = results.every((result) => result.status === "done");
  if (!complete) hooks.discard(name);
  else hooks.checkpoint(name);
  return new Map(
    ips.map((workerIp): [string, TargetResult] => {
      const own = results.filter((result) => result.workerIp === workerIp);
      const error = own.find((result) => result.error !== undefined)?.error;
      const durationMs = own.reduce((sum, result) => sum + result.durationMs, 0);
      const ended = { workerIp, begun: true, stdout: "", stderr: "", durationMs };
      const wasSkipped = own.some((result) => result.status === "skipped");
      if (error === undefined && wasSkipped)
        return [workerIp, { ...ended, status: "interrupted", error: notBegun("interrupted") }];
      if (error === undefined) return [workerIp, { ...ended, status: "done", exit: 0 }];
      return [workerIp, { ...ended, status: "failed", exit: 1, error }];
    }),
  );
}

async function runOne(
  session: Session,
  plan: JobControlPlan,
  { row, deployment }: Chosen,
  connection: Connection,
): Promise<TargetResult> {
  const started = performance.now();
  const run = {
    job: plan.job.name,
    workerIp: row.workerIp,
    target: plan.target,
    ...versionsOf(plan, deployment),
    timeoutSeconds: plan.job.manifest.lifecycleTimeout ?? session.conf.commandTimeoutSeconds,
    phase: "job_control" as const,
  };
  try {
    const result = await runTarget(session, connection, run);
    const { exitCode: exit, stdout, stderr } = result;
    const durationMs = Math.round(performance.now() - started);
    const ended = { workerIp: row.workerIp, begun: true, exit, stdout, stderr, durationMs };
    if (exit === 0) return { ...ended, status: "done" };
    return { ...ended, status: "failed", error: operatorFault(run, result, "the command") };
  } catch (thrown) {
    const failure = asError(thrown, plan, row.workerIp);
    const status = failure.kind === "interrupted" ? "interrupted" : "failed";
    const error = status === "interrupted" ? leftBehind(failure, plan) : failure;
    return {
      ...withoutRun(row.workerIp, status, error),
      begun: true,
      durationMs: Math.round(performance.now() - started),
    };
  }
}

/** A second Ctrl-C ends our waiting, not what runs over there. */
function leftBehind(cause: MaandError, plan: JobControlPlan): MaandError {
  return new MaandError("interrupted", `interrupted before make ${plan.target} ended`, {
    where: cause.where,
    why: "it may still be running on the worker",
    hint: `see "maand job status ${plan.job.name}"`,
    cause,
  });
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

function step(session: Session, plan: JobControlPlan, text: string): void {
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

function notBegun(why: string): MaandError {
  return new MaandError("interrupted", "not started", { why });
}

function asError(thrown: unknown, plan: JobControlPlan, workerIp: string): MaandError {
  if (thrown instanceof MaandError) return thrown;
  const where = { job: plan.job.name, worker: workerIp };
  return new MaandError("remote", failureText(thrown), { where, cause: thrown });
}
