// maand deploy: build first if asked, print the plan for a dry run, else carry it out and sum up.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { errorJson } from "../../cli/output/errors.ts";
import type { DeployFacts } from "../../deploy/plan/load.ts";
import type { FileDiff } from "../../deploy/preview/diff.ts";
import { planWithHooks } from "../../deploy/preview/with-hooks.ts";
import { hasFailed } from "../../deploy/run/outcome.ts";
import type { DeployOptions } from "../../deploy/run/run.ts";
import { prepareDeploy, runDeploy } from "../../deploy/run/run.ts";
import { MaandError } from "../../model/error.ts";
import { buildWithHooks } from "../build/run.ts";
import type { DeployFlags } from "./command.ts";
import { outcomeJson, outcomeText } from "./outcome-text.ts";
import { planJson, planText } from "./plan-text.ts";

export async function deployCommand(invocation: BucketInvocation, flags: DeployFlags): Promise<Outcome> {
  const { session, terminal } = invocation;
  if (flags.diff && !flags.dryRun) {
    throw new MaandError("usage", "--diff goes with --dry-run", {
      hint: "use maand deploy --dry-run --diff",
    });
  }
  const options: DeployOptions = {
    force: flags.force,
    syncOnly: flags.syncOnly,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
  };
  const built = flags.build ? await buildWithHooks(invocation, false) : undefined;
  if (built !== undefined && !built.ok) return built.outcome;
  const builtText = built?.outcome.text ?? "";
  if (flags.dryRun) return addBuild(builtText, built?.outcome.json, await dryRun(invocation, flags, options));
  const started = performance.now();
  const outcome = await runDeploy(session, options);
  const durationMs = Math.round(performance.now() - started);
  return addBuild(builtText, built?.outcome.json, {
    text: outcomeText(outcome, durationMs, terminal.stdout),
    json: { duration_ms: durationMs, ...outcomeJson(outcome) },
    ending: endingOf({ interrupted: outcome.interrupted, failed: hasFailed(outcome) }),
  });
}

function addBuild(text: string, json: Record<string, unknown> | undefined, outcome: Outcome): Outcome {
  return { ...outcome, text: `${text}${outcome.text ?? ""}`, json: { ...json, ...outcome.json } };
}

async function dryRun(
  invocation: BucketInvocation,
  flags: DeployFlags,
  options: DeployOptions,
): Promise<Outcome> {
  const { events, session } = invocation;
  const { plan, facts, hookFailures } = flags.runHooks
    ? await planWithHooks(session, options)
    : { ...(await prepareDeploy(session, options)), hookFailures: [] };
  for (const text of plan.warnings) events.emit({ type: "warning", scope: { worker: "-" }, text });
  const diffs = flags.diff
    ? await (await import("../../deploy/preview/diff.ts")).diffPlan(session, facts, plan)
    : undefined;
  const mayChange = flags.runHooks ? [] : jobsWithPreDeploy(facts);
  return {
    text: diffText(diffs ?? []) + planText(plan, mayChange) + hookFailures.map(failureText).join(""),
    json: {
      dry_run: true,
      ...planJson(plan, mayChange),
      ...(diffs === undefined ? {} : { diffs: diffs.map(diffJson) }),
      ...(hookFailures.length === 0
        ? {}
        : { hook_failures: hookFailures.map(({ job, error }) => ({ job, ...errorJson(error) })) }),
    },
    ending: endingOf({ interrupted: false, failed: hookFailures.length > 0 }),
  };
}

function failureText({ job, error }: { job: string; error: MaandError }): string {
  return `pre_deploy of ${job} failed: ${error.message}\n${error.why === undefined ? "" : `  ${error.why}\n`}`;
}

/** Jobs whose `pre_deploy` hooks may change what the plan says. */
function jobsWithPreDeploy(facts: DeployFacts): string[] {
  return facts.jobs
    .filter(({ job }) => job.manifest.hooks.some((hook) => hook.executedOn.includes("pre_deploy")))
    .map(({ job }) => job.name);
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
