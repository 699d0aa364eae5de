// maand deploy: build first if asked, print the plan for a dry run, else carry it out and sum up.

import type { FileDiff } from "../deploy/diff.ts";
import { hasFailed } from "../deploy/outcome.ts";
import type { DeployOptions } from "../deploy/run.ts";
import { prepareDeploy, runDeploy } from "../deploy/run.ts";
import { MaandError } from "../model/error.ts";
import { buildAndWarn, summaryJson, summaryLine } from "./build.ts";
import { outcomeJson, outcomeText } from "./deploy-outcome.ts";
import { planJson, planText } from "./deploy-plan.ts";
import type { BucketInvocation, Outcome } from "./invocation.ts";
import { exitCodes } from "./output/exit-codes.ts";

export interface DeployFlags {
  build: boolean;
  jobs?: string[] | undefined;
  dryRun: boolean;
  diff: boolean;
  force: boolean;
  syncOnly: boolean;
}

export async function deployCommand(invocation: BucketInvocation, flags: DeployFlags): Promise<Outcome> {
  const { session, terminal } = invocation;
  if (flags.diff && !flags.dryRun) {
    throw new MaandError("usage", "--diff goes with --dry-run", {
      remedy: "use maand deploy --dry-run --diff",
    });
  }
  const options: DeployOptions = {
    force: flags.force,
    syncOnly: flags.syncOnly,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
  };
  const built = flags.build ? await buildAndWarn(invocation, false) : undefined;
  const builtText = built === undefined ? "" : `${summaryLine(built)}\n`;
  const builtJson = built === undefined ? {} : { build: summaryJson(built) };
  if (flags.dryRun) {
    const { plan, facts } = await prepareDeploy(session, options);
    const diffs = flags.diff
      ? await (await import("../deploy/diff.ts")).diffPlan(session, facts, plan)
      : undefined;
    for (const text of plan.warnings)
      invocation.events.emit({ type: "warning", scope: { worker: "-" }, text });
    return {
      text: builtText + diffText(diffs ?? []) + planText(plan),
      json: {
        ...builtJson,
        dry_run: true,
        ...planJson(plan),
        ...(diffs === undefined ? {} : { diffs: diffs.map(diffJson) }),
      },
    };
  }
  const started = performance.now();
  const outcome = await runDeploy(session, options);
  const durationMs = Math.round(performance.now() - started);
  return {
    text: builtText + outcomeText(outcome, durationMs, terminal.stdout),
    json: { ...builtJson, duration_ms: durationMs, ...outcomeJson(outcome) },
    exitCode: outcome.interrupted
      ? exitCodes.interrupted
      : hasFailed(outcome)
        ? exitCodes.failed
        : exitCodes.done,
  };
}

/** Equal diffs on several workers are shown once, with all of them named. */
function diffText(diffs: readonly FileDiff[]): string {
  const groups = Map.groupBy(diffs, (diff) => `${diff.job}\0${diff.path}\0${diff.text}`);
  return [...groups.values()]
    .map((group) => {
      const [first] = group;
      const workers = group.map((diff) => diff.workerIp).join(", ");
      return `${first!.job}/${first!.path} on ${workers}\n${first!.text}\n`;
    })
    .join("");
}

function diffJson(diff: FileDiff): Record<string, unknown> {
  return { job: diff.job, worker_ip: diff.workerIp, path: diff.path, diff: diff.text };
}
