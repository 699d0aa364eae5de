// maand deploy: plan, ask the workers, stop what is no longer wanted, roll out wave by wave; the outcome says how it went.

import { makePrivateDirectory } from "../../bucket/private-files.ts";
import { rethrow } from "../../catalog/failure.ts";
import type { CatalogRead } from "../../catalog/read.ts";
import { readCatalog } from "../../catalog/read.ts";
import type { HookHost } from "../../hooks/host.ts";
import { withHookHost } from "../../hooks/with-host.ts";
import type { KvStore } from "../../kv/store.ts";
import { createWorkerSlots } from "../../lifecycle/batches.ts";
import { requireJobs } from "../../lifecycle/select.ts";
import { MaandError } from "../../model/error.ts";
import type { HookEvent } from "../../model/manifest.ts";
import type { DeployMark } from "../../model/worker-identity.ts";
import type { Session } from "../../session/session.ts";
import { countOf } from "../../support/plural.ts";
import type { DeployFacts } from "../plan/load.ts";
import { loadFacts } from "../plan/load.ts";
import type { DeployPlan, JobPlan } from "../plan/plan.ts";
import { dueWorkers, hasWork, planDeploy, receivingWorkers } from "../plan/plan.ts";
import { askWorkers } from "./ask.ts";
import { beginDeploy, deployedBefore, findLost, judgeLate, passFence, tellLost } from "./begin.ts";
import type { DeployRun } from "./context.ts";
import type { AllocationOutcome, DeployOutcome, UnreachedWorker } from "./outcome.ts";
import { pruneRemoved } from "./prune.ts";
import { carryOutStops } from "./stops.ts";
import { rollOutWaves, step } from "./waves.ts";
import type { Links } from "./workers.ts";

export interface DeployOptions {
  force: boolean;
  syncOnly: boolean;
  /** Only these jobs; all when absent. */
  jobs?: readonly string[];
}

export interface PreparedDeploy {
  facts: DeployFacts;
  plan: DeployPlan;
}

/**
 * Works out what a deploy would do; contacts no worker and writes nothing.
 * @throws MaandError("usage") for a job name that is not in the catalog, MaandError("remote") for a start with
 *   `--sync-only`.
 */
export async function prepareDeploy(
  session: Session,
  options: DeployOptions,
  read: CatalogRead = readCatalog(session.catalog),
  kv: Pick<KvStore, "get" | "keys"> = session.kv,
): Promise<PreparedDeploy> {
  requireJobs(read.state, options.jobs, { removed: true });
  const facts = await loadFacts(session, read, kv, options.jobs);
  const { force, syncOnly, jobs } = options;
  const plan = planDeploy(facts.jobs, { force, syncOnly, ...(jobs && { jobs: new Set(jobs) }) });
  if (syncOnly) refuseStarts(plan);
  return { facts, plan };
}

/** Carries out a deploy from beginning to end. What fails on workers is in the outcome; only what stops all is thrown. */
export async function runDeploy(session: Session, options: DeployOptions): Promise<DeployOutcome> {
  const read = readCatalog(session.catalog);
  try {
    return await withHookHost(session, read, async (hooks) => {
      const { facts, plan } = await prepareDeploy(session, options, read, hooks.kv);
      hooks.requireRuntimes(...hooksOf(plan));
      for (const text of plan.warnings)
        session.events.emit({ type: "warning", scope: { worker: "-" }, text });
      return await carryOut(session, options, read, { facts, plan }, hooks);
    });
  } catch (thrown) {
    rethrow(thrown, session.paths.catalog);
  }
}

/** Jobs with something to do, and the events whose hooks a deploy may run for them. */
function hooksOf(plan: DeployPlan): [jobs: string[], events: HookEvent[]] {
  const busy = plan.waves.flatMap((wave) => wave.jobs.filter(hasWork).map((job) => job.job));
  const stopping = plan.reconcile.flatMap((wave) => wave.jobs.map((job) => job.job));
  const events: HookEvent[] = [
    "pre_deploy",
    "job_control",
    "after_allocation_started",
    "after_allocation_stopped",
    "health_check",
    "post_deploy",
  ];
  return [[...new Set([...busy, ...stopping])], events];
}

/** Asks all workers, lets nothing begin that the fence is against, plans again where a worker has lost what was there. */
async function carryOut(
  session: Session,
  options: DeployOptions,
  read: CatalogRead,
  prepared: PreparedDeploy,
  hooks: HookHost,
): Promise<DeployOutcome> {
  const { state } = read;
  const due = dueWorkers(prepared.plan);
  const present = new Set(state.workers.map((worker) => worker.host));
  const workers = new Set([
    ...state.allocations.filter((a) => !a.removed && present.has(a.workerIp)).map((a) => a.workerIp),
    ...due,
  ]);
  step(session, `connecting to ${countOf(workers.size, "worker")}`);
  const asked = await askWorkers(session, {
    state,
    receiving: receivingWorkers(prepared.plan),
    departed: new Set([...workers].filter((workerIp) => !present.has(workerIp))),
    workers: [...workers],
  });
  let current = prepared;
  let deploy: DeployMark;
  let isBegun: boolean;
  try {
    passFence(asked, state);
    const lost = findLost(session, read, asked.found());
    if (lost.length > 0) {
      tellLost(session, lost);
      for (const { row } of lost)
        read.deployments.set(row.allocId, { allocId: row.allocId, state: "cleaned" });
      current = await prepareDeploy(session, options, read, hooks.kv);
      hooks.requireRuntimes(...hooksOf(current.plan));
    }
    isBegun = !session.shutdown.graceful.aborted;
    const isCounted = isBegun && (workers.size === 0 || asked.found().length > 0);
    const forced = options.force ? current.plan.waves.flatMap((wave) => wave.jobs.flatMap(forcedIn)) : [];
    deploy = beginDeploy(session, { isCounted, lost, forced, forcedAs: options.syncOnly ? "files" : "all" });
  } catch (thrown) {
    await asked.leave();
    throw thrown;
  }
  makePrivateDirectory(session.paths.staging);
  const slots = createWorkerSlots(session.conf.maxParallelWorkers);
  const links = await asked.enter({
    deploy,
    slots,
    isBegun,
    wasDeployed: deployedBefore(read),
    judgeLate: (worker, answers) => judgeLate(session, read, worker, answers),
  });
  return rollOut(session, options, current, { hooks, links, slots, updateSeq: deploy.updateSeq });
}

async function rollOut(
  session: Session,
  options: DeployOptions,
  { facts, plan }: PreparedDeploy,
  { hooks, links, slots, updateSeq }: Pick<DeployRun, "hooks" | "links" | "slots"> & { updateSeq: number },
): Promise<DeployOutcome> {
  const run: DeployRun = {
    session,
    state: facts.state,
    facts,
    links,
    hooks,
    options: { force: options.force, syncOnly: options.syncOnly },
    slots,
    withHooksRun: new Set(),
  };

  if (plan.reconcile.length > 0 && !session.shutdown.graceful.aborted)
    step(session, "stopping what is no longer wanted");
  const stopped = await carryOutStops(run, plan.reconcile);
  // Whenever something removed is left: an earlier run may have ended before it came to this.
  if (facts.state.allocations.some((allocation) => allocation.removed)) pruneRemoved(session);
  const waves = await rollOutWaves(run, plan);
  await links.settled();

  return {
    updateSeq,
    reconcile: stopped,
    waves,
    unreached: unreachedWorkers(links, [
      ...stopped,
      ...waves.flatMap((wave) => wave.jobs.flatMap((job) => job.allocations)),
    ]),
    interrupted: session.shutdown.graceful.aborted,
  };
}

/** What a forced plan acts on although nothing may have changed; a start is due without a note. */
function forcedIn(plan: JobPlan): string[] {
  return [...plan.upgrades.flat(), ...plan.promotes].map((action) => action.allocId);
}

/** Every worker that could not take part to the end; a failure where it is another machine, or something came out badly. */
function unreachedWorkers(links: Links, outcomes: readonly AllocationOutcome[]): UnreachedWorker[] {
  const bad = new Set(
    outcomes.filter((o) => o.status === "not_reached" || o.status === "failed").map((o) => o.workerIp),
  );
  return [...links.all.values()].flatMap(({ workerIp, departed, isRefused, failure }) => {
    if (failure === undefined || failure.kind === "interrupted") return [];
    return [{ workerIp, due: isRefused === true || bad.has(workerIp), departed, error: failure }];
  });
}

/** `--sync-only` never starts anything: a plan with a start is refused before anything is touched. */
function refuseStarts(plan: DeployPlan): void {
  const starts = plan.waves.flatMap((wave) => wave.jobs.flatMap((job) => job.starts.flat()));
  if (starts.length === 0) return;
  throw new MaandError("remote", "--sync-only cannot start what has never run", {
    why: starts.map((action) => `${action.job}@${action.workerIp}`).join(", "),
    hint: "run maand deploy without --sync-only first, or limit it with --jobs",
  });
}
