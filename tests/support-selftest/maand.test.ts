// The executable under test, and the buckets that tests give it.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { maand, maandPath } from "../support/maand.ts";
import { useBuckets, useFleet } from "../support/use.ts";

const fleet = useFleet(2);
const bucketFor = useBuckets();

test("maandPath: the build's executable, or the one that MAAND_BIN names, or an error that says what to do", async () => {
  const before = process.env.MAAND_BIN;
  try {
    process.env.MAAND_BIN = "/no/such/maand";
    expect(() => maandPath()).toThrow("scripts/build");
  } finally {
    if (before === undefined) delete process.env.MAAND_BIN;
    else process.env.MAAND_BIN = before;
  }
  const outcome = await maand(["--version"]);
  expect(outcome.code).toBe(0);
  expect(outcome.stdout).toMatch(/\d+\.\d+\.\d+/);
});

test("a bucket of its own, with files written and read below it", async () => {
  const bucket = await bucketFor();
  expect(existsSync(bucket.path("maand.conf"))).toBe(true);
  bucket.write("workspace/jobs/api/run.sh", "#!/bin/sh\n", 0o755);
  bucket.write("workspace/jobs/api/manifest.json", { version: "1" });
  expect(statSync(bucket.path("workspace", "jobs", "api", "run.sh")).mode & 0o777).toBe(0o755);
  expect(JSON.parse(bucket.read("workspace/jobs/api/manifest.json"))).toEqual({ version: "1" });
  bucket.remove("workspace/jobs/api");
  bucket.remove("workspace/jobs/api");
  expect(existsSync(bucket.path("workspace/jobs/api"))).toBe(false);
  await bucket.cleanUp();
  expect(existsSync(bucket.dir)).toBe(false);
});

test("with a fleet: its key, its host keys, all its workers, and maand reaches them", async () => {
  const bucket = await bucketFor(fleet);
  for (const name of ["worker.key", "known_hosts"])
    expect(statSync(bucket.path("secrets", name)).mode & 0o777).toBe(0o600);
  expect(bucket.read("secrets/worker.key")).toBe(readFileSync(fleet.keyPath, "utf8"));
  expect(JSON.parse(bucket.read("workspace/workers.json"))).toEqual(
    fleet.ips.map((host) => ({ host, labels: [] })),
  );
  expect((await bucket.maand("build")).code).toBe(0);
  const listed = await bucket.maandJson<{ workers: { worker_ip: string }[] }>("cat", "workers");
  expect(listed.code).toBe(0);
  expect(listed.json.workers.map((row) => row.worker_ip)).toEqual(fleet.ips);
  const hostnames = await bucket.maand("run_command", "hostname");
  expect(hostnames.code).toBe(0);
});

test("cleanUp ends what the bucket started", async () => {
  const bucket = await bucketFor(fleet);
  expect((await bucket.maand("build")).code).toBe(0);
  const running = bucket.start(["run_command", "sleep 600"]);
  expect(existsSync(`/proc/${running.pid}`)).toBe(true);
  await bucket.cleanUp();
  expect(existsSync(`/proc/${running.pid}`)).toBe(false);
});
