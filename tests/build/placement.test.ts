// Identities, placement, soft removal and return, disabled allocations, through the executable.

import { beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, readKv, refusedBuild } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => clearWorkspace(bucket));

/** MD5 as a UUID of version 3, written once more from the contract and not from the code under test. */
function version3(text: string): string {
  const hex = createHash("md5").update(text).digest("hex").split("");
  hex[12] = "3";
  hex[16] = "89ab"[Number.parseInt(hex[16]!, 16) & 3]!;
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const randomUuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

async function allocations(): Promise<string[]> {
  return (await cat(bucket, "allocations")).map(
    (row) => `${row.job}@${row.worker_ip}${row.disabled ? " disabled" : ""}${row.removed ? " removed" : ""}`,
  );
}

test("bucket_id is random, jobs, allocations and labels have name-based ids", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", labels: ["Web"] }]);
  writeBareJob(bucket, "api", { selectors: ["web"] });
  await build(bucket);
  const [job] = await cat(bucket, "jobs");
  const [allocation] = await cat(bucket, "allocations");
  const kv = await readKv(bucket);
  expect(kv["maand/bucket"]!.bucket_id).toMatch(randomUuid);
  expect(job!.job_id).toBe(version3("api"));
  expect(allocation!.alloc_id).toBe(version3("api|10.0.0.1"));
  expect(kv["maand/worker"]!.web_label_id).toBe(version3("web"));
  // md5sum says b61822e8357dcaff77eaaccf348d9134 to "worker".
  expect(kv["maand/worker"]!.worker_label_id).toBe("b61822e8-357d-3aff-b7ea-accf348d9134");
});

test("a worker keeps its id while it stays, and gets another when it comes back", async () => {
  const two = [{ host: "10.0.0.1" }, { host: "10.0.0.2" }];
  bucket.write("workspace/workers.json", two);
  await build(bucket);
  const ids = async () =>
    new Map((await cat(bucket, "workers")).map((row) => [row.worker_ip, row.worker_id]));
  const first = await ids();
  expect(first.get("10.0.0.1")).toMatch(randomUuid);
  expect(first.get("10.0.0.1")).not.toBe(first.get("10.0.0.2"));
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", labels: ["new"], memory: 5 }]);
  await build(bucket);
  expect([...(await ids())]).toEqual([["10.0.0.1", first.get("10.0.0.1")]]);
  bucket.write("workspace/workers.json", two);
  await build(bucket);
  const third = await ids();
  expect(third.get("10.0.0.1")).toBe(first.get("10.0.0.1"));
  expect(third.get("10.0.0.2")).not.toBe(first.get("10.0.0.2"));
});

test("a job goes to every worker that carries all of its selectors, its own name when it declares none", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.1", labels: ["WEB", "ssd"] },
    { host: "10.0.0.2", labels: ["web"] },
    { host: "10.0.0.3", labels: ["named"] },
  ]);
  writeBareJob(bucket, "all", { selectors: ["worker"] });
  writeBareJob(bucket, "both", { selectors: [" Ssd", "weB"] });
  writeBareJob(bucket, "named", {});
  writeBareJob(bucket, "empty", { selectors: [] });
  const summary = await build(bucket);
  expect(summary).toMatchObject({ workers: 3, jobs: 4, allocations: 5, added: 5, removed: 0, disabled: 0 });
  expect((await allocations()).filter((line) => !line.endsWith("removed"))).toEqual([
    "all@10.0.0.1",
    "all@10.0.0.2",
    "all@10.0.0.3",
    "both@10.0.0.1",
    "named@10.0.0.3",
  ]);
});

test("what is gone is marked removed and comes back as the same allocation", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.1.0.1", labels: ["r"] },
    { host: "10.1.0.2", labels: ["r"] },
  ]);
  writeBareJob(bucket, "red", { selectors: ["r"] });
  await build(bucket);
  const mine = async () =>
    (await cat(bucket, "allocations", "--jobs", "red")).map(({ alloc_id, removed }) => [alloc_id, removed]);
  const ids = (await mine()).map(([id]) => id);
  expect(ids).toHaveLength(2);
  // A label that goes.
  bucket.write("workspace/workers.json", [{ host: "10.1.0.1", labels: ["r"] }, { host: "10.1.0.2" }]);
  expect(await build(bucket)).toMatchObject({ changed: true, allocations: 1, added: 0, removed: 1 });
  expect(await mine()).toEqual([
    [ids[0], false],
    [ids[1], true],
  ]);
  // A worker that goes.
  bucket.write("workspace/workers.json", [{ host: "10.1.0.2", labels: ["r"] }]);
  expect(await build(bucket)).toMatchObject({ workers: 1, allocations: 1, added: 1, removed: 1 });
  expect(await mine()).toEqual([
    [ids[1], false],
    [ids[0], true],
  ]);
  expect((await cat(bucket, "workers")).map((row) => row.worker_ip)).toEqual(["10.1.0.2"]);
  // The job that goes, and all that comes back.
  bucket.remove("workspace/jobs/red");
  expect(await build(bucket)).toMatchObject({ jobs: 0, allocations: 0, removed: 1 });
  writeBareJob(bucket, "red", { selectors: ["r"] });
  bucket.write("workspace/workers.json", [
    { host: "10.1.0.1", labels: ["r"] },
    { host: "10.1.0.2", labels: ["r"] },
  ]);
  expect(await build(bucket)).toMatchObject({ jobs: 1, allocations: 2, added: 2, removed: 0 });
  expect(await mine()).toEqual([
    [ids[0], false],
    [ids[1], false],
  ]);
});

test("disabled.json is followed at every build: whole jobs, some allocations, whole workers", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.2.0.1" }, { host: "10.2.0.2" }, { host: "10.2.0.3" }]);
  for (const name of ["a", "b", "c"]) writeBareJob(bucket, name, { selectors: ["worker"] });
  bucket.write("workspace/disabled.json", {
    jobs: { a: {}, b: { allocations: ["10.2.0.2"] } },
    workers: ["10.2.0.3"],
  });
  expect(await build(bucket)).toMatchObject({ allocations: 9, disabled: 6 });
  const live = async () => (await allocations()).filter((line) => !line.includes("removed"));
  expect(await live()).toEqual([
    "a@10.2.0.1 disabled",
    "a@10.2.0.2 disabled",
    "a@10.2.0.3 disabled",
    "b@10.2.0.1",
    "b@10.2.0.2 disabled",
    "b@10.2.0.3 disabled",
    "c@10.2.0.1",
    "c@10.2.0.2",
    "c@10.2.0.3 disabled",
  ]);
  expect((await cat(bucket, "jobs")).map((row) => [row.name, row.disabled])).toEqual([
    ["a", true],
    ["b", false],
    ["c", false],
  ]);
  // Active is neither removed nor disabled: that is what the KV lists.
  const kv = await readKv(bucket);
  expect(kv["maand/bucket"]).toMatchObject({ jobs: "a,b,c", activejobs: "b,c" });
  expect(kv["maand/job/b"]).toMatchObject({
    workers: "10.2.0.1",
    workers_length: "1",
    rollout_order: "10.2.0.1",
  });
  expect(kv["maand/job/b/worker/10.2.0.3"]).toMatchObject({
    b_allocation_index: "2",
    peer_workers: "10.2.0.1,10.2.0.2",
  });
  expect(kv["maand/worker/10.2.0.2"]!.jobs).toBe("c");
  bucket.remove("workspace/disabled.json");
  expect(await build(bucket)).toMatchObject({ changed: true, disabled: 0, added: 0 });
  expect((await live()).some((line) => line.includes("disabled"))).toBe(false);
});

test("a name that disabled.json does not find is a warning", async () => {
  bucket.write("workspace/disabled.json", { jobs: { gone: {} }, workers: ["10.9.9.9"] });
  const { warnings } = await build(bucket);
  expect(warnings.map((warning) => warning.what)).toEqual([
    'there is no job "gone", so this line has no effect',
    'there is no worker "10.9.9.9", so this line has no effect',
  ]);
});

test("position is the index or what the row says, and decides the order of everything", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.3.0.1" },
    { host: "10.3.0.2" },
    { host: "10.3.0.3", position: 0 },
    { host: "10.3.0.4" },
  ]);
  writeBareJob(bucket, "p", { selectors: ["worker"] });
  await build(bucket);
  const order = ["10.3.0.3", "10.3.0.1", "10.3.0.2", "10.3.0.4"];
  expect((await cat(bucket, "workers")).map((row) => row.worker_ip)).toEqual(order);
  expect((await cat(bucket, "allocations", "--jobs", "p")).map((row) => row.worker_ip)).toEqual(order);
  const kv = await readKv(bucket);
  expect(kv["maand/job/p"]!.rollout_order).toBe(order.join(","));
  expect(kv["maand/worker"]!.worker_workers).toBe(order.join(","));
  expect(order.map((ip) => kv[`maand/worker/${ip}`]!.position)).toEqual(["0", "0", "1", "3"]);
  expect(order.map((ip) => kv[`maand/job/p/worker/${ip}`]!.p_allocation_index)).toEqual(["0", "1", "2", "3"]);
});

test("min_allocations_count counts what is not removed, disabled ones too", async () => {
  bucket.write("workspace/workers.json", [{ host: "10.4.0.1" }, { host: "10.4.0.2" }]);
  bucket.write("workspace/disabled.json", { workers: ["10.4.0.1"] });
  writeBareJob(bucket, "m", { selectors: ["worker"], min_allocations_count: 2 });
  expect(await build(bucket)).toMatchObject({ allocations: 2 });
  bucket.write("workspace/workers.json", [{ host: "10.4.0.2" }]);
  expect(await refusedBuild(bucket)).toEqual([
    'workspace/jobs/m/manifest.json:5:28: job "m" is allocated to 1 of at least 2 workers (selectors worker); label more workers in workspace/workers.json or lower min_allocations_count',
  ]);
  // Nothing of a refused build is kept.
  expect((await cat(bucket, "workers")).map((row) => row.worker_ip)).toEqual(["10.4.0.1", "10.4.0.2"]);
});

test("host names and IPv6 addresses are workers like others", async () => {
  bucket.write("workspace/workers.json", [
    { host: "db-1.example.com", tags: { zone: "a" } },
    { host: "fd00::5" },
  ]);
  writeBareJob(bucket, "v", { selectors: ["worker"] });
  await build(bucket);
  const kv = await readKv(bucket);
  expect(kv["maand/job/v"]!.workers).toBe("db-1.example.com,fd00::5");
  expect(kv["maand/worker/fd00::5"]!.worker_ip).toBe("fd00::5");
  expect((await cat(bucket, "allocations", "--jobs", "v")).map((row) => row.zone)).toEqual(["a", null]);
});
