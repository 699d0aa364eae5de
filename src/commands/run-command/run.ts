// maand run_command: streams what the workers say, then tells once what several of them said.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { errorJson } from "../../cli/output/errors.ts";
import type { RunCommandOutcome, ShellResult } from "../../fleet/run-command.ts";
import { hasSucceeded, keptBytes, runCommand } from "../../fleet/run-command.ts";
import { type SharedInput, shareInput } from "../../fleet/shared-input.ts";
import { isHealthy } from "../../health/run.ts";
import { foldResults } from "../../support/fold.ts";
import { countOf } from "../../support/plural.ts";
import { visible } from "../../support/visible.ts";
import { healthJson, healthText } from "../health-check/run.ts";
import type { RunCommandFlags } from "./command.ts";

export async function runCommandCommand(
  { session, terminal }: BucketInvocation,
  flags: RunCommandFlags,
  { shell }: { shell: string },
): Promise<Outcome> {
  const input = standardInput();
  const outcome = await runCommand(session, {
    shell,
    workers: flags.workers,
    labels: flags.labels,
    concurrency: flags.concurrency,
    healthCheck: flags.health_check,
    ...(input === undefined ? {} : { input }),
  });
  const { health } = outcome;
  const failed = !outcome.workers.every(hasSucceeded) || (health !== undefined && !isHealthy(health));
  return {
    text: summaryText(outcome, terminal.sameScreen),
    json: {
      interrupted: outcome.interrupted,
      workers: outcome.workers.map(resultJson),
      ...(health === undefined ? {} : { health: healthJson(health) }),
    },
    ending: endingOf({ interrupted: outcome.interrupted, failed }),
  };
}

/** A terminal is for the operator; anything else is for the workers. */
function standardInput(): SharedInput | undefined {
  return process.stdin.isTTY ? undefined : shareInput(() => Bun.stdin.stream());
}

/**
 * The summary: one paragraph per distinct result, then a closing line. With `seen` the output has just scrolled by on
 * the same screen: then only what several workers have in common and the end of what failed are worth repeating.
 */
export function summaryText(outcome: RunCommandOutcome, seen = false): string {
  const { workers, health, interrupted } = outcome;
  if (workers.length === 0)
    return "no workers: the catalog has none; list them in workspace/workers.json and run maand build\n";
  const groups = foldResults(workers, (result) =>
    JSON.stringify([result.exit, result.stdout, result.stderr, result.error?.message, result.error?.why]),
  );
  const shown = groups.filter((group) => !seen || group.length > 1 || !hasSucceeded(group[0]!));
  const parts = shown.map((group) => groupText(group, groups.length > 1, seen));
  if (health !== undefined) parts.push(healthText(health, false));
  const bad = workers.filter((result) => !hasSucceeded(result)).length;
  const all = countOf(workers.length, "worker");
  if (interrupted)
    parts.push(`interrupted: ${bad === 0 ? `all done on ${all}` : `${bad} of ${all} not done`}\n`);
  else if (bad > 0) parts.push(`${bad} of ${all} failed\n`);
  else if (shown.length < groups.length) parts.push(`done on ${all}\n`);
  return parts.join("");
}

/** Lines of a failure that are repeated below the output that has scrolled by. */
const lastLines = 10;

/** `8 workers: one line`, or the heading and then the lines; `on ...` names them where there are other groups. */
function groupText(group: readonly ShellResult[], isOneOfSeveral: boolean, seen: boolean): string {
  const result = group[0]!;
  const who = group.length === 1 ? result.workerIp : `${group.length} workers`;
  const body = [...linesOf(result.stdout), ...linesOf(result.stderr)];
  if (result.truncated)
    body.unshift(`... only the last ${keptBytes / 1024 / 1024} MB of each output; the log has all of it`);
  const lines: string[] = [];
  if (result.error !== undefined) {
    const { message, why, hint } = result.error;
    lines.push(`${who}: ${message}${why === undefined ? "" : `: ${why.replaceAll("\n", "; ")}`}`);
    if (hint !== undefined) lines.push(`  do: ${hint}`);
  } else if (result.exit !== 0) {
    const from = seen ? Math.max(0, body.length - lastLines) : 0;
    lines.push(`${who}: exit ${result.exit}`);
    if (from > 0) lines.push(`  ... ${countOf(from, "line")} more above`);
    lines.push(...body.slice(from).map((line) => `  ${line}`));
  } else if (body.length === 0) lines.push(`${who}: no output`);
  else if (body.length === 1) lines.push(`${who}: ${body[0]}`);
  else lines.push(`${who}:`, ...body.map((line) => `  ${line}`));
  if (group.length > 1 && isOneOfSeveral) lines.push(`  on ${group.map((each) => each.workerIp).join(", ")}`);
  return lines.map((line) => `${visible(line)}\n`).join("");
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function resultJson(result: ShellResult): Record<string, unknown> {
  return {
    worker_ip: result.workerIp,
    exit: result.exit ?? null,
    stdout: result.stdout,
    stderr: result.stderr,
    ...(result.truncated ? { truncated: true } : {}),
    ...(result.error === undefined ? {} : { error: errorJson(result.error) }),
    duration_ms: result.durationMs,
  };
}
