// What gc deletes from a real catalog, and what it must never delete.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { openBlobs } from "../../src/catalog/blobs.ts";
import { beginAttempts, promote, readTree } from "../../src/catalog/deployments.ts";
import { type Catalog, openCatalog } from "../../src/catalog/open.ts";
import { compactCatalog } from "../../src/catalog/purge.ts";
import { diffState, readState, writeState } from "../../src/catalog/state.ts";
import { purgeCatalog } from "../../src/gc/catalog.ts";
import { cipherFromFile } from "../../src/kv/cipher.ts";
import { type KvStore, openKv } from "../../src/kv/store.ts";
import type { AllocationRow, JobRow } from "../../src/model/state.ts";
import { type TreeFile, treeHash } from "../../src/model/tree.ts";
import { allocationRow, jobRow, workerRow } from "../support/builders/catalog.ts";
import { useTempDir } from "../support/use.ts";

const dir = useTempDir();
let catalog: Catalog;
let kv: KvStore;

beforeEach(() => {
  writeFileSync(dir("kv.key"), randomBytes(32), { mode: 0o600 });
  catalog = openCatalog(dir("maand.db"), { create: true });
  catalog.run("INSERT INTO bucket (one, bucket_id) VALUES (1, 'b')");
  kv = openKv(catalog, cipherFromFile(dir("kv.key")));
});
afterEach(() => catalog.close());

const day = 86_400_000;

function fill(jobs: JobRow[], allocations: AllocationRow[]): void {
  const before = readState(catalog);
  const workers = [workerRow("10.0.0.1")];
  writeState(catalog, diffState(before, { ...before, workers, jobs, allocations }));
}

const purge = (
  purged: AllocationRow[] = [],
  changes: { workspaceJobs?: Set<string>; tombstonesUntil?: number } = {},
) =>
  purgeCatalog(catalog, kv, {
    purged,
    workspaceJobs: new Set(),
    tombstonesUntil: 100 * day,
    now: 100 * day,
    ...changes,
  });

const tree = (ref: string): { hash: string; files: TreeFile[] } => {
  const files: TreeFile[] = [{ path: "f", kind: "file", mode: 0o644, ref }];
  return { hash: treeHash(files), files };
};

test("rows, deployment and values of a job that has left go together, nothing of its neighbour", () => {
  const gone = allocationRow("gone", "10.0.0.1", { removed: true });
  const here = allocationRow("here", "10.0.0.1");
  fill([jobRow("gone", { removed: true }), jobRow("here")], [gone, here]);
  beginAttempts(catalog, [{ allocId: gone.allocId }, { allocId: here.allocId }]);
  const keys = [
    "maand/job/gone",
    "maand/job/gone/worker/10.0.0.1",
    "vars/job/gone",
    "secrets/job/gone",
    "vars/bucket/job/gone",
  ];
  const kept = ["maand/job/here", "vars/job/here", "secrets/job/here", "maand/bucket"];
  kv.apply(
    [...keys, ...kept].map((namespace) => ({ namespace, key: "k", value: "v" })),
    1,
  );

  expect(purge([gone])).toEqual({ jobs: 1, kvKeys: 5, kvVersions: 10, trees: 0, blobs: 0 });
  expect(readState(catalog).allocations).toEqual([here]);
  expect(readState(catalog).jobs.map((job) => job.name)).toEqual(["here"]);
  expect(catalog.query("SELECT alloc_id FROM deployment").all()).toEqual([{ alloc_id: here.allocId }]);
  expect(
    kv
      .entries()
      .map((entry) => entry.namespace)
      .sort(),
  ).toEqual([...kept].sort());
  expect(catalog.query("SELECT * FROM kv_history").all()).toEqual([]);
});

test("a job whose removed allocation has to stay keeps everything", () => {
  const stuck = allocationRow("gone", "10.0.0.1", { removed: true });
  fill([jobRow("gone", { removed: true })], [stuck]);
  beginAttempts(catalog, [{ allocId: stuck.allocId }]);
  const namespaces = [
    "maand/job/gone",
    "maand/job/gone/worker/10.0.0.1",
    "secrets/job/gone",
    "vars/job/gone",
  ];
  kv.apply(
    namespaces.map((namespace) => ({ namespace, key: "k", value: "v" })),
    1,
  );
  expect(purge([])).toMatchObject({ jobs: 0, kvKeys: 0 });
  expect(kv.namespaces()).toEqual(namespaces);
});

test("secrets of a job that is in the workspace survive, allocated or not, built or not", () => {
  const relabelled = allocationRow("api", "10.0.0.1", { removed: true });
  fill([jobRow("api")], [relabelled]);
  kv.apply(
    ["api", "restored"].map((job) => ({ namespace: `secrets/job/${job}`, key: "password", value: "s" })),
    1,
  );
  purge([relabelled], { workspaceJobs: new Set(["restored"]) });
  expect(readState(catalog).jobs.map((job) => job.name)).toEqual(["api"]);
  expect(kv.namespaces()).toEqual(["secrets/job/api", "secrets/job/restored"]);
  expect(String(kv.get("secrets/job/api", "password"))).toBe("***");
});

test("an allocation that came back is never deleted, whatever the plan says", () => {
  const back = allocationRow("api", "10.0.0.1");
  fill([jobRow("api")], [back]);
  purge([{ ...back, removed: true }]);
  expect(readState(catalog).allocations).toEqual([back]);
});

test("tombstones go by age and take their superseded values with them; live keys keep theirs", () => {
  const write = (key: string, value: string | undefined, at: number) =>
    kv.apply([{ namespace: "vars/bucket", key, ...(value === undefined ? {} : { value }) }], at);
  for (const key of ["old", "young", "live"]) for (const value of ["1", "2", "3"]) write(key, value, day);
  write("old", undefined, 10 * day);
  write("young", undefined, 95 * day);
  expect(purge([], { tombstonesUntil: 90 * day }).kvVersions).toBe(4);
  expect(kv.entries().map((entry) => [entry.key, entry.deleted])).toEqual([
    ["live", false],
    ["young", true],
  ]);
  const history = () =>
    catalog
      .query<{ key: string }, []>("SELECT key FROM kv_history ORDER BY key")
      .all()
      .map((row) => row.key);
  expect(history()).toEqual(["live", "live", "young", "young", "young"]);
  purge([]);
  expect(history()).toEqual(["live", "live"]);
});

test("never more than seven versions of a key stay", () => {
  for (let i = 0; i < 12; i++) kv.apply([{ namespace: "vars/bucket", key: "k", value: String(i) }], i);
  catalog.run("INSERT INTO kv_history VALUES ('vars/bucket', 'k', 1, x'00', 0, 0, 0)");
  expect(purge([]).kvVersions).toBe(1);
  const versions = catalog
    .query<{ version: number }, []>("SELECT version FROM kv_history ORDER BY version")
    .all();
  expect(versions.map((row) => row.version)).toEqual([6, 7, 8, 9, 10, 11]);
});

test("content is kept while a job file, a promoted, a previous or a begun content names it", () => {
  const blobs = openBlobs(catalog, cipherFromFile(dir("kv.key")));
  const rows = ["a", "b"].map((job) => allocationRow(job, "10.0.0.1"));
  fill(
    rows.map((row) => jobRow(row.job)),
    rows,
  );
  for (const name of ["first", "second", "third", "begun", "source", "orphan"])
    blobs.put(name, Buffer.from(name), name === "begun");
  catalog.run("INSERT INTO job_file VALUES ('a', 'f', 'file', 420, 'source', NULL)");
  for (const [version, ref] of ["first", "second", "third"].entries())
    promote(catalog, [
      { allocId: rows[0]!.allocId, version: String(version), content: tree(ref), state: "running" },
    ]);
  beginAttempts(catalog, [{ allocId: rows[1]!.allocId, content: tree("begun") }]);

  expect(purge([])).toMatchObject({ trees: 1, blobs: 2 });
  expect(["first", "second", "third", "begun", "source", "orphan"].filter((name) => blobs.has(name))).toEqual(
    ["second", "third", "begun", "source"],
  );
  expect(readTree(catalog, tree("second").hash)).toBeDefined();
  expect(readTree(catalog, tree("first").hash)).toBeUndefined();
});

test("a second gc finds nothing, and compacting keeps what is there", () => {
  const gone = allocationRow("gone", "10.0.0.1", { removed: true });
  fill([jobRow("gone", { removed: true })], [gone]);
  kv.apply(
    [
      { namespace: "vars/job/gone", key: "k", value: "v" },
      { namespace: "vars/bucket", key: "k", value: "v" },
    ],
    1,
  );
  purge([gone]);
  compactCatalog(catalog);
  expect(purge([])).toEqual({ jobs: 0, kvKeys: 0, kvVersions: 0, trees: 0, blobs: 0 });
  expect(kv.get("vars/bucket", "k")).toBe("v");
  expect(catalog.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
});
