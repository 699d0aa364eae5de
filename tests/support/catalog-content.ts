// The whole content of a bucket's catalog as text, to tell whether anything of it changed.

import { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import type { Bucket } from "./maand.ts";

/**
 * Every row of every table, one per line, in order. Bytes appear as their SHA-256.
 * @param change makes what is to be compared of a row, undefined to leave the row out
 */
export function catalogContent(
  bucket: Pick<Bucket, "path">,
  change: (table: string, row: Record<string, unknown>) => Record<string, unknown> | undefined = (_, row) =>
    row,
): string {
  const catalog = new Database(bucket.path("data/maand.db"), { readwrite: true });
  try {
    const tables = catalog
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all()
      .map((row) => row.name);
    const lines = tables.flatMap((table) =>
      catalog
        .query<Record<string, unknown>, []>(`SELECT * FROM ${table}`)
        .all()
        .flatMap((row) => change(table, row) ?? [])
        .map((row) => `${table} ${JSON.stringify(row, digestBytes)}`)
        .sort(),
    );
    return lines.join("\n");
  } finally {
    catalog.close();
  }
}

/** What `PRAGMA integrity_check` says; "ok" for a sound file. */
export function integrityOf(bucket: Pick<Bucket, "path">): string {
  // Read-only, so that what a kill has left in the journal is left to the next command.
  const catalog = new Database(bucket.path("data/maand.db"), { readonly: true });
  try {
    return catalog.query<{ integrity_check: string }, []>("PRAGMA integrity_check").get()!.integrity_check;
  } finally {
    catalog.close();
  }
}

function digestBytes(_key: string, value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return createHash("sha256").update(value).digest("hex");
}
