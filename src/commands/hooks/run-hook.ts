// Runs a hook with the event cli, job by job; what a job's hooks wrote is kept when all went well.

import { readCatalog } from "../../catalog/read.ts";
import { stageForHooks } from "../../content/stage.ts";
import type { HookResult } from "../../hooks/call.ts";
import { jobsWithHook } from "../../hooks/choose.ts";
import type { HookScripts } from "../../hooks/host.ts";
import { withHookHost } from "../../hooks/with-host.ts";
import type { Session } from "../../session/session.ts";

export interface HooksRun {
  hook: string;
  results: HookResult[];
  interrupted: boolean;
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
  const options = {
    ...read,
    ...(scripts === undefined ? {} : { scripts }),
    ...(verbose ? { onRequest: tellRequest(session) } : {}),
  };
  return withHookHost(session, options, async (host) => {
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
      const { results, interrupted } = await host.run({ event: "cli", job: job.name, hook });
      run.results.push(...results);
      run.interrupted ||= interrupted;
    }
    return run;
  });
}

function tellRequest(session: Session): (who: { job: string; workerIp: string }, line: string) => void {
  return ({ job, workerIp }, text) =>
    session.events.emit({ type: "step", scope: { worker: workerIp, job, phase: "hook" }, text });
}
