// New catalogs for tests, in directories that go when the test file is done.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Catalog, openCatalog } from "../../../src/catalog/open.ts";

const directories: string[] = [];
const catalogs: Catalog[] = [];

afterAll(() => {
  for (const catalog of catalogs) catalog.close();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "maand-catalog-"));
  directories.push(directory);
  return directory;
}

/** An empty catalog with its bucket row. */
export function newCatalog(): Catalog {
  const catalog = openCatalog(join(scratchDirectory(), "maand.db"), { create: true });
  catalogs.push(catalog);
  catalog.run("INSERT INTO bucket (one, bucket_id) VALUES (1, 'the-bucket')");
  return catalog;
}

/** The error that `act` throws; fails the test when it throws none. */
export function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
