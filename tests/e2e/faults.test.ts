// Broken workers: the others finish, one clear message names worker and cause, exit 1, and the next deploy repairs.

import { beforeEach, describe, expect, test } from "bun:test";
import { noticeQuickly, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, callsOf, type DeployJson, outcomesOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(3);
const bucket = useBucket(fleet);
beforeEach(() => {
  noticeQuickly(bucket);
});

interface Fault {
  name: string;
  breakIt(): Promise<void>;
  fix(): Promise<void>;
  /** What the message about worker 1 must say. */
  says: RegExp;
}

const faults: Fault[] = [
  { name: "dead sshd", breakIt: () => fleet.killSshd(1), fix: () => fleet.startSshd(1), says: /refused/i },
  { name: "hung sshd", breakIt: () => fleet.pauseSshd(1), fix: () => fleet.resumeSshd(1), says: /3 s/ },
  {
    name: "no network",
    breakIt: () => fleet.linkDown(1),
    fix: () => fleet.linkUp(1),
    says: /3 s|no route|unreachable/i,
  },
  {
    name: "dropped packets",
    breakIt: () => fleet.dropTraffic(1),
    fix: () => fleet.restoreTraffic(1),
    says: /3 s/,
  },
  {
    name: "wrong host key",
    breakIt: () => fleet.newHostKey(1),
    fix: () => fleet.oldHostKey(1),
    says: /host key/i,
  },
  {
    name: "missing make",
    breakIt: () => fleet.hideTool(1, "make"),
    fix: () => fleet.showTool(1, "make"),
    says: /not installed: make/,
  },
  {
    name: "missing rsync",
    breakIt: () => fleet.hideTool(1, "rsync"),
    fix: () => fleet.showTool(1, "rsync"),
    says: /not installed: rsync/,
  },
  { name: "broken sudo", breakIt: () => fleet.breakSudo(1), fix: () => fleet.mendSudo(1), says: /sudo/ },
  {
    name: "full disk",
    breakIt: () => fleet.fullDisk(1, 1),
    fix: () => fleet.freeDisk(1),
    says: /MB free|No space/,
  },
  {
    name: "read-only root",
    breakIt: () => fleet.readOnly(1),
    fix: () => fleet.writable(1),
    says: /read-only/i,
  },
];

describe("at connect", () => {
  for (const fault of faults) {
    test(fault.name, async () => {
      writeJob(bucket, "api");
      await build(bucket);
      await fault.breakIt();
      let broken: { code: number | null; stdout: string; stderr: string; json: DeployJson };
      try {
        broken = await bucket.maandJson<DeployJson>("deploy");
      } finally {
        await fault.fix();
      }
      const [a, b, c] = fleet.ips as [string, string, string];
      expect(broken.code).toBe(1);
      expect(outcomesOf(broken.json, "api")).toEqual({
        [a]: "start done",
        [b]: "start not_reached",
        [c]: "start done",
      });
      const [error] = broken.json.unreached;
      expect(error?.worker_ip).toBe(b);
      expect(JSON.stringify(error?.error)).toMatch(fault.says);
      const repaired = await bucket.maand("deploy");
      expect(`${repaired.code} ${repaired.stdout}`).toStartWith("0 ");
      expect(await callsOf(fleet, bucket, 1, "api")).toContain("start 0.0.0 1.0.0");
      expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
    });
  }
});

test("one message for one dead worker, however many jobs it has", async () => {
  for (const job of ["a1", "a2", "a3"]) writeJob(bucket, job);
  await build(bucket);
  await fleet.killSshd(1);
  try {
    const { code, stdout } = await bucket.maand("deploy");
    expect(code).toBe(1);
    expect(stdout.match(/^failed: /gm)?.length).toBe(1);
    expect(stdout).toContain(`failed: a1@${fleet.ips[1]}, a2@${fleet.ips[1]}, a3@${fleet.ips[1]}: `);
  } finally {
    await fleet.startSshd(1);
  }
});

describe("in the middle", () => {
  const big = "x".repeat(4 * 1024 * 1024);

  test("a disk that fills up mid-sync", async () => {
    await fleet.fullDisk(1, 12);
    try {
      writeJob(bucket, "api", { files: { "big.bin": big.repeat(4) } });
      await build(bucket);
      const { code, json } = await bucket.maandJson<DeployJson>("deploy");
      expect(code).toBe(1);
      expect(outcomesOf(json, "api")[fleet.ips[1]!]).toBe("start failed");
      expect(JSON.stringify(json.waves)).toMatch(/No space left/);
      expect(await callsOf(fleet, bucket, 1, "api")).toEqual([]);
    } finally {
      await fleet.freeDisk(1);
    }
    await buildAndDeploy(bucket);
    expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["stop 0.0.0 1.0.0", "start 0.0.0 1.0.0"]);
  }, 120_000);
});

describe("a stingy sshd", () => {
  const jobs = ["j1", "j2", "j3", "j4", "j5", "j6"];
  for (const option of ["MaxSessions 1", "MaxStartups 2"]) {
    test(`${option}: everything queues and nothing fails`, async () => {
      await fleet.sshdOption(1, option);
      try {
        for (const job of jobs) writeJob(bucket, job);
        await buildAndDeploy(bucket);
        for (const job of jobs) expect(await callsOf(fleet, bucket, 1, job)).toEqual(["start 0.0.0 1.0.0"]);
      } finally {
        await fleet.resetSshd(1);
      }
    });
  }
});

describe("wrong input changes nothing", () => {
  test("a wrong ssh key", async () => {
    writeJob(bucket, "api");
    await build(bucket);
    const { runProcess } = await import("../support/process.ts");
    bucket.remove("secrets/worker.key");
    await runProcess([
      "ssh-keygen",
      "-q",
      "-t",
      "ed25519",
      "-N",
      "",
      "-f",
      bucket.path("secrets/worker.key"),
    ]);
    const { code, stdout } = await bucket.maand("deploy");
    expect(code).toBe(1);
    expect(stdout).toMatch(/key/i);
    expect(stdout).toContain(fleet.ips[0]!);
    expect(await callsOf(fleet, bucket, 0, "api")).toEqual([]);
  });

  test("a typo in manifest.json", async () => {
    writeJob(bucket, "api");
    await buildAndDeploy(bucket);
    writeJob(bucket, "api", { manifest: { max_concurent_upgrades: 2 } });
    const { code, stderr } = await bucket.maand("build");
    expect(code).toBe(2);
    expect(stderr).toContain("workspace/jobs/api/manifest.json:");
    expect(stderr).toContain("max_concurrent_upgrades");
    expect(stderr).toContain("build failed: 1 problem");
    expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  });

  test("an unknown flag", async () => {
    const { code, stderr } = await bucket.maand("deploy", "--frce");
    expect(code).toBe(2);
    expect(stderr).toContain("--force");
  });
});
