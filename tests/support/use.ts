// What a test file needs around its tests, one call each: brought up before them, taken away after them.
//
// Each `use…` is called once at the top of a test file, because it sets hooks of bun:test there. A module of helpers
// cannot set them for itself: modules are loaded once for all files that one `bun test` runs, and only the first of
// these would be cleaned up. What is given back stands for the real thing, which is there inside of tests and of hooks
// that are set further down.

import { afterAll, afterEach, beforeAll, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Fleet, startFleet } from "./fleet.ts";
import { type Bucket, newBucket } from "./maand.ts";

/** A fleet of `count` workers for all tests of the file: a test undoes the faults it caused. See `startFleet`. */
export function useFleet(count: number): Fleet {
  let fleet: Fleet | undefined;
  beforeAll(async () => {
    fleet = await startFleet(count);
  });
  afterAll(() => fleet?.down());
  return standIn("fleet", () => fleet);
}

/** A new bucket for each test, with the workers of the fleet if there is one. See `newBucket`. */
export function useBucket(fleet?: Fleet): Bucket {
  let bucket: Bucket | undefined;
  beforeEach(async () => {
    bucket = await newBucket(fleet);
  });
  afterEach(async () => {
    await bucket?.cleanUp();
    bucket = undefined;
  });
  return standIn("bucket", () => bucket);
}

/** One bucket for all tests of the file, otherwise as `useBucket`: for tests that go on from each other, or only look. */
export function useFileBucket(fleet?: Fleet): Bucket {
  let bucket: Bucket | undefined;
  beforeAll(async () => {
    bucket = await newBucket(fleet);
  });
  afterAll(() => bucket?.cleanUp());
  return standIn("bucket", () => bucket);
}

/** `newBucket` for tests that want none, several or different ones; what a test made goes when it ends. */
export function useBuckets(): typeof newBucket {
  const buckets: Bucket[] = [];
  afterEach(async () => {
    for (const bucket of buckets.splice(0)) await bucket.cleanUp();
  });
  return async (fleet) => {
    const bucket = await newBucket(fleet);
    buckets.push(bucket);
    return bucket;
  };
}

/** The absolute path of a directory, or of what lies in it: `dir()`, `dir("logs", "maand.log")`. */
export type TempDir = (...parts: string[]) => string;

/** An empty directory for each test. */
export function useTempDir(prefix = "maand-dir-"): TempDir {
  let dir: string | undefined;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), prefix));
  });
  afterEach(() => {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
    dir = undefined;
  });
  return (...parts) => join(there("directory", dir), ...parts);
}

/** Makes an empty directory at each call and gives its path, also before the tests; they go when the file is done. */
export function useTempDirs(): () => string {
  const dirs: string[] = [];
  afterAll(() => {
    for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
  });
  return () => {
    const dir = mkdtempSync(join(tmpdir(), "maand-dir-"));
    dirs.push(dir);
    return dir;
  };
}

/**
 * An object whose members are those of whatever `current` gives at the time; for further `use…` functions.
 * @param name what it is, for the message when it is used too early
 */
export function standIn<T extends object>(name: string, current: () => T | undefined): T {
  return new Proxy({} as T, {
    get: (_, key) => Reflect.get(there(name, current()), key),
    has: (_, key) => Reflect.has(there(name, current()), key),
    ownKeys: () => Reflect.ownKeys(there(name, current())),
    getOwnPropertyDescriptor: (_, key) => {
      const own = Reflect.getOwnPropertyDescriptor(there(name, current()), key);
      // The stand-in has no members of its own, and a proxy may only report such as could be taken away.
      return own === undefined ? undefined : { ...own, configurable: true };
    },
  });
}

function there<T>(name: string, value: T | undefined): T {
  if (value === undefined)
    throw new Error(`there is no ${name} yet: it is there inside of tests and later hooks`);
  return value;
}
