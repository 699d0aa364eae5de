// The tables of the catalog, as the list of migrations that lead to them.

import type { Database } from "bun:sqlite";
import { documentsFromValues } from "./manifest-documents.ts";

/** SQL, or code where the step has to understand what is in a column. It runs inside the transaction of the upgrade. */
export type Migration = string | ((catalog: Database) => void);

/**
 * Migration i takes the schema from version i to i + 1 (`PRAGMA user_version`). Released migrations never change;
 * a new need is a new entry at the end.
 */
export const migrations: readonly Migration[] = [
  `
  CREATE TABLE bucket (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    bucket_id TEXT NOT NULL,
    update_seq INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  -- What build says there should be.
  CREATE TABLE worker (
    host TEXT PRIMARY KEY,
    worker_id TEXT NOT NULL UNIQUE,
    hostname TEXT,
    position INTEGER NOT NULL,
    memory_mb REAL,
    cpu_mhz REAL,
    labels TEXT NOT NULL,
    tags TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE job (
    name TEXT PRIMARY KEY,
    job_id TEXT NOT NULL UNIQUE,
    version TEXT NOT NULL,
    disabled INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    deployment_seq INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    memory_mb REAL,
    cpu_mhz REAL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE allocation (
    alloc_id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    worker_ip TEXT NOT NULL,
    worker_id TEXT NOT NULL,
    zone TEXT,
    allocation_index INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    UNIQUE (job, worker_ip)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE port (
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL UNIQUE,
    source TEXT NOT NULL CHECK (source IN ('fixed', 'pool')),
    PRIMARY KEY (job, name)
  ) STRICT, WITHOUT ROWID;

  -- What each certificate in the KV was made from, so that an unchanged entry keeps its PEM.
  CREATE TABLE certificate (
    job TEXT NOT NULL,
    worker_ip TEXT NOT NULL,
    name TEXT NOT NULL,
    input_hash TEXT NOT NULL,
    authority TEXT NOT NULL,
    not_after INTEGER NOT NULL,
    PRIMARY KEY (job, worker_ip, name)
  ) STRICT, WITHOUT ROWID;

  -- File content by its SHA-256. A sealed row is encrypted with the bucket's key (rendered files may hold secrets).
  CREATE TABLE blob (
    sha256 TEXT PRIMARY KEY,
    sealed INTEGER NOT NULL,
    content BLOB NOT NULL
  ) STRICT;

  CREATE TABLE job_file (
    job TEXT NOT NULL,
    path TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('file', 'dir', 'link')),
    mode INTEGER NOT NULL,
    sha256 TEXT,
    target TEXT,
    PRIMARY KEY (job, path)
  ) STRICT, WITHOUT ROWID;

  -- The files of one allocation as they lie on a worker, by the hash over all of them.
  CREATE TABLE tree (
    hash TEXT PRIMARY KEY,
    files TEXT NOT NULL
  ) STRICT;

  -- What deploy knows to be true on the workers.
  CREATE TABLE deployment (
    alloc_id TEXT PRIMARY KEY REFERENCES allocation (alloc_id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    promoted_hash TEXT,
    promoted_version TEXT,
    previous_hash TEXT,
    previous_version TEXT,
    attempt_hash TEXT,
    failure TEXT
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE job_rollout (
    job TEXT PRIMARY KEY,
    post_deploy_status TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- The current version of every key, and the superseded ones.
  CREATE TABLE kv (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    secret INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE kv_history (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    secret INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, key, version)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE run (
    run_id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    arguments TEXT NOT NULL,
    operator TEXT NOT NULL,
    update_seq INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    exit_code INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE run_allocation (
    run_id TEXT NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
    job TEXT NOT NULL,
    worker_ip TEXT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    current_version TEXT,
    new_version TEXT,
    hash TEXT,
    reason TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (run_id, job, worker_ip, action)
  ) STRICT, WITHOUT ROWID;
  `,
  // Workers may share a position number; readers must see them in the order that build worked with.
  `
  ALTER TABLE worker ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
  UPDATE worker SET place =
    (SELECT count(*) FROM worker AS w WHERE (w.position, w.host) < (worker.position, worker.host));
  `,
  // Today's words: what was begun and not promoted is unknown, what is not readable without the key is encrypted.
  `
  UPDATE deployment SET state = replace(state, 'unsettled', 'unknown') WHERE state LIKE 'unsettled%';
  ALTER TABLE blob RENAME COLUMN sealed TO encrypted;
  `,
  documentsFromValues,
  // Content of more than one piece; its row in blob is then empty.
  `
  CREATE TABLE blob_piece (
    sha256 TEXT NOT NULL REFERENCES blob (sha256) ON DELETE CASCADE,
    piece INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (sha256, piece)
  ) STRICT;
  `,
  // What `deploy --force` was asked to do and has not come to: `all`, or `files` with `--sync-only`.
  `
  ALTER TABLE deployment ADD COLUMN forced TEXT CHECK (forced IN ('all', 'files'));
  `,
  // From when on a certificate is good; not noted of those that are there, whose PEM says it.
  "ALTER TABLE certificate ADD COLUMN not_before INTEGER",
  // Two copies of a catalog count alike: the id of the run tells whose number it is. And what the last complete sync left
  // on the worker, which stays true where a later maand works out another hash for the same content.
  `
  ALTER TABLE bucket ADD COLUMN run_id TEXT;
  ALTER TABLE deployment ADD COLUMN synced_hash TEXT;
  `,
];

/** Runs one migration; the caller holds the transaction. */
export function runMigration(catalog: Database, migration: Migration): void {
  if (typeof migration === "string") catalog.run(migration);
  else migration(catalog);
}
