// The bucket's own row: made once by init, and what hangs on the key beside the catalog.

import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import type { Catalog } from "./open.ts";

/** The bucket's id; undefined in a catalog that init has not finished. */
export function readBucketId(catalog: Catalog): string | undefined {
  const row = catalog.query<{ bucket_id: string }, []>("SELECT bucket_id FROM bucket").get();
  return row?.bucket_id;
}

/** Gives the catalog its id, unless it has one; returns the id that it has now. */
export function ensureBucketId(catalog: Catalog, newId: string): string {
  catalog.query("INSERT INTO bucket (one, bucket_id) VALUES (1, ?) ON CONFLICT (one) DO NOTHING").run(newId);
  return readBucketId(catalog)!;
}

/** Whether anything in the catalog can only be read with `secrets/kv.key`. */
export function holdsEncrypted(catalog: Catalog): boolean {
  const found = catalog
    .query<{ encrypted: number }, []>(
      `SELECT EXISTS (SELECT 1 FROM kv WHERE secret = 1 AND deleted = 0)
           OR EXISTS (SELECT 1 FROM kv_history WHERE secret = 1 AND deleted = 0)
           OR EXISTS (SELECT 1 FROM blob WHERE encrypted = 1) AS encrypted`,
    )
    .get();
  return found?.encrypted === 1;
}

/** The schema version of a catalog file before it is upgraded; undefined when there is none that can be read. */
export function readSchemaVersion(path: string): number | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const catalog = new Database(path, { readwrite: true });
    try {
      return catalog.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version;
    } finally {
      catalog.close();
    }
  } catch {
    // What is wrong with it is told by whoever opens it to use it.
    return undefined;
  }
}
