// What gc deletes from the catalog: rows of purged allocations, the KV that went with them, old history, content.

import { readDeployments } from "../catalog/deployments.ts";
import type { Catalog } from "../catalog/open.ts";
import { readState } from "../catalog/state.ts";
import { orphanedNamespaces } from "../kv/retention.ts";
import type { KvStore } from "../kv/store.ts";
import { keptVersions } from "../kv/store.ts";
import type { AllocationRow } from "../model/state.ts";
import { decodeTree } from "../model/tree.ts";
import { ownerlessNamespaces, runtimeStates } from "./plan.ts";

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
    const jobs = deleteRows(catalog, options.purged);
    const kvKeys = deleteKeys(catalog, kv, options);
    const kvVersions = deleteVersions(catalog, options.tombstonesUntil);
    return { jobs, kvKeys, kvVersions, ...deleteContent(catalog) };
  })();
}

/** Rows of the allocations (their deployments go with them), then jobs that have left and have no allocation any more. */
function deleteRows(catalog: Catalog, purged: readonly AllocationRow[]): number {
  const allocation = catalog.query("DELETE FROM allocation WHERE alloc_id = ? AND removed = 1");
  const certificate = catalog.query("DELETE FROM certificate WHERE job = ? AND worker_ip = ?");
  for (const row of purged) {
    allocation.run(row.allocId);
    certificate.run(row.job, row.workerIp);
  }
  const left = catalog
    .query<{ name: string }, []>(
      "SELECT name FROM job WHERE removed = 1 AND name NOT IN (SELECT job FROM allocation) ORDER BY name",
    )
    .all();
  for (const { name } of left) {
    for (const table of ["job_file", "port", "certificate", "job_rollout"])
      catalog.query(`DELETE FROM ${table} WHERE job = ?`).run(name);
    catalog.query("DELETE FROM job WHERE name = ?").run(name);
  }
  return left.length;
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
  const changes = [...new Set([...orphans, ...ownerless])].flatMap((namespace) =>
    kv.keys(namespace).map((key) => ({ namespace, key })),
  );
  return kv.apply(changes, options.now);
}

/** Tombstones take all versions of their key with them; keys that live keep their last versions. */
function deleteVersions(catalog: Catalog, until: number): number {
  const history = catalog
    .query(
      `DELETE FROM kv_history WHERE EXISTS (
         SELECT 1 FROM kv WHERE kv.namespace = kv_history.namespace AND kv.key = kv_history.key
           AND ((kv.deleted = 1 AND kv.changed_at <= ?1) OR kv_history.version <= kv.version - ?2))`,
    )
    .run(until, keptVersions);
  const tombstones = catalog.query("DELETE FROM kv WHERE deleted = 1 AND changed_at <= ?").run(until);
  return history.changes + tombstones.changes;
}

/** Trees that no deployment names, then content that neither a job file nor a kept tree names. */
function deleteContent(catalog: Catalog): { trees: number; blobs: number } {
  const trees = catalog
    .query(
      `DELETE FROM tree WHERE hash NOT IN (
         SELECT promoted_hash FROM deployment WHERE promoted_hash IS NOT NULL
         UNION SELECT previous_hash FROM deployment WHERE previous_hash IS NOT NULL
         UNION SELECT attempt_hash FROM deployment WHERE attempt_hash IS NOT NULL)`,
    )
    .run().changes;
  const kept = new Set(
    catalog
      .query<{ sha256: string }, []>("SELECT DISTINCT sha256 FROM job_file WHERE sha256 IS NOT NULL")
      .all()
      .map((row) => row.sha256),
  );
  for (const { files } of catalog.query<{ files: string }, []>("SELECT files FROM tree").all())
    for (const { kind, ref, shown } of decodeTree(files))
      if (kind === "file") kept.add(ref).add(shown ?? ref);
  const remove = catalog.query("DELETE FROM blob WHERE sha256 = ?");
  const unused = catalog
    .query<{ sha256: string }, []>("SELECT sha256 FROM blob")
    .all()
    .filter((row) => !kept.has(row.sha256));
  for (const { sha256 } of unused) remove.run(sha256);
  return { trees, blobs: unused.length };
}

/** Gives the space of deleted rows back to the file system. */
export function compactCatalog(catalog: Catalog): void {
  catalog.run("VACUUM");
  catalog.run("PRAGMA wal_checkpoint(TRUNCATE)");
}
