// The main loop on real workers through the executable: deploy, nothing to do, roll, resume, drain, remove, gc.

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

const fleet = useFleet(3);
const bucket = useBucket(fleet);

const everywhere = (text: string) => Object.fromEntries(fleet.ips.map((ip) => [ip, text]));

test("a first deploy starts every allocation and leaves what the contract says on the worker", async () => {
  writeJob(bucket, "api", { files: { "conf/app.conf": "x=1\n" } });
  bucket.write("workspace/jobs/api/bin.d/run.sh", "#!/bin/sh\n", 0o755);
  await build(bucket);
  const { code, json } = await bucket.maandJson<DeployJson>("deploy");
  expect(code).toBe(0);
  expect(json.update_seq).toBe(1);
  expect(outcomesOf(json, "api")).toEqual(everywhere("start done"));
  expect(await allCalls(fleet, bucket, "api")).toEqual([
    ["start 0.0.0 1.0.0"],
    ["start 0.0.0 1.0.0"],
    ["start 0.0.0 1.0.0"],
  ]);
  const directory = await jobDirectory(bucket, "api");
  const root = directory.slice(0, directory.indexOf("/jobs/"));
  const workerJson = JSON.parse((await fleet.exec(0, `cat ${root}/worker.json`)).stdout);
  expect(workerJson).toMatchObject({ worker_ip: fleet.ips[0], update_seq: 1, labels: ["worker"] });
  expect(JSON.parse((await fleet.exec(0, `cat ${root}/jobs.json`)).stdout)).toEqual([
    { job: "api", disabled: 0 },
  ]);
  const listing = await fleet.exec(
    0,
    `cd ${directory} && stat -c '%n %a %U' Makefile conf/app.conf bin.d/run.sh manifest.json 2>&1`,
  );
  expect(listing.stdout).toContain("Makefile 644 root");
  expect(listing.stdout).toContain("bin.d/run.sh 755 root");
  expect(listing.stdout).not.toContain("manifest.json 6");
});

test("a second deploy with nothing changed syncs nothing, runs no make and says so", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const stamp = async () =>
    (
      await fleet.exec(
        1,
        `find ${await jobDirectory(bucket, "api")} -newermt '1 hour ago' -printf '%p %C@\\n'`,
      )
    ).stdout;
  const before = await stamp();
  const { code, stdout } = await bucket.maand("deploy");
  expect(code).toBe(0);
  expect(stdout).toContain("nothing to do");
  expect(await stamp()).toBe(before);
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0"]);
  const log = bucket.read(`logs/${fleet.ips[1]}.log`).split("\n");
  expect(
    log.filter(
      (line) => line.includes("seq=2") && (line.includes("phase=rsync") || line.includes("runner.py")),
    ),
  ).toEqual([]);
});

test("a dry run prints the plan that deploy then carries out, and does nothing itself", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  const before = await bucket.maandJson("cat", "deployments");
  const dry = await bucket.maandJson<DeployJson>("deploy", "--dry-run");
  expect(outcomesOf(dry.json, "api")).toEqual(everywhere("restart planned"));
  expect((await bucket.maandJson("cat", "deployments")).stdout.replace(/run_id.*/, "")).toBe(
    before.stdout.replace(/run_id.*/, ""),
  );
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
  const real = await bucket.maandJson<DeployJson>("deploy");
  expect(outcomesOf(real.json, "api")).toEqual(everywhere("restart done"));
  expect(await allCalls(fleet, bucket, "api")).toEqual(
    fleet.ips.map(() => ["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"]),
  );
});

test("templates are rendered per worker from fields and KV", async () => {
  writeJob(bucket, "api", {
    manifest: { resources: { ports: { http: {} } } },
    files: {
      "app.conf.tpl":
        'me={{ .WorkerIP }} port={{ get "maand/job/api" "port_http" }} v={{ .NewVersion }} was={{ .CurrentVersion }}\n',
    },
  });
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  for (const [i, ip] of fleet.ips.entries()) {
    expect((await fleet.exec(i, `cat ${directory}/app.conf; ls ${directory}`)).stdout).toStartWith(
      `me=${ip} port=30000 v=1.0.0 was=0.0.0\n`,
    );
  }
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("a gate that fails stops the rollout at its batch, on disk too, and the next deploy goes on from there", async () => {
  writeJob(bucket, "api", { manifest: sickGate, files: { "app.conf": "one\n" } });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { version: "2.0.0", manifest: sickGate, files: { "app.conf": "two\n" } });
  await build(bucket);
  await makeSick(fleet, 1);
  const failed = await bucket.maandJson<DeployJson>("deploy");
  expect(failed.code).toBe(1);
  const [a, b, c] = fleet.ips as [string, string, string];
  expect(outcomesOf(failed.json, "api")).toEqual({
    [a]: "restart done",
    [b]: "restart failed",
    [c]: "restart pending",
  });
  const directory = await jobDirectory(bucket, "api");
  expect((await fleet.exec(2, `cat ${directory}/app.conf`)).stdout).toBe("one\n");
  expect(await callsOf(fleet, bucket, 2, "api")).toEqual(["start 0.0.0 1.0.0"]);
  const rows = (await bucket.maandJson<{ deployments: Record<string, string>[] }>("cat", "deployments")).json
    .deployments;
  expect(rows.map((row) => [row.worker_ip, row.rollout, row.current_version])).toEqual([
    [a, "promoted", "2.0.0"],
    [b, "health_failed", "1.0.0"],
    [c, "restart", "1.0.0"],
  ]);
  await makeWell(fleet, 1);
  const fixed = await bucket.maandJson<DeployJson>("deploy");
  expect(fixed.code).toBe(0);
  expect(outcomesOf(fixed.json, "api")).toEqual({
    [a]: "skip skipped",
    [b]: "restart done",
    [c]: "restart done",
  });
  expect(await allCalls(fleet, bucket, "api")).toEqual([
    ["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"],
    ["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0", "restart 1.0.0 2.0.0"],
    ["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"],
  ]);
});

test("kill -9 in the middle of a rolling deploy, then deploy: it finishes and restarts nothing twice that was promoted", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  await fleet.exec(1, `echo 2 > ${directory}/data/pause`);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  const run = bucket.start(["deploy"]);
  await run.waitForStderr(`api@${fleet.ips[0]}: done`);
  await Bun.sleep(300);
  run.kill("SIGKILL");
  await run.wait();
  await fleet.exec(1, `rm ${directory}/data/pause`);
  const { code, stdout, stderr } = await bucket.maand("deploy");
  expect(`${code} ${stdout}${stderr}`).toStartWith("0 ");
  const calls = await allCalls(fleet, bucket, "api");
  expect(calls[0]).toEqual(["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"]);
  expect(calls[2]).toEqual(["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"]);
  expect(calls[1]!.at(-1)).toBe("restart 1.0.0 2.0.0");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("Ctrl-C lets the running batch finish, exits 130, and the next deploy goes on", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  await fleet.exec(0, `echo 1 > ${directory}/data/pause`);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  const run = bucket.start(["deploy"]);
  await run.waitForStderr("wave 0");
  await Bun.sleep(400);
  run.kill("SIGINT");
  const { code, stdout } = await run.wait();
  expect(code).toBe(130);
  expect(stdout).toContain("interrupted");
  expect(await allCalls(fleet, bucket, "api")).toEqual([
    ["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"],
    ["start 0.0.0 1.0.0"],
    ["start 0.0.0 1.0.0"],
  ]);
  const resumed = await bucket.maandJson<DeployJson>("deploy");
  expect(outcomesOf(resumed.json, "api")[fleet.ips[0]!]).toBe("skip skipped");
  expect(await callsOf(fleet, bucket, 2, "api")).toEqual(["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"]);
});

test("a disabled worker is stopped once and keeps everything; enabled again it starts", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  bucket.write("workspace/disabled.json", { workers: [fleet.ips[1]] });
  await buildAndDeploy(bucket);
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0", "stop 1.0.0 1.0.0"]);
  const root = (await jobDirectory(bucket, "api")).replace(/\/jobs\/.*/, "");
  expect(JSON.parse((await fleet.exec(1, `cat ${root}/jobs.json`)).stdout)).toEqual([
    { job: "api", disabled: 1 },
  ]);
  bucket.remove("workspace/disabled.json");
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 1, "api")).at(-1)).toBe("start 1.0.0 1.0.0");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
});

test("a job that leaves is stopped and its files deleted, data/ and logs/ stay until gc", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "old");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "old");
  await fleet.exec(0, `mkdir -p ${directory}/logs && echo keep > ${directory}/logs/x`);
  bucket.remove("workspace/jobs/old");
  const before = await bucket.maandJson<{ kv: { namespace: string }[] }>("cat", "kv", "--active");
  await build(bucket);
  await buildAndDeploy(bucket);
  expect((await fleet.exec(0, `ls -A ${directory}; cat ${directory}/data/calls`)).stdout).toBe(
    "data\nlogs\nstart 0.0.0 1.0.0\nstop 1.0.0 1.0.0\n",
  );
  const after = await bucket.maandJson<{ kv: { namespace: string }[] }>("cat", "kv", "--active");
  const of = (rows: { namespace: string }[]) =>
    rows.filter((row) => row.namespace.includes("/job/old")).length;
  expect(of(before.json.kv)).toBeGreaterThan(0);
  expect(of(after.json.kv)).toBe(0);
  const gc = await bucket.maand("gc");
  expect(`${gc.code} ${gc.stderr}`).toStartWith("0 ");
  expect((await fleet.exec(0, `ls -d ${directory} 2>&1 || true`)).stdout).toContain("No such file");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
  const rows = (await bucket.maandJson<{ allocations: { job: string }[] }>("cat", "allocations")).json
    .allocations;
  expect(new Set(rows.map((row) => row.job))).toEqual(new Set(["api"]));
});

test("a worker that leaves is stopped and cleaned, and comes back as new", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const rows = fleet.ips.map((host) => ({ host }));
  bucket.write("workspace/workers.json", rows.slice(0, 2));
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 2, "api")).at(-1)).toBe("stop 1.0.0 1.0.0");
  expect((await fleet.exec(2, `ls -A ${await jobDirectory(bucket, "api")}`)).stdout).toBe("data\n");
  bucket.write("workspace/workers.json", rows);
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 2, "api")).at(-1)).toBe("start 0.0.0 1.0.0");
});

test("one worker with its sshd stopped: the others are deployed, exit 1, the message names it, and deploy repairs", async () => {
  writeJob(bucket, "api");
  await build(bucket);
  await fleet.killSshd(1);
  try {
    const { code, json, stderr } = await bucket.maandJson<DeployJson>("deploy");
    expect(code).toBe(1);
    const [a, b, c] = fleet.ips as [string, string, string];
    expect(outcomesOf(json, "api")).toEqual({
      [a]: "start done",
      [b]: "start not_reached",
      [c]: "start done",
    });
    expect(json.unreached.map((worker) => worker.worker_ip)).toEqual([b]);
    expect(stderr).toContain(b);
  } finally {
    await fleet.startSshd(1);
  }
  const repaired = await bucket.maand("deploy");
  expect(repaired.code).toBe(0);
  expect(await allCalls(fleet, bucket, "api")).toEqual(fleet.ips.map(() => ["start 0.0.0 1.0.0"]));
});

test("a dead worker that nothing is due on is a warning and exit 0", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  await fleet.killSshd(2);
  try {
    const { code, stdout } = await bucket.maand("deploy");
    expect(code).toBe(0);
    expect(stdout).toContain(`not reached: ${fleet.ips[2]}`);
    expect(stdout).toContain("nothing to do (2 up to date, 1 up to date when last asked)");
  } finally {
    await fleet.startSshd(2);
  }
});

test("--jobs, --force and --sync-only do what they say", async () => {
  writeJob(bucket, "api", { files: { "app.conf": "one\n" } });
  writeJob(bucket, "db");
  await build(bucket);
  const refused = await bucket.maand("deploy", "--sync-only");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("--sync-only cannot start what has never run");
  await buildAndDeploy(bucket, "--jobs", "api");
  expect(await callsOf(fleet, bucket, 0, "db")).toEqual([]);
  await buildAndDeploy(bucket);
  await buildAndDeploy(bucket, "--force", "--jobs", "db");
  expect(await callsOf(fleet, bucket, 0, "db")).toEqual(["start 0.0.0 1.0.0", "restart 1.0.0 1.0.0"]);
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
  bucket.write("workspace/jobs/api/app.conf", "two\n");
  await buildAndDeploy(bucket, "--sync-only");
  expect((await fleet.exec(0, `cat ${await jobDirectory(bucket, "api")}/app.conf`)).stdout).toBe("two\n");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
  const unknown = await bucket.maand("deploy", "--jobs", "apu");
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('did you mean "api"?');
});

test("a batch width of the manifest holds on the workers", async () => {
  const manifest = { max_concurrent_upgrades: 2 };
  writeJob(bucket, "api", { manifest });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest, version: "2.0.0" });
  await build(bucket);
  const { stdout } = await bucket.maand("deploy", "--dry-run");
  expect(stdout.match(/batch 1\/2/g)?.length).toBe(2);
  expect(stdout.match(/batch 2\/2/g)?.length).toBe(1);
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0", "restart 1.0.0 2.0.0"]);
});
