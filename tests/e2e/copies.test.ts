// A catalog may be a copy: an older one and a second one are told from the true one, and recover goes on with either.

import { beforeEach, expect, test } from "bun:test";
import { cpSync, rmSync } from "node:fs";
import { writeBareJob, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { allCalls, buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import type { Outcome } from "../support/process.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

const said = ({ stdout, stderr }: Outcome) => stdout + stderr;
const keepCopy = (name: string) => cpSync(bucket.path("data"), bucket.path(name), { recursive: true });
const takeCopy = (name: string) => {
  rmSync(bucket.path("data"), { recursive: true });
  cpSync(bucket.path(name), bucket.path("data"), { recursive: true });
};
const updateSeq = async () => (await bucket.maandJson<{ update_seq: number }>("info")).json.update_seq;
const seqAt = async (i: number): Promise<number> => {
  const path = (await jobDirectory(bucket, "web")).replace(/jobs\/web$/, "worker.json");
  return (JSON.parse((await fleet.exec(i, `cat ${path}`)).stdout) as { update_seq: number }).update_seq;
};
const callNames = async () =>
  (await allCalls(fleet, bucket, "web")).map((calls) => calls.map((call) => call.split(" ")[0]));

/** A bucket that has deployed three times, with its catalog as it was after the first kept as `old`. */
beforeEach(async () => {
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  keepCopy("old");
  writeJob(bucket, "web", { version: "2.0.0", files: { conf: "two" } });
  await buildAndDeploy(bucket);
  await buildAndDeploy(bucket);
});

test("an old copy is refused by deploy, gc and job, however often; no number goes down or up", async () => {
  takeCopy("old");
  await build(bucket);
  for (const command of [
    ["deploy"],
    ["deploy"],
    ["deploy", "--force"],
    ["deploy"],
    ["job", "restart", "web"],
  ]) {
    const refused = await bucket.maand(...command);
    expect([refused.code, said(refused)]).toEqual([1, expect.stringContaining("maand recover")]);
    expect(said(refused)).toMatch(/deploy 3 \(run .*deploy 1 \(run /);
  }
  expect([await seqAt(0), await seqAt(1), await updateSeq()]).toEqual([3, 3, 1]);
  bucket.remove("workspace/jobs/web");
  writeBareJob(bucket, "other", { version: "1.0.0", selectors: ["worker"] });
  await build(bucket);
  const gc = await bucket.maand("gc");
  expect([gc.code, said(gc)]).toEqual([1, expect.stringContaining("nothing was touched")]);
  expect(await callNames()).toEqual([
    ["start", "restart"],
    ["start", "restart"],
  ]);
});

test("an old copy that reaches nobody does not count itself up past the fleet", async () => {
  takeCopy("old");
  await fleet.killSshd(0);
  await fleet.killSshd(1);
  try {
    for (let i = 0; i < 3; i++) await bucket.maand("deploy", "--force");
  } finally {
    await fleet.startSshd(0);
    await fleet.startSshd(1);
  }
  expect(await updateSeq()).toBe(1);
  expect((await bucket.maand("deploy")).code).toBe(1);
});

test("a worker that answers late and knows of a newer deploy is not touched, and nothing more is begun", async () => {
  keepCopy("second");
  await fleet.killSshd(0);
  await bucket.maand("deploy");
  await fleet.startSshd(0);
  expect([await seqAt(0), await seqAt(1)]).toEqual([3, 4]);
  takeCopy("second");
  const word = bucket.path("go-on");
  writeJob(bucket, "web", { version: "3.0.0" });
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host, i) => ({ host, labels: i === 0 ? ["first"] : [] })),
  );
  writeJob(bucket, "held", {
    manifest: { selectors: ["first"], hooks: { hook_wait: { executed_on: ["pre_deploy"] } } },
    files: {
      "_hooks/hook_wait.py": `import os, time\nfor _ in range(400):\n    if os.path.exists(${JSON.stringify(word)}): break\n    time.sleep(0.05)\n`,
    },
  });
  const conf = bucket.read("maand.conf").replace(/^connect_timeout = .*$/m, "connect_timeout = 30");
  bucket.write("maand.conf", conf);
  await build(bucket);
  await fleet.dropTraffic(1);
  const child = bucket.start(["deploy"]);
  try {
    await eventually(async () => (await callNames())[0]!.length === 3, "the first worker is deployed to");
  } finally {
    await fleet.restoreTraffic(1);
  }
  await child.waitForStderr(`web@${fleet.ips[1]}: not reached`, 30);
  bucket.write("go-on", "");
  const { code, stdout } = await child.wait();
  expect(code).toBe(1);
  expect(stdout).toContain("those named were not touched, and nothing more is begun");
  expect(stdout).toContain(`failed: held@${fleet.ips[0]}, web@${fleet.ips[1]}: this catalog is older`);
  expect((await fleet.exec(0, "ls /opt/worker/*/jobs/held/data/calls")).code).not.toBe(0);
  expect([await seqAt(1), await callNames()]).toEqual([
    4,
    [
      ["start", "restart", "restart"],
      ["start", "restart"],
    ],
  ]);
});

test("two copies at the same number are told apart", async () => {
  keepCopy("second");
  await bucket.maand("deploy");
  keepCopy("first");
  takeCopy("second");
  // The other host has deployed as often as we, and cannot have seen ours.
  const dir = (await jobDirectory(bucket, "web")).replace(/\/jobs\/web$/, "");
  for (const i of [0, 1]) await fleet.exec(i, `cp ${dir}/worker.json /root/kept && rm ${dir}/worker.json`);
  expect((await bucket.maand("deploy")).code).toBe(0);
  for (const i of [0, 1]) await fleet.exec(i, `mv /root/kept ${dir}/worker.json`);
  const refused = await bucket.maand("deploy");
  expect([refused.code, await updateSeq(), await seqAt(0)]).toEqual([1, 4, 4]);
  expect(said(refused)).toMatch(/deploy 4 \(run .*deploy 4 \(run /);
  takeCopy("first");
  expect((await bucket.maand("deploy")).code).toBe(0);
});

interface RecoverJson {
  update_seq: number;
  allocations: { job: string; worker_ip: string; status: string }[];
  not_in_catalog: { job: string; worker_ip: string }[];
  workers: { worker_ip: string; status: string }[];
  unreached: { worker_ip: string }[];
}
/** Every file below /opt/worker but what a run of a target writes, with its times. */
const contents = () =>
  Promise.all(
    [0, 1].map(
      async (i) => (await fleet.exec(i, "find /opt/worker -printf '%p %m %T@ %C@\n' | sort")).stdout,
    ),
  );

test("recover keeps what is as it would be deployed, marks the rest, changes nothing there; the deploy goes on", async () => {
  writeJob(bucket, "late", { manifest: { selectors: ["worker"] } });
  await buildAndDeploy(bucket);
  bucket.remove("workspace/jobs/late");
  const path = await jobDirectory(bucket, "web");
  await fleet.exec(1, `echo changed > ${path}/conf`);
  takeCopy("old");
  await build(bucket);
  const before = await contents();
  const { json, code, stderr } = await bucket.maandJson<RecoverJson>("recover");
  expect([code, stderr]).toEqual([0, ""]);
  expect(await contents()).toEqual(before);
  expect(json).toMatchObject({
    update_seq: 5,
    allocations: [
      { job: "web", worker_ip: fleet.ips[0], status: "kept" },
      { job: "web", worker_ip: fleet.ips[1], status: "unknown" },
    ],
    not_in_catalog: fleet.ips.map((worker_ip) => ({ job: "late", worker_ip })),
  });
  const calls = await callNames();
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect(await callNames()).toEqual([calls[0]!, [...calls[1]!, "restart"]]);
  expect([await seqAt(0), await updateSeq()]).toEqual([6, 6]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("recover takes over the id of a worker that was added after the backup, and the copy that lost is refused", async () => {
  const added = fleet.ips[1]!;
  takeCopy("old");
  keepCopy("other");
  // As a catalog that has never seen this worker: its row is made anew by the build.
  bucket.write("workspace/workers.json", [{ host: fleet.ips[0], labels: [] }]);
  await build(bucket);
  const { Database } = await import("bun:sqlite");
  const catalog = new Database(bucket.path("data/maand.db"));
  catalog.run("DELETE FROM allocation WHERE worker_ip = ?", [added]);
  catalog.close();
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host) => ({ host, labels: [] })),
  );
  await build(bucket);
  const { json } = await bucket.maandJson<RecoverJson>("recover");
  expect(json.workers.map(({ status }) => status)).toEqual(["known", "adopted"]);
  expect(json.allocations.map(({ status }) => status)).toEqual(["kept", "kept"]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  takeCopy("other");
  expect((await bucket.maand("deploy")).code).toBe(1);
});

test("a worker that recover cannot reach counts as unknown: exit 1, and what is there is done again", async () => {
  takeCopy("old");
  await build(bucket);
  await fleet.killSshd(1);
  try {
    const { json, code } = await bucket.maandJson<RecoverJson>("recover");
    expect([code, json.unreached.map(({ worker_ip }) => worker_ip)]).toEqual([1, [fleet.ips[1]!]]);
    expect(json.allocations.map(({ status }) => status)).toEqual(["kept", "unknown"]);
  } finally {
    await fleet.startSshd(1);
  }
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect((await callNames())[1]!.at(-1)).toBe("restart");
});

test("recover that reaches nobody changes nothing", async () => {
  await fleet.killSshd(0);
  await fleet.killSshd(1);
  try {
    const refused = await bucket.maand("recover");
    expect([refused.code, said(refused)]).toEqual([1, expect.stringContaining("no worker could be asked")]);
  } finally {
    await fleet.startSshd(0);
    await fleet.startSshd(1);
  }
  expect(await updateSeq()).toBe(3);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});
