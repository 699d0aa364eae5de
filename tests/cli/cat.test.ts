// maand cat and info on a bucket that was built: columns, filters, JSON, secrets.

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { openCatalog } from "../../src/catalog/open.ts";
import { cipherFromFile } from "../../src/kv/cipher.ts";
import { openKv } from "../../src/kv/store.ts";
import { writeBareJob } from "../support/builders/jobs.ts";
import { maand } from "../support/maand.ts";
import { useBuckets, useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();
const newBucket = useBuckets();

/** Columns of every table: what scripts read must stay. */
const columns = {
  workers: "worker_id worker_ip zone position memory_mb cpu_mhz labels",
  jobs: "job_id name version disabled deployment_seq selectors allocations",
  allocations: "alloc_id worker_ip zone job disabled removed deployment_seq",
  deployments:
    "job worker_ip current_version new_version current_hash previous_hash post_deploy_status rollout",
  hooks: "job hook executed_on demand_job demand_hook demand_config",
  ports: "job name port source",
  certs: "scope job worker cert common_name not_after days_left status",
  kv: "namespace key value version deleted",
};

type Rows = Record<string, unknown>[];

async function rowsOf(name: string, ...flags: string[]): Promise<Rows> {
  const { code, json } = await bucket.maandJson<Record<string, Rows>>("cat", name, ...flags);
  expect(code).toBe(0);
  return json[name]!;
}

function putKeys(changes: { namespace: string; key: string; value?: string }[]): void {
  const catalog = openCatalog(bucket.path("data/maand.db"));
  openKv(catalog, cipherFromFile(bucket.path("secrets/kv.key"))).apply(changes, 0);
  catalog.close();
}

beforeAll(async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.9.0.1", labels: ["web"], memory: "2 gb", cpu: "2 ghz", tags: { zone: "a", rack: "r 1" } },
    { host: "10.9.0.2", labels: ["web", "db"] },
    { host: "10.9.0.3", labels: ["old"] },
  ]);
  bucket.write("workspace/disabled.json", { jobs: { api: { allocations: ["10.9.0.2"] } } });
  const job = (name: string, manifest: object) => writeBareJob(bucket, name, manifest);
  job("db", {
    version: "2.1",
    hooks: { hook_init: { executed_on: ["cli"] } },
    resources: { ports: { sql: 5432 } },
  });
  bucket.write("workspace/jobs/db/_hooks/hook_init.py", "");
  job("api", {
    version: "1.0.0",
    selectors: ["WEB"],
    resources: { ports: { http: {} } },
    certs: {
      own: { subject: { common_name: "own" }, key: "ecdsa-p256" },
      shared: { subject: { common_name: "shared" }, key: "ecdsa-p256", one: true },
    },
    hooks: {
      hook_up: {
        executed_on: ["pre_deploy", "cli"],
        demands: { job: "db", hook: "hook_init", config: { min_version: 2 } },
      },
    },
  });
  bucket.write("workspace/jobs/api/_hooks/hook_up.py", "");
  job("gone", { selectors: ["old"] });
  job("other", { selectors: ["old"] });
  expect((await bucket.maand("build")).code).toBe(0);
  bucket.remove("workspace/jobs/gone");
  expect((await bucket.maand("build")).code).toBe(0);
  putKeys([
    { namespace: "secrets/job/db", key: "password", value: "hunter2" },
    { namespace: "secrets/job/other", key: "password", value: "hunter3" },
    { namespace: "vars/job/api", key: "gone", value: "x" },
    { namespace: "vars/job/api", key: "lines", value: "one\ntwo\x1b[2J\n" },
  ]);
  putKeys([{ namespace: "vars/job/api", key: "gone" }]);
});

test.each(Object.entries(columns))("cat %s has its columns, as text and in JSON", async (name, wanted) => {
  const text = await bucket.maand("cat", name);
  expect(text.code).toBe(0);
  expect(text.stderr).toBe("");
  expect(text.stdout.split("\n")[0]!.split(/\s+/).join(" ")).toBe(wanted);
  const rows = await rowsOf(name);
  expect(rows.length).toBeGreaterThan(0);
  expect(text.stdout.trimEnd().split("\n")).toHaveLength(rows.length + 1);
  for (const row of rows) expect(Object.keys(row).join(" ")).toBe(wanted);
});

test("an empty bucket gives empty tables and exit code 0", async () => {
  const empty = await newBucket();
  for (const name of Object.keys(columns)) {
    const { code, json } = await empty.maandJson<Record<string, Rows>>("cat", name);
    expect(code).toBe(0);
    if (name !== "certs") expect(json[name]).toEqual([]);
  }
});

test("workers and jobs", async () => {
  const workers = await rowsOf("workers");
  expect(workers[0]).toMatchObject({
    worker_ip: "10.9.0.1",
    zone: "a",
    position: 0,
    memory_mb: 2048,
    cpu_mhz: 2000,
    labels: ["web", "worker"],
  });
  expect(workers[1]).toMatchObject({ zone: null, memory_mb: null, labels: ["db", "web", "worker"] });
  expect((await bucket.maand("cat", "workers")).stdout).toContain("web,worker");
  const jobs = await rowsOf("jobs");
  expect(
    jobs.map((job) => [job.name, job.version, job.deployment_seq, job.allocations, job.disabled]),
  ).toEqual([
    ["api", "1.0.0", 1, 2, false],
    ["db", "2.1.0", 0, 1, false],
    ["other", "0.0.0", 0, 1, false],
  ]);
  expect(jobs[0]!.selectors).toEqual(["web"]);
});

test("allocations, and their filters", async () => {
  const of = (rows: Rows) => rows.map((row) => [row.job, row.worker_ip, row.disabled, row.removed]);
  expect(of(await rowsOf("allocations"))).toEqual([
    ["api", "10.9.0.1", false, false],
    ["api", "10.9.0.2", true, false],
    ["db", "10.9.0.2", false, false],
    ["gone", "10.9.0.3", false, true],
    ["other", "10.9.0.3", false, false],
  ]);
  expect(of(await rowsOf("allocations", "--jobs", "api,gone", "--workers", "10.9.0.2,10.9.0.3"))).toEqual([
    ["api", "10.9.0.2", true, false],
    ["gone", "10.9.0.3", false, true],
  ]);
});

test.each([
  ["allocations", "--jobs", "aip", 'did you mean "api"?'],
  ["allocations", "--workers", "10.9.0.9", 'did you mean "10.9.0.1"?'],
  ["deployments", "--jobs", "dbb", 'did you mean "db"?'],
  ["deployments", "--workers", "10.9.0.22", 'did you mean "10.9.0.2"?'],
  ["hooks", "--jobs", "nothing-like-it", "known are api, db, gone, other"],
  ["ports", "--jobs", "ap", 'did you mean "api"?'],
  ["certs", "--jobs", "apj", 'did you mean "api"?'],
  ["kv", "--jobs", "apix", 'did you mean "api"?'],
])("cat %s %s %s: exit 2 and a suggestion", async (name, flag, value, suggestion) => {
  const { code, json } = await bucket.maandJson<{ ok: boolean; error: { hint: string } }>(
    "cat",
    name,
    flag,
    value,
  );
  expect(code).toBe(2);
  expect(json.ok).toBe(false);
  expect(json.error.hint).toContain(suggestion);
});

test("deployments before the first deploy", async () => {
  const rows = await rowsOf("deployments");
  expect(rows.map((row) => [row.job, row.worker_ip, row.rollout])).toEqual([
    ["api", "10.9.0.1", "new"],
    ["api", "10.9.0.2", "disabled_restart"],
    ["db", "10.9.0.2", "new"],
    ["gone", "10.9.0.3", "removed"],
    ["other", "10.9.0.3", "new"],
  ]);
  expect(rows[2]).toMatchObject({
    current_version: "0.0.0",
    new_version: "2.1.0",
    previous_hash: null,
    post_deploy_status: null,
  });
  expect(rows[2]!.current_hash).toMatch(/^[0-9a-f]{64}$/);
  expect((await bucket.maand("cat", "deployments")).stdout).toContain(String(rows[2]!.current_hash));
  expect((await rowsOf("deployments", "--active")).map((row) => row.job)).toEqual(["api", "db", "other"]);
  expect(await rowsOf("deployments", "--jobs", "db", "--workers", "10.9.0.1")).toEqual([]);
});

test("a job that cannot be rendered is still listed, with a warning", async () => {
  const broken = await newBucket();
  broken.write("workspace/workers.json", [{ host: "10.9.0.1" }]);
  broken.write("workspace/jobs/web/manifest.json", { selectors: ["worker"] });
  broken.write("workspace/jobs/web/Makefile.tpl", '{{ getSecret "later" }}\n');
  await broken.maand("build");
  const { json, stderr } = await broken.maandJson<Record<string, Rows>>("cat", "deployments");
  expect(json.deployments).toMatchObject([{ job: "web", current_hash: null, rollout: "new" }]);
  expect(stderr).toContain('job "web" cannot be rendered');
});

test("hooks and ports", async () => {
  expect(await rowsOf("hooks", "--jobs", "api")).toEqual([
    {
      job: "api",
      hook: "hook_up",
      executed_on: ["pre_deploy", "cli"],
      demand_job: "db",
      demand_hook: "hook_init",
      demand_config: { min_version: 2 },
    },
  ]);
  const text = await bucket.maand("cat", "hooks");
  expect(text.stdout).toContain('pre_deploy,cli  db          hook_init    {"min_version":2}');
  expect(await rowsOf("ports")).toEqual([
    { job: "api", name: "http", port: 30000, source: "pool" },
    { job: "db", name: "sql", port: 5432, source: "fixed" },
  ]);
});

test("certs: the CA unless filtered, one row per own pair, one for a shared one", async () => {
  const of = (rows: Rows) =>
    rows.map((row) => [row.scope, row.job, row.worker, row.cert, row.common_name, row.status]);
  const all = await rowsOf("certs");
  expect(of(all)).toEqual([
    ["ca", null, null, "ca", all[0]!.common_name, "ok"],
    ["allocation", "api", "10.9.0.1", "own", "own", "ok"],
    ["allocation", "api", "10.9.0.2", "own", "own", "ok"],
    ["job", "api", null, "shared", "shared", "ok"],
  ]);
  expect(all[1]!.days_left).toBe(59);
  expect(of(await rowsOf("certs", "--workers", "10.9.0.2"))).toEqual([
    ["allocation", "api", "10.9.0.2", "own", "own", "ok"],
    ["job", "api", null, "shared", "shared", "ok"],
  ]);
  expect(await rowsOf("certs", "--jobs", "db")).toEqual([]);
});

test("cat kv: live and deleted keys, whole values, secrets hidden", async () => {
  const all = await rowsOf("kv");
  const key = (rows: Rows, namespace: string, name: string) =>
    rows.find((row) => row.namespace === namespace && row.key === name);
  expect(key(all, "secrets/job/db", "password")).toMatchObject({ value: "***", version: 1, deleted: false });
  expect(key(all, "maand/job/api/worker/10.9.0.1", "certs/own.key")).toMatchObject({ value: "***" });
  expect(key(all, "vars/job/api", "gone")).toMatchObject({ value: "", version: 2, deleted: true });
  const ca = bucket.read("secrets/ca.crt");
  expect(key(all, "maand/worker", "certs/ca.crt")!.value).toBe(ca);
  const text = (await bucket.maand("cat", "kv")).stdout;
  expect(text).toContain(ca.replaceAll("\n", "\\n"));
  expect(text).not.toContain("hunter");
  expect(text).not.toContain("PRIVATE KEY");
  expect(text).not.toContain("\x1b");
  expect((await rowsOf("kv", "--active")).some((row) => row.deleted)).toBe(false);
  const deleted = await rowsOf("kv", "--deleted");
  expect(deleted.length).toBeGreaterThan(0);
  expect(deleted.every((row) => row.deleted)).toBe(true);
  expect((await bucket.maand("cat", "kv", "--active", "--deleted")).code).toBe(2);
});

test("cat kv --jobs lists what the job may read, of what it demands too", async () => {
  const namespaces = async (jobs: string) =>
    new Set((await rowsOf("kv", "--jobs", jobs)).map((row) => row.namespace));
  const db = await namespaces("db");
  expect(db.has("maand/bucket")).toBe(true);
  expect(db.has("maand/worker/10.9.0.1/tags")).toBe(true);
  expect(db.has("secrets/job/db")).toBe(true);
  expect([...db].filter((name) => String(name).includes("/api"))).toEqual([]);
  expect([...db].filter((name) => String(name).includes("/other"))).toEqual([]);
  const api = await namespaces("api");
  expect(api.has("maand/job/db/worker/10.9.0.2")).toBe(true);
  expect(api.has("secrets/job/db")).toBe(true);
  expect(api.has("secrets/job/other")).toBe(false);
  expect((await namespaces("db,other")).has("secrets/job/other")).toBe(true);
});

test("cat kv get: the bare value and a newline", async () => {
  const get = (...args: string[]) => bucket.maand("cat", "kv", "get", ...args);
  expect(await get("maand/job/api", "port_http")).toMatchObject({ code: 0, stdout: "30000\n", stderr: "" });
  for (const args of [
    ["maand/worker/10.9.0.1/tags", "rack"],
    ["maand/worker/10.9.0.1", "tags/rack"],
    ["maand/worker", "10.9.0.1/tags/rack"],
  ])
    expect((await get(...args)).stdout).toBe("r 1\n");
  expect((await get("maand/worker", "certs/ca.crt")).stdout).toBe(`${bucket.read("secrets/ca.crt")}\n`);
  expect((await get("vars/job/api", "lines")).stdout).toBe("one\ntwo\x1b[2J\n\n");
  const { json } = await bucket.maandJson("cat", "kv", "get", "maand/job/api", "port_http");
  expect(json).toMatchObject({ ok: true, namespace: "maand/job/api", key: "port_http", value: "30000" });
});

test("cat kv get of a namespace: its keys and values", async () => {
  const worker = await bucket.maand("cat", "kv", "get", "maand/worker", "10.9.0.1");
  expect(worker.code).toBe(0);
  expect(worker.stdout).toMatch(/^worker_ip +10\.9\.0\.1$/m);
  expect((await bucket.maand("cat", "kv", "get", "maand/worker/10.9.0.1", "tags")).stdout).toMatch(
    /^zone +a$/m,
  );
  const { json } = await bucket.maandJson<{ kv: Rows }>("cat", "kv", "get", "secrets/job", "db");
  expect(json.kv).toMatchObject([{ namespace: "secrets/job/db", key: "password", value: "***" }]);
});

test("cat kv get of a secret hides it, says how to see it, and shows it when told to", async () => {
  const get = (...args: string[]) => bucket.maand("cat", "kv", "get", "secrets/job/db", "password", ...args);
  const hidden = await get();
  expect(hidden).toMatchObject({ code: 0, stdout: "***\n" });
  expect(hidden.stderr).toContain("--reveal");
  expect(await get("--reveal")).toMatchObject({ code: 0, stdout: "hunter2\n", stderr: "" });
  const json = await bucket.maandJson("cat", "kv", "get", "secrets/job/db", "password");
  expect(json.stdout + json.stderr).not.toContain("hunter2");
  expect(json.json).toMatchObject({ value: "***", hidden: true });
  const shown = await bucket.maandJson("cat", "kv", "get", "secrets/job/db", "password", "--reveal");
  expect(shown.json).toMatchObject({ value: "hunter2", hidden: false });
  const all = await bucket.maandJson<{ kv: Rows }>("cat", "kv", "get", "secrets/job", "db", "--reveal");
  expect(all.json.kv).toMatchObject([{ value: "hunter2" }]);
});

test.each([
  ["maand/job/api", "port_htp", 'did you mean "port_http"?'],
  ["maand/job/apo", "version", 'did you mean "maand/job/api"?'],
  ["vars/job/api", "gone", "maand cat kv --deleted lists deleted keys"],
])("cat kv get %s %s: exit 1, and what to do", async (namespace, key, hint) => {
  const { code, json } = await bucket.maandJson<{ error: { kind: string; hint: string } }>(
    "cat",
    "kv",
    "get",
    namespace,
    key,
  );
  expect(code).toBe(1);
  expect(json.error).toMatchObject({ kind: "not_found", hint });
});

test("info counts", async () => {
  const { json } = await bucket.maandJson("info");
  expect(json).toMatchObject({
    ok: true,
    bucket: bucket.dir,
    update_seq: 0,
    workers: 3,
    jobs: 3,
    allocations: { active: 3, disabled: 1, removed: 1 },
    last_deploy: null,
  });
  expect((await bucket.maand("info")).stdout).toMatch(/^allocations +3 active, 1 disabled, 1 removed$/m);
});

test("reading goes on beside a writer, and from below the bucket", async () => {
  const holder = new Database(bucket.path("data/lock.db"), { create: true });
  holder.run("BEGIN EXCLUSIVE");
  expect((await bucket.maand("cat", "jobs")).code).toBe(0);
  expect((await bucket.maand("info")).code).toBe(0);
  expect((await bucket.maand("build")).code).toBe(3);
  holder.close();
  expect((await maand(["cat", "jobs"], { cwd: join(bucket.dir, "workspace/jobs/api") })).code).toBe(0);
});
