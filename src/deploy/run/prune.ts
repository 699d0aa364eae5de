// Dropping from the catalog what was kept only until deploy had stopped it: namespaces and files of what is gone.

import { readDeployments } from "../../catalog/deployments.ts";
import { deleteJobFiles } from "../../catalog/purge.ts";
import { readState } from "../../catalog/state.ts";
import { orphanedNamespaces } from "../../kv/retention.ts";
import { hasFiles } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";

/** Deletes the build-owned namespaces of stopped removed allocations, and the files of jobs of which nothing is left to stop. */
export function pruneRemoved(session: Session): void {
  const { catalog, kv } = session;
  const state = readState(catalog);
  const runtime = new Map([...readDeployments(catalog)].map(([id, row]) => [id, row.state]));
  const orphans = orphanedNamespaces(kv.namespaces(), state.workers, state.allocations, runtime);
  const changes = orphans.flatMap((namespace) => kv.keys(namespace).map((key) => ({ namespace, key })));
  const needed = new Set(
    state.allocations
      .filter((a) => !a.removed || hasFiles(runtime.get(a.allocId) ?? "absent"))
      .map((a) => a.job),
  );
  const stopped = state.jobs.filter((job) => job.removed && !needed.has(job.name)).map((job) => job.name);
  catalog.transaction(() => {
    kv.apply(changes, session.now());
    deleteJobFiles(catalog, stopped);
  })();
}
