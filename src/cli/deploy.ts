// maand deploy: build first if asked, print the plan for a dry run, else carry it out and sum up.

import type { DeployOptions } from "../deploy/run.ts";
import { prepareDeploy, runDeploy } from "../deploy/run.ts";
import { hasFailed } from "../deploy/outcome.ts";
import { buildAndWarn, summaryJson, summaryLine } from "./build.ts";
import { outcomeJson, outcomeText } from "./deploy-outcome.ts";
import { planJson, planText } from "./deploy-plan.ts";
import type { BucketInvocation, Outcome } from "./invocation.ts";
import { exitCodes } from "./output/exit-codes.ts";

export interface DeployFlags {
  build: boolean;
  jobs?: string[] | undefined;
  dryRun: boolean;
  force: boolean;
  syncOnly: boolean;
}

export async function deployCommand(invocation: BucketInvocation, flags: DeployFlags): Promise<Outcome> {
  const { session, terminal } = invocation;
  const options: DeployOptions = {
    force: flags.force,
    syncOnly: flags.syncOnly,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
  };
  const built = flags.build ? await buildAndWarn(invocation, false) : undefined;
  const builtText = built === undefined ? "" : `${summaryLine(built)}\n`;
  const builtJson = built === undefined ? {} : { build: summaryJson(built) };
  if (flags.dryRun) {
    const { plan } = await prepareDeploy(session, options);
    for (const text of plan.warnings) invocation.events.emit({ type: "warning", scope: { worker: "-" }, text });
    return { text: builtText + planText(plan), json: { ...builtJson, dry_run: true, ...planJson(plan) } };
  }
  const started = performance.now();
  const outcome = await runDeploy(session, options);
  const durationMs = Math.round(performance.now() - started);
  return {
    text: builtText + outcomeText(outcome, durationMs, terminal.stdout),
    json: { ...builtJson, duration_ms: durationMs, ...outcomeJson(outcome) },
    exitCode: outcome.interrupted ? exitCodes.interrupted : hasFailed(outcome) ? exitCodes.failed : exitCodes.done,
  };
}
