// maand run_command: streams what the workers say, then tells once what several of them said.

import { visible } from "../events/visible.ts";
import { isHealthy } from "../health/run.ts";
import { foldResults } from "../operate/fold.ts";
import type { RunCommandOutcome, ShellResult } from "../operate/run-command.ts";
import { hasSucceeded, keptBytes, runCommand } from "../operate/run-command.ts";
import { type SharedInput, shareInput } from "../operate/shared-input.ts";
import { count } from "./failure-lines.ts";
import { healthJson, healthText } from "./health-check.ts";
import type { BucketInvocation, Outcome } from "./invocation.ts";
import { errorJson } from "./output/errors.ts";
import { exitCodes } from "./output/exit-codes.ts";

export interface RunCommandFlags {
  workers?: string[] | undefined;
  labels?: string[] | undefined;
  concurrency?: number | undefined;
  health_check: boolean;
}

export async function runCommandCommand(
  { session }: BucketInvocation,
  flags: RunCommandFlags,
  args: string[],
): Promise<Outcome> {
  const input = standardInput();
  const outcome = await runCommand(session, {
    shell: args[0]!,
    workers: flags.workers,
    labels: flags.labels,
    concurrency: flags.concurrency,
    healthCheck: flags.health_check,
    ...(input === undefined ? {} : { input }),
  });
  const { health } = outcome;
  const failed = !outcome.workers.every(hasSucceeded) || (health !== undefined && !isHealthy(health));
  return {
    text: outcomeText(outcome),
    json: {
      interrupted: outcome.interrupted,
      workers: outcome.workers.map(resultJson),
      ...(health === undefined ? {} : { health: healthJson(health) }),
    },
    exitCode: outcome.interrupted ? exitCodes.interrupted : failed ? exitCodes.failed : exitCodes.done,
  };
}

/** A terminal is for the operator; anything else is for the workers. */
function standardInput(): SharedInput | undefined {
  return process.stdin.isTTY ? undefined : shareInput(() => Bun.stdin.stream());
}

/** The summary: one paragraph per distinct result, then a closing line. */
export function outcomeText(outcome: RunCommandOutcome): string {
  const { workers, health } = outcome;
  if (workers.length === 0)
    return "no workers: the catalog has none; list them in workspace/workers.json and run maand build\n";
  const groups = foldResults(workers, (result) =>
    JSON.stringify([result.exit, result.stdout, result.stderr, result.error?.message, result.error?.why]),
  );
  const parts = groups.map((group) => groupText(group, groups.length > 1));
  if (health !== undefined) parts.push(healthText(health, false));
  const bad = workers.filter((result) => !hasSucceeded(result)).length;
  if (bad > 0) parts.push(`${bad} of ${count(workers.length, "worker")} failed\n`);
  return parts.join("");
}

/** `8 workers: one line`, or the heading and then the lines; `on ...` names them where there are other groups. */
function groupText(group: readonly ShellResult[], isOneOfSeveral: boolean): string {
  const result = group[0]!;
  const who = group.length === 1 ? result.workerIp : `${group.length} workers`;
  const body = [...linesOf(result.stdout), ...linesOf(result.stderr)];
  if (result.truncated)
    body.unshift(`... only the last ${keptBytes / 1024 / 1024} MB of each output; the log has all of it`);
  const lines: string[] = [];
  if (result.error !== undefined) {
    const { message, why, remedy } = result.error;
    lines.push(`${who}: ${message}${why === undefined ? "" : `: ${why.replaceAll("\n", "; ")}`}`);
    if (remedy !== undefined) lines.push(`  do: ${remedy}`);
  } else if (result.exit !== 0) lines.push(`${who}: exit ${result.exit}`, ...body.map((line) => `  ${line}`));
  else if (body.length === 0) lines.push(`${who}: no output`);
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
