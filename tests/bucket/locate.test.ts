// Which bucket a command works on: --bucket, then BUCKET_ROOT, then upwards; none is exit 2.

import { beforeAll, expect, test } from "bun:test";
import { mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locateBucket } from "../../src/bucket/locate.ts";
import { MaandError } from "../../src/model/error.ts";
import { maand } from "../support/maand.ts";
import { useBuckets, useTempDirs } from "../support/use.ts";

const newBucket = useBuckets();
const tempDir = useTempDirs();
const root = realpathSync(tempDir());
const at = (...parts: string[]) => join(root, ...parts);

beforeAll(() => {
  for (const directory of ["outer/workspace/jobs/api", "outer/inner/deep", "other/data", "none"])
    mkdirSync(at(directory), { recursive: true });
  writeFileSync(at("outer/maand.conf"), "");
  writeFileSync(at("outer/inner/maand.conf"), "");
  // A bucket that lost its maand.conf still has its catalog.
  writeFileSync(at("other/data/maand.db"), "");
});

test("upwards from the working directory, the nearest one", () => {
  const find = (workingDirectory: string) => locateBucket({ workingDirectory }).root;
  expect(find(at("outer"))).toBe(at("outer"));
  expect(find(at("outer/workspace/jobs/api"))).toBe(at("outer"));
  expect(find(at("outer/inner/deep"))).toBe(at("outer/inner"));
  expect(find(at("other/data"))).toBe(at("other"));
});

test("--bucket beats BUCKET_ROOT, which beats the working directory; an empty BUCKET_ROOT is none", () => {
  const choice = { environment: at("other"), workingDirectory: at("outer/inner") };
  expect(locateBucket({ ...choice, flag: at("outer") }).root).toBe(at("outer"));
  expect(locateBucket(choice).root).toBe(at("other"));
  expect(locateBucket({ ...choice, environment: "" }).root).toBe(at("outer/inner"));
  expect(locateBucket({ ...choice, flag: ".." }).root).toBe(at("outer"));
});

test("what is named is taken or refused, never searched upwards from", () => {
  for (const [choice, what] of [
    [{ flag: at("outer/workspace") }, `--bucket ${at("outer/workspace")} holds no bucket`],
    [{ environment: at("outer/inner/deep") }, `BUCKET_ROOT ${at("outer/inner/deep")} holds no bucket`],
    [{ flag: at("missing") }, `--bucket ${at("missing")} is not a directory`],
  ] as const) {
    let error: unknown;
    try {
      locateBucket({ ...choice, workingDirectory: at("outer") });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MaandError);
    expect((error as MaandError).kind).toBe("usage");
    expect((error as MaandError).message).toBe(what);
  }
});

test("every path of a bucket lies below its root", () => {
  const { root: found, ...paths } = locateBucket({ workingDirectory: at("outer") });
  expect(
    Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, path.slice(found.length + 1)])),
  ).toEqual({
    conf: "maand.conf",
    catalog: "data/maand.db",
    lock: "data/lock.db",
    workspace: "workspace",
    secrets: "secrets",
    staging: "tmp",
    logs: "logs",
  });
});

test("the executable: flag, environment, upwards, and exit 2 with the way out when there is none", async () => {
  const bucket = await newBucket();
  const id = (await bucket.maandJson<Record<string, unknown>>("info")).json;
  const idOf = async (args: string[], options: Parameters<typeof maand>[1]) => {
    const { code, stdout, stderr } = await maand(["info", "--json", ...args], options);
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  const bare = ({ run_id: _, ...rest }: Record<string, unknown>) => rest;
  mkdirSync(bucket.path("workspace/jobs/api"), { recursive: true });
  for (const [args, options] of [
    [["--bucket", bucket.dir], { cwd: at("none") }],
    [[`--bucket=${bucket.dir}`], { cwd: at("none") }],
    [[], { cwd: at("none"), env: { BUCKET_ROOT: bucket.dir } }],
    [[], { cwd: bucket.path("workspace/jobs/api") }],
  ] as const)
    expect(bare(await idOf([...args], options))).toEqual(bare(id));
  const lost = await maand(["build"], { cwd: at("none") });
  expect(lost.code).toBe(2);
  expect(lost.stdout).toBe("");
  expect(lost.stderr).toBe(
    `error: no bucket in ${at("none")} or any directory above it\n` +
      '  do: run "maand init" to make one here, or name one with --bucket DIR\n',
  );
});
