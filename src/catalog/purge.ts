// Deleting from the catalog what nothing needs any more; the caller holds the transaction, except to compact.

import type { AllocationRow } from "../model/state.ts";
import { decodeTree } from "../model/tree.ts";
import type { Catalog } from "./open.ts";

/**
 * Deletes rows of removed allocations (their deployments go with them), then jobs that have left and have no allocation
 * any more. Returns how many jobs those were.
 */
export function deleteAllocations(catalog: Catalog, removed: readonly AllocationRow[]): number {
  const allocation = catalog.query("DELETE FROM allocation WHERE alloc_id = ? AND removed = 1");
  const certificate = catalog.query("DELETE FROM certificate WHERE job = ? AND worker_ip = ?");
  for (const row of removed) {
    allocation.run(row.allocId);
    certificate.run(row.job, row.workerIp);
  }
  const left = catalog
    .query<{ name: string }, []>(
      "SELECT name FROM job WHERE removed = 1 AND name NOT IN (SELECT job FROM allocation) ORDER BY name",
    )
    .all()
    .map(({ name }) => name);
  deleteJobFiles(catalog, left);
  for (const name of left) {
    for (const table of ["port", "certificate", "job_rollout"])
      catalog.query(`DELETE FROM ${table} WHERE job = ?`).run(name);
    catalog.query("DELETE FROM job WHERE name = ?").run(name);
  }
  return left.length;
}

/** Deletes the file lists of jobs of which nothing is left to stop. */
export function deleteJobFiles(catalog: Catalog, jobs: readonly string[]): void {
  const remove = catalog.query("DELETE FROM job_file WHERE job = ?");
  for (const job of jobs) remove.run(job);
}

/** Deletes trees that no deployment names, then content that neither a job file nor a kept tree names. */
export function deleteUnusedContent(catalog: Catalog): { trees: number; blobs: number } {
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
