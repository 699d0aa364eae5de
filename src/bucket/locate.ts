// Finding the bucket: --bucket, BUCKET_ROOT, or the first directory upwards that holds one.

import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { MaandError } from "../model/error.ts";

/** Absolute paths of everything in a bucket. */
export interface BucketPaths {
  root: string;
  conf: string;
  catalog: string;
  lock: string;
  workspace: string;
  secrets: string;
  staging: string;
  logs: string;
}

/** The paths of the bucket whose root is `root`; nothing needs to exist yet. */
export function bucketPaths(root: string): BucketPaths {
  return {
    root,
    conf: join(root, "maand.conf"),
    catalog: join(root, "data", "maand.db"),
    lock: join(root, "data", "lock.db"),
    workspace: join(root, "workspace"),
    secrets: join(root, "secrets"),
    staging: join(root, "tmp"),
    logs: join(root, "logs"),
  };
}

function isBucket(directory: string): boolean {
  const paths = bucketPaths(directory);
  return existsSync(paths.conf) || existsSync(paths.catalog);
}

export interface BucketChoice {
  /** Value of `--bucket`, if given. */
  flag?: string | undefined;
  /** Value of the environment variable `BUCKET_ROOT`, if set. */
  environment?: string | undefined;
  workingDirectory: string;
}

/**
 * The bucket a command works on.
 * @throws MaandError("usage") when there is none, naming where was looked and `maand init`.
 */
export function locateBucket(choice: BucketChoice): BucketPaths {
  const named = choice.flag ?? (choice.environment === "" ? undefined : choice.environment);
  if (named !== undefined) {
    const source = choice.flag === undefined ? "BUCKET_ROOT" : "--bucket";
    const root = resolve(choice.workingDirectory, named);
    if (isBucket(root)) return bucketPaths(root);
    const what = isDirectory(root) ? "holds no bucket" : "is not a directory";
    throw new MaandError("usage", `${source} ${root} ${what}`, {
      hint: `name a directory with a maand.conf, or make one with "maand init --bucket ${root}"`,
    });
  }
  for (let directory = resolve(choice.workingDirectory); ; directory = dirname(directory)) {
    if (isBucket(directory)) return bucketPaths(directory);
    if (dirname(directory) === directory) break;
  }
  throw new MaandError("usage", `no bucket in ${choice.workingDirectory} or any directory above it`, {
    hint: 'run "maand init" to make one here, or name one with --bucket DIR',
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
