// maand health_check: what passed, what failed and why, and what there was nothing to ask about.

import { readCatalog } from "../../catalog/read.ts";
import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { count } from "../../cli/output/failure-lines.ts";
import { visible } from "../../events/visible.ts";
import type { HealthReport } from "../../health/run.ts";
import { checkHealth, isHealthy } from "../../health/run.ts";
import { withHookHost } from "../../hooks/with-host.ts";
import { requireJobs } from "../../lifecycle/select.ts";
import type { HealthCheckFlags } from "./command.ts";

export async function healthCheckCommand(
  invocation: BucketInvocation,
  flags: HealthCheckFlags,
): Promise<Outcome> {
  const { session } = invocation;
  const read = readCatalog(session.catalog);
  const { state } = read;
  requireJobs(state, flags.jobs, { removed: false });
  const report = await withHookHost(session, read, async (hooks) => {
    const jobs = flags.jobs ?? state.jobs.filter((job) => !job.removed).map((job) => job.name);
    hooks.requireRuntimes(jobs, ["health_check"]);
    return checkHealth(session, state, hooks, { jobs, wait: flags.wait });
  });
  const interrupted = session.shutdown.graceful.aborted;
  return {
    text: `${healthText(report, flags.verbose)}${interrupted ? "health check: interrupted, not everything was asked\n" : ""}`,
    json: { interrupted, ...healthJson(report) },
    ending: endingOf({ interrupted, failed: !isHealthy(report) }),
  };
}

/** The report for people; with `verbose` what passed is listed too. */
export function healthText(report: HealthReport, verbose: boolean): string {
  const { workers, checks, skipped } = report;
  const lines: string[] = [];
  for (const worker of workers) {
    if (!worker.ok) {
      lines.push(`failed: worker ${worker.workerIp}: ${worker.error}`);
      if (worker.hint !== undefined) lines.push(`  do: ${worker.hint}`);
    } else if (verbose) lines.push(`ok: worker ${worker.workerIp}`);
  }
  for (const check of checks) {
    const who = `${check.job}@${check.workerIp}: ${check.check}`;
    const times = check.attempts === 1 ? "" : ` (${check.attempts} attempts)`;
    if (!check.ok) lines.push(`failed: ${who}: ${check.error}${times}`);
    else if (verbose) lines.push(`ok: ${who}${times}`);
  }
  for (const job of new Set(checks.filter((check) => !check.ok).map((check) => check.job)))
    lines.push(
      `  do: see "maand job status ${job}" and "maand logs show --job ${job}", then fix or restart it`,
    );
  for (const job of skipped) lines.push(`health check skipped: ${job}`);
  lines.push(closingLine(report));
  return lines.map((line) => `${visible(line)}\n`).join("");
}

function closingLine({ workers, checks }: HealthReport): string {
  const badWorkers = workers.filter((worker) => !worker.ok).length;
  const badChecks = checks.filter((check) => !check.ok).length;
  if (badWorkers + badChecks === 0) {
    if (workers.length + checks.length === 0) return "health check: nothing to check";
    const passed = [count(checks.length, "check")];
    if (workers.length > 0) passed.unshift(count(workers.length, "worker"));
    return `health check passed: ${passed.join(", ")}`;
  }
  const parts: string[] = [];
  if (badWorkers > 0) parts.push(`${badWorkers} of ${count(workers.length, "worker")}`);
  if (badChecks > 0) parts.push(`${badChecks} of ${count(checks.length, "check")}`);
  return `health check failed: ${parts.join(", ")}`;
}

/** The report as JSON members. */
export function healthJson(report: HealthReport): Record<string, unknown> {
  return {
    checks: report.checks.map((check) => ({
      job: check.job,
      worker_ip: check.workerIp,
      check: check.check,
      ok: check.ok,
      ...(check.error === undefined ? {} : { error: check.error }),
      attempts: check.attempts,
    })),
    workers: report.workers.map((worker) => ({
      worker_ip: worker.workerIp,
      ok: worker.ok,
      ...(worker.error === undefined ? {} : { error: worker.error }),
      ...(worker.hint === undefined ? {} : { hint: worker.hint }),
    })),
    skipped: report.skipped,
  };
}
