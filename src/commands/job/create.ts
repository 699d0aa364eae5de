// maand job create: a new job that builds and deploys as it is.

import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { planScaffold, writeScaffold } from "../../job/scaffold.ts";
import { jobPath } from "../../workspace/paths.ts";
import type { JobCreateFlags } from "./command.ts";

export async function jobCreateCommand(
  { session }: BucketInvocation,
  flags: JobCreateFlags,
  { job }: { job: string },
): Promise<Outcome> {
  const scaffold = planScaffold({ job, ...flags });
  writeScaffold(session.paths, scaffold);
  const files = scaffold.files.map((file) => jobPath(scaffold.job, file.path));
  const lines = [
    ...files.map((file) => `made ${file}`),
    `job ${scaffold.job} goes to workers with ${scaffold.selectors.length === 1 ? "the label" : "the labels"} ${scaffold.selectors.join(", ")}`,
    'next: fill it in, then "maand build" and "maand deploy"',
  ];
  return {
    text: `${lines.join("\n")}\n`,
    json: { job: scaffold.job, selectors: scaffold.selectors, files },
  };
}
