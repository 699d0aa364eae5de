// An address is not a machine: what a deploy, gc and job do where another one answers, or one answers twice.

import { beforeEach, expect, test } from "bun:test";
import { writeBareJob, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { type AllocationJson, allCalls, buildAndDeploy, callsOf, jobDirectory } from "../support/deployed.ts";
import type { Outcome } from "../support/process.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

const root = async () => (await jobDirectory(bucket, "web")).replace(/\/jobs\/web$/, "");
const listWorkers = (...hosts: string[]) =>
  bucket.write(
    "workspace/workers.json",
    hosts.map((host) => ({ host, labels: [] })),
  );
/** Everything below the bucket's directory of a worker, with what is in it and when it was last written. */
const contentOf = async (i: number): Promise<string> => {
  const dir = await root();
  const { stdout } = await fleet.exec(
    i,
    `cd ${dir} 2>/dev/null || exit 0; find . -mindepth 1 -printf '%p %y %T@\n' | sort; find . -type f -exec md5sum {} + | sort`,
  );
  return stdout;
};
const bothContents = () => Promise.all([contentOf(0), contentOf(1)]);
const said = ({ stdout, stderr }: Outcome) => stdout + stderr;
const workerIdAt = async (i: number): Promise<string> => {
  const { stdout } = await fleet.exec(i, `cat ${await root()}/worker.json`);
  return (JSON.parse(stdout) as { worker_id: string }).worker_id;
};

beforeEach(() => writeJob(bucket, "web"));

test("worker.json names the run that wrote it, also on workers where nothing was due", async () => {
  await build(bucket);
  const { json } = await bucket.maandJson<{ run_id: string }>("deploy");
  const again = await bucket.maandJson<{ run_id: string; update_seq: number }>("deploy");
  expect(again.json.run_id).not.toBe(json.run_id);
  const { stdout } = await fleet.exec(1, `cat ${await root()}/worker.json`);
  expect(JSON.parse(stdout)).toMatchObject({ update_seq: 2, run_id: again.json.run_id });
});

test("a worker whose address changed: deploy refuses, gc keeps its data, and then everything goes on", async () => {
  await buildAndDeploy(bucket);
  await fleet.exec(0, `echo precious > ${await root()}/jobs/web/data/db`);
  listWorkers(fleet.ips6[0]!, fleet.ips[1]!);
  await build(bucket);
  const before = await contentOf(0);
  const refused = await bucket.maand("deploy");
  expect([refused.code, said(refused)]).toEqual([1, expect.stringContaining("maand gc")]);
  expect(said(refused)).toContain(fleet.ips[0]!);
  expect(said(refused)).toContain(fleet.ips6[0]!);
  expect(await contentOf(0)).toBe(before);

  const gc = await bucket.maandJson<{ workers: object[] }>("gc");
  expect([gc.code, gc.json.workers]).toEqual([
    0,
    [{ worker_ip: fleet.ips[0], status: "moved", moved_to: fleet.ips6[0] }],
  ]);
  expect(await contentOf(0)).toBe(before);
  await buildAndDeploy(bucket);
  expect((await fleet.exec(0, `cat ${await root()}/jobs/web/data/db`)).stdout).toBe("precious\n");
  expect((await bucket.maand("job", "status", "web")).code).toBe(0);
});

test("a moved worker that no longer answers at its old address keeps its data too", async () => {
  await buildAndDeploy(bucket);
  listWorkers(fleet.ips6[0]!, fleet.ips[1]!);
  await build(bucket);
  const conf = bucket.read("maand.conf").replace(/^connect_timeout = .*$/m, "connect_timeout = 2");
  bucket.write("maand.conf", conf);
  const [address] = (await fleet.exec(0, "ip -4 -o addr show dev eth0")).stdout.match(/10\.[0-9./]+/)!;
  await fleet.exec(0, `ip addr del ${address} dev eth0`);
  try {
    const refused = await bucket.maand("deploy");
    expect([refused.code, said(refused)]).toEqual([
      1,
      expect.stringContaining("which has left the workspace"),
    ]);
    expect((await bucket.maand("gc")).code).toBe(0);
    expect(await callsOf(fleet, bucket, 0, "web")).toEqual(["start 0.0.0 1.0.0"]);
    await buildAndDeploy(bucket);
  } finally {
    await fleet.exec(0, `ip addr add ${address} dev eth0`);
  }
});

test("one machine under two addresses is refused before anything is written there, and both are named", async () => {
  listWorkers(fleet.ips[0]!, fleet.ips6[0]!, fleet.ips[1]!);
  await build(bucket);
  const refused = await bucket.maand("deploy");
  expect([refused.code, said(refused)]).toEqual([
    1,
    expect.stringContaining(`${fleet.ips[0]} and ${fleet.ips6[0]} are the same machine`),
  ]);
  expect(await bothContents()).toEqual(["", ""]);
  expect((await bucket.maandJson("info")).json).toMatchObject({ update_seq: 0 });

  // Listed once, it is deployed to; dropping the other address costs it nothing.
  listWorkers(fleet.ips[0]!, fleet.ips[1]!);
  await buildAndDeploy(bucket);
  const before = await contentOf(0);
  expect((await bucket.maand("gc")).code).toBe(0);
  expect(await contentOf(0)).toBe(before);
});

test("two workers that swapped addresses: nothing is touched on either, by deploy, job or gc", async () => {
  const conf = bucket.read("maand.conf").replace(/^host_key_checking = .*$/m, 'host_key_checking = "off"');
  bucket.write("maand.conf", conf);
  writeBareJob(bucket, "old", { version: "1.0.0", selectors: ["worker"] });
  await buildAndDeploy(bucket);
  const ids = await Promise.all([workerIdAt(0), workerIdAt(1)]);
  bucket.remove("workspace/jobs/old");
  writeJob(bucket, "web", { version: "2.0.0" });
  await build(bucket);
  const before = await bothContents();
  await fleet.swapAddresses(0, 1);
  try {
    for (const command of ["deploy", "gc"]) {
      const refused = await bucket.maand(command);
      expect([command, refused.code]).toEqual([command, 1]);
      for (const name of [...ids, ...fleet.ips]) expect(said(refused)).toContain(name);
      expect(await bothContents()).toEqual(before);
    }
    const job = await bucket.maand("job", "restart", "web");
    expect([job.code, said(job)]).toEqual([1, expect.stringContaining(ids[1]!)]);
    expect(await allCalls(fleet, bucket, "web")).toEqual([["start 0.0.0 1.0.0"], ["start 0.0.0 1.0.0"]]);
  } finally {
    await fleet.swapAddresses(0, 1);
  }
  await buildAndDeploy(bucket);
});

test("a clone of a worker is refused, its data is not taken over, and the others are deployed to", async () => {
  listWorkers(fleet.ips[0]!);
  await buildAndDeploy(bucket);
  const dir = await root();
  const { stdout } = await fleet.exec(0, `tar -czf - ${dir} 2>/dev/null | base64 -w0`);
  await fleet.exec(1, `printf %s '${stdout}' | base64 -d | tar -C / -xzf -`);
  listWorkers(...fleet.ips);
  await build(bucket);
  writeJob(bucket, "web", { version: "2.0.0" });
  await build(bucket);
  const before = await contentOf(1);
  const refused = await bucket.maand("deploy");
  expect(refused.code).toBe(1);
  expect(said(refused)).toContain(`web@${fleet.ips[1]}: another machine answers than the one that is meant`);
  expect(said(refused)).toMatch(new RegExp(`its worker.json is of worker \\S+ \\(${fleet.ips[0]}\\)`));
  expect(said(refused)).toContain("1 done");
  expect(await contentOf(1)).toBe(before);
  // What the hint says: a machine that says nothing of itself is a new worker.
  await fleet.exec(1, `rm -r ${dir}`);
  await buildAndDeploy(bucket);
});

test("a worker that left and is back before gc is the same worker", async () => {
  await buildAndDeploy(bucket);
  listWorkers(fleet.ips[1]!);
  await buildAndDeploy(bucket);
  listWorkers(...fleet.ips);
  await buildAndDeploy(bucket);
  expect((await callsOf(fleet, bucket, 0, "web")).at(-1)).toBe("start 0.0.0 1.0.0");
});

const warningOf = (outcome: Outcome): string =>
  outcome.stderr.split("\n").find((line) => line.includes("not there any more")) ?? "";

test("a worker that was set up anew: a warning names its jobs, and they are started again in the same deploy", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  await fleet.reinstall(0);
  const outcome = await bucket.maand("deploy");
  expect([outcome.code, warningOf(outcome)]).toEqual([0, expect.stringContaining(fleet.ips[0]!)]);
  expect(warningOf(outcome)).toMatch(/api.*web/);
  for (const job of ["api", "web"])
    expect(await allCalls(fleet, bucket, job)).toEqual([["start 0.0.0 1.0.0"], ["start 0.0.0 1.0.0"]]);
  const idle = await bucket.maand("deploy");
  expect([idle.code, idle.stdout, warningOf(idle)]).toEqual([
    0,
    expect.stringContaining("nothing to do"),
    "",
  ]);
});

test.each([
  ["a directory that is gone", "rm -r jobs/web"],
  ["an emptied one", "rm -r jobs/web/*"],
  ["an older sync restored", "echo 0123456789abcdef > jobs/web/.maand-synced"],
  ["one without worker.json", "rm worker.json"],
])("%s starts its job again, and no other", async (_, damage) => {
  writeJob(bucket, "api", { manifest: { selectors: ["api"] } });
  bucket.write("workspace/workers.json", [
    { host: fleet.ips[0], labels: [] },
    { host: fleet.ips[1], labels: ["api"] },
  ]);
  await buildAndDeploy(bucket);
  await fleet.exec(0, `cd ${await root()} && ${damage}`);
  const { json, stderr, code } = await bucket.maandJson<{
    waves: { jobs: { allocations: AllocationJson[] }[] }[];
  }>("deploy");
  const done = json.waves
    .flatMap((wave) => wave.jobs.flatMap((job) => job.allocations))
    .map(({ job, worker_ip, action }) => `${job}@${worker_ip} ${action}`);
  expect([code, done.sort()]).toEqual([
    0,
    [`api@${fleet.ips[1]} skip`, `web@${fleet.ips[0]} start`, `web@${fleet.ips[1]} skip`].sort(),
  ]);
  expect(stderr).toContain("web (");
});

test("--sync-only does not start what a worker has lost, and touches nothing", async () => {
  await buildAndDeploy(bucket);
  await fleet.reinstall(0);
  const refused = await bucket.maand("deploy", "--sync-only");
  expect([refused.code, said(refused)]).toEqual([1, expect.stringContaining("--sync-only cannot start")]);
  expect(await contentOf(0)).toBe("");
  await buildAndDeploy(bucket);
});
