// maand hooks <hook> [job]: runs a hook with the event cli, job by job; what a job's hooks wrote is kept when all went well.

import { readCatalog } from "../../catalog/read.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { formatDuration } from "../../cli/output/duration.ts";
import { errorJson } from "../../cli/output/errors.ts";
import { exitCodes } from "../../cli/output/exit-codes.ts";
import { count, failureLines } from "../../cli/output/failure-lines.ts";
import { formatTable } from "../../cli/output/table.ts";
import type { Channel } from "../../cli/output/terminal.ts";
import { stageForHooks } from "../../content/stage.ts";
import type { HookResult } from "../../hooks/call.ts";
import { jobsWithHook } from "../../hooks/choose.ts";
import type { HookScripts } from "../../hooks/host.ts";
import { createHookHost } from "../../hooks/host.ts";
import type { Session } from "../../session/session.ts";
import { foldResults } from "../../support/fold.ts";

export interface HooksFlags {
  verbose: boolean;
  watch: boolean;
}

export interface HooksRun {
  hook: string;
  results: HookResult[];
  interrupted: boolean;
}

export async function hooksCommand(
  invocation: BucketInvocation,
  flags: HooksFlags,
  args: readonly string[],
): Promise<Outcome> {
  const [hook, job] = args as [string, string | undefined];
  if (flags.watch) {
    const { watchHook } = await import("./watch.ts");
    return watchHook(invocation, { hook, job, verbose: flags.verbose });
  }
  const run = await runCliHook(invocation.session, { hook, job, verbose: flags.verbose });
  return hooksOutcome(run, invocation.terminal.stdout);
}

export interface CliHookRequest {
  hook: string;
  job: string | undefined;
  /** Tell each request to the runtime API. */
  verbose: boolean;
  /** Where scripts come from, when not from the catalog. */
  scripts?: HookScripts;
}

/**
 * Runs the hook of one job or of every job that declares it for `cli`.
 * @throws MaandError("usage") when there is no such hook, MaandError("local") when the host cannot run it
 */
export async function runCliHook(session: Session, request: CliHookRequest): Promise<HooksRun> {
  const { hook, verbose, scripts } = request;
  const read = readCatalog(session.catalog);
  const jobs = jobsWithHook(read.state, hook, request.job);
  const host = createHookHost(session, {
    ...read,
    ...(scripts === undefined ? {} : { scripts }),
    ...(verbose ? { onRequest: tellRequest(session) } : {}),
  });
  try {
    host.requireRuntimes(
      jobs.map((job) => job.name),
      ["cli"],
    );
    const run: HooksRun = { hook, results: [], interrupted: false };
    for (const job of jobs) {
      if (session.shutdown.graceful.aborted) {
        run.interrupted = true;
        break;
      }
      await stageForHooks(session, read.state, host.kv, job.name);
      const { results, error, interrupted } = await host.run({ event: "cli", job: job.name, hook });
      run.results.push(...results);
      run.interrupted ||= interrupted;
      if (error === undefined && !interrupted) host.checkpoint(job.name);
      else host.discard(job.name);
    }
    return run;
  } finally {
    await host.close();
  }
}

function tellRequest(session: Session): (who: { job: string; workerIp: string }, line: string) => void {
  return ({ job, workerIp }, text) =>
    session.events.emit({ type: "step", scope: { worker: workerIp, job, phase: "hook" }, text });
}

export function hooksOutcome(run: HooksRun, channel: Channel): Outcome {
  const failed = run.results.filter((result) => result.status === "failed");
  return {
    text: hooksText(run, channel),
    json: { hook: run.hook, interrupted: run.interrupted, results: run.results.map(resultJson) },
    exitCode: run.interrupted ? exitCodes.interrupted : failed.length > 0 ? exitCodes.failed : exitCodes.done,
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
  const all = count(results.length, "allocation");
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
