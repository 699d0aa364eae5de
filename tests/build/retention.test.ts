// What a removed allocation keeps until deploy has stopped it, and that nothing is left over afterwards.

import { beforeEach, expect, test } from "bun:test";
import { promote, setStates } from "../../src/catalog/deployments.ts";
import { type Catalog, openCatalog } from "../../src/catalog/open.ts";
import { pruneRemoved } from "../../src/deploy/run/prune.ts";
import { cipherFromFile } from "../../src/kv/cipher.ts";
import { openKv } from "../../src/kv/store.ts";
import type { RuntimeState } from "../../src/model/state.ts";
import type { Session } from "../../src/session/session.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, readKv, revealed } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(async () => {
  clearWorkspace(bucket);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", tags: { zone: "a" } }, { host: "10.0.0.2" }]);
});

const certs = { tls: { subject: { common_name: "api" }, key: "ecdsa-p256" } };
const job = (name: string) =>
  writeBareJob(bucket, name, { selectors: ["worker"], certs }, { "vars.conf": 'v = "1"\n' });

function withCatalog<T>(act: (catalog: Catalog) => T): T {
  const catalog = openCatalog(bucket.path("data/maand.db"));
  try {
    return act(catalog);
  } finally {
    catalog.close();
  }
}

/** What deploy records of every allocation of a job. */
async function deployed(name: string, state: RuntimeState): Promise<void> {
  const ids = (await cat(bucket, "allocations", "--jobs", name)).map((row) => String(row.alloc_id));
  const content = { hash: "h", files: [] };
  withCatalog((catalog) =>
    promote(
      catalog,
      ids.map((allocId) => ({ allocId, version: "0.0.0", content, state })),
    ),
  );
}

/** What deploy does once it has stopped everything that was removed. */
function reconciled(): void {
  withCatalog((catalog) => {
    const removed = catalog
      .query<{ alloc_id: string }, []>("SELECT alloc_id FROM allocation WHERE removed = 1")
      .all();
    setStates(
      catalog,
      removed.map(({ alloc_id }) => ({ allocId: alloc_id, state: "cleaned" as const })),
    );
    const kv = openKv(catalog, cipherFromFile(bucket.path("secrets/kv.key")));
    pruneRemoved({ catalog, kv, now: () => Date.now() } as Session);
  });
}

const namespacesOf = async (part: string) =>
  Object.keys(await readKv(bucket)).filter((name) => name.includes(part));

test("a running job that left keeps its namespaces, certificates and files until it is stopped", async () => {
  job("gone");
  await build(bucket);
  const key = await revealed(bucket, "maand/job/gone/worker/10.0.0.1", "certs/tls.key");
  const before = (await readKv(bucket))["maand/job/gone"];
  await deployed("gone", "running");
  bucket.remove("workspace/jobs/gone");
  expect(await build(bucket)).toMatchObject({ jobs: 0, removed: 2 });
  expect(await namespacesOf("gone")).toEqual([
    "maand/job/gone",
    "maand/job/gone/worker/10.0.0.1",
    "maand/job/gone/worker/10.0.0.2",
    "vars/bucket/job/gone",
  ]);
  expect((await readKv(bucket))["maand/job/gone"]).toEqual(before!);
  expect(await revealed(bucket, "maand/job/gone/worker/10.0.0.1", "certs/tls.key")).toBe(key);
  const files = () =>
    withCatalog((c) => c.query("SELECT path FROM job_file WHERE job = 'gone'").all().length);
  expect(files()).toBe(3);
  expect(await build(bucket)).toMatchObject({ changed: false });
  reconciled();
  expect(await namespacesOf("gone")).toEqual([]);
  expect(files()).toBe(0);
  // Deploy left nothing for the next build to clear up.
  expect(await build(bucket)).toMatchObject({ changed: false });
  // The records of its certificates are worth no commit of their own, and go with the next one.
  bucket.write("workspace/bucket.conf", 'other = "1"\n');
  await build(bucket);
  expect(withCatalog((c) => c.query("SELECT * FROM certificate WHERE job = 'gone'").all())).toEqual([]);
});

test("a worker that left keeps its own namespaces as long as something runs on it", async () => {
  job("stays");
  await build(bucket);
  await deployed("stays", "running");
  bucket.write("workspace/workers.json", [{ host: "10.0.0.2" }]);
  await build(bucket);
  expect(await namespacesOf("10.0.0.1")).toEqual([
    "maand/job/stays/worker/10.0.0.1",
    "maand/worker/10.0.0.1",
    "maand/worker/10.0.0.1/tags",
  ]);
  // What is shared says what is true now.
  expect((await readKv(bucket))["maand/job/stays"]).toMatchObject({
    workers: "10.0.0.2",
    workers_length: "1",
  });
  reconciled();
  expect(await namespacesOf("10.0.0.1")).toEqual([]);
  expect(await build(bucket)).toMatchObject({ changed: false });
});

test("what never ran, and what is cleaned up, keeps nothing", async () => {
  job("idle");
  await build(bucket);
  bucket.remove("workspace/jobs/idle");
  await build(bucket);
  expect(await namespacesOf("idle")).toEqual([]);
});

test("after the clean-up a pair that comes back has a certificate of its own again, and one record of it", async () => {
  job("back");
  await build(bucket);
  const first = await revealed(bucket, "maand/job/back/worker/10.0.0.2", "certs/tls.crt");
  await deployed("back", "running");
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  await build(bucket);
  reconciled();
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "10.0.0.2" }]);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 1, certificates_renewed: 0 });
  expect(await revealed(bucket, "maand/job/back/worker/10.0.0.2", "certs/tls.crt")).not.toBe(first);
  const records = withCatalog((catalog) =>
    catalog
      .query<{ worker_ip: string }, []>("SELECT worker_ip FROM certificate WHERE job = 'back' ORDER BY 1")
      .all(),
  );
  expect(records.map((row) => row.worker_ip)).toEqual(["10.0.0.1", "10.0.0.2"]);
});

test("a pair that comes back before deploy has stopped it keeps its certificate", async () => {
  job("quick");
  await build(bucket);
  const first = await revealed(bucket, "maand/job/quick/worker/10.0.0.2", "certs/tls.crt");
  await deployed("quick", "running");
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  await build(bucket);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "10.0.0.2" }]);
  expect(await build(bucket)).toMatchObject({ certificates_issued: 0 });
  expect(await revealed(bucket, "maand/job/quick/worker/10.0.0.2", "certs/tls.crt")).toBe(first);
});
