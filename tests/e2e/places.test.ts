// Buckets and workers in unusual places: addresses, paths, roots, users, and a host without room.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeJob } from "../support/builders/jobs.ts";
import { buildAndDeploy, callsOf, type DeployJson, outcomesOf } from "../support/deployed.ts";
import { maand, maandPath } from "../support/maand.ts";
import { runProcess } from "../support/process.ts";
import { useBuckets, useFleet, useTempDirs } from "../support/use.ts";

const fleet = useFleet(2);
const newBucket = useBuckets();
const tempDir = useTempDirs();

test("IPv6 workers, a worker_root of the ssh user's own without sudo, a bucket path with blanks, quotes and other scripts", async () => {
  const template = await newBucket(fleet);
  const dir = join(tempDir(), "mein 'Bücket' \"$HOME\" ümläut 日本");
  mkdirSync(dir);
  expect((await runProcess(["cp", "-a", `${template.dir}/.`, dir])).code).toBe(0);
  const bucket = {
    ...template,
    dir,
    path: (...parts: string[]) => join(dir, ...parts),
    maand: (...args: string[]) => maand(args, { cwd: dir }),
  };
  const write = (path: string, content: string | object) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    mkdirSync(join(dir, path, ".."), { recursive: true });
    return Bun.write(join(dir, path), text);
  };
  const root = "/home/agent/srv/maand";
  const conf = (await Bun.file(join(dir, "maand.conf")).text())
    .replace(/^#? ?use_sudo.*$/m, "use_sudo = false")
    .replace(/^#? ?worker_root.*$/m, `worker_root = "${root}"`);
  await write("maand.conf", conf);
  expect(conf).toContain("\nuse_sudo = false\n");
  expect(conf).toContain("\nworker_root = ");
  await write(
    "workspace/workers.json",
    fleet.ips6.map((host) => ({ host })),
  );
  const makefile =
    'start restart stop:\n\t@mkdir -p data && echo "$@ $$(id -un) $(ALLOCATION_IP)" >> data/calls\n';
  await write("workspace/jobs/api/manifest.json", {
    version: "1.0.0",
    selectors: ["worker"],
    health_check: { checks: [{ type: "ssh", command: "true" }] },
  });
  await write("workspace/jobs/api/Makefile", makefile);
  await write("workspace/jobs/api/conf/with blank & ünï $(touch x);'.conf", "1");
  for (const args of [["build"], ["deploy"]]) {
    const { code, stdout, stderr } = await bucket.maand(...args);
    expect(`${code} ${stdout}${stderr}`).toStartWith("0 ");
  }
  const id = (JSON.parse((await bucket.maand("info", "--json")).stdout) as { bucket_id: string }).bucket_id;
  for (const [i, ip] of fleet.ips6.entries()) {
    const { stdout } = await fleet.exec(
      i,
      `cd '${root}/${id}' && cat jobs/api/data/calls && ls jobs/api/conf && stat -c '%n %U' worker.json bin/runner.py jobs jobs/api jobs/api/Makefile && cat worker.json`,
    );
    expect(stdout).toStartWith(
      `start agent ${ip}\nwith blank & ünï $(touch x);'.conf\nworker.json agent\nbin/runner.py agent\njobs agent\njobs/api agent\njobs/api/Makefile agent\n`,
    );
    expect(stdout).toContain(`"worker_ip":"${ip}"`);
  }
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  rmSync(join(dir, "workspace/jobs/api"), { recursive: true });
  expect((await bucket.maand("build")).code).toBe(0);
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect((await fleet.exec(0, `ls '${root}/${id}/jobs/api'`)).stdout).toBe("data\n");
});

test("a host without room: the message says so, nothing runs on half a tree, and deploy goes on once there is room", async () => {
  const bucket = await newBucket(fleet);
  writeJob(bucket, "api", { files: { "big.bin": "x".repeat(3_000_000) } });
  // Rendered files are kept in the catalog, which then has to grow.
  const some = () => `{{ .NewVersion }} ${randomBytes(200_000).toString("hex")}`;
  writeJob(bucket, "kept", {
    files: Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`${i}.conf.tpl`, some()])),
  });
  writeJob(bucket, "small");
  expect((await bucket.maand("build")).code).toBe(0);
  // No file of this process may grow beyond 1 MB: what staging meets is what it meets on a full disk.
  const command = 'trap "" XFSZ; ulimit -f 1000; exec "$0" deploy --json';
  const full = await runProcess(["bash", "-c", command, maandPath()], { cwd: bucket.dir });
  expect(full.code).toBe(1);
  const json = JSON.parse(full.stdout) as DeployJson;
  const [a, b] = fleet.ips as [string, string];
  expect(outcomesOf(json, "api")).toEqual({ [a]: "start failed", [b]: "start failed" });
  expect(outcomesOf(json, "small")).toEqual({ [a]: "start done", [b]: "start done" });
  expect(full.stdout).toContain("cannot stage files");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual([]);
  expect(outcomesOf(json, "kept")).toEqual({ [a]: "start failed", [b]: "start failed" });
  expect(full.stdout).toContain("cannot write the catalog");
  expect(await callsOf(fleet, bucket, 0, "kept")).toEqual([]);
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["stop 0.0.0 1.0.0", "start 0.0.0 1.0.0"]);
  expect(await callsOf(fleet, bucket, 0, "small")).toEqual(["start 0.0.0 1.0.0"]);
});
