// Empty catalogs on disk.

import { afterAll } from "bun:test";
import { join } from "node:path";
import { type Catalog, openCatalog } from "../../../src/catalog/open.ts";
import { useTempDirs } from "../use.ts";

/** Makes an empty catalog with its bucket row at each call; they are closed and deleted when the file is done. */
export function useCatalogs(): () => Catalog {
  const catalogs: Catalog[] = [];
  afterAll(() => {
    for (const catalog of catalogs.splice(0)) catalog.close();
  });
  const tempDir = useTempDirs();
  return () => {
    const catalog = openCatalog(join(tempDir(), "maand.db"), { create: true });
    catalogs.push(catalog);
    catalog.run("INSERT INTO bucket (one, bucket_id) VALUES (1, 'the-bucket')");
    return catalog;
  };
}
