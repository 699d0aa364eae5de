// Which hooks elsewhere depend on a hook: the answer to `GET /demands`.

import type { CatalogState } from "../model/state.ts";
import { compareText } from "../support/order.ts";
import type { HookDemandRow } from "./api/routes.ts";

/** Hooks of jobs of the workspace whose demand names this job and hook, by job and hook. */
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
