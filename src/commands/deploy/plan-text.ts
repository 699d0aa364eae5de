// The deploy plan for people and programs: what `--dry-run` prints.

import type { Action } from "../../deploy/plan/action.ts";
import type { DeployPlan, JobPlan } from "../../deploy/plan/plan.ts";
import { hasWork, rolloutActions } from "../../deploy/plan/plan.ts";
import { countOf } from "../../support/plural.ts";

/** Characters of a hash that are enough to tell two apart by eye. */
const shortHash = 8;

/**
 * The plan as text, ending in a newline.
 * @param mayChange jobs whose `pre_deploy` hooks may change what the plan says of them
 */
export function planText(plan: DeployPlan, mayChange: readonly string[]): string {
  const lines: string[] = [];
  for (const wave of plan.reconcile) {
    lines.push(`reconcile (wave ${wave.seq})`);
    for (const { job, batches } of wave.jobs) {
      lines.push(`  ${job}`, ...batchLines(batches));
    }
  }
  for (const wave of plan.waves) {
    const busy = wave.jobs.filter((job) => hasWork(job) || job.renderError !== undefined);
    if (busy.length === 0) continue;
    lines.push(`wave ${wave.seq}`);
    for (const job of busy) lines.push(...jobLines(job, mayChange.includes(job.job)));
  }
  const idle = plan.waves.flatMap((wave) => wave.jobs).flatMap((job) => job.skips).length;
  const upToDate = `${countOf(idle, "allocation")} left alone`;
  if (lines.length === 0) return `nothing to do: ${upToDate}\n`;
  lines.push(`dry run: nothing was done; ${upToDate}`);
  return `${lines.join("\n")}\n`;
}

function jobLines(job: JobPlan, mayChange: boolean): string[] {
  const lines = [
    `  ${job.job}${mayChange ? "  (it has a pre_deploy hook: the hook may change this plan)" : ""}`,
  ];
  if (job.renderError !== undefined) lines.push(`    cannot be rendered: ${job.renderError.message}`);
  lines.push(...batchLines(job.starts), ...batchLines(job.upgrades), ...batchLines([job.promotes]));
  if (job.postDeployDue) lines.push("    post_deploy runs: last time it failed or was not come to");
  return lines;
}

function batchLines(batches: readonly Action[][]): string[] {
  return batches.flatMap((batch, i) => batch.map((action) => actionLine(action, i, batches.length)));
}

function actionLine(action: Action, batch: number, batches: number): string {
  const hashes =
    action.newHash === undefined ? "" : `  ${short(action.currentHash)} → ${short(action.newHash)}`;
  const versions = action.newHash === undefined ? "" : `  ${action.currentVersion} → ${action.newVersion}`;
  const position = batches > 1 ? `  batch ${batch + 1}/${batches}` : "";
  const matched = action.matched.length === 0 ? "" : `  matched=${action.matched.join(",")}`;
  const what = action.stopFirst ? `stop, ${action.kind}` : action.kind;
  return `    ${what.padEnd(8)} ${action.workerIp.padEnd(15)}${versions}${hashes}${position}  (${action.reason})${matched}`;
}

function short(hash: string | undefined): string {
  return hash === undefined ? "-".repeat(shortHash) : hash.slice(0, shortHash);
}

/** The plan as JSON members; waves have the shape of a deploy's outcome, every status `planned` or `skipped`. */
export function planJson(plan: DeployPlan, mayChange: readonly string[]): Record<string, unknown> {
  return {
    reconcile: plan.reconcile.flatMap((wave) =>
      wave.jobs.flatMap((job) => job.batches.flat().map(actionJson)),
    ),
    waves: plan.waves.map((wave) => ({
      seq: wave.seq,
      jobs: wave.jobs.map((job) => ({
        job: job.job,
        status: job.renderError === undefined ? (hasWork(job) ? "planned" : "skipped") : "failed",
        ...(job.renderError === undefined ? {} : { error: job.renderError.message }),
        ...(mayChange.includes(job.job) && hasWork(job) ? { hook_may_change: true } : {}),
        allocations: rolloutActions(job).map(actionJson),
      })),
    })),
    warnings: plan.warnings,
  };
}

function actionJson(action: Action): Record<string, unknown> {
  return {
    job: action.job,
    worker_ip: action.workerIp,
    action: action.kind,
    status: action.kind === "skip" ? "skipped" : "planned",
    reason: action.reason,
    current_version: action.currentVersion,
    new_version: action.newVersion,
    ...(action.currentHash === undefined ? {} : { current_hash: action.currentHash }),
    ...(action.newHash === undefined ? {} : { new_hash: action.newHash }),
    ...(action.stopFirst ? { stop_first: true } : {}),
    ...(action.matched.length === 0 ? {} : { matched: action.matched }),
  };
}
