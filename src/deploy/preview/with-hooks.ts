// `--dry-run --run-hooks`: `pre_deploy` hooks run for real against a KV that is thrown away, then the plan is made.

import { readCatalog } from "../../catalog/read.ts";
import { stageForHooks } from "../../content/stage.ts";
import { withHookHost } from "../../hooks/with-host.ts";
import type { MaandError } from "../../model/error.ts";
import type { Session } from "../../session/session.ts";
import { hasRollout, planDeploy } from "../plan/plan.ts";
import type { DeployOptions, PreparedDeploy } from "../run/run.ts";
import { prepareDeploy } from "../run/run.ts";

export interface PlanWithHooks extends PreparedDeploy {
  hookFailures: { job: string; error: MaandError }[];
}

/** The plan as it would be once the hooks have run. Nothing they write to the KV is kept. */
export async function planWithHooks(session: Session, options: DeployOptions): Promise<PlanWithHooks> {
  const read = readCatalog(session.catalog);
  return withHookHost(session, read, async (hooks) => {
    const { facts, plan } = await prepareDeploy(session, options, read, hooks.kv);
    const wanted = plan.waves
      .flatMap((wave) => wave.jobs)
      .filter((job) => hasRollout(job) || job.renderError !== undefined)
      .filter((job) => hooks.hasHooks(job.job, "pre_deploy"));
    hooks.requireRuntimes(
      wanted.map((job) => job.job),
      ["pre_deploy"],
    );
    const hookFailures: PlanWithHooks["hookFailures"] = [];
    const again = new Map(facts.jobs.map((job) => [job.job.name, job]));
    for (const job of wanted) {
      await stageForHooks(session, facts.state, hooks.kv, job.job);
      const phase = job.upgrades.length > 0 ? "update" : "new";
      const { error } = await hooks.run({ event: "pre_deploy", job: job.job, phase });
      if (error !== undefined) hookFailures.push({ job: job.job, error });
      else again.set(job.job, await facts.reload(job.job));
    }
    // What hooks of a demanded job wrote may change what the templates of this one say.
    const withHooksRun = new Set(wanted.map((job) => job.job));
    for (const job of facts.jobs) {
      const reads = job.demands.some((demanded) => withHooksRun.has(demanded));
      if (reads && !withHooksRun.has(job.job.name)) again.set(job.job.name, await facts.reload(job.job.name));
    }
    const jobs = [...again.values()];
    return {
      facts: { ...facts, jobs },
      plan: planDeploy(jobs, { force: options.force, syncOnly: options.syncOnly }),
      hookFailures,
    };
  });
}
