// `post_build` hooks: after the commit, in wave order, job by job.

import { readCatalog } from "../catalog/read.ts";
import { stageForHooks } from "../content/stage.ts";
import { withHookHost } from "../hooks/with-host.ts";
import type { MaandError } from "../model/error.ts";
import type { Session } from "../session/session.ts";
import { compareText } from "../support/order.ts";

export interface PostBuildOutcome {
  /** Jobs whose hooks ran, in the order in which they did. */
  jobs: string[];
  failures: { job: string; error: MaandError }[];
  /** Ctrl-C kept later jobs from their hooks. */
  interrupted: boolean;
}

/** Runs them over all non-removed allocations. One job's failure does not keep the other jobs' hooks from running. */
export async function runPostBuild(session: Session): Promise<PostBuildOutcome> {
  const outcome: PostBuildOutcome = { jobs: [], failures: [], interrupted: false };
  const read = readCatalog(session.catalog);
  const allocated = new Set(read.state.allocations.filter((a) => !a.removed).map((a) => a.job));
  return withHookHost(session, read, async (hooks) => {
    const jobs = read.state.jobs
      .filter((job) => !job.removed && allocated.has(job.name) && hooks.hasHooks(job.name, "post_build"))
      .sort((a, b) => a.deploymentSeq - b.deploymentSeq || compareText(a.name, b.name));
    hooks.requireRuntimes(
      jobs.map((job) => job.name),
      ["post_build"],
    );
    for (const job of jobs) {
      if (session.shutdown.graceful.aborted) {
        outcome.interrupted = true;
        break;
      }
      await stageForHooks(session, read.state, hooks.kv, job.name);
      const ran = await hooks.run({ event: "post_build", job: job.name });
      outcome.jobs.push(job.name);
      outcome.interrupted ||= ran.interrupted;
      const failed = ran.results.some((result) => result.error !== undefined);
      if (!ran.ok && failed) outcome.failures.push({ job: job.name, error: ran.error });
    }
    return outcome;
  });
}
