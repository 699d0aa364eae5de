// Staging a job's allocations for hooks to read, whether or not anything of them is due.

import type { CatalogState } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import type { ContentRenderer } from "./renderer.ts";
import { stageJob, workerStaging } from "./stage.ts";

/** Lays out the files of every non-removed allocation of a job; templates that cannot be rendered yet are left out. */
export async function stageForHooks(
  session: Session,
  state: CatalogState,
  contents: ContentRenderer,
  name: string,
): Promise<void> {
  const job = state.jobs.find((candidate) => candidate.name === name);
  if (job === undefined) return;
  for (const row of state.allocations) {
    if (row.job !== name || row.removed) continue;
    const { files, read } = await contents.forHooks(job, row);
    stageJob(workerStaging(session.paths.staging, row.workerIp), name, files, read);
  }
}
