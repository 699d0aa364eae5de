// What gc deletes from the catalog: rows of purged allocations, the KV that went with them, old history, content.

import { readDeployments } from "../catalog/deployments.ts";
import type { Catalog } from "../catalog/open.ts";
import { deleteAllocations, deleteUnusedContent } from "../catalog/purge.ts";
import { readState } from "../catalog/state.ts";
import { deleteOldVersions } from "../kv/purge.ts";
import { deletionsOf, orphanedNamespaces } from "../kv/retention.ts";
import type { KvStore } from "../kv/store.ts";
import { type AllocationRow, runtimeStates } from "../model/state.ts";
import { ownerlessNamespaces } from "./plan.ts";

/** Counts of what was deleted. */
export interface CatalogPurge {
  jobs: number;
  /** Live keys that were deleted. */
  kvKeys: number;
  /** Superseded versions and tombstones that were deleted for good. */
  kvVersions: number;
  trees: number;
  blobs: number;
}

export interface PurgeOptions {
  /** Removed allocations whose rows go. */
  purged: readonly AllocationRow[];
  /** Names of the directories of `workspace/jobs/`. */
  workspaceJobs: ReadonlySet<string>;
  /** Tombstones up to this moment go; milliseconds since 1970. */
  tombstonesUntil: number;
  now: number;
}

/** Deletes everything in one transaction. */
export function purgeCatalog(catalog: Catalog, kv: KvStore, options: PurgeOptions): CatalogPurge {
  return catalog.transaction((): CatalogPurge => {
    const jobs = deleteAllocations(catalog, options.purged);
    const kvKeys = deleteKeys(catalog, kv, options);
    const kvVersions = deleteOldVersions(catalog, options.tombstonesUntil);
    return { jobs, kvKeys, kvVersions, ...deleteUnusedContent(catalog) };
  })();
}

function deleteKeys(catalog: Catalog, kv: KvStore, options: PurgeOptions): number {
  const state = readState(catalog);
  const live = kv.namespaces();
  const orphans = orphanedNamespaces(
    live,
    state.workers,
    state.allocations,
    runtimeStates(readDeployments(catalog)),
  );
  const ownerless = ownerlessNamespaces(
    live,
    new Set(state.jobs.map((job) => job.name)),
    options.workspaceJobs,
  );
  return kv.apply(deletionsOf(kv, new Set([...orphans, ...ownerless])), options.now);
}
