// maand job on real workers: batches, gates, refusals, and what the next deploy then does.

import { expect, test } from "bun:test";
import { makeSick, makeWell, sickGate, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { allCalls, buildAndDeploy, callsOf, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

interface JobJson {
  ok: boolean;
  interrupted: boolean;
  allocations: {
    worker_ip: string;
    status: string;
    exit: number | null;
    stdout: string;
    error?: { message: string; why?: string; hint?: string };
  }[];
  health?: { checks: { worker_ip: string; ok: boolean }[]; skipped: string[] };
  error?: { kind: string; hint?: string };
}

const fleet = useFleet(3);
const bucket = useBucket(fleet);

const job = (...args: string[]) => bucket.maandJson<JobJson>("job", ...args);
const statuses = (json: JobJson) => json.allocations.map((entry) => entry.status);

async function rollouts(): Promise<string[]> {
  const { json } = await bucket.maandJson<{ deployments: { rollout: string }[] }>("cat", "deployments");
  return json.deployments.map((row) => row.rollout);
}

test("stop, status, start: shown as stopped, left alone by deploy, brought back by start", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const stopped = await job("stop", "api");
  expect([stopped.code, ...statuses(stopped.json)]).toEqual([0, "done", "done", "done"]);
  expect(await rollouts()).toEqual(["stopped", "stopped", "stopped"]);
  await buildAndDeploy(bucket);
  expect((await allCalls(fleet, bucket, "api")).map((calls) => calls.at(-1))).toEqual(
    Array(3).fill("stop 1.0.0 1.0.0"),
  );
  const status = await job("status", "api");
  expect(status.json.allocations.map(({ exit, stdout }) => [exit, stdout])).toEqual(
    fleet.ips.map((ip) => [0, `status of api on ${ip}\n`]),
  );
  expect((await job("start", "api")).code).toBe(0);
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
  // A new version reaches what was stopped by hand.
  await job("stop", "api", "--allocations", fleet.ips[1]!);
  writeJob(bucket, "api", { version: "1.1.0" });
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("restart 1.0.0 1.1.0");
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
});

test("status exits 1 when any is not well, and prints a row for each", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  await fleet.exec(1, `touch ${await jobDirectory(bucket, "api")}/data/broken`);
  const outcome = await bucket.maand("job", "status", "api");
  expect(outcome.code).toBe(1);
  expect(outcome.stdout.split("\n").filter((line) => line.startsWith("10."))).toHaveLength(3);
  expect(outcome.stdout).toMatch(
    new RegExp(`${fleet.ips[1]!.replaceAll(".", "\\.")} +not ok +2 .*broken on purpose`),
  );
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
});

test("restart goes batch by batch and stops at the first that fails; the next deploy repairs just that one", async () => {
  writeJob(bucket, "api", { manifest: { max_concurrent_upgrades: 1 } });
  await buildAndDeploy(bucket);
  const broken = `${await jobDirectory(bucket, "api")}/data/broken`;
  await fleet.exec(1, `touch ${broken}`);
  const outcome = await job("restart", "api");
  expect([outcome.code, ...statuses(outcome.json)]).toEqual([1, "done", "failed", "pending"]);
  expect(outcome.json.allocations[1]!.error!.why).toContain("broken on purpose");
  await fleet.exec(1, `rm ${broken}`);
  await buildAndDeploy(bucket);
  expect(
    (await allCalls(fleet, bucket, "api")).map((calls) => calls.map((call) => call.split(" ")[0])),
  ).toEqual([["start", "restart"], ["start", "restart"], ["start"]]);
});

test("restart --health_check waits after each batch; what stays sick is health_failed and keeps the rest untouched", async () => {
  writeJob(bucket, "api", { manifest: { max_concurrent_upgrades: 2, ...sickGate } });
  await buildAndDeploy(bucket);
  await makeSick(fleet, 0);
  try {
    const outcome = await job("restart", "api", "--health_check");
    expect([outcome.code, ...statuses(outcome.json)]).toEqual([1, "done", "done", "pending"]);
    expect(outcome.json.health!.checks.map((check) => check.ok)).toEqual([false, true]);
    expect(await rollouts()).toEqual(["health_failed", "promoted", "promoted"]);
    // A restart without asking again proves nothing.
    await job("restart", "api");
    expect((await rollouts())[0]).toBe("health_failed");
  } finally {
    await makeWell(fleet, 0);
  }
  expect((await job("restart", "api", "--health_check")).code).toBe(0);
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
});

test("a worker that is not as the last deploy left it is refused, the others are done", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const root = (await jobDirectory(bucket, "api")).replace(/\/jobs\/api$/, "");
  await fleet.exec(0, `sed -i 's/"update_seq":1/"update_seq":9/' ${root}/worker.json`);
  await fleet.exec(1, `rm ${root}/worker.json`);
  const outcome = await job("restart", "api", "--allocations", fleet.ips.slice(0, 2).join());
  expect([outcome.code, ...statuses(outcome.json)]).toEqual([1, "failed", "pending"]);
  const stop = await job("stop", "api");
  expect(statuses(stop.json)).toEqual(["failed", "failed", "done"]);
  expect(stop.json.allocations.map((entry) => entry.error?.hint)).toEqual([
    expect.stringContaining("run maand recover"),
    "run maand deploy",
    undefined,
  ]);
  await fleet.exec(0, `sed -i 's/"update_seq":9/"update_seq":1/' ${root}/worker.json`);
  expect(await rollouts()).toEqual(["promoted", "promoted", "stopped"]);
  await buildAndDeploy(bucket);
  expect((await job("stop", "api")).code).toBe(0);
});

test("an unreachable worker fails alone", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  await fleet.killSshd(1);
  try {
    const outcome = await job("stop", "api");
    expect([outcome.code, ...statuses(outcome.json)]).toEqual([1, "done", "not_reached", "done"]);
  } finally {
    await fleet.startSshd(1);
  }
  expect(await rollouts()).toEqual(["stopped", "promoted", "stopped"]);
});

test("disabled allocations: stop and status when named, nothing else", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  bucket.write("workspace/disabled.json", { jobs: { api: { allocations: [fleet.ips[0]] } } });
  await build(bucket);
  const restart = await job("restart", "api", "--allocations", fleet.ips[0]!);
  expect([restart.code, restart.json.error?.kind]).toEqual([2, "usage"]);
  expect((await job("stop", "api", "--allocations", fleet.ips[0]!)).code).toBe(0);
  expect((await job("status", "api")).json.allocations).toHaveLength(2);
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 0, "api")).map((call) => call.split(" ")[0])).toEqual([
    "start",
    "stop",
  ]);
  bucket.remove("workspace/disabled.json");
  await build(bucket);
  const early = await job("start", "api", "--allocations", fleet.ips[0]!);
  expect([early.code, early.json.allocations[0]!.error?.hint]).toEqual([1, "run maand deploy"]);
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 0, "api")).at(-1)).toMatch(/^start /);
});

test("usage errors contact nobody; what was never deployed says so; run takes any target", async () => {
  writeJob(bucket, "api");
  await build(bucket);
  expect((await bucket.maand("job", "start", "apy")).code).toBe(2);
  expect((await bucket.maand("job", "start", "api", "--allocations", "10.9.9.9")).code).toBe(2);
  const early = await job("status", "api");
  expect([early.code, early.json.allocations[0]!.error?.message]).toEqual([
    1,
    "it has not been deployed yet",
  ]);
  await buildAndDeploy(bucket);
  const missing = await job("run", "api", "--target", "backup");
  expect([missing.code, ...statuses(missing.json)]).toEqual([1, "failed", "failed", "failed"]);
  expect(missing.json.allocations[0]!.error!.why).toContain("no target 'backup'");
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
  expect((await job("run", "api", "--target", "stop")).code).toBe(0);
  expect(await rollouts()).toEqual(["stopped", "stopped", "stopped"]);
});

test("kill -9 in the middle of a manual restart: the next deploy acts on that allocation again", async () => {
  writeJob(bucket, "api", { manifest: { max_concurrent_upgrades: 1 } });
  await buildAndDeploy(bucket);
  await fleet.exec(0, `echo 600 > ${await jobDirectory(bucket, "api")}/data/pause`);
  const running = bucket.start(["job", "restart", "api"]);
  await running.waitForStderr("batch 1");
  for (let i = 0; i < 100; i++) {
    const { stdout } = await fleet.exec(0, "ps -eo args= | grep -c '^sleep 600' || true");
    if (Number(stdout) > 0) break;
    await Bun.sleep(50);
  }
  running.kill("SIGKILL");
  await running.wait();
  expect(await rollouts()).toEqual(["restart", "promoted", "promoted"]);
  await fleet.exec(
    0,
    `rm -f ${await jobDirectory(bucket, "api")}/data/pause; for p in $(ps -eo pid=,args= | awk '$2=="sleep" && $3=="600" {print $1}'); do kill $p; done`,
  );
  await buildAndDeploy(bucket);
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
});

test("Ctrl-C lets the batch finish, begins no other, exits 130", async () => {
  writeJob(bucket, "api", { manifest: { max_concurrent_upgrades: 1 } });
  await buildAndDeploy(bucket);
  for (const i of [0, 1, 2]) await fleet.exec(i, `echo 2 > ${await jobDirectory(bucket, "api")}/data/pause`);
  const running = bucket.start(["job", "restart", "api", "--json"]);
  await running.waitForStderr("batch 1");
  running.kill("SIGINT");
  const outcome = await running.wait();
  expect(outcome.code).toBe(130);
  expect(statuses(JSON.parse(outcome.stdout) as JobJson)).toEqual(["done", "interrupted", "interrupted"]);
  expect(await rollouts()).toEqual(["promoted", "promoted", "promoted"]);
});

test("job create --runtime process builds, deploys and runs as it is", async () => {
  expect((await bucket.maand("job", "create", "svc", "--runtime", "process")).code).toBe(0);
  await buildAndDeploy(bucket);
  const status = await job("status", "svc");
  expect(status.json.allocations.every((entry) => /^svc runs \(pid \d+\)\n$/.test(entry.stdout))).toBe(true);
  expect((await job("restart", "svc")).code).toBe(0);
  expect((await job("stop", "svc")).code).toBe(0);
  expect((await job("status", "svc")).code).toBe(1);
});
