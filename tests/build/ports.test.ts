// Port numbers: fixed, from the pool, stable, swapped, exhausted, ambiguous, through the executable.

import { beforeEach, expect, test } from "bun:test";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, portsOf, readKv, refusedBuild } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(async () => {
  clearWorkspace(bucket);
  // Numbers of the last test are free again.
  await build(bucket);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }]);
});

const job = (name: string, ports: Record<string, object | number>) =>
  writeBareJob(bucket, name, { selectors: ["worker"], resources: { ports } });

const allPorts = async () =>
  (await cat(bucket, "ports")).map((row) => `${row.job}.${row.name} ${row.port} ${row.source}`);

test("fixed ports keep the manifest's number, {} takes the lowest free ones by job and name", async () => {
  job("b", { http: {}, admin: {} });
  job("a", { z: {}, fixed: 30_001 });
  await build(bucket);
  expect(await allPorts()).toEqual([
    "a.fixed 30001 fixed",
    "a.z 30000 pool",
    "b.admin 30002 pool",
    "b.http 30003 pool",
  ]);
  const kv = await readKv(bucket);
  expect(kv["maand/job/a"]).toMatchObject({ port_fixed: "30001", port_z: "30000" });
  expect(kv["maand/bucket"]).toMatchObject({ fixed: "30001", z: "30000", admin: "30002", http: "30003" });
});

test("the same workspace gives the same numbers, in whatever order its jobs came", async () => {
  job("m", { http: {} });
  await build(bucket);
  job("a", { x: {} });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.x 30001 pool", "m.http 30000 pool"]);
  bucket.remove("workspace/jobs");
  await build(bucket);
  job("m", { http: {} });
  job("a", { x: {} });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.x 30000 pool", "m.http 30001 pool"]);
});

test("a number stays while it is inside of the pool and nobody else holds it", async () => {
  job("a", { http: {} });
  job("b", { http: {} });
  await build(bucket);
  job("a0", { http: {} });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 30000 pool", "a0.http 30002 pool", "b.http 30001 pool"]);
  // The pool moves: what is still inside stays.
  bucket.write("workspace/bucket.conf", 'port_range = "30001,30009"\n');
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 30003 pool", "a0.http 30002 pool", "b.http 30001 pool"]);
  // Somebody fixes the number: the pool port gives way.
  job("c", { http: 30_002 });
  await build(bucket);
  expect(await portsOf(bucket, "a0")).toEqual(["http 30004 pool"]);
  expect(await portsOf(bucket, "c")).toEqual(["http 30002 fixed"]);
  // The pool shrinks from above.
  bucket.write("workspace/bucket.conf", 'port_range = "29999,30003"\n');
  await build(bucket);
  expect(await allPorts()).toEqual([
    "a.http 30003 pool",
    "a0.http 29999 pool",
    "b.http 30001 pool",
    "c.http 30002 fixed",
  ]);
});

test("numbers of jobs that leave in this build are free in it", async () => {
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30000"\n');
  job("old", { http: {} });
  await build(bucket);
  bucket.remove("workspace/jobs/old");
  job("new", { http: {} });
  await build(bucket);
  expect(await allPorts()).toEqual(["new.http 30000 pool"]);
});

test("two jobs swap numbers in one build: fixed with fixed, and fixed with pool", async () => {
  job("a", { http: 8001 });
  job("b", { http: 8002 });
  await build(bucket);
  job("a", { http: 8002 });
  job("b", { http: 8001 });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 8002 fixed", "b.http 8001 fixed"]);
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30001"\n');
  job("a", { http: 30_000 });
  job("b", { http: {} });
  await build(bucket);
  job("a", { http: {} });
  job("b", { http: 30_000 });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 30001 pool", "b.http 30000 fixed"]);
});

test("a fixed number that becomes {} is kept when it lies inside of the pool", async () => {
  job("a", { http: 30_500 });
  await build(bucket);
  job("a", { http: {} });
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 30500 pool"]);
});

test("a clash names both sides, in one job as between two", async () => {
  job("a", { http: 8080, other: 8080 });
  job("b", { web: 8080 });
  const hint = "give one of them another number, or {} for one from the pool";
  expect(await refusedBuild(bucket)).toEqual([
    `workspace/jobs/a/manifest.json:8:16: port 8080 of a.other is already the fixed port of a.http; ${hint}`,
    `workspace/jobs/b/manifest.json:7:14: port 8080 of b.web is already the fixed port of a.http; ${hint}`,
  ]);
});

test("an exhausted pool names who is left out and who holds it", async () => {
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30001"\n');
  job("a", { x: {}, y: 30_000 });
  job("b", { x: {} });
  expect(await refusedBuild(bucket)).toEqual([
    "workspace/jobs/b/manifest.json:7:12: no number is left for port b.x: the pool 30000,30001 is taken by a.y (30000), a.x (30001); widen port_range in workspace/bucket.conf",
  ]);
});

test("a long list of holders is cut", async () => {
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30009"\n');
  job("a", Object.fromEntries([..."abcdefghijk"].map((name) => [name, {}])));
  const [line] = await refusedBuild(bucket);
  expect(line).toContain("port a.k: the pool 30000,30009 is taken by a.a (30000), a.b (30001)");
  expect(line).toContain("a.h (30007) and 2 more;");
});

test("without a pool a port of the pool is refused; the older spelling of the pool works", async () => {
  job("a", { http: {} });
  bucket.write("workspace/bucket.conf", "");
  expect(await refusedBuild(bucket)).toEqual([
    'workspace/jobs/a/manifest.json:7:15: port a.http is to come from the pool, but there is no pool; set port_range = "30000,39999" in workspace/bucket.conf, or give the port a number',
  ]);
  bucket.write("workspace/bucket.conf", "port_min = 4000\nport_max = 4009\n");
  await build(bucket);
  expect(await allPorts()).toEqual(["a.http 4000 pool"]);
  expect((await readKv(bucket))["vars/bucket"]).toEqual({ port_min: "4000", port_max: "4009" });
});

test("a name that several jobs use has no flat key, and build warns and names them", async () => {
  job("a", { http: {}, only: {} });
  job("b", { http: {} });
  job("c", { http: {}, jobs: {} });
  const { warnings } = await build(bucket);
  expect(warnings.map((warning) => warning.what)).toEqual([
    'port name "http" is used by a and b and c, so maand/bucket has no key "http"',
    'port name "jobs" is also a key of maand/bucket, so it has no flat key there',
  ]);
  const kv = await readKv(bucket);
  expect(kv["maand/bucket"]!.http).toBeUndefined();
  expect(kv["maand/bucket"]!.only).toBe(kv["maand/job/a"]!.port_only!);
  expect(kv["maand/bucket"]!.jobs).toBe("a,b,c");
  expect(kv["maand/job/c"]!.port_jobs).toMatch(/^3000\d$/);
});

test("a job without an active allocation has no flat key, and keeps its numbers", async () => {
  job("a", { http: {} });
  await build(bucket);
  bucket.write("workspace/disabled.json", { jobs: { a: {} } });
  await build(bucket);
  const kv = await readKv(bucket);
  expect(kv["maand/bucket"]!.http).toBeUndefined();
  expect(kv["maand/job/a"]!.port_http).toBe("30000");
});
