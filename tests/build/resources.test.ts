// Reservations, bounds and capacity, through the executable.

import { beforeEach, expect, test } from "bun:test";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, clearWorkspace, readKv, refusedBuild } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => {
  clearWorkspace(bucket);
  setSelector("");
});

function setSelector(selector: string): void {
  bucket.write("maand.conf", `job_config_selector = "${selector}"\n`);
}

function worker(memory: string | number, cpu: string | number): void {
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", memory, cpu }]);
}

const reserving = (memory?: object, cpu?: object) => ({
  selectors: ["worker"],
  resources: { ...(memory === undefined ? {} : { memory }), ...(cpu === undefined ? {} : { cpu }) },
});

const raise =
  'lower a reservation in workspace/bucket.jobs.conf or a manifest, move or disable a job, or raise the worker\'s "memory" if it has more';

test("the manifest's max is the reservation, and max defaults to min", async () => {
  worker("4 GB", "3.5 ghz");
  writeBareJob(bucket, "a", reserving({ min: "256 mb", max: "1 gb" }, { min: "200 mhz", max: "0.5 GHz" }));
  writeBareJob(bucket, "b", reserving({ min: "1.5 gb" }, { min: 300 }));
  writeBareJob(bucket, "c", reserving());
  await build(bucket);
  const kv = await readKv(bucket);
  expect(kv["maand/worker/10.0.0.1"]).toMatchObject({ worker_memory_mb: "4096", worker_cpu_mhz: "3500" });
  expect(kv["maand/job/a"]).toMatchObject({
    memory: "1024",
    min_memory_mb: "256",
    max_memory_mb: "1024",
    cpu: "500",
    min_cpu_mhz: "200",
    max_cpu_mhz: "500",
  });
  expect(kv["maand/job/b"]).toMatchObject({
    memory: "1536",
    min_memory_mb: "1536",
    max_memory_mb: "1536",
    cpu: "300",
    min_cpu_mhz: "300",
    max_cpu_mhz: "300",
  });
  const keys = Object.keys(kv["maand/job/c"]!);
  expect(keys.filter((key) => /memory|cpu/.test(key))).toEqual([]);
});

test("bucket.jobs.conf decides within the manifest's bounds, and sets both bounds where there are none", async () => {
  worker(8192, 8000);
  writeBareJob(bucket, "a", reserving({ min: "256 mb", max: "1 gb" }, { min: 100, max: 500 }));
  writeBareJob(bucket, "free", reserving());
  bucket.write("workspace/bucket.jobs.conf", '[a]\nmemory = "512 mb"\ncpu = 100\n[free]\nmemory = "2 gb"\n');
  await build(bucket);
  const kv = await readKv(bucket);
  expect(kv["maand/job/a"]).toMatchObject({
    memory: "512",
    min_memory_mb: "256",
    max_memory_mb: "1024",
    cpu: "100",
  });
  expect(kv["maand/job/free"]).toMatchObject({
    memory: "2048",
    min_memory_mb: "2048",
    max_memory_mb: "2048",
  });
  expect(kv["vars/bucket/job/a"]).toEqual({ memory: "512 mb", cpu: "100" });
});

test("a reservation outside of the bounds is refused on either side", async () => {
  worker(8192, 8000);
  writeBareJob(bucket, "a", reserving({ min: 256, max: 1024 }, { min: 100, max: 500 }));
  bucket.write("workspace/bucket.jobs.conf", '[a]\nmemory = "2 gb"\ncpu = "0.05 ghz"\n');
  expect(await refusedBuild(bucket)).toEqual([
    'workspace/bucket.jobs.conf:2:10: memory of job "a" is 2048 mb, outside the manifest\'s 256 to 1024 mb; choose a value in that range or change resources.memory in workspace/jobs/a/manifest.json',
    'workspace/bucket.jobs.conf:3:7: cpu of job "a" is 50 mhz, outside the manifest\'s 100 to 500 mhz; choose a value in that range or change resources.cpu in workspace/jobs/a/manifest.json',
  ]);
});

test("job_config_selector picks exactly one file", async () => {
  worker(8192, 8000);
  writeBareJob(bucket, "a", reserving({ min: 256, max: 1024 }));
  bucket.write("workspace/bucket.jobs.conf", '[a]\nmemory = 300\nlog = "here"\n');
  bucket.write("workspace/bucket.jobs.prod.conf", '[a]\nmemory = 900\nregion = "eu"\n');
  await build(bucket);
  expect((await readKv(bucket))["vars/bucket/job/a"]).toEqual({ memory: "300", log: "here" });
  setSelector("prod");
  await build(bucket);
  const kv = await readKv(bucket);
  expect(kv["vars/bucket/job/a"]).toEqual({ memory: "900", region: "eu" });
  expect(kv["maand/job/a"]!.memory).toBe("900");
  setSelector("prd");
  expect(await refusedBuild(bucket)).toEqual([
    'workspace/bucket.jobs.prd.conf: the file is missing, but job_config_selector = "prd" in maand.conf selects it; create it, or change job_config_selector: did you mean "prod"?',
  ]);
  bucket.remove("workspace/bucket.jobs.prod.conf");
});

test("the sum over active allocations must fit; the message shows worker, available, required and its parts", async () => {
  worker("1000 mb", "900 mhz");
  writeBareJob(bucket, "a", reserving({ min: 1, max: 600 }, { min: 400 }));
  writeBareJob(bucket, "b", reserving({ min: 1, max: 500 }, { min: 500 }));
  expect(await refusedBuild(bucket)).toEqual([
    `workspace/workers.json:4:15: worker 10.0.0.1 has 1000 mb of memory, its jobs reserve 1100 mb of memory (a 600 + b 500); ${raise}`,
  ]);
  // What is disabled takes nothing.
  bucket.write("workspace/disabled.json", { jobs: { b: {} } });
  const { warnings } = await build(bucket);
  expect(warnings).toEqual([]);
  // Exactly full is fits, with the warning that begins above 90 %.
  bucket.remove("workspace/disabled.json");
  bucket.write("workspace/bucket.jobs.conf", "[a]\nmemory = 500\n");
  expect((await build(bucket)).warnings.map((warning) => warning.what)).toEqual([
    "worker 10.0.0.1 has 1000 mb of memory, its jobs reserve 1000 mb of memory (a 500 + b 500): over 90 %",
    "worker 10.0.0.1 has 900 mhz of cpu, its jobs reserve 900 mhz of cpu (a 400 + b 500): over 90 %",
  ]);
  bucket.write("workspace/bucket.jobs.conf", "[a]\nmemory = 400\n");
  expect((await build(bucket)).warnings.map((warning) => warning.what)).toEqual([
    "worker 10.0.0.1 has 900 mhz of cpu, its jobs reserve 900 mhz of cpu (a 400 + b 500): over 90 %",
  ]);
});

test("fractions add up as the operator adds them", async () => {
  worker(0.3, 1);
  writeBareJob(bucket, "a", reserving({ min: 0.1 }));
  writeBareJob(bucket, "b", reserving({ min: 0.2 }));
  await build(bucket);
  expect((await readKv(bucket))["maand/job/b"]!.memory).toBe("0.2");
});

test("a worker that hosts a reserving job must declare the capacity", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.1", cpu: "1 ghz" },
    { host: "10.0.0.2", labels: ["big"] },
  ]);
  writeBareJob(bucket, "a", reserving({ min: 100 }, { min: 100 }));
  const what = (host: string, field: string, sum: string) =>
    `worker ${host} declares no ${field}, its jobs reserve ${sum}; add "${field}" to this worker ("maand collect facts" finds it) or drop the reservations`;
  expect(await refusedBuild(bucket)).toEqual([
    `workspace/workers.json:2:3: ${what("10.0.0.1", "memory", "100 mb of memory (a 100)")}`,
    `workspace/workers.json:6:3: ${what("10.0.0.2", "memory", "100 mb of memory (a 100)")}`,
    `workspace/workers.json:6:3: ${what("10.0.0.2", "cpu", "100 mhz of cpu (a 100)")}`,
  ]);
  // A job that reserves nothing asks for nothing.
  writeBareJob(bucket, "a", reserving());
  await build(bucket);
});
