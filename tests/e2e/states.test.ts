// What a run that was cut short, or that lost a worker, leaves behind: never a process taken for what it is not.

import { beforeEach, expect, test } from "bun:test";
import { makeSick, makeWell, noticeQuickly, sickGate, writeJob } from "../support/builders/jobs.ts";
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
beforeEach(() => {
  noticeQuickly(bucket);
});

const ips = () => fleet.ips as [string, string];
const disable = (...workers: string[]) => bucket.write("workspace/disabled.json", { workers });
const enable = () => bucket.remove("workspace/disabled.json");
const breakJob = async (i: number, job: string) => {
  const directory = await jobDirectory(bucket, job);
  await fleet.exec(i, `mkdir -p ${directory}/data && touch ${directory}/data/broken`);
};
const mendJob = async (i: number, job: string) =>
  fleet.exec(i, `rm ${await jobDirectory(bucket, job)}/data/broken`);

test("what a start that fails has left is unknown, whatever the policy: a stop and a start, a restart of what ran before", async () => {
  const manifest = { restart_policy: "never" };
  writeJob(bucket, "api", { manifest });
  disable(ips()[1]);
  await buildAndDeploy(bucket);
  expect(await allCalls(fleet, bucket, "api")).toEqual([["start 0.0.0 1.0.0"], []]);
  // Kept current while disabled, never sent.
  expect((await fleet.exec(1, `ls ${await jobDirectory(bucket, "api")} 2>&1 || true`)).stdout).toContain(
    "No such",
  );
  enable();
  await build(bucket);
  await breakJob(1, "api");
  expect((await bucket.maand("deploy")).code).toBe(1);
  expect((await bucket.maand("deploy")).code).toBe(1);
  await mendJob(1, "api");
  expect(outcomesOf((await bucket.maandJson<DeployJson>("deploy")).json, "api")).toEqual({
    [ips()[0]]: "skip skipped",
    [ips()[1]]: "start done",
  });
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["stop 0.0.0 1.0.0", "start 0.0.0 1.0.0"]);

  disable(ips()[1]);
  await buildAndDeploy(bucket);
  enable();
  await build(bucket);
  await breakJob(1, "api");
  expect((await bucket.maand("deploy")).code).toBe(1);
  await mendJob(1, "api");
  expect(outcomesOf((await bucket.maandJson<DeployJson>("deploy")).json, "api")[ips()[1]]).toBe(
    "restart done",
  );
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("restart 1.0.0 1.0.0");
});

test("a disabled allocation that could not be stopped is not taken for the new version", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  disable(ips()[1]);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  await fleet.killSshd(1);
  const down = await bucket.maandJson<DeployJson>("deploy");
  await fleet.startSshd(1);
  expect(down.code).toBe(1);
  expect(down.json.reconcile).toMatchObject([{ worker_ip: ips()[1], action: "stop", status: "not_reached" }]);
  enable();
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("restart 1.0.0 2.0.0");
});

test("a stop that fails is done again; enabled before that, the job is restarted", async () => {
  writeJob(bucket, "api", { manifest: { restart_policy: "never" } });
  await buildAndDeploy(bucket);
  disable(ips()[1]);
  await build(bucket);
  await breakJob(1, "api");
  const failed = await bucket.maandJson<DeployJson>("deploy");
  expect(failed.code).toBe(1);
  expect(failed.json.reconcile).toMatchObject([{ action: "stop", status: "failed" }]);
  await mendJob(1, "api");
  enable();
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("restart 1.0.0 1.0.0");
});

test("a removal that was cut short after the files were gone is finished by the next deploy", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "keep");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  // What a kill between the deletion and its record leaves.
  await fleet.exec(0, `cd ${directory} && rm Makefile && mkdir -p bin`);
  bucket.remove("workspace/jobs/api");
  await buildAndDeploy(bucket);
  expect((await fleet.exec(0, `ls ${directory}`)).stdout).toBe("bin\ndata\n");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("a worker that left: dead is a warning and stays due, unfit is a failure, back again it is stopped", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  bucket.write("workspace/workers.json", [{ host: ips()[0] }]);
  await build(bucket);
  await fleet.killSshd(1);
  const dead = await bucket.maandJson<DeployJson>("deploy");
  await fleet.startSshd(1);
  expect(dead.code).toBe(0);
  expect(dead.stderr).toContain("assumed dead");
  await fleet.breakSudo(1);
  const unfit = await bucket.maandJson<DeployJson>("deploy");
  await fleet.mendSudo(1);
  expect(unfit.code).toBe(1);
  expect(unfit.json.reconcile).toMatchObject([
    { worker_ip: ips()[1], action: "remove", status: "not_reached" },
  ]);
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0"]);
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0", "stop 1.0.0 1.0.0"]);
});

test("a full disk keeps nobody from stopping what fills it", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "keep", { manifest: { selectors: ["none"], min_allocations_count: 0 } });
  await buildAndDeploy(bucket);
  disable(ips()[1]);
  await build(bucket);
  await fleet.fullDisk(1, 1);
  const { code, stdout } = await bucket.maand("deploy");
  await fleet.freeDisk(1);
  expect(`${code} ${stdout}`).toStartWith("0 ");
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("stop 1.0.0 1.0.0");
});

const hook = (body: string) => ({
  "_hooks/hook_x.ts": `import * as maand from "maand";\nexport default async () => {\n${body}\n};\n`,
});
const on = (...events: string[]) => ({ hooks: { hook_x: { executed_on: events } } });

test("Ctrl-C in the last batch: post_deploy is still due and runs in the next deploy", async () => {
  const note = hook('(await import("node:fs")).appendFileSync("noted", maand.hookEvent() + " ");');
  writeJob(bucket, "api", { manifest: on("post_deploy"), files: note });
  bucket.write("workspace/disabled.json", { workers: [ips()[1]] });
  await buildAndDeploy(bucket);
  bucket.write("noted", "");
  await fleet.exec(0, `echo 1 > ${await jobDirectory(bucket, "api")}/data/pause`);
  writeJob(bucket, "api", { manifest: on("post_deploy"), files: note, version: "2.0.0" });
  await build(bucket);
  const run = bucket.start(["deploy"]);
  await run.waitForStderr("wave 0");
  await Bun.sleep(400);
  run.kill("SIGTERM");
  expect((await run.wait()).code).toBe(130);
  expect((await callsOf(fleet, bucket, 0, "api")).at(-1)).toBe("restart 1.0.0 2.0.0");
  expect(bucket.read("noted")).toBe("");
  const status = async () =>
    (await bucket.maandJson<{ deployments: Record<string, string>[] }>("cat", "deployments")).json
      .deployments[0]!.post_deploy_status;
  expect(await status()).toBe("pending");
  const { code } = await bucket.maand("deploy");
  expect(code).toBe(0);
  expect(bucket.read("noted")).toContain("post_deploy");
  expect(await status()).toBe("ok");
  expect((await callsOf(fleet, bucket, 0, "api")).length).toBe(2);
});

test("a post_deploy that fails says which hook and why, in the output and in JSON", async () => {
  writeJob(bucket, "api", { manifest: on("post_deploy"), files: hook('throw new Error("not today");') });
  await build(bucket);
  const { code, json, stderr } = await bucket.maandJson<DeployJson>("deploy");
  expect(code).toBe(1);
  expect(outcomesOf(json, "api")).toEqual({ [ips()[0]]: "start done", [ips()[1]]: "start done" });
  const [job] = json.waves[0]!.jobs;
  expect(job?.status).toBe("failed");
  for (const said of [job?.reason, stderr]) {
    expect(said).toContain("post_deploy failed");
    expect(said).toContain("hook_x");
    expect(said).toContain("not today");
  }
});

test("a second Ctrl-C does not wait, promotes nothing that did not run, and the next deploy goes on", async () => {
  writeJob(bucket, "api", { manifest: on("job_control"), files: hook("") });
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  await fleet.exec(0, `echo 20 > ${await jobDirectory(bucket, "web")}/data/pause`);
  const slow = hook("if (maand.allocationIp() === process.env.MAAND_SLOW) await Bun.sleep(20_000);");
  writeJob(bucket, "api", { manifest: on("job_control"), files: slow, version: "2.0.0" });
  writeJob(bucket, "web", { version: "2.0.0" });
  await build(bucket);
  const run = bucket.start(["deploy", "--json"], { env: { MAAND_SLOW: ips()[0] } });
  await run.waitForStderr("wave 0");
  await Bun.sleep(700);
  run.kill("SIGINT");
  await Bun.sleep(200);
  const begun = Date.now();
  run.kill("SIGINT");
  const { code, stdout } = await run.wait();
  expect(Date.now() - begun).toBeLessThan(10_000);
  expect(code).toBe(130);
  const json = JSON.parse(stdout) as DeployJson;
  for (const job of ["api", "web"])
    expect(outcomesOf(json, job)).toEqual({
      [ips()[0]]: "restart interrupted",
      [ips()[1]]: "restart interrupted",
    });
  await fleet.exec(
    0,
    `rm ${await jobDirectory(bucket, "web")}/data/pause; kill $(ps -eo pid,args | awk '/[s]leep 20/ {print $1}')`,
  );
  const next = await bucket.maandJson<DeployJson>("deploy");
  expect(next.code).toBe(0);
  for (const job of ["api", "web"])
    expect(outcomesOf(next.json, job)).toEqual({ [ips()[0]]: "restart done", [ips()[1]]: "restart done" });
});

test("Ctrl-C while a worker does not answer ends at once and touches nothing", async () => {
  writeJob(bucket, "api");
  await build(bucket);
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace("connect_timeout = 3", "connect_timeout = 60"),
  );
  await fleet.dropTraffic(1);
  try {
    const run = bucket.start(["deploy", "--json"]);
    await run.waitForStderr("connecting to");
    await Bun.sleep(500);
    run.kill("SIGINT");
    const { code, stdout } = await run.wait();
    expect(code).toBe(130);
    expect(outcomesOf(JSON.parse(stdout) as DeployJson, "api")).toEqual({
      [ips()[0]]: "start interrupted",
      [ips()[1]]: "start interrupted",
    });
  } finally {
    await fleet.restoreTraffic(1);
  }
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual([]);
}, 50_000);

const demanding = (job: string) => ({
  hooks: { hook_x: { executed_on: ["cli"], demands: { job, hook: "hook_x", config: {} } } },
});

test("a failed job blocks those that demand it through a job that has nothing to do", async () => {
  const write = (version: string) => {
    writeJob(bucket, "base", { version, manifest: { ...on("cli"), ...sickGate }, files: hook("") });
    writeJob(bucket, "middle", { manifest: demanding("base"), files: hook("") });
    writeJob(bucket, "top", { version, manifest: demanding("middle"), files: hook("") });
  };
  write("1.0.0");
  await buildAndDeploy(bucket);
  write("2.0.0");
  await build(bucket);
  await makeSick(fleet, 0);
  const { code, json } = await bucket.maandJson<DeployJson>("deploy");
  await makeWell(fleet, 0);
  expect(code).toBe(1);
  const jobs = json.waves.flatMap((wave) => wave.jobs);
  expect(jobs.map((job) => [job.job, job.status])).toEqual([
    ["base", "failed"],
    ["middle", "skipped"],
    ["top", "blocked"],
  ]);
  expect(jobs[2]?.reason).toBe("it demands base, which failed");
  // Named alone, it is rolled out: --jobs leaves the others out of it.
  expect((await bucket.maand("deploy", "--jobs", "top")).code).toBe(0);
  expect((await callsOf(fleet, bucket, 0, "top")).at(-1)).toBe("restart 1.0.0 2.0.0");
});

test("what a hook of a demanded job writes is in the templates of the same deploy, and causes no second rollout", async () => {
  writeJob(bucket, "base", {
    manifest: on("pre_deploy", "post_deploy"),
    files: hook(
      '(await maand.putJobVariable(maand.hookEvent(), "v" + process.env.NEW_VERSION)).raiseForStatus();',
    ),
  });
  writeJob(bucket, "app", {
    manifest: demanding("base"),
    files: {
      ...hook(""),
      "app.conf.tpl": '{{ get "vars/job/base" "pre_deploy" }} {{ get "vars/job/base" "post_deploy" }}\n',
    },
  });
  await buildAndDeploy(bucket);
  const conf = async () => (await fleet.exec(0, `cat ${await jobDirectory(bucket, "app")}/app.conf`)).stdout;
  expect(await conf()).toBe("v1.0.0 v1.0.0\n");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  writeJob(bucket, "base", { version: "2.0.0", manifest: on("pre_deploy", "post_deploy") });
  await buildAndDeploy(bucket);
  expect(await conf()).toBe("v2.0.0 v2.0.0\n");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("a hook that changes what a template reads in the middle of its own rollout: promoted is what was sent", async () => {
  const manifest = on("after_allocation_started", "pre_deploy");
  const files = {
    ...hook(
      'const at = maand.hookEvent() === "pre_deploy" ? "before" : maand.allocationIp();\n(await maand.putJobVariable("at", at)).raiseForStatus();',
    ),
    "app.conf.tpl": '{{ get "vars/job/api" "at" }}\n',
  };
  writeJob(bucket, "api", { manifest: { ...manifest, max_concurrent_starts: 1 }, files });
  await buildAndDeploy(bucket);
  const sent = async (i: number) =>
    (await fleet.exec(i, `cat ${await jobDirectory(bucket, "api")}/app.conf`)).stdout;
  expect([await sent(0), await sent(1)]).toEqual(["before\n", `${ips()[0]}\n`]);
  const rows = (await bucket.maandJson<{ deployments: Record<string, string>[] }>("cat", "deployments")).json
    .deployments;
  expect(rows[0]!.previous_hash).not.toBe(rows[1]!.previous_hash!);
});
