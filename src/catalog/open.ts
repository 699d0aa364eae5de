// Opening the catalog: settings, migrations, and refusal of what this maand does not understand.

import { Database } from "bun:sqlite";
import { chmodSync, existsSync } from "node:fs";
import { MaandError, reasonOf } from "../model/error.ts";
import { migrations, runMigration } from "./schema.ts";

/** The open catalog. Only files in `src/catalog` and `src/kv` write SQL. */
export type Catalog = Database;

/** Milliseconds to wait for a reader or the checkpoint of another process; writers are kept apart by the bucket lock. */
const busyTimeout = 5000;

export interface OpenOptions {
  /** Make the file when it is missing; only `init` does. */
  create?: boolean;
  /** Open for reading beside a running writer. */
  readonly?: boolean;
}

/**
 * Opens `data/maand.db` and brings an older schema up to date.
 * @throws MaandError("catalog") when it is missing, damaged, unreadable, or written by a newer maand.
 */
export function openCatalog(path: string, options: OpenOptions = {}): Catalog {
  if (options.create !== true && !existsSync(path)) {
    throw new MaandError("catalog", "the catalog is missing", {
      where: { file: path },
      hint: 'run "maand init" in this bucket (it keeps what is there)',
    });
  }
  let catalog: Catalog | undefined;
  try {
    catalog = new Database(path, options.create === true ? { create: true } : { readwrite: true });
    if (options.readonly !== true) chmodSync(path, 0o600);
    catalog.run(`PRAGMA busy_timeout = ${busyTimeout}`);
    catalog.run("PRAGMA journal_mode = WAL");
    // FULL: a promotion that was reported must survive a power cut.
    catalog.run("PRAGMA synchronous = FULL");
    catalog.run("PRAGMA foreign_keys = ON");
    migrate(catalog, path, options.readonly === true);
    if (options.readonly === true) catalog.run("PRAGMA query_only = ON");
    return catalog;
  } catch (error) {
    catalog?.close();
    if (error instanceof MaandError) throw error;
    throw new MaandError("catalog", "cannot open the catalog", {
      where: { file: path },
      why: reasonOf(error),
      hint: "check its permissions and the disk; restore data/ from a backup if it is damaged",
      cause: error,
    });
  }
}

function schemaVersion(catalog: Catalog): number {
  return (catalog.query("PRAGMA user_version").get() as { user_version: number }).user_version;
}

function migrate(catalog: Catalog, path: string, readonly: boolean): void {
  const found = schemaVersion(catalog);
  if (found > migrations.length) {
    throw new MaandError(
      "catalog",
      `the catalog has schema ${found}; this maand knows up to ${migrations.length}`,
      {
        where: { file: path },
        hint: "use the newer maand that wrote it",
      },
    );
  }
  if (found === migrations.length) return;
  if (readonly) {
    throw new MaandError(
      "catalog",
      `the catalog has schema ${found}; this maand needs ${migrations.length}`,
      {
        where: { file: path },
        hint: 'run "maand init" in this bucket to upgrade it',
      },
    );
  }
  catalog
    .transaction(() => {
      for (let version = schemaVersion(catalog); version < migrations.length; version++) {
        runMigration(catalog, migrations[version]!);
        catalog.run(`PRAGMA user_version = ${version + 1}`);
      }
    })
    .immediate();
}
