// What the parts of one deploy share while it runs.

import type { HookTarget } from "../../hooks/call.ts";
import type { HookHost } from "../../hooks/host.ts";
import type { WorkerSlots } from "../../lifecycle/batches.ts";
import { workError } from "../../lifecycle/errors.ts";
import type { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";
import type { Action, ActionOptions, AllocationFacts } from "../plan/action.ts";
import type { DeployFacts } from "../plan/load.ts";
import type { Links } from "./workers.ts";

export interface DeployRun {
  session: Session;
  state: CatalogState;
  facts: DeployFacts;
  links: Links;
  hooks: HookHost;
  options: ActionOptions;
  /** Lets at most `max_parallel_workers` workers be touched at once, over all jobs. */
  slots: WorkerSlots;
  /** Jobs whose hooks ran in this deploy: what they have written may change what other jobs' templates say. */
  withHooksRun: Set<string>;
}

/** The facts an action was decided from. */
export function factsOf(run: DeployRun, action: Action): AllocationFacts {
  const facts = run.facts.byId.get(action.allocId);
  if (facts === undefined) throw new Error(`no facts for allocation ${action.allocId}`);
  return facts;
}

/** An action's allocation as hooks are given it. */
export function hookTarget(run: DeployRun, action: Action): HookTarget {
  const { row } = factsOf(run, action);
  return { allocation: row, currentVersion: action.currentVersion, newVersion: action.newVersion };
}

/** Anything that was thrown while an action was carried out, as an error that names its place. */
export function actionError(run: DeployRun, thrown: unknown, { job, workerIp }: Action): MaandError {
  return workError(run.session, thrown, { job, worker: workerIp });
}
