// Hooks looked up in the catalog: those that `maand hooks <hook> [job]` runs, and those whose demands name a hook.

import { findJob } from "../lifecycle/select.ts";
import { MaandError } from "../model/error.ts";
import type { CatalogState, JobRow } from "../model/state.ts";
import { suggestName } from "../support/nearest.ts";
import { compareText } from "../support/order.ts";
import type { HookDemandRow } from "./api/routes.ts";

/**
 * The jobs in the order in which they are worked on: by wave, then by name.
 * @throws MaandError("usage") for an unknown job or hook, and for a hook that is not declared for `cli`
 */
export function jobsWithHook(state: CatalogState, hook: string, job?: string): JobRow[] {
  const asked = job === undefined ? state.jobs.filter(({ removed }) => !removed) : [findJob(state, job)];
  const declaring = asked.filter((candidate) => candidate.manifest.hooks.some(({ name }) => name === hook));
  const found = declaring.filter((candidate) =>
    candidate.manifest.hooks.some(({ name, executedOn }) => name === hook && executedOn.includes("cli")),
  );
  if (found.length > 0) {
    return found.sort((a, b) => a.deploymentSeq - b.deploymentSeq || compareText(a.name, b.name));
  }
  const whose = job === undefined ? "no job has" : `job "${job}" has no`;
  if (declaring.length === 0) {
    const names = [
      ...new Set(asked.flatMap((candidate) => candidate.manifest.hooks.map(({ name }) => name))),
    ];
    throw new MaandError("usage", `${whose} hook "${hook}"`.replace("has hook", "has a hook"), {
      hint: suggestName(hook, names.sort(compareText)),
    });
  }
  throw new MaandError("usage", `hook "${hook}" is not declared for the event cli`, {
    where: { file: `workspace/jobs/${declaring[0]!.name}/manifest.json` },
    hint: `add "cli" to executed_on of ${hook}, then run maand build`,
  });
}

/** The answer to `GET /demands`: hooks of jobs of the workspace whose demand names this job and hook, by job and hook. */
export function demandsOn(state: CatalogState, job: string, hook: string): HookDemandRow[] {
  return state.jobs
    .filter((other) => !other.removed)
    .flatMap((other) =>
      other.manifest.hooks
        .filter(({ demand }) => demand?.job === job && demand.hook === hook)
        .map(({ name, demand }) => ({ job: other.name, hook: name, demand_config: demand!.config })),
    )
    .sort((a, b) => compareText(a.job, b.job) || compareText(a.hook, b.hook));
}
