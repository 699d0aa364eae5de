// What the certificates in the KV were made from: so that an unchanged entry keeps its PEM byte for byte.

import type { StoredLeaf } from "../certs/plan.ts";
import type { Catalog } from "./open.ts";

/** A leaf as it is recorded; older maand did not note when it begins. */
export type RecordedLeaf = Omit<StoredLeaf, "notBefore"> & { notBefore: number | null };

/** Every stored leaf, by job, certificate and worker. */
export function readStoredLeaves(catalog: Catalog): RecordedLeaf[] {
  return catalog
    .query<RecordedLeaf, []>(
      `SELECT job, worker_ip AS worker, name AS cert, input_hash AS inputHash, authority, not_before AS notBefore,
         not_after AS notAfter
       FROM certificate ORDER BY job, name, worker_ip`,
    )
    .all();
}

/** Records leaves that were issued and forgets those that were dropped; the caller holds the transaction. */
export function writeStoredLeaves(
  catalog: Catalog,
  issued: readonly StoredLeaf[],
  dropped: readonly Pick<StoredLeaf, "job" | "worker" | "cert">[],
): void {
  const remove = catalog.query("DELETE FROM certificate WHERE job = ? AND worker_ip = ? AND name = ?");
  for (const leaf of dropped) remove.run(leaf.job, leaf.worker, leaf.cert);
  const put = catalog.query(
    `INSERT OR REPLACE INTO certificate (job, worker_ip, name, input_hash, authority, not_before, not_after)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const leaf of issued) {
    const { job, worker, cert, inputHash, authority, notBefore, notAfter } = leaf;
    put.run(job, worker, cert, inputHash, authority, notBefore, notAfter);
  }
}
