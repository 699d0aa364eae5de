// The executable under test, and the buckets that tests give it.

import { expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { maand, maandPath, newerSource } from "../support/maand.ts";
import { runProcess } from "../support/process.ts";
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

test("maandPath refuses an executable that is older than what it is built from", () => {
  const root = mkdtempSync(join(tmpdir(), "maand-stale-"));
  try {
    const executable = join(root, "dist/maand");
    const put = (path: string, seconds: number) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), "");
      utimesSync(join(root, path), seconds, seconds);
    };
    const sources = ["src/a/b.sh", "src/main.ts", "package.json", "scripts/compile.ts"];
    const age = (path: string, seconds: number) => utimesSync(join(root, path), seconds, seconds);
    for (const path of [...sources, "dist/maand"]) put(path, 1000);
    for (const directory of ["src", "src/a"]) age(directory, 1000);
    expect(newerSource(executable, root)).toBeUndefined();
    for (const path of [...sources, "src/a"]) {
      age(path, 1001);
      expect(newerSource(executable, root)).toBe(path);
      age(path, 1000);
    }
    // What the executable is not made of does not count.
    put("tests/a.test.ts", 2000);
    expect(newerSource(executable, root)).toBeUndefined();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("a stale dist/maand is named with what to do, once and for all calls; MAAND_BIN is taken as it is", async () => {
  const stale = mkdtempSync(join(tmpdir(), "maand-stale-"));
  const here = join(import.meta.dir, "../..");
  try {
    // The support file in a repository of its own, whose executable is old.
    for (const path of ["tests/support/maand.ts", "tests/support/process.ts", "tests/support/fleet.ts"]) {
      mkdirSync(dirname(join(stale, path)), { recursive: true });
      copyFileSync(join(here, path), join(stale, path));
    }
    for (const path of ["dist/maand", "src/main.ts"]) {
      mkdirSync(dirname(join(stale, path)), { recursive: true });
      writeFileSync(join(stale, path), "");
    }
    utimesSync(join(stale, "dist/maand"), 1000, 1000);
    const program = `import { maandPath } from "./tests/support/maand.ts";
      for (let i = 0; i < 2; i++) try { console.log(maandPath()); } catch (error) { console.log(error.message); }`;
    const run = (env: Record<string, string | undefined>) =>
      runProcess([process.execPath, "-e", program], { cwd: stale, env });
    const sentence = "dist/maand is older than src: run scripts/build, or set MAAND_BIN\n";
    expect(await run({ MAAND_BIN: undefined })).toMatchObject({ code: 0, stdout: sentence.repeat(2) });
    const own = join(stale, "dist/maand");
    expect(await run({ MAAND_BIN: own })).toMatchObject({ code: 0, stdout: `${own}\n`.repeat(2) });
  } finally {
    rmSync(stale, { recursive: true, force: true });
  }
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
