// The deploy plan: what will happen, worked out from data alone. `--dry-run` prints it, `deploy` carries it out.

import { batchWidth, cutBatches } from "../../lifecycle/batches.ts";
import { ignoredOrderWarning, inRolloutOrder, rolloutOrder } from "../../lifecycle/order.ts";
import type { MaandError } from "../../model/error.ts";
import type { JobRow } from "../../model/state.ts";
import { compareText } from "../../support/order.ts";
import type { Action, ActionOptions, AllocationFacts } from "./action.ts";
import { decideActions, isDue } from "./action.ts";

/** One job with everything its plan depends on. */
export interface JobFacts {
  job: JobRow;
  /** By worker position. */
  allocations: AllocationFacts[];
  /** `rollout_order` as the KV has it; undefined when there is none. */
  storedOrder?: string;
  /** The job's templates cannot be rendered. */
  renderError?: MaandError;
  /** Jobs that this job's hooks demand. */
  demands: string[];
  /** The last rollout's `post_deploy` failed: it runs again although nothing else is due. */
  postDeployDue: boolean;
}

export interface PlanOptions extends ActionOptions {
  /** Only these jobs; all when absent. */
  jobs?: ReadonlySet<string>;
}

export interface JobPlan {
  job: string;
  seq: number;
  demands: string[];
  /** First starts, in batches of `max_concurrent_starts`. */
  starts: Action[][];
  /** restart, reload and sync, in batches of `max_concurrent_upgrades`. */
  upgrades: Action[][];
  /** Disabled allocations whose content is kept current. */
  promotes: Action[];
  skips: Action[];
  renderError?: MaandError;
  postDeployDue: boolean;
}

export interface WavePlan {
  seq: number;
  /** By name. */
  jobs: JobPlan[];
}

export interface DeployPlan {
  /** Stops and removals, wave by wave in reverse order; per job in batches of `max_concurrent_upgrades`. */
  reconcile: { seq: number; jobs: { job: string; batches: Action[][] }[] }[];
  /** Waves in order. */
  waves: WavePlan[];
  warnings: string[];
}

/** Works out the whole plan. */
export function planDeploy(jobs: readonly JobFacts[], options: PlanOptions): DeployPlan {
  const chosen = jobs
    .filter((facts) => options.jobs === undefined || options.jobs.has(facts.job.name))
    .sort((a, b) => compareText(a.job.name, b.job.name));
  const warnings: string[] = [];
  const reconcile = new Map<number, { job: string; batches: Action[][] }[]>();
  const waves = new Map<number, JobPlan[]>();
  for (const facts of chosen) {
    const seq = facts.job.deploymentSeq;
    const { stops, rollout } = planJob(facts, options, warnings);
    if (stops.length > 0) pushTo(reconcile, seq, { job: facts.job.name, batches: stops });
    if (rollout !== undefined) pushTo(waves, seq, rollout);
  }
  const sorted = <T>(map: Map<number, T[]>): [number, T[]][] => [...map].sort(([a], [b]) => a - b);
  return {
    reconcile: sorted(reconcile)
      .reverse()
      .map(([seq, list]) => ({ seq, jobs: list })),
    waves: sorted(waves).map(([seq, list]) => ({ seq, jobs: list })),
    warnings,
  };
}

/** One job's part of the plan; used again by the run once the job's `pre_deploy` hooks may have changed its facts. */
export function planJob(
  facts: JobFacts,
  options: ActionOptions,
  warnings: string[],
): { stops: Action[][]; rollout: JobPlan | undefined } {
  const stops: Action[] = [];
  const rollout: Action[] = [];
  for (const allocation of orderAllocations(facts, warnings)) {
    const actions = decideActions(allocation, options);
    if (actions.reconcile !== undefined) stops.push(actions.reconcile);
    if (actions.rollout !== undefined) rollout.push(actions.rollout);
  }
  const { manifest } = facts.job;
  const of = (...kinds: Action["kind"][]) => rollout.filter((action) => kinds.includes(action.kind));
  const plan: JobPlan = {
    job: facts.job.name,
    seq: facts.job.deploymentSeq,
    demands: facts.demands,
    starts: cutBatches(of("start"), batchWidth(manifest, "starts")),
    upgrades: cutBatches(of("restart", "reload", "sync"), batchWidth(manifest, "upgrades")),
    promotes: of("promote"),
    skips: of("skip"),
    ...(facts.renderError === undefined ? {} : { renderError: facts.renderError }),
    postDeployDue: facts.postDeployDue,
  };
  return {
    stops: cutBatches(stops, batchWidth(manifest, "upgrades")),
    rollout: rollout.length === 0 ? undefined : plan,
  };
}

/** Allocations in rollout order; what the order does not name (disabled, removed) comes last. */
function orderAllocations(facts: JobFacts, warnings: string[]): AllocationFacts[] {
  const rows = facts.allocations.map(({ row }) => row);
  const order = rolloutOrder(facts.storedOrder, rows);
  const warning = ignoredOrderWarning(facts.job.name, order);
  if (warning !== undefined) warnings.push(warning);
  return inRolloutOrder(facts.allocations, order, ({ row }) => row.workerIp);
}

function pushTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Every action of a job's rollout, in the order in which it would be carried out. */
export function rolloutActions(plan: JobPlan): Action[] {
  return [...plan.starts.flat(), ...plan.upgrades.flat(), ...plan.promotes, ...plan.skips];
}

/** Whether any allocation of a job is acted on. */
export function hasRollout(plan: JobPlan): boolean {
  return plan.starts.length + plan.upgrades.length + plan.promotes.length > 0;
}

/** Whether a job has anything to do in its wave. */
export function hasWork(plan: JobPlan): boolean {
  return hasRollout(plan) || plan.postDeployDue;
}

/** Workers that something is due on. */
export function dueWorkers(plan: DeployPlan): Set<string> {
  const stops = plan.reconcile.flatMap((wave) => wave.jobs.flatMap((job) => job.batches.flat()));
  return new Set([...stops.map((action) => action.workerIp), ...receivingWorkers(plan)]);
}

/** Workers that files are due on. */
export function receivingWorkers(plan: DeployPlan): Set<string> {
  const actions = plan.waves.flatMap((wave) => wave.jobs.flatMap(rolloutActions));
  return new Set(actions.filter(isDue).map((action) => action.workerIp));
}
