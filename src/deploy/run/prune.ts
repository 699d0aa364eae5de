// Dropping from the catalog what was kept only until deploy had stopped it: namespaces and files of what is gone.

import { readDeployments } from "../../catalog/deployments.ts";
import { deleteJobFiles } from "../../catalog/purge.ts";
import { readState } from "../../catalog/state.ts";
import { deletionsOf, orphanedNamespaces } from "../../kv/retention.ts";
import { hasFiles, runtimeStates } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";

/** Deletes the build-owned namespaces of stopped removed allocations, and the files of jobs of which nothing is left to stop. */
export function pruneRemoved(session: Session): void {
  const { catalog, kv } = session;
  const state = readState(catalog);
  const runtime = runtimeStates(readDeployments(catalog));
  const orphans = orphanedNamespaces(kv.namespaces(), state.workers, state.allocations, runtime);
  const needed = new Set(
    state.allocations
      .filter((a) => !a.removed || hasFiles(runtime.get(a.allocId) ?? "absent"))
      .map((a) => a.job),
  );
  const stopped = state.jobs.filter((job) => job.removed && !needed.has(job.name)).map((job) => job.name);
  catalog.transaction(() => {
    kv.apply(deletionsOf(kv, orphans), session.now());
    deleteJobFiles(catalog, stopped);
  })();
}
