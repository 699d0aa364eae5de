// Hooks in real deploys through the executable: when each event falls, what a failure means, what is kept.

import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { allCalls, buildAndDeploy, callsOf, type DeployJson, outcomesOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

/** Notes each invocation in a file of the bucket, and fails where the file `fail-<event>` names its worker. */
const noting: Record<string, string> = {
  "_hooks/hook_note.py": `import maand, os
with open("noted", "a") as file:
  file.write(" ".join([maand.hook_event(), maand.allocation_ip(), maand.env("DEPLOY_PHASE") or "-", maand.env("BATCH_INDEX") + "/" + maand.env("BATCH_COUNT"), maand.env("TARGET", "-"), maand.env("CURRENT_VERSION"), maand.env("NEW_VERSION")]) + "\\n")
try:
  failing = open("fail-" + maand.hook_event()).read()
except OSError:
  failing = ""
if maand.allocation_ip() in failing: raise SystemExit("broken on purpose")
`,
  "_hooks/hook_note.ts": `import { appendFileSync, existsSync, readFileSync } from "node:fs";
import * as maand from "maand";
export default function () {
  const { BATCH_INDEX, BATCH_COUNT, TARGET, DEPLOY_PHASE, CURRENT_VERSION, NEW_VERSION } = process.env;
  appendFileSync("noted", [maand.hookEvent(), maand.allocationIp(), DEPLOY_PHASE || "-", BATCH_INDEX + "/" + BATCH_COUNT, TARGET ?? "-", CURRENT_VERSION, NEW_VERSION].join(" ") + "\\n");
  const failing = "fail-" + maand.hookEvent();
  if (existsSync(failing) && readFileSync(failing, "utf8").includes(maand.allocationIp())) throw new Error("broken on purpose");
}
`,
};

const rolloutEvents = [
  "pre_deploy",
  "after_allocation_started",
  "health_check",
  "post_deploy",
  "after_allocation_stopped",
];

function writeNotingJob(
  language: string,
  version: string,
  events: string[],
  manifest: Record<string, unknown> = {},
): void {
  const file = `_hooks/hook_note.${language}`;
  writeJob(bucket, "api", {
    version,
    manifest: {
      hooks: { hook_note: { executed_on: events } },
      health_check: { timeout_seconds: 20, wait: { attempts: 2, interval_seconds: 0.1 } },
      ...manifest,
    },
    files: { [file]: noting[file]! },
  });
}

/** What was noted since the last call. */
function noted(): string[] {
  const text = bucket.read("noted");
  bucket.write("noted", "");
  return text.split("\n").filter((line) => line !== "");
}

const ips = () => fleet.ips as [string, string];

describe.each(["py", "ts"])("%s", (language) => {
  test("the events of a first deploy, of an upgrade, of nothing, and of a removal", async () => {
    const [a, b] = ips();
    writeNotingJob(language, "1.0.0", rolloutEvents);
    await buildAndDeploy(bucket);
    // The two allocations of a batch are worked on side by side.
    const sorted = (lines: string[]) => [...lines].sort();
    const first = noted();
    expect(first.map((line) => line.split(" ")[0])).toEqual([
      "pre_deploy",
      "pre_deploy",
      "after_allocation_started",
      "after_allocation_started",
      "health_check",
      "health_check",
      "post_deploy",
      "post_deploy",
    ]);
    expect(sorted(first.slice(2, 4))).toEqual(
      sorted([a, b].map((ip) => `after_allocation_started ${ip} new 0/1 - 0.0.0 1.0.0`)),
    );

    writeNotingJob(language, "1.1.0", rolloutEvents);
    await buildAndDeploy(bucket);
    expect(noted().filter((line) => line.startsWith("after_") || line.startsWith("health"))).toEqual([
      `after_allocation_started ${a} update 0/2 - 1.0.0 1.1.0`,
      expect.stringContaining(`health_check ${a}`),
      `after_allocation_started ${b} update 1/2 - 1.0.0 1.1.0`,
      expect.stringContaining(`health_check ${b}`),
    ]);

    await buildAndDeploy(bucket);
    expect(noted()).toEqual([]);

    bucket.remove("workspace/jobs/api");
    await buildAndDeploy(bucket);
    expect(sorted(noted().map((line) => line.split(" ").slice(0, 3).join(" ")))).toEqual(
      sorted([a, b].map((ip) => `after_allocation_stopped ${ip} stop`)),
    );
  });
});

test("a failing pre_deploy keeps the job from its workers, and other jobs go on", async () => {
  writeNotingJob("py", "1.0.0", ["pre_deploy"]);
  writeJob(bucket, "other");
  bucket.write("fail-pre_deploy", ips()[1]);
  await build(bucket);
  const { code, json, stderr } = await bucket.maandJson<DeployJson>("deploy");
  expect(code).toBe(1);
  expect(await allCalls(fleet, bucket, "api")).toEqual([[], []]);
  expect((await allCalls(fleet, bucket, "other")).flat()).toHaveLength(2);
  expect(JSON.stringify(json)).toContain("hook_note");
  expect(stderr).toContain("broken on purpose");
  bucket.remove("fail-pre_deploy");
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect((await allCalls(fleet, bucket, "api")).flat()).toHaveLength(2);
});

test("a failing after_allocation_started or health_check fails its batch, and the next batch does not begin", async () => {
  for (const event of ["after_allocation_started", "health_check"]) {
    const [a, b] = ips();
    writeNotingJob("ts", "1.0.0", ["after_allocation_started", "health_check"]);
    await buildAndDeploy(bucket);
    writeNotingJob("ts", "1.1.0", ["after_allocation_started", "health_check"]);
    bucket.write(`fail-${event}`, a);
    await build(bucket);
    const { code, json } = await bucket.maandJson<DeployJson>("deploy");
    expect(code).toBe(1);
    expect(outcomesOf(json, "api")).toEqual({ [a]: "restart failed", [b]: "restart pending" });
    expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("start 0.0.0 1.0.0");
    bucket.remove(`fail-${event}`);
    expect((await bucket.maand("deploy")).code).toBe(0);
    expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("restart 1.0.0 1.1.0");
    bucket.remove("workspace/jobs/api");
    await buildAndDeploy(bucket);
    await bucket.maand("gc");
  }
});

test("a failing post_deploy fails the job and runs again without touching the processes", async () => {
  writeNotingJob("py", "1.0.0", ["post_deploy"]);
  bucket.write("fail-post_deploy", ips()[0]);
  await build(bucket);
  expect((await bucket.maand("deploy")).code).toBe(1);
  expect((await bucket.maand("cat", "deployments")).stdout).toContain("failed");
  const before = await allCalls(fleet, bucket, "api");
  expect(before.flat()).toHaveLength(2);
  noted();
  expect((await bucket.maand("deploy")).code).toBe(1);
  bucket.remove("fail-post_deploy");
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect(noted().length).toBeGreaterThan(2);
  expect(await allCalls(fleet, bucket, "api")).toEqual(before);
  await bucket.maand("deploy");
  expect(noted()).toEqual([]);
});

test("job_control stops what an unfinished start may have left, before it starts it again", async () => {
  const [, b] = ips();
  writeNotingJob("ts", "1.0.0", ["job_control"]);
  bucket.write("fail-job_control", b);
  await build(bucket);
  expect((await bucket.maand("deploy")).code).toBe(1);
  noted();
  bucket.remove("fail-job_control");
  expect((await bucket.maand("deploy")).code).toBe(0);
  const words = noted().map((line) => line.split(" "));
  expect(words.map(([event, ip, phase, , target]) => [event, ip, phase, target])).toEqual([
    ["job_control", b, "stop", "stop"],
    ["job_control", b, "new", "deploy"],
  ]);
  expect((await allCalls(fleet, bucket, "api")).flat()).toEqual([]);
});

test("job_control stands in for the lifecycle, in deploys and in maand job", async () => {
  const [a, b] = ips();
  writeNotingJob("ts", "1.0.0", ["job_control"]);
  await buildAndDeploy(bucket);
  const started = noted();
  expect(started.map((line) => [line.split(" ")[1], line.split(" ")[4]])).toEqual([
    [a, "deploy"],
    [b, "deploy"],
  ]);
  expect(await allCalls(fleet, bucket, "api")).toEqual([[], []]);
  expect((await bucket.maand("job", "restart", "api")).code).toBe(0);
  expect(noted().map((line) => line.split(" ")[4])).toEqual(["restart", "restart"]);
  expect((await bucket.maand("job", "run", "api", "--target", "backup", "--allocations", b)).code).toBe(0);
  expect(noted().map((line) => [line.split(" ")[1], line.split(" ")[4]])).toEqual([[b, "backup"]]);
  bucket.remove("workspace/jobs/api");
  await buildAndDeploy(bucket);
  expect(noted().map((line) => line.split(" ")[4])).toEqual(["stop", "stop"]);
});

test("post_build runs after the commit; its failure makes build fail and keeps the catalog", async () => {
  writeNotingJob("ts", "1.0.0", ["post_build"]);
  bucket.write("fail-post_build", ips()[0]);
  const { code, stderr, stdout } = await bucket.maand("build");
  expect(code).toBe(1);
  expect(stderr + stdout).toContain("broken on purpose");
  expect((await bucket.maand("cat", "jobs")).stdout).toContain("api");
  bucket.remove("fail-post_build");
  expect((await bucket.maand("build")).code).toBe(0);
});

test("secrets that pre_deploy makes are in the templates of the same deploy", async () => {
  writeJob(bucket, "api", {
    manifest: { hooks: { hook_secret: { executed_on: ["pre_deploy"] } } },
    files: {
      "_hooks/hook_secret.ts": `import { kvGet, putJobSecret, jobName } from "maand";
export default async () => {
  if ((await kvGet("secrets/job/" + jobName(), "password")) === undefined) (await putJobSecret("password", crypto.randomUUID())).raiseForStatus();
};
`,
      "app.conf.tpl": 'password={{ getSecret "password" }}\n',
    },
  });
  await buildAndDeploy(bucket);
  const { json } = await bucket.maandJson<{ bucket_id: string }>("info");
  const path = `/opt/worker/${json.bucket_id}/jobs/api/app.conf`;
  const [first, second] = await Promise.all(
    [0, 1].map(async (i) => (await fleet.exec(i, `cat ${path}`)).stdout),
  );
  expect(first).toMatch(/^password=[0-9a-f-]{36}\n$/);
  expect(second).toBe(first!);
  const calls = await allCalls(fleet, bucket, "api");
  await bucket.maand("deploy");
  expect(await allCalls(fleet, bucket, "api")).toEqual(calls);
});

test("a host with neither bun nor node nor python3 builds, deploys and gates a job with TypeScript hooks", async () => {
  const tools = bucket.path("tools");
  mkdirSync(tools);
  symlinkSync("/usr/bin/rsync", `${tools}/rsync`);
  const events = ["post_build", ...rolloutEvents];
  writeNotingJob("ts", "1.0.0", events);
  const bare = { env: { PATH: tools } };
  for (const command of [["build"], ["deploy"], ["health_check"]]) {
    const outcome = await bucket.start(command, bare).wait();
    expect(`${outcome.code} ${outcome.stderr}`).toStartWith("0 ");
  }
  expect(new Set(noted().map((line) => line.split(" ")[0]))).toEqual(
    new Set(["post_build", "pre_deploy", "after_allocation_started", "health_check", "post_deploy"]),
  );
  expect((await allCalls(fleet, bucket, "api")).flat()).toHaveLength(2);

  writeNotingJob("py", "1.1.0", ["pre_deploy"]);
  bucket.remove("workspace/jobs/api/_hooks/hook_note.ts");
  expect((await bucket.start(["build"], bare).wait()).code).toBe(0);
  const refused = await bucket.start(["deploy"], bare).wait();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("there is no python3");
  expect((await allCalls(fleet, bucket, "api")).flat()).toHaveLength(2);
});
