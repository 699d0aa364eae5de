// maand cat deployments: what is promoted on each allocation, and what the next deploy would make of it.

import { readPostDeploy } from "../../catalog/deployments.ts";
import { readCatalog } from "../../catalog/read.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { type AllocationFacts, decideActions } from "../../deploy/plan/action.ts";
import { loadFacts } from "../../deploy/plan/load.ts";
import { isActive } from "../../model/state.ts";
import { noVersion } from "../../model/version.ts";
import { type CatFilters, createFilter, tableOutcome } from "./table.ts";

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
  if (rollout?.kind === "start") return "new";
  if (deployment.state === "health_failed") return "health_failed";
  if (rollout?.kind !== "skip") return "restart";
  return deployment.state === "stopped" ? "stopped" : "promoted";
}

export async function catDeployments(
  { events, session, terminal }: BucketInvocation,
  flags: CatFilters & { active: boolean },
): Promise<Outcome> {
  const read = readCatalog(session.catalog);
  const passes = createFilter(read.state, flags);
  const loaded = await loadFacts(session, read, session.kv, flags.jobs);
  const postDeploy = readPostDeploy(session.catalog);
  const isShort = !terminal.json && terminal.stdout.isTty;
  const shown = (hash: string | undefined) => (isShort ? hash?.slice(0, shortHash) : hash) ?? null;
  const rows = loaded.jobs.flatMap((ofJob) => {
    const facts = ofJob.allocations.filter(({ row }) => passes(row) && (!flags.active || isActive(row)));
    const { renderFault } = ofJob;
    if (facts.length > 0 && renderFault !== undefined) {
      const text = `job "${ofJob.job.name}" cannot be rendered, so its current_hash is not known: ${renderFault.message}`;
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
  const columns = [
    "job",
    "worker_ip",
    "current_version",
    "new_version",
    "current_hash",
    "previous_hash",
    "post_deploy_status",
    "rollout",
  ] as const;
  return tableOutcome(terminal, "deployments", columns, rows);
}
