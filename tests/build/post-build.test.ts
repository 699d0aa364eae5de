// post_build: after the commit, in wave order, within a job by name, over non-removed allocations. TypeScript hooks.

import { beforeEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, cat, clearWorkspace, readKv } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => {
  clearWorkspace(bucket);
  bucket.remove("noted");
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1" }, { host: "10.0.0.2" }]);
});

/** Notes who ran, writes a variable and a secret, and fails where a file asks for it. */
const script = `
import { appendFileSync, existsSync } from "node:fs";
import { putJobSecret, putJobVariable } from "maand";
export default async () => {
  const { JOB, HOOK, ALLOCATION_IP, EVENT, BUCKET_ROOT } = process.env;
  appendFileSync(BUCKET_ROOT + "/noted", [EVENT, JOB, HOOK, ALLOCATION_IP].join(" ") + "\\n");
  (await putJobVariable(HOOK, ALLOCATION_IP)).raiseForStatus();
  (await putJobSecret("of_" + HOOK, "s3cret")).raiseForStatus();
  if (existsSync(BUCKET_ROOT + "/fail-" + JOB)) throw new Error("asked to fail");
};
`;

function job(name: string, hooks: readonly string[], demands?: string): void {
  const declared = hooks.map((hook) => [hook, { executed_on: ["post_build"] }] as const);
  const demanding = { executed_on: ["cli"], demands: { job: demands, hook: "hook_b" } };
  const all = { ...Object.fromEntries(declared), ...(demands === undefined ? {} : { hook_d: demanding }) };
  const files = Object.keys(all).map((hook) => [`_hooks/${hook}.ts`, script] as const);
  writeBareJob(bucket, name, { version: "1", selectors: ["worker"], hooks: all }, Object.fromEntries(files));
}

const noted = () => (existsSync(bucket.path("noted")) ? bucket.read("noted").trimEnd().split("\n") : []);

test("in wave order, then by hook name, over every non-removed allocation, disabled ones too", async () => {
  job("late", ["hook_b"], "zero");
  job("zero", ["hook_b", "hook_a"]);
  bucket.write("workspace/disabled.json", { workers: ["10.0.0.2"] });
  await build(bucket);
  const runs = noted();
  // One allocation at a time: max_concurrent_upgrades is 1.
  expect(runs).toEqual([
    "post_build zero hook_a 10.0.0.1",
    "post_build zero hook_a 10.0.0.2",
    "post_build zero hook_b 10.0.0.1",
    "post_build zero hook_b 10.0.0.2",
    "post_build late hook_b 10.0.0.1",
    "post_build late hook_b 10.0.0.2",
  ]);
  const kv = await readKv(bucket);
  expect(kv["vars/job/zero"]).toEqual({ hook_a: "10.0.0.2", hook_b: "10.0.0.2" });
  expect(kv["secrets/job/late"]).toEqual({ of_hook_b: "***" });
});

test("they run at every build, also when nothing changed, and not for what was removed", async () => {
  job("again", ["hook_b"]);
  await build(bucket);
  bucket.write("workspace/workers.json", [{ host: "10.0.0.2" }]);
  await build(bucket);
  bucket.remove("noted");
  expect(await build(bucket)).toMatchObject({ changed: false });
  expect(noted()).toEqual(["post_build again hook_b 10.0.0.2"]);
});

test("a failing hook makes build exit 1; the commit stays, only that job's KV writes are thrown away", async () => {
  job("bad", ["hook_b"]);
  job("good", ["hook_b"]);
  bucket.write("fail-bad", "");
  const failed = await bucket.maand("build");
  bucket.remove("fail-bad");
  expect(failed.code).toBe(1);
  const said = failed.stdout + failed.stderr;
  expect(said).toContain("asked to fail");
  expect(said).toContain("the catalog was committed and stays");
  expect(said).toContain("maand build");
  expect(said).not.toContain("s3cret");
  expect((await cat(bucket, "jobs")).map((row) => row.name)).toEqual(["bad", "good"]);
  const kv = await readKv(bucket);
  expect(kv["vars/job/good"]).toEqual({ hook_b: "10.0.0.2" });
  expect(kv["vars/job/bad"]).toBeUndefined();
  expect(kv["secrets/job/bad"]).toBeUndefined();
  // The same command again.
  await build(bucket);
  expect((await readKv(bucket))["vars/job/bad"]).toEqual({ hook_b: "10.0.0.2" });
});

test("a refused build runs no hook", async () => {
  job("never", ["hook_b"]);
  bucket.write("workspace/bucket.conf", "port_range = 5\n");
  expect((await bucket.maand("build")).code).toBe(2);
  expect(noted()).toEqual([]);
});

test("Ctrl-C while a hook runs: it ends well, later jobs' hooks are not started, exit 130, the commit stays", async () => {
  const slow = script.replace(
    "appendFileSync(",
    "console.log('begun'); await Bun.sleep(1000); appendFileSync(",
  );
  const hooks = { hook_b: { executed_on: ["post_build"] } };
  for (const name of ["first", "second"]) {
    writeBareJob(bucket, name, { version: "1", selectors: ["worker"], hooks }, { "_hooks/hook_b.ts": slow });
  }
  const run = bucket.start(["build"]);
  await run.waitForStderr("begun");
  run.kill("SIGINT");
  const { code, stdout } = await run.wait();
  expect(code).toBe(130);
  expect(stdout).toContain("run maand build again");
  expect(noted().filter((line) => line.includes("second"))).toEqual([]);
  const jobs = await bucket.maandJson<{ jobs: { name: string }[] }>("cat", "jobs");
  expect(jobs.json.jobs.map((row) => row.name)).toEqual(["first", "second"]);
  expect((await bucket.maand("build")).code).toBe(0);
  expect(noted().filter((line) => line.includes("second"))).toHaveLength(2);
});
