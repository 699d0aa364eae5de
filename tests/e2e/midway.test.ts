// Workers that break while they are being worked on: in a sync, in a lifecycle target, at the gate, and between waves.

import { beforeEach, describe, expect, test } from "bun:test";
import { noticeQuickly, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { callsOf, type DeployJson, outcomesOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(4);
const bucket = useBucket(fleet);

/** The workers by what they are at when the fault strikes. */
const at = { sync: 0, lifecycle: 1, gate: 2, well: 3 };

beforeEach(() => {
  noticeQuickly(bucket);
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host, i) => ({ host, labels: [Object.keys(at)[i]] })),
  );
});

const slow = "start restart:\n\t@mkdir -p data; sleep 3; echo done >> data/calls\n";

describe("one deploy with a worker in each of its parts when the fault strikes", () => {
  const faults: [string, (i: number) => Promise<void>, (i: number) => Promise<void>][] = [
    ["a dead sshd", (i) => fleet.killSshd(i), (i) => fleet.startSshd(i)],
    ["a hung sshd", (i) => fleet.pauseSshd(i), (i) => fleet.resumeSshd(i)],
    ["no network", (i) => fleet.linkDown(i), (i) => fleet.linkUp(i)],
  ];
  for (const [name, breakIt, fix] of faults) {
    test(name, async () => {
      const broken = [at.sync, at.lifecycle, at.gate];
      const selectors = (part: keyof typeof at) => ({ manifest: { selectors: [part] } });
      writeJob(bucket, "sync", { ...selectors("sync"), files: { "big.bin": "x".repeat(4 * 1024 * 1024) } });
      writeJob(bucket, "lifecycle", selectors("lifecycle"));
      bucket.write("workspace/jobs/lifecycle/Makefile", slow);
      const probe = { type: "ssh", command: "test -e /tmp/well" };
      const wait = { attempts: 20, interval_seconds: 0.2 };
      writeJob(bucket, "gate", {
        manifest: { selectors: ["gate"], health_check: { checks: [probe], timeout_seconds: 1, wait } },
      });
      writeJob(bucket, "well", selectors("well"));
      await build(bucket);
      await fleet.bandwidth(at.sync, 4000);
      const run = bucket.start(["deploy", "--json"]);
      await run.waitForStderr("gate: waiting for");
      await Bun.sleep(700);
      await Promise.all(broken.map(breakIt));
      let code: number | null;
      let stdout: string;
      try {
        ({ code, stdout } = await run.wait());
      } finally {
        await Promise.all(broken.map(fix));
        await fleet.unlimited(at.sync);
        await fleet.exec(at.gate, "touch /tmp/well");
      }
      const json = JSON.parse(stdout) as DeployJson;
      expect(code).toBe(1);
      const said = (job: string) =>
        json.waves.flatMap((wave) => wave.jobs).find((entry) => entry.job === job)!.allocations[0]!.error!;
      for (const part of ["sync", "lifecycle", "gate"] as const) {
        expect(outcomesOf(json, part)).toEqual({ [fleet.ips[at[part]]!]: "start failed" });
        expect(said(part).worker).toBe(fleet.ips[at[part]]!);
      }
      expect(said("gate").kind).toBe("health");
      expect(outcomesOf(json, "well")).toEqual({ [fleet.ips[at.well]!]: "start done" });
      // Nothing was run on the half of a tree that had arrived.
      expect(await callsOf(fleet, bucket, at.sync, "sync")).toEqual([]);
      const next = await bucket.maandJson<DeployJson>("deploy");
      await fleet.exec(at.gate, "rm /tmp/well");
      expect(next.code).toBe(0);
      expect(outcomesOf(next.json, "sync")).toEqual({ [fleet.ips[at.sync]!]: "start done" });
      expect(outcomesOf(next.json, "lifecycle")).toEqual({ [fleet.ips[at.lifecycle]!]: "start done" });
      expect(outcomesOf(next.json, "gate")).toEqual({ [fleet.ips[at.gate]!]: "restart done" });
      expect(outcomesOf(next.json, "well")).toEqual({ [fleet.ips[at.well]!]: "skip skipped" });
    }, 120_000);
  }
});

describe("a worker that was fit when it was checked and is not when its turn comes", () => {
  const faults: [string, RegExp, (i: number) => Promise<void>, (i: number) => Promise<void>][] = [
    ["read-only root", /read-only/i, (i) => fleet.readOnly(i), (i) => fleet.writable(i)],
    ["broken sudo", /sudo/, (i) => fleet.breakSudo(i), (i) => fleet.mendSudo(i)],
    [
      "missing make",
      /make start was not run.*cannot start make: it is not installed/,
      (i) => fleet.hideTool(i, "make"),
      (i) => fleet.showTool(i, "make"),
    ],
    ["missing rsync", /rsync/, (i) => fleet.hideTool(i, "rsync"), (i) => fleet.showTool(i, "rsync")],
    ["cut connections", /^$/, (i) => fleet.killSshd(i).then(() => fleet.startSshd(i)), async () => undefined],
  ];
  const hooks = { hook_x: { executed_on: ["cli"] } };
  const file = { "_hooks/hook_x.ts": "" };
  for (const [name, says, breakIt, fix] of faults) {
    test(name, async () => {
      writeJob(bucket, "first", { manifest: { selectors: ["well"], hooks }, files: file });
      bucket.write("workspace/jobs/first/Makefile", slow.replace("sleep 3", "sleep 1.5"));
      const demands = { job: "first", hook: "hook_x", config: {} };
      writeJob(bucket, "second", {
        manifest: { hooks: { hook_x: { executed_on: ["cli"], demands } } },
        files: file,
      });
      await build(bucket);
      const run = bucket.start(["deploy", "--json"]);
      await run.waitForStderr("wave 0");
      await breakIt(1);
      const { code, stdout } = await run.wait();
      await fix(1);
      const json = JSON.parse(stdout) as DeployJson;
      const unharmed = says.test("");
      const expected = fleet.ips.map((ip, i) => [ip, i === 1 && !unharmed ? "start failed" : "start done"]);
      expect(outcomesOf(json, "second")).toEqual(Object.fromEntries(expected));
      expect(code).toBe(unharmed ? 0 : 1);
      if (!unharmed) {
        const failed = json.waves[1]!.jobs[0]!.allocations.find((a) => a.worker_ip === fleet.ips[1])!;
        expect(JSON.stringify(failed.error)).toMatch(says);
      }
      const next = await bucket.maand("deploy");
      expect(`${next.code} ${next.stdout}`).toStartWith("0 ");
      const stopped = unharmed ? [] : ["stop 0.0.0 1.0.0"];
      expect(await callsOf(fleet, bucket, 1, "second")).toEqual([...stopped, "start 0.0.0 1.0.0"]);
    });
  }
});

/** Ends sshd with all its sessions, then starts it again and says so; a worker's processes are its own. */
const restartSshd = `#!/bin/sh
sleep 0.3
for comm in /proc/[0-9]*/comm; do
  { read -r name < "$comm"; } 2>/dev/null || continue
  case $name in sshd | sshd-session | sshd-auth) pid=\${comm#/proc/}; kill -KILL "\${pid%/comm}" ;; esac
done
rm -f /run/sshd.pid
sleep 1
sh /etc/ssh/worker_start_sshd
touch /tmp/restarted
`;

test("a gate waits for a worker whose sshd is restarted by the very job it asks about", async () => {
  const checks = [{ type: "ssh", command: "test -e /tmp/restarted" }];
  writeJob(bucket, "api", {
    manifest: {
      selectors: ["sync"],
      health_check: { checks, timeout_seconds: 2, wait: { attempts: 60, interval_seconds: 0.2 } },
    },
  });
  bucket.write("workspace/jobs/api/restart-sshd", restartSshd, 0o755);
  bucket.write(
    "workspace/jobs/api/Makefile",
    "start:\n\t@setsid ./restart-sshd > /dev/null 2>&1 < /dev/null &\n",
  );
  await build(bucket);
  const { code, stdout, stderr } = await bucket.maand("deploy");
  await fleet.exec(at.sync, "rm -f /tmp/restarted");
  expect(`${code} ${stdout}${stderr}`).toStartWith("0 ");
});

test("a dry run contacts no worker and takes no lock, even beside a deploy that runs", async () => {
  writeJob(bucket, "api", { manifest: { selectors: ["well"] } });
  bucket.write("workspace/jobs/api/Makefile", slow);
  await build(bucket);
  const run = bucket.start(["deploy"]);
  await run.waitForStderr("wave 0");
  const beside = await bucket.maandJson<DeployJson>("deploy", "--dry-run");
  expect([beside.code, outcomesOf(beside.json, "api")]).toEqual([
    0,
    { [fleet.ips[at.well]!]: "start planned" },
  ]);
  expect((await run.wait()).code).toBe(0);
  writeJob(bucket, "api", { version: "2.0.0", manifest: { selectors: ["well"] } });
  await build(bucket);
  await fleet.killSshd(at.well);
  const alone = await bucket.maandJson<DeployJson>("deploy", "--dry-run");
  await fleet.startSshd(at.well);
  expect([alone.code, outcomesOf(alone.json, "api")]).toEqual([
    0,
    { [fleet.ips[at.well]!]: "restart planned" },
  ]);
});
