// The rows of maand cat deployments: what is promoted on each allocation, and in one word what the next deploy would do.

import { readPostDeploy } from "../../catalog/deployments.ts";
import { readCatalog } from "../../catalog/read.ts";
import { type AllocationFacts, decideActions } from "../../deploy/plan/action.ts";
import { loadFacts } from "../../deploy/plan/load.ts";
import { assertNever } from "../../model/result.ts";
import { isActive } from "../../model/state.ts";
import { noVersion } from "../../model/version.ts";
import type { DeploymentsTable } from "./deployments.ts";
import { createFilter } from "./show-table.ts";

/** Characters of a hash on a terminal; a piped table and JSON have all of it. */
const shortHash = 12;

export type Rollout =
  /** The next deploy runs `start`: never promoted, or enabled again after it was stopped as disabled. */
  | "new"
  /** Content or version differs from what is promoted: restart, reload or sync by policy. */
  | "restart"
  /** What the catalog says runs; the next deploy skips it. */
  | "promoted"
  /** The lifecycle ran, its health gate did not pass; the next deploy restarts it. */
  | "health_failed"
  /** Stopped by hand and unchanged since; the next deploy leaves it alone. */
  | "stopped"
  /** Disabled, and kept current; never started. */
  | "disabled"
  /** Disabled, and its content or version differs: the next deploy keeps it current without starting it. */
  | "disabled_restart"
  /** Gone from the workspace; rows stay until gc. */
  | "removed";

/** Which word stands for the state of an allocation: read from the very actions that a deploy would take. */
export function rolloutOf(facts: AllocationFacts): Rollout {
  const { row, deployment } = facts;
  if (row.removed) return "removed";
  const { rollout } = decideActions(facts, { force: false, syncOnly: false });
  if (row.disabled) return rollout?.kind === "promote" ? "disabled_restart" : "disabled";
  if (rollout === undefined) throw new Error("an active allocation has an action in its wave");
  const { kind } = rollout;
  switch (kind) {
    case "start":
      return "new";
    case "skip":
      return deployment.state === "stopped" ? "stopped" : "promoted";
    case "restart":
    case "reload":
    case "sync":
      return deployment.state === "health_failed" ? "health_failed" : "restart";
    case "promote":
    case "stop":
    case "remove":
      throw new Error(`${kind} is no action for an active allocation`);
    default:
      return assertNever(kind, "kind of action");
  }
}

/** One row per allocation. A job that cannot be rendered has rows too, and a warning that says why they have no hash. */
export async function deploymentRows({ events, flags, session, terminal }: DeploymentsTable) {
  const read = readCatalog(session.catalog);
  const passes = createFilter(read.state, flags);
  const loaded = await loadFacts(session, read, session.kv, flags.jobs);
  const postDeploy = readPostDeploy(session.catalog);
  const isShort = !terminal.json && terminal.stdout.isTty;
  const shown = (hash: string | undefined) => (isShort ? hash?.slice(0, shortHash) : hash) ?? null;
  return loaded.jobs.flatMap((ofJob) => {
    const facts = ofJob.allocations.filter(({ row }) => passes(row) && (!flags.active || isActive(row)));
    const { renderError } = ofJob;
    if (facts.length > 0 && renderError !== undefined) {
      const text = `job "${ofJob.job.name}" cannot be rendered, so its current_hash is not known: ${renderError.message}`;
      events.emit({ type: "warning", scope: { worker: "-", job: ofJob.job.name }, text });
    }
    return facts.map((allocation) => ({
      job: allocation.row.job,
      worker_ip: allocation.row.workerIp,
      current_version: allocation.deployment.promotedVersion ?? noVersion,
      new_version: allocation.job.version,
      current_hash: shown(allocation.content?.hash),
      previous_hash: shown(allocation.deployment.promotedHash),
      post_deploy_status: postDeploy.get(allocation.row.job) ?? null,
      rollout: rolloutOf(allocation),
    }));
  });
}
