// Opening the catalog: settings, migrations from every schema, and what is refused.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDeployments } from "../../src/catalog/deployments.ts";
import { openCatalog } from "../../src/catalog/open.ts";
import { migrations, runMigration } from "../../src/catalog/schema.ts";
import { readState } from "../../src/catalog/state.ts";
import { maandErrorBy } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";

const tempDir = useTempDirs();

const newPath = () => join(tempDir(), "maand.db");

/** A catalog as it was at an older schema. */
function olderCatalog(version: number, fill = ""): string {
  const path = newPath();
  const catalog = new Database(path, { create: true });
  for (const migration of migrations.slice(0, version)) runMigration(catalog, migration);
  if (fill !== "") catalog.run(fill);
  catalog.run(`PRAGMA user_version = ${version}`);
  catalog.close();
  return path;
}

function look<T>(path: string, sql: string): T {
  const catalog = new Database(path, { readwrite: true });
  try {
    return catalog.query<T, []>(sql).get()!;
  } finally {
    catalog.close();
  }
}

const tablesOf = (path: string) =>
  look<{ names: string }>(
    path,
    "SELECT group_concat(name, ' ') AS names FROM (SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name)",
  ).names;

const refusal = (act: () => unknown) => maandErrorBy(act, "catalog");

test("journal WAL, synchronous FULL, foreign keys, only its owner may read it", () => {
  const path = newPath();
  const catalog = openCatalog(path, { create: true });
  const pragma = (name: string) => Object.values(catalog.query<object, []>(`PRAGMA ${name}`).get()!)[0];
  expect(pragma("journal_mode")).toBe("wal");
  expect(pragma("synchronous")).toBe(2);
  expect(pragma("foreign_keys")).toBe(1);
  expect(pragma("user_version")).toBe(migrations.length);
  catalog.close();
  chmodSync(path, 0o644);
  openCatalog(path).close();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a missing catalog is made by init alone", () => {
  const path = newPath();
  expect(refusal(() => openCatalog(path)).message).toBe("the catalog is missing");
  expect(() => statSync(path)).toThrow();
});

for (let version = 0; version < migrations.length; version++)
  test(`schema ${version} is brought up to date, with the same tables as a new catalog`, () => {
    const path = olderCatalog(version);
    openCatalog(path).close();
    const fresh = newPath();
    openCatalog(fresh, { create: true }).close();
    expect(look<{ user_version: number }>(path, "PRAGMA user_version").user_version).toBe(migrations.length);
    expect(tablesOf(path)).toBe(tablesOf(fresh));
  });

test("schema 1: workers get the place that they were read in", () => {
  const rows = [
    ["b", 1],
    ["a", 1],
    ["c", 0],
  ].map(([host, position]) => `('${host}', 'id-${host}', ${position}, '[]', '{}')`);
  const path = olderCatalog(
    1,
    `INSERT INTO bucket (one, bucket_id) VALUES (1, 'x');
     INSERT INTO worker (host, worker_id, position, labels, tags) VALUES ${rows.join(", ")};`,
  );
  const catalog = openCatalog(path);
  expect(readState(catalog).workers.map((worker) => worker.host)).toEqual(["c", "a", "b"]);
  catalog.close();
});

test("schema 2: what was begun and not promoted is unknown, and encrypted contents stay so", () => {
  const states = ["running", "unsettled", "unsettled:first_start", "health_failed"];
  const path = olderCatalog(
    2,
    `INSERT INTO bucket (one, bucket_id) VALUES (1, 'x');
     INSERT INTO blob VALUES ('plain', 0, x'61'), ('secret', 1, x'62');
     ${states
       .map(
         (
           state,
           i,
         ) => `INSERT INTO allocation (alloc_id, job, worker_ip, worker_id, allocation_index, disabled, removed)
           VALUES ('${i}', 'api', '10.0.0.${i}', 'w${i}', ${i}, 0, 0);
         INSERT INTO deployment (alloc_id, state) VALUES ('${i}', '${state}');`,
       )
       .join("\n")}`,
  );
  const catalog = openCatalog(path);
  const deployments = [...readDeployments(catalog).values()].map(({ state, begun }) => [state, begun]);
  expect(deployments).toEqual([
    ["running", undefined],
    ["unknown", undefined],
    ["unknown", "first_start"],
    ["health_failed", undefined],
  ]);
  const blobs = catalog.query("SELECT sha256, encrypted FROM blob ORDER BY sha256").all();
  expect(blobs).toEqual([
    { sha256: "plain", encrypted: 0 },
    { sha256: "secret", encrypted: 1 },
  ]);
  catalog.close();
});

test("a migration that fails leaves the file at its old schema, whole", () => {
  // The column that schema 2 adds is there already.
  const path = olderCatalog(1, "ALTER TABLE worker ADD COLUMN place INTEGER");
  expect(refusal(() => openCatalog(path)).why).toContain("duplicate column");
  expect(look<{ user_version: number }>(path, "PRAGMA user_version").user_version).toBe(1);
  // The first migration breaks half-way: nothing of it stays.
  const other = newPath();
  const catalog = new Database(other, { create: true });
  catalog.run("CREATE TABLE port (x)");
  catalog.close();
  refusal(() => openCatalog(other));
  expect(tablesOf(other)).toBe("port");
});

test("a newer schema is refused and left alone", () => {
  const path = newPath();
  openCatalog(path, { create: true }).close();
  const catalog = new Database(path, { readwrite: true });
  catalog.run(`PRAGMA user_version = ${migrations.length + 1}`);
  catalog.close();
  const before = readFileSync(path);
  const error = refusal(() => openCatalog(path));
  expect(error.message).toBe(
    `the catalog has schema ${migrations.length + 1}; this maand knows up to ${migrations.length}`,
  );
  expect(error.hint).toBe("use the newer maand that wrote it");
  expect(readFileSync(path).equals(before)).toBe(true);
});

test("who only reads does not upgrade an older schema, and cannot write", () => {
  const older = olderCatalog(1);
  const error = refusal(() => openCatalog(older, { readonly: true }));
  expect(error.hint).toBe('run "maand init" in this bucket to upgrade it');
  expect(look<{ user_version: number }>(older, "PRAGMA user_version").user_version).toBe(1);
  const path = newPath();
  openCatalog(path, { create: true }).close();
  const catalog = openCatalog(path, { readonly: true });
  expect(() => catalog.run("INSERT INTO bucket (one, bucket_id) VALUES (1, 'x')")).toThrow("readonly");
  catalog.close();
});

test("a reader sees the last commit beside a writer that is in the middle of one", () => {
  const path = newPath();
  const writer = openCatalog(path, { create: true });
  writer.run("INSERT INTO bucket (one, bucket_id) VALUES (1, 'before')");
  writer.run("BEGIN IMMEDIATE");
  writer.run("UPDATE bucket SET bucket_id = 'after'");
  const reader = openCatalog(path, { readonly: true });
  const id = () => reader.query<{ bucket_id: string }, []>("SELECT bucket_id FROM bucket").get()!.bucket_id;
  expect(id()).toBe("before");
  writer.run("COMMIT");
  expect(id()).toBe("after");
  reader.close();
  writer.close();
});

test("a file that is no catalog is refused with what SQLite says of it", () => {
  const path = newPath();
  writeFileSync(path, "this is not a database, however long it may be ".repeat(100));
  const error = refusal(() => openCatalog(path));
  expect(error.message).toBe("cannot open the catalog");
  expect(error.why).toContain("not a database");
  expect(error.where.file).toBe(path);
});
