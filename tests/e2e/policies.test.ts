// Restart policies, waves and batches on real workers.

import { expect, test } from "bun:test";
import { makeSick, makeWell, sickGate, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import {
  allCalls,
  buildAndDeploy,
  callsOf,
  type DeployJson,
  jobDirectory,
  outcomesOf,
} from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

const last = async (job: string) => (await callsOf(fleet, bucket, 0, job)).at(-1);

test("reload: a changed path that matches restart_globs restarts and is named, others reload, as does a version alone", async () => {
  const manifest = { restart_policy: "reload", restart_globs: ["conf/**/*.ini"] };
  const files = { "conf/a/x.ini": "1", "notes.txt": "1" };
  writeJob(bucket, "api", { manifest, files });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest, files: { ...files, "notes.txt": "2" } });
  await buildAndDeploy(bucket);
  expect(await last("api")).toBe("reload 1.0.0 1.0.0");
  writeJob(bucket, "api", { manifest, files: { "conf/a/x.ini": "2", "notes.txt": "2" } });
  await build(bucket);
  const { json } = await bucket.maandJson<DeployJson>("deploy");
  expect(json.waves[0]?.jobs[0]?.allocations[0]).toMatchObject({
    action: "restart",
    matched: ["conf/a/x.ini"],
  });
  expect(await last("api")).toBe("restart 1.0.0 1.0.0");
  writeJob(bucket, "api", { manifest, version: "1.1.0" });
  await buildAndDeploy(bucket);
  expect(await last("api")).toBe("reload 1.0.0 1.1.0");
  bucket.remove("workspace/jobs/api/conf");
  await buildAndDeploy(bucket);
  expect(await last("api")).toBe("restart 1.1.0 1.1.0");
});

test("restart_globs are patterns of a .gitignore, and none of them holds the deploy up", async () => {
  const stars = `${"*a".repeat(18)}b`;
  const globs = [stars, "*.ini", "!notes.ini", "tls/", "/app.conf.tpl"];
  const manifest = { restart_policy: "reload", restart_globs: globs };
  const long = `${"a".repeat(200)}c`;
  let n = 0;
  const files: Record<string, string> = Object.fromEntries(
    [long, "x/deep.ini", "x/notes.ini", "x/tls/key", "app.conf.tpl", "x/app.conf"].map((path) => [path, "0"]),
  );
  const changed = async (path: string): Promise<string> => {
    n += 1;
    files[path] = String(n);
    writeJob(bucket, "api", { manifest, files });
    const begun = performance.now();
    await buildAndDeploy(bucket);
    expect(performance.now() - begun).toBeLessThan(10_000);
    return (await last("api"))!.split(" ")[0]!;
  };
  writeJob(bucket, "api", { manifest, files });
  await buildAndDeploy(bucket);
  expect(await changed(long)).toBe("reload");
  expect(await changed("x/deep.ini")).toBe("restart");
  expect(await changed("x/notes.ini")).toBe("reload");
  expect(await changed("x/tls/key")).toBe("restart");
  expect(await changed("x/app.conf")).toBe("reload");
  expect(await changed("app.conf.tpl")).toBe("restart");
});

test("never: files arrive, nothing is run", async () => {
  const manifest = { restart_policy: "never" };
  writeJob(bucket, "api", { manifest, files: { "app.conf": "1" } });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest, version: "2.0.0", files: { "app.conf": "2" } });
  await build(bucket);
  const { json } = await bucket.maandJson<DeployJson>("deploy");
  expect(outcomesOf(json, "api")[fleet.ips[0]!]).toBe("sync done");
  expect((await fleet.exec(0, `cat ${await jobDirectory(bucket, "api")}/app.conf`)).stdout).toBe("2");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("changing a batch width, vars or a manifest limit restarts nothing", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest: { max_concurrent_upgrades: 2, lifecycle_timeout: 60 } });
  bucket.write("workspace/jobs/api/vars.conf", 'colour = "blue"\n');
  await build(bucket);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("CurrentVersion in a template causes no second rollout, and the worker sees the true one", async () => {
  const files = { "was.txt.tpl": "{{ .CurrentVersion }} {{ .NewVersion }}\n" };
  writeJob(bucket, "api", { files });
  await buildAndDeploy(bucket);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  writeJob(bucket, "api", { files, version: "2.0.0" });
  await buildAndDeploy(bucket);
  expect((await fleet.exec(0, `cat ${await jobDirectory(bucket, "api")}/was.txt`)).stdout).toBe(
    "1.0.0 2.0.0\n",
  );
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

const demanding = (job: string) => ({
  hooks: { hook_ask: { executed_on: ["cli"], demands: { job, hook: "hook_ask", config: {} } } },
});
const askable = { hooks: { hook_ask: { executed_on: ["cli"] } } };
const hookFile = { "_hooks/hook_ask.py": "print('asked')\n" };

test("a demanded job goes first; when it fails its dependents are blocked and unrelated jobs go on", async () => {
  writeJob(bucket, "base", { manifest: { ...askable, ...sickGate }, files: hookFile });
  writeJob(bucket, "middle", { manifest: demanding("base"), files: hookFile });
  writeJob(bucket, "top", { manifest: demanding("middle"), files: hookFile });
  writeJob(bucket, "other");
  await build(bucket);
  await makeSick(fleet, 0);
  const failed = await bucket.maandJson<DeployJson>("deploy");
  await makeWell(fleet, 0);
  expect(failed.code).toBe(1);
  const status = Object.fromEntries(
    failed.json.waves.flatMap((wave) => wave.jobs).map((job) => [job.job, job.status]),
  );
  expect(status).toEqual({ base: "failed", other: "done", middle: "blocked", top: "blocked" });
  expect(await allCalls(fleet, bucket, "middle")).toEqual([[], []]);
  const fixed = await bucket.maandJson<DeployJson>("deploy");
  expect(fixed.code).toBe(0);
  expect(fixed.json.waves.map((wave) => wave.jobs.map((job) => job.job))).toEqual([
    ["base", "other"],
    ["middle"],
    ["top"],
  ]);
  expect(await callsOf(fleet, bucket, 0, "top")).toEqual(["start 0.0.0 1.0.0"]);
});

test("removal goes in reverse wave order", async () => {
  writeJob(bucket, "base", { manifest: askable, files: hookFile });
  writeJob(bucket, "top", { manifest: demanding("base"), files: hookFile });
  await buildAndDeploy(bucket);
  bucket.remove("workspace/jobs/base");
  bucket.remove("workspace/jobs/top");
  await build(bucket);
  const { json } = await bucket.maandJson<DeployJson>("deploy");
  expect(json.reconcile.map((a) => a.job)).toEqual(["top", "top", "base", "base"]);
  expect((await callsOf(fleet, bucket, 0, "base")).at(-1)).toBe("stop 1.0.0 1.0.0");
});

test("a target that fails is reported with its last lines, status and place, and a missing one by name", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  await fleet.exec(0, `touch ${await jobDirectory(bucket, "api")}/data/broken`);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  const failed = await bucket.maand("deploy");
  expect(failed.code).toBe(1);
  expect(failed.stdout).toContain(`failed: api@${fleet.ips[0]}: make restart ended with status 2`);
  expect(failed.stdout).toContain("| this is broken on purpose");
  await fleet.exec(0, `rm ${await jobDirectory(bucket, "api")}/data/broken`);
  bucket.write("workspace/jobs/api/Makefile", "start:\n\t@true\n");
  await build(bucket);
  const missing = await bucket.maand("deploy");
  expect(missing.code).toBe(1);
  expect(missing.stdout).toContain("the Makefile of api has no target 'restart'");
});

test("a target that hangs is ended after lifecycle_timeout and says so", async () => {
  writeJob(bucket, "api", { manifest: { lifecycle_timeout: 1 } });
  bucket.write("workspace/jobs/api/Makefile", "start:\n\t@sleep 30\n");
  await build(bucket);
  const { code, stdout } = await bucket.maand("deploy");
  expect(code).toBe(1);
  expect(stdout).toContain("make start did not end within 1 s");
  expect((await fleet.exec(0, "ps -eo args | grep -c '[s]leep 30' || true")).stdout.trim()).toBe("0");
});

test("a background process that keeps its output open does not hold the deploy up, and is warned about", async () => {
  writeJob(bucket, "api");
  bucket.write("workspace/jobs/api/Makefile", "start:\n\t@setsid sleep 20 & echo started\n");
  await build(bucket);
  const { code, stderr } = await bucket.maand("deploy");
  expect(code).toBe(0);
  expect(stderr).toContain("still holds its output");
});

test("a template that cannot be rendered fails its job with file, line and worker; other jobs go on", async () => {
  writeJob(bucket, "api", { files: { "app.conf.tpl": 'ok\n{{ get "vars/job/api" "nothing" }}\n' } });
  writeJob(bucket, "other");
  await build(bucket);
  const { code, json, stdout } = await bucket.maandJson<DeployJson>("deploy");
  expect(code).toBe(1);
  expect(stdout).toContain("jobs/api/app.conf.tpl");
  expect(json.waves[0]?.jobs.map((job) => [job.job, job.status])).toEqual([
    ["api", "failed"],
    ["other", "done"],
  ]);
});

test("--diff shows what changes in which file", async () => {
  writeJob(bucket, "api", { files: { "app.conf": "colour=red\nsize=1\n", "logo.bin": "\u0000a" } });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { files: { "app.conf": "colour=blue\nsize=1\n", "logo.bin": "\u0000b" } });
  await build(bucket);
  const { code, stdout } = await bucket.maand("deploy", "--dry-run", "--diff");
  expect(code).toBe(0);
  expect(stdout).toContain(`api/app.conf on ${fleet.ips.join(", ")}`);
  expect(stdout).toContain("-colour=red\n+colour=blue\n size=1");
  expect(stdout).toContain("not shown: it is a key, secret, binary or large");
});
