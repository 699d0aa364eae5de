// Deleting old KV versions for good; the caller holds the transaction.

import type { Catalog } from "../catalog/open.ts";
import { keptVersions } from "./store.ts";

/**
 * Deletes versions that are superseded more than `keptVersions` times, and tombstones with all versions of their key.
 * Returns how many rows those were.
 * @param tombstonesUntil keys that were deleted later stay; milliseconds since 1970
 */
export function deleteOldVersions(catalog: Catalog, tombstonesUntil: number): number {
  const history = catalog
    .query(
      `DELETE FROM kv_history WHERE EXISTS (
         SELECT 1 FROM kv WHERE kv.namespace = kv_history.namespace AND kv.key = kv_history.key
           AND ((kv.deleted = 1 AND kv.changed_at <= ?1) OR kv_history.version <= kv.version - ?2))`,
    )
    .run(tombstonesUntil, keptVersions);
  const tombstones = catalog
    .query("DELETE FROM kv WHERE deleted = 1 AND changed_at <= ?")
    .run(tombstonesUntil);
  return history.changes + tombstones.changes;
}
