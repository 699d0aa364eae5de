// maand build: the summary of what changed.

import type { BuildSummary } from "../build/run.ts";
import { runBuild } from "../build/run.ts";
import { formatFault } from "../model/fault.ts";
import type { BucketInvocation, Outcome } from "./invocation.ts";
import { formatDuration } from "./output/duration.ts";

export async function buildCommand(
  invocation: BucketInvocation,
  flags: { purgeSecretsKv: boolean },
): Promise<Outcome> {
  const summary = await buildAndWarn(invocation, flags.purgeSecretsKv);
  return { text: `${summaryLine(summary)}\n`, json: { build: summaryJson(summary) } };
}

/** Builds and puts the warnings on the event stream: `deploy -b` does the same. */
export async function buildAndWarn(
  invocation: BucketInvocation,
  purgeSecretsKv: boolean,
): Promise<BuildSummary> {
  const summary = await runBuild(invocation.session, { purgeSecretsKv });
  for (const warning of summary.warnings) {
    invocation.events.emit({
      type: "warning",
      scope: { worker: "-", phase: "validate" },
      text: formatFault(warning),
    });
  }
  return summary;
}

export function summaryLine(summary: BuildSummary): string {
  const { workers, jobs, allocations, added, removed, disabled } = summary;
  const took = formatDuration(summary.durationMs);
  const changes = [
    added > 0 ? `+${added} new` : "",
    removed > 0 ? `−${removed} removed` : "",
    disabled > 0 ? `${disabled} disabled` : "",
  ].filter((part) => part !== "");
  const parts = [
    plural(workers, "worker"),
    plural(jobs, "job"),
    `${plural(allocations, "allocation")}${changes.length === 0 ? "" : ` (${changes.join(", ")})`}`,
  ];
  if (summary.certificatesIssued > 0) {
    const renewed = summary.certificatesRenewed > 0 ? ` (${summary.certificatesRenewed} renewed)` : "";
    parts.push(`${plural(summary.certificatesIssued, "certificate")} issued${renewed}`);
  }
  if (summary.purged > 0)
    parts.push(`${plural(summary.purged, "variable or secret", "variables and secrets")} purged`);
  if (summary.warnings.length > 0) parts.push(plural(summary.warnings.length, "warning"));
  return `build: ${summary.changed ? "" : "nothing changed: "}${parts.join(", ")} in ${took}`;
}

export function summaryJson(summary: BuildSummary): Record<string, unknown> {
  return {
    changed: summary.changed,
    workers: summary.workers,
    jobs: summary.jobs,
    allocations: summary.allocations,
    added: summary.added,
    removed: summary.removed,
    disabled: summary.disabled,
    certificates_issued: summary.certificatesIssued,
    certificates_renewed: summary.certificatesRenewed,
    purged: summary.purged,
    warnings: summary.warnings,
    duration_ms: summary.durationMs,
  };
}

function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}
