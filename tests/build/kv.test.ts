// Every namespace and key that build writes, and what it deletes, through the executable.

import { beforeEach, expect, test } from "bun:test";
import { openCatalog } from "../../src/catalog/open.ts";
import { cipherFromFile } from "../../src/kv/cipher.ts";
import { type KvChange, openKv } from "../../src/kv/store.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, readKv, revealed } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => clearWorkspace(bucket));

/** What hooks and operators write beside the build. */
function put(...changes: KvChange[]): void {
  const catalog = openCatalog(bucket.path("data/maand.db"));
  openKv(catalog, cipherFromFile(bucket.path("secrets/kv.key"))).apply(changes, Date.now());
  catalog.close();
}

test("exactly the namespaces and keys of the table", async () => {
  bucket.write("workspace/workers.json", [
    {
      host: "10.0.0.1",
      hostname: "one",
      labels: ["web"],
      memory: "8 gb",
      cpu: "2.5 ghz",
      tags: { zone: "a", "rack.no": "7" },
    },
    { host: "10.0.0.2", labels: ["web", "db"] },
  ]);
  bucket.write(
    "workspace/bucket.conf",
    'port_range = "30000,30009"\ndomain = "example.com"\nratio = 0.50\n"a b" = true\n',
  );
  bucket.write("workspace/bucket.jobs.conf", '[api]\nmemory = "1 gb"\nlevel = "debug"\n');
  bucket.write("workspace/disabled.json", { jobs: { api: { allocations: ["10.0.0.2"] } } });
  writeBareJob(
    bucket,
    "api",
    { version: "v2.1", selectors: ["Web", "worker"], resources: { ports: { http: {}, peer: 7000 } } },
    { "vars.conf": 'level = "info"\nname = "the api"\n' },
  );
  writeBareJob(bucket, "idle", { selectors: ["nowhere"], resources: { ports: { idle: {} } } });
  await build(bucket);
  const [one, two] = (await cat(bucket, "workers")).map((row) => String(row.worker_id));
  const [apiId, idle] = (await cat(bucket, "jobs")).map((row) => String(row.job_id));
  const kv = await readKv(bucket);
  const bucketId = kv["maand/bucket"]!.bucket_id!;
  expect(idle).not.toBe(apiId);
  expect(kv).toEqual({
    "maand/bucket": { bucket_id: bucketId, jobs: "api,idle", activejobs: "api", http: "30000", peer: "7000" },
    "vars/bucket": { port_range: "30000,30009", domain: "example.com", ratio: "0.50", "a b": "true" },
    "maand/worker": {
      "certs/ca.crt": bucket.read("secrets/ca.crt"),
      db_workers: "10.0.0.2",
      db_workers_length: "1",
      db_0: "10.0.0.2",
      db_label_id: "d77d5e50-3ad1-339f-985a-c494268b351b",
      web_workers: "10.0.0.1,10.0.0.2",
      web_workers_length: "2",
      web_0: "10.0.0.1",
      web_1: "10.0.0.2",
      web_label_id: "2567a5ec-9705-3b7a-82c9-84033e06189d",
      worker_workers: "10.0.0.1,10.0.0.2",
      worker_workers_length: "2",
      worker_0: "10.0.0.1",
      worker_1: "10.0.0.2",
      worker_label_id: "b61822e8-357d-3aff-b7ea-accf348d9134",
    },
    "maand/worker/10.0.0.1": {
      worker_ip: "10.0.0.1",
      worker_id: one!,
      hostname: "one",
      position: "0",
      labels: "web,worker",
      worker_memory_mb: "8192",
      worker_cpu_mhz: "2500",
      jobs: "api",
      web_peers: "10.0.0.2",
      web_allocation_index: "0",
      worker_peers: "10.0.0.2",
      worker_allocation_index: "0",
    },
    "maand/worker/10.0.0.1/tags": { zone: "a", "rack.no": "7" },
    "maand/worker/10.0.0.2": {
      worker_ip: "10.0.0.2",
      worker_id: two!,
      // Without a name of its own a worker is known by its address.
      hostname: "10.0.0.2",
      position: "1",
      labels: "db,web,worker",
      jobs: "",
      db_peers: "",
      db_allocation_index: "0",
      web_peers: "10.0.0.1",
      web_allocation_index: "1",
      worker_peers: "10.0.0.1",
      worker_allocation_index: "1",
    },
    "maand/job/api": {
      name: "api",
      job_id: apiId!,
      job_name: "api",
      version: "2.1.0",
      selectors: "web,worker",
      workers: "10.0.0.1",
      workers_length: "1",
      worker_0: "10.0.0.1",
      rollout_order: "10.0.0.1",
      memory: "1024",
      min_memory_mb: "1024",
      max_memory_mb: "1024",
      port_http: "30000",
      port_peer: "7000",
    },
    "vars/bucket/job/api": { level: "debug", name: "the api", memory: "1 gb" },
    "maand/job/api/worker/10.0.0.1": {
      api_allocation_index: "0",
      peer_workers: "10.0.0.2",
      version: "2.1.0",
    },
    "maand/job/api/worker/10.0.0.2": {
      api_allocation_index: "1",
      peer_workers: "10.0.0.1",
      version: "2.1.0",
    },
  });
});

test("a tag is found both ways", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", tags: { zone: "a b" } }]);
  await build(bucket);
  for (const args of [
    ["maand/worker/10.0.0.1/tags", "zone"],
    ["maand/worker/10.0.0.1", "tags/zone"],
  ])
    expect((await bucket.maand("cat", "kv", "get", ...args)).stdout).toBe("a b\n");
});

test("what is no longer true is deleted, what stays true is not written again", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.1", labels: ["x"], tags: { zone: "a" } },
    { host: "10.0.0.2" },
  ]);
  writeBareJob(bucket, "gone", { selectors: ["worker"] }, { "vars.conf": 'a = "1"\n' });
  writeBareJob(bucket, "stays", { selectors: ["worker"] }, { "vars.conf": 'a = "1"\nb = "2"\n' });
  await build(bucket);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  bucket.remove("workspace/jobs/gone");
  bucket.write("workspace/jobs/stays/vars.conf", 'b = "3"\n');
  await build(bucket);
  const kv = await readKv(bucket);
  expect(Object.keys(kv).toSorted()).toEqual([
    "maand/bucket",
    "maand/job/stays",
    "maand/job/stays/worker/10.0.0.1",
    "maand/worker",
    "maand/worker/10.0.0.1",
    "vars/bucket",
    "vars/bucket/job/stays",
  ]);
  expect(kv["vars/bucket/job/stays"]).toEqual({ b: "3" });
  expect(Object.keys(kv["maand/worker"]!).filter((key) => key.startsWith("x"))).toEqual([]);
  const deleted = await cat(bucket, "kv", "--deleted");
  expect(deleted).toContainEqual({
    namespace: "vars/bucket/job/stays",
    key: "a",
    value: "",
    version: 2,
    deleted: true,
  });
  const versions = new Map(
    (await cat(bucket, "kv")).map((row) => [`${row.namespace} ${row.key}`, row.version]),
  );
  expect(versions.get("vars/bucket/job/stays b")).toBe(2);
  expect(versions.get("maand/job/stays name")).toBe(1);
  expect(versions.get("maand/job/stays workers")).toBe(2);
});

test("a key that comes back goes on counting its versions", async () => {
  bucket.write("workspace/bucket.conf", 'k = "1"\n');
  await build(bucket);
  bucket.write("workspace/bucket.conf", "");
  await build(bucket);
  bucket.write("workspace/bucket.conf", 'k = "1"\n');
  await build(bucket);
  expect((await cat(bucket, "kv")).find((row) => row.key === "k")).toMatchObject({
    value: "1",
    version: 3,
    deleted: false,
  });
});

test("build never deletes what hooks and operators wrote; --purge-secrets-kv does, of jobs that are allocated nowhere", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", labels: ["db"] }]);
  writeBareJob(bucket, "db", {});
  writeBareJob(bucket, "web", { selectors: ["worker"] });
  await build(bucket);
  put(
    { namespace: "vars/job/db", key: "primary", value: "10.0.0.1" },
    { namespace: "secrets/job/db", key: "password", value: "s3cret-of-db" },
    { namespace: "secrets/job/web", key: "token", value: "t0ken-of-web" },
    { namespace: "vars/job/never", key: "k", value: "v" },
  );
  // A worker relabelled by mistake must not cost a password.
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
  await build(bucket);
  bucket.remove("workspace/jobs/web");
  await build(bucket);
  expect(await revealed(bucket, "secrets/job/db", "password")).toBe("s3cret-of-db");
  expect(await revealed(bucket, "secrets/job/web", "token")).toBe("t0ken-of-web");
  // The purge spares what is allocated again.
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", labels: ["db"] }]);
  expect(await build(bucket, "--purge-secrets-kv")).toMatchObject({ changed: true, purged: 2 });
  const kv = await readKv(bucket);
  expect(kv["vars/job/db"]).toEqual({ primary: "10.0.0.1" });
  expect(kv["secrets/job/db"]).toEqual({ password: "***" });
  expect(kv["secrets/job/web"]).toBeUndefined();
  expect(kv["vars/job/never"]).toBeUndefined();
  expect(await build(bucket, "--purge-secrets-kv")).toMatchObject({ changed: false, purged: 0 });
});

test("rollout_order of a hook holds until the next build that changes the catalog", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "10.0.0.2" }]);
  writeBareJob(bucket, "r", { selectors: ["worker"] });
  await build(bucket);
  put({ namespace: "maand/job/r", key: "rollout_order", value: "10.0.0.2,10.0.0.1" });
  const order = async () => (await readKv(bucket))["maand/job/r"]!.rollout_order;
  expect(await build(bucket)).toMatchObject({ changed: false });
  expect(await order()).toBe("10.0.0.2,10.0.0.1");
  bucket.write("workspace/bucket.conf", 'other = "1"\n');
  expect(await build(bucket)).toMatchObject({ changed: true });
  expect(await order()).toBe("10.0.0.1,10.0.0.2");
});

test("cat kv --jobs lists exactly what the job may read", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", tags: { zone: "a" } }]);
  const hooks = { hook_up: { executed_on: ["cli"] } };
  for (const name of ["app", "db", "other"])
    writeBareJob(
      bucket,
      name,
      {
        version: "1",
        selectors: ["worker"],
        hooks:
          name === "app"
            ? { hook_up: { executed_on: ["cli"], demands: { job: "db", hook: "hook_up" } } }
            : hooks,
      },
      { "_hooks/hook_up.ts": "export {};\n", "vars.conf": 'v = "1"\n' },
    );
  await build(bucket);
  put(
    ...["app", "db", "other"].flatMap((job): KvChange[] => [
      { namespace: `vars/job/${job}`, key: "k", value: "v" },
      { namespace: `secrets/job/${job}`, key: "k", value: "v" },
    ]),
  );
  const shared = [
    "maand/bucket",
    "maand/worker",
    "maand/worker/10.0.0.1",
    "maand/worker/10.0.0.1/tags",
    "vars/bucket",
  ];
  const own = (job: string) => [
    `maand/job/${job}`,
    `maand/job/${job}/worker/10.0.0.1`,
    `secrets/job/${job}`,
    `vars/bucket/job/${job}`,
    `vars/job/${job}`,
  ];
  const readable = async (job: string) => Object.keys(await readKv(bucket, "--jobs", job)).toSorted();
  expect(await readable("app")).toEqual([...shared, ...own("app"), ...own("db")].toSorted());
  expect(await readable("db")).toEqual([...shared, ...own("db")].toSorted());
});
