// maand build: the summary of what changed.

import type { PostBuildOutcome } from "../../build/post-build.ts";
import type { BuildSummary } from "../../build/run.ts";
import { runBuild } from "../../build/run.ts";
import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatDuration } from "../../cli/output/duration.ts";
import { errorJson, formatError } from "../../cli/output/errors.ts";
import { diagnosticJson, formatDiagnostic } from "../../model/diagnostic.ts";
import type { Session } from "../../session/session.ts";
import { countOf } from "../../support/plural.ts";
import type { BuildFlags } from "./command.ts";

export async function buildCommand(invocation: BucketInvocation, flags: BuildFlags): Promise<Outcome> {
  return (await buildWithHooks(invocation, flags.purgeSecretsKv)).outcome;
}

/** Builds, puts the warnings on the event stream and runs `post_build` hooks: `deploy -b` does the same. */
export async function buildWithHooks(
  invocation: BucketInvocation,
  purgeSecretsKv: boolean,
): Promise<{ ok: boolean; outcome: Outcome }> {
  const { events, session, terminal } = invocation;
  const summary = await runBuild(session, { purgeSecretsKv });
  for (const warning of summary.warnings) {
    const text = formatDiagnostic(warning);
    events.emit({ type: "warning", scope: { worker: "-", phase: "validate" }, text });
  }
  const after = summary.hasPostBuild ? await runHooks(session) : nothingToRun;
  const failures = after.failures.map(({ job, error }) => ({ job, ...errorJson(error) }));
  const ending = endingOf({ interrupted: after.interrupted, failed: failures.length > 0 });
  const text = [
    `${summaryLine(summary)}\n`,
    after.jobs.length === 0 ? "" : `post_build: ${after.jobs.join(", ")}\n`,
    ...after.failures.map(({ error }) => formatError(error, terminal.stdout.paint)),
    ending === "done"
      ? ""
      : "the catalog was committed and stays; run maand build again to run the post_build hooks again\n",
  ].join("");
  const json = { build: { ...summaryJson(summary), post_build: { jobs: after.jobs, failures } } };
  return { ok: ending === "done", outcome: { text, json, ending } };
}

const nothingToRun: PostBuildOutcome = { jobs: [], failures: [], interrupted: false };

/** Loads what runs hooks only where there are some: most builds do without it. */
async function runHooks(session: Session): Promise<PostBuildOutcome> {
  const { runPostBuild } = await import("../../build/post-build.ts");
  return await runPostBuild(session);
}

function summaryLine(summary: BuildSummary): string {
  const { workers, jobs, allocations, added, removed, disabled } = summary;
  const took = formatDuration(summary.durationMs);
  const changes = [
    added > 0 ? `+${added} new` : "",
    removed > 0 ? `−${removed} removed` : "",
    disabled > 0 ? `${disabled} disabled` : "",
  ].filter((part) => part !== "");
  const parts = [
    countOf(workers, "worker"),
    countOf(jobs, "job"),
    `${countOf(allocations, "allocation")}${changes.length === 0 ? "" : ` (${changes.join(", ")})`}`,
  ];
  if (summary.certificatesIssued > 0) {
    const renewed = summary.certificatesRenewed > 0 ? ` (${summary.certificatesRenewed} renewed)` : "";
    parts.push(`${countOf(summary.certificatesIssued, "certificate")} issued${renewed}`);
  }
  if (summary.purged > 0)
    parts.push(
      `${summary.purged === 1 ? "1 variable or secret" : `${summary.purged} variables and secrets`} purged`,
    );
  if (summary.warnings.length > 0) parts.push(countOf(summary.warnings.length, "warning"));
  return `build: ${summary.changed ? "" : "nothing changed: "}${parts.join(", ")} in ${took}`;
}

function summaryJson(summary: BuildSummary): Record<string, unknown> {
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
    warnings: summary.warnings.map(diagnosticJson),
    duration_ms: summary.durationMs,
  };
}
