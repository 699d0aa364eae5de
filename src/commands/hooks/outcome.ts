// How the hooks of maand hooks came out, for people and programs.

import { endingOf } from "../../cli/exit-codes.ts";
import type { Outcome } from "../../cli/invocation.ts";
import { formatDuration } from "../../cli/output/duration.ts";
import { errorJson, failureLines } from "../../cli/output/errors.ts";
import { formatTable } from "../../cli/output/table.ts";
import type { Channel } from "../../cli/output/terminal.ts";
import type { HookResult } from "../../hooks/call.ts";
import { foldResults } from "../../support/fold.ts";
import { countOf } from "../../support/plural.ts";
import type { HooksRun } from "./run-hook.ts";

/** One row per allocation, then each distinct failure; as text and as JSON members. */
export function hooksOutcome(run: HooksRun, channel: Channel): Outcome {
  const failed = run.results.filter((result) => result.status === "failed");
  return {
    text: hooksText(run, channel),
    json: { hook: run.hook, interrupted: run.interrupted, results: run.results.map(resultJson) },
    ending: endingOf({ interrupted: run.interrupted, failed: failed.length > 0 }),
  };
}

function hooksText({ hook, results, interrupted }: HooksRun, channel: Channel): string {
  if (results.length === 0) return `hook ${hook}: no allocation to run it for\n`;
  const rows = results.map((result) => [
    result.job,
    result.workerIp,
    result.status,
    result.status === "skipped" ? undefined : formatDuration(result.durationMs),
  ]);
  const table = formatTable(["job", "worker_ip", "status", "took"], rows, {
    width: channel.width(),
    color: channel.paint.enabled,
  });
  // One cause is told once, however many workers it struck.
  const folded = foldResults(
    results.filter((result) => result.error !== undefined),
    ({ job, error }) => JSON.stringify([job, error!.message, error!.why, error!.hint]),
  );
  const failures = folded.map((group) =>
    failureLines(group.map((result) => `${result.job}@${result.workerIp}`).join(", "), group[0]!.error!),
  );
  const bad = results.filter((result) => result.status !== "done").length;
  const all = countOf(results.length, "allocation");
  const end = interrupted
    ? "interrupted"
    : bad > 0
      ? "failed (what hooks of a job that failed wrote to the KV is dropped)"
      : "done";
  const closing = bad > 0 ? `${bad} of ${all} not done` : all;
  return `${table}${failures.join("")}hook ${hook}: ${end}, ${closing}\n`;
}

function resultJson(result: HookResult): Record<string, unknown> {
  return {
    job: result.job,
    worker_ip: result.workerIp,
    allocation_id: result.allocId,
    hook: result.hook,
    status: result.status,
    duration_ms: result.durationMs,
    ...(result.error === undefined ? {} : { error: errorJson(result.error) }),
  };
}
