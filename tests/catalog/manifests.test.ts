// Manifests in the catalog: written as documents, read through the schema, converted from what older maand wrote.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openCatalog } from "../../src/catalog/open.ts";
import { migrations, runMigration } from "../../src/catalog/schema.ts";
import { diffState, readState, writeState } from "../../src/catalog/state.ts";
import { manifestReader, storeManifest } from "../../src/manifest/stored.ts";
import { MaandError } from "../../src/model/error.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { useCatalogs } from "../support/builders/new-catalog.ts";
import { build, workspace, workspaceJob, workspaceWorker } from "../support/builders/workspace.ts";
import { thrownBy } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";

const newCatalog = useCatalogs();
const scratchDirectory = useTempDirs();

const fixture = join(import.meta.dir, "schema-2");

/** The workspace that the fixture's rows were built from. */
function fixtureWorkspace() {
  const checked = checkWorkspace(readWorkspace(fixture, ""));
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics));
  return checked.value;
}

/** A catalog as the maand of schema 2 left it. */
function catalogOfSchema2(): string {
  const path = join(scratchDirectory(), "maand.db");
  const catalog = new Database(path, { create: true });
  for (const migration of migrations.slice(0, 2)) runMigration(catalog, migration);
  catalog.run(readFileSync(join(fixture, "rows.sql"), "utf8"));
  catalog.run("PRAGMA user_version = 2");
  catalog.close();
  return path;
}

test("a catalog of schema 2 holds the same manifests, and the next build of its workspace changes nothing", () => {
  const catalog = openCatalog(catalogOfSchema2());
  const state = readState(catalog);
  const { jobs } = fixtureWorkspace();
  expect(state.jobs.map(({ name, manifest }) => [name, manifest])).toEqual(
    jobs.map(({ name, manifest }) => [name, manifest]),
  );
  expect(diffState(state, build(fixtureWorkspace(), state).next)).toEqual([]);
  catalog.close();
});

test("what is converted is what a build of today writes", () => {
  const older = openCatalog(catalogOfSchema2());
  const catalog = newCatalog();
  const { next } = build(fixtureWorkspace(), readState(older));
  catalog.transaction(() => writeState(catalog, diffState(readState(catalog), next)))();
  const manifests = (of: Database) =>
    of
      .query<{ manifest: string; scripts: string }, []>("SELECT manifest, scripts FROM job ORDER BY name")
      .all()
      .map(({ manifest, scripts }) => [JSON.parse(manifest), JSON.parse(scripts)]);
  expect(manifests(older)).toEqual(manifests(catalog));
  older.close();
});

test("every manifest of the fixture survives being stored", () => {
  const read = manifestReader();
  for (const { name, manifest } of fixtureWorkspace().jobs)
    expect(read(name, storeManifest(manifest))).toEqual(manifest);
});

test("a field that the catalog does not have yet has its default, and the next build changes nothing", () => {
  const catalog = newCatalog();
  const ws = workspace([workspaceWorker("h", 0)], [workspaceJob("a")]);
  const { next } = build(ws, readState(catalog));
  catalog.transaction(() => writeState(catalog, diffState(readState(catalog), next)))();
  catalog.run("UPDATE job SET manifest = json_remove(manifest, '$.max_concurrent_upgrades', '$.certs')");
  const state = readState(catalog);
  expect(state.jobs[0]!.manifest).toMatchObject({ maxConcurrentUpgrades: 1, certs: [] });
  expect(diffState(state, build(ws, state).next)).toEqual([]);
});

test("a manifest that the schema does not take is an error that names the job", () => {
  const catalog = newCatalog();
  const ws = workspace([workspaceWorker("h", 0)], [workspaceJob("a")]);
  const { next } = build(ws, readState(catalog));
  catalog.transaction(() => writeState(catalog, diffState(readState(catalog), next)))();
  catalog.run("UPDATE job SET manifest = json_set(manifest, '$.restart_policy', 'sometimes')");
  const error = thrownBy(() => readState(catalog)) as MaandError;
  expect(error).toBeInstanceOf(MaandError);
  expect(error).toMatchObject({ kind: "catalog", where: { job: "a" } });
  expect(error.why).toContain("restart_policy");
});
