// Broken workers: the others finish, one clear message names worker and cause, exit 1, and the next deploy repairs.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { type Bucket, newBucket } from "../support/maand.ts";
import { build, buildAndDeploy, callsOf, type DeployJson, outcomesOf, writeJob } from "./jobs.ts";

let fleet: Fleet;
let bucket: Bucket;

beforeAll(async () => {
  fleet = await startFleet(3);
});
afterAll(() => fleet.down());
beforeEach(async () => {
  bucket = await newBucket(fleet);
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^connect_timeout = .*$/m, "connect_timeout = 3"),
  );
});
afterEach(() => bucket.cleanUp());

interface Fault {
  name: string;
  breakIt(): Promise<void>;
  mend(): Promise<void>;
  /** What the message about worker 1 must say. */
  says: RegExp;
}

const faults: Fault[] = [
  { name: "dead sshd", breakIt: () => fleet.killSshd(1), mend: () => fleet.startSshd(1), says: /refused/i },
  { name: "hung sshd", breakIt: () => fleet.pauseSshd(1), mend: () => fleet.resumeSshd(1), says: /3 s/ },
  {
    name: "no network",
    breakIt: () => fleet.linkDown(1),
    mend: () => fleet.linkUp(1),
    says: /3 s|no route|unreachable/i,
  },
  {
    name: "dropped packets",
    breakIt: () => fleet.dropTraffic(1),
    mend: () => fleet.restoreTraffic(1),
    says: /3 s/,
  },
  {
    name: "wrong host key",
    breakIt: () => fleet.newHostKey(1),
    mend: () => fleet.oldHostKey(1),
    says: /host key/i,
  },
  {
    name: "missing make",
    breakIt: () => fleet.hideTool(1, "make"),
    mend: () => fleet.showTool(1, "make"),
    says: /not installed: make/,
  },
  {
    name: "missing rsync",
    breakIt: () => fleet.hideTool(1, "rsync"),
    mend: () => fleet.showTool(1, "rsync"),
    says: /not installed: rsync/,
  },
  { name: "broken sudo", breakIt: () => fleet.breakSudo(1), mend: () => fleet.mendSudo(1), says: /sudo/ },
  {
    name: "full disk",
    breakIt: () => fleet.fullDisk(1, 1),
    mend: () => fleet.freeDisk(1),
    says: /MB free|No space/,
  },
  {
    name: "read-only root",
    breakIt: () => fleet.readOnly(1),
    mend: () => fleet.writable(1),
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
        await fault.mend();
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

  test("a connection that is dropped mid-sync: retried or reported, never a lifecycle on half a tree", async () => {
    writeJob(bucket, "api", { files: { "big.bin": big } });
    await build(bucket);
    await fleet.bandwidth(1, 4000);
    const run = bucket.start(["deploy", "--json"]);
    await run.waitForStderr("wave 0");
    await Bun.sleep(1500);
    await fleet.linkDown(1);
    let code: number | null;
    let stdout: string;
    try {
      ({ code, stdout } = await run.wait());
    } finally {
      await fleet.linkUp(1);
      await fleet.unlimited(1);
    }
    expect(code).toBe(1);
    const outcomes = outcomesOf(JSON.parse(stdout), "api");
    expect(outcomes[fleet.ips[0]!]).toBe("start done");
    expect(outcomes[fleet.ips[1]!]).toBe("start failed");
    expect(outcomes[fleet.ips[2]!]).toBe("start done");
    await buildAndDeploy(bucket);
    expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0"]);
  }, 120_000);

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
    expect(await callsOf(fleet, bucket, 1, "api")).toEqual(["start 0.0.0 1.0.0"]);
  }, 120_000);

  test("a worker that dies during its lifecycle target is reported promptly; the others complete", async () => {
    writeJob(bucket, "api");
    bucket.write(
      "workspace/jobs/api/Makefile",
      "start:\n\t@mkdir -p data; sleep 3; echo start >> data/calls\n",
    );
    await build(bucket);
    const run = bucket.start(["deploy", "--json"]);
    await run.waitForStderr("wave 0");
    await Bun.sleep(1000);
    await fleet.linkDown(1);
    let code: number | null;
    let stdout: string;
    try {
      ({ code, stdout } = await run.wait());
    } finally {
      await fleet.linkUp(1);
    }
    expect(code).toBe(1);
    const json = JSON.parse(stdout) as DeployJson;
    expect(outcomesOf(json, "api")[fleet.ips[1]!]).toBe("start failed");
    expect(outcomesOf(json, "api")[fleet.ips[0]!]).toBe("start done");
    expect(JSON.stringify(json.waves)).toContain(fleet.ips[1]!);
    await buildAndDeploy(bucket);
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
