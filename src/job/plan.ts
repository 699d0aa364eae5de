// What a manual lifecycle action will do: which allocations, in which batches, and which are refused.

import { type BatchKind, batchWidth, cutBatches } from "../lifecycle/batches.ts";
import { ignoredOrderWarning, inRolloutOrder, rolloutOrder } from "../lifecycle/order.ts";
import { findJob } from "../lifecycle/select.ts";
import type { Effect } from "../lifecycle/stop.ts";
import { MaandError } from "../model/error.ts";
import type { AllocationRow, CatalogState, DeploymentRow, JobRow } from "../model/state.ts";
import { deploymentOf } from "../model/state.ts";
import { suggestName } from "../support/nearest.ts";

interface Traits {
  effect: Effect;
  /** Which width cuts the allocations into batches. */
  batches: BatchKind;
  /** Whether it may be asked of a disabled allocation that is named. */
  onDisabled: boolean;
}

const lifecycle: Record<string, Traits> = {
  start: { effect: "start", batches: "starts", onDisabled: false },
  restart: { effect: "restart", batches: "upgrades", onDisabled: false },
  reload: { effect: "reload", batches: "upgrades", onDisabled: false },
  stop: { effect: "stop", batches: "all", onDisabled: true },
  status: { effect: "none", batches: "all", onDisabled: true },
};

/** The traits of a target: `job run --target stop` is a stop like any other. */
function traitsOf(target: string): Traits {
  return Object.hasOwn(lifecycle, target)
    ? lifecycle[target]!
    : { effect: "none", batches: "all", onDisabled: false };
}

export interface JobRequest {
  job: string;
  target: string;
  /** Only the allocations on these workers; all active ones when absent. */
  allocations?: readonly string[] | undefined;
}

/** One allocation that the target is run on. */
export interface Chosen {
  row: AllocationRow;
  deployment: DeploymentRow;
}

export interface JobControlPlan {
  job: JobRow;
  target: string;
  effect: Effect;
  batches: Chosen[][];
  /** Allocations that only a deploy can bring into a known state, with the reason. */
  refused: (Chosen & { error: MaandError })[];
  /** A `rollout_order` that is not followed. */
  warning?: string;
}

/**
 * Works out what `maand job` does.
 * @param stored `rollout_order` as the KV has it, undefined when there is none
 * @throws MaandError("usage") for an unknown job, a target that is no target, and allocations that cannot be named here
 */
export function planJobControl(
  state: CatalogState,
  deployments: ReadonlyMap<string, DeploymentRow>,
  request: JobRequest,
  stored?: string,
): JobControlPlan {
  const job = findJob(state, request.job);
  const { target } = request;
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(target)) {
    throw new MaandError("usage", `"${target}" is not a Makefile target`, {
      hint: "use letters, digits, _ . and -, with no - in front",
    });
  }
  const traits = traitsOf(target);
  const present = state.allocations.filter(
    (allocation) => allocation.job === job.name && !allocation.removed,
  );
  const order = rolloutOrder(stored, present);
  const named = chooseAllocations(present, request, traits);
  const rows = inRolloutOrder(named, order, (row) => row.workerIp);
  const chosen: Chosen[] = [];
  const refused: JobControlPlan["refused"] = [];
  for (const row of rows) {
    const deployment = deploymentOf(deployments, row);
    const error = refusal(row, deployment, target, traits);
    if (error === undefined) chosen.push({ row, deployment });
    else refused.push({ row, deployment, error });
  }
  const batches = cutBatches(chosen, batchWidth(job.manifest, traits.batches));
  // Where all are taken together there is no order to follow.
  const warning = traits.batches === "all" ? undefined : ignoredOrderWarning(job.name, order);
  return {
    job,
    target,
    effect: traits.effect,
    batches,
    refused,
    ...(warning === undefined ? {} : { warning }),
  };
}

function chooseAllocations(
  present: readonly AllocationRow[],
  request: JobRequest,
  traits: Traits,
): AllocationRow[] {
  if (request.allocations === undefined) return present.filter((allocation) => !allocation.disabled);
  const hosts = present.map((allocation) => allocation.workerIp);
  for (const host of request.allocations) {
    if (hosts.includes(host)) continue;
    throw new MaandError(
      "usage",
      `--allocations names "${host}", where job "${request.job}" has no allocation`,
      {
        hint: suggestName(host, hosts),
      },
    );
  }
  const named = present.filter((allocation) => request.allocations!.includes(allocation.workerIp));
  const disabled = named.find((allocation) => allocation.disabled);
  if (disabled !== undefined && !traits.onDisabled) {
    throw new MaandError(
      "usage",
      `${disabled.job}@${disabled.workerIp} is disabled: only stop and status work on it`,
      {
        hint: 'take it out of workspace/disabled.json, then run "maand build" and "maand deploy"',
      },
    );
  }
  return named;
}

/** What a target cannot be run on: no files of it are there, or other ones than the catalog calls promoted. */
function refusal(
  row: AllocationRow,
  deployment: DeploymentRow,
  target: string,
  traits: Traits,
): MaandError | undefined {
  const where = { job: row.job, worker: row.workerIp };
  const hint = "run maand deploy";
  if (deployment.state === "absent" || deployment.state === "cleaned")
    return new MaandError("remote", "it has not been deployed yet", { where, hint });
  // While it was disabled its content was kept current in the catalog, not on the worker.
  if (deployment.state === "drained" && !traits.onDisabled) {
    return new MaandError(
      "remote",
      `it was stopped because it was disabled: ${target} has to wait for a deploy`,
      {
        where,
        why: "its files on the worker may be older than what the catalog holds",
        hint,
      },
    );
  }
  return undefined;
}
