// A disk that takes no more: the old state stays, and the message says what to do.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { catalogFailure } from "../../src/catalog/failure.ts";
import { MaandError } from "../../src/model/error.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { useCatalogs } from "../support/builders/new-catalog.ts";
import { build } from "../support/built-bucket.ts";
import { catalogContent, integrityOf } from "../support/catalog-content.ts";
import { maandPath } from "../support/maand.ts";
import { runProcess } from "../support/process.ts";
import { thrownBy } from "../support/thrown.ts";
import { useBuckets } from "../support/use.ts";

const newCatalog = useCatalogs();

const newBucket = useBuckets();

test("a build that cannot be written leaves the old catalog, and works again once there is room", async () => {
  const bucket = await newBucket();
  writeBareJob(bucket, "a", { selectors: ["worker"] });
  await build(bucket);
  const before = catalogContent(bucket);
  await Bun.write(bucket.path("workspace/jobs/a/big"), randomBytes(4_000_000));
  // No file may grow beyond 1 MB: what SQLite meets is what it meets on a full disk.
  const command = 'trap "" XFSZ; ulimit -f 1000; exec "$0" build';
  const failed = await runProcess(["bash", "-c", command, maandPath()], { cwd: bucket.dir });
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain("cannot write the catalog");
  expect(failed.stderr).toContain("check the disk that holds data/ and the space that is left on it");
  expect(integrityOf(bucket)).toBe("ok");
  expect(catalogContent(bucket)).toBe(before);
  expect(await build(bucket)).toMatchObject({ changed: true });
  expect(integrityOf(bucket)).toBe("ok");
});

test("SQLITE_FULL undoes the whole transaction and becomes a catalog error", () => {
  const catalog = newCatalog();
  const pages = catalog.query<{ page_count: number }, []>("PRAGMA page_count").get()!.page_count;
  catalog.run(`PRAGMA max_page_count = ${pages + 4}`);
  const error = thrownBy(() =>
    catalog.transaction(() => {
      catalog.run("UPDATE bucket SET update_seq = 7");
      for (let i = 0; i < 100; i++)
        catalog.run("INSERT INTO blob VALUES (?, 0, ?)", [String(i), randomBytes(1000)]);
    })(),
  );
  const failure = catalogFailure(error, "data/maand.db");
  if (!failure.known) throw new Error("the failure is not known");
  expect(failure.error).toBeInstanceOf(MaandError);
  const { kind, why, hint, where } = failure.error;
  expect({ kind, hint, where }).toEqual({
    kind: "catalog",
    hint: "free space on the disk that holds data/, then run the command again",
    where: { file: "data/maand.db" },
  });
  expect(why).toContain("SQLITE_FULL");
  expect(catalog.query("SELECT update_seq FROM bucket").get()).toEqual({ update_seq: 0 });
  expect(catalog.query("SELECT count(*) AS n FROM blob").get()).toEqual({ n: 0 });
});

test("what is no fault of SQLite stays what it is", () => {
  const mine = new MaandError("local", "x");
  expect(catalogFailure(mine, "f")).toEqual({ known: true, error: mine });
  expect(catalogFailure("text", "f")).toEqual({ known: false, thrown: "text" });
});
