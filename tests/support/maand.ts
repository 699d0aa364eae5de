// Runs the compiled maand the way an operator does, and makes buckets for it.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Fleet } from "./fleet.ts";
import { type Live, type Outcome, type ProcessOptions, runProcess, startProcess } from "./process.ts";

const root = resolve(import.meta.dir, "../..");
let built: { newer: string | undefined } | undefined;

/**
 * Absolute path of the executable under test: `MAAND_BIN`, else `dist/maand`. Throws when there is none, and when
 * `dist/maand` was not built from the sources as they are: such a test would prove nothing. They are looked at once per
 * process, so a change while tests run is not seen.
 */
export function maandPath(): string {
  const path = resolve(process.env.MAAND_BIN ?? join(root, "dist/maand"));
  if (!existsSync(path)) throw new Error(`there is no ${path}; run scripts/build first, or set MAAND_BIN`);
  if (process.env.MAAND_BIN === undefined) {
    built ??= { newer: newerSource(path, root) };
    if (built.newer !== undefined)
      throw new Error(`dist/maand is older than ${built.newer}: run scripts/build, or set MAAND_BIN`);
  }
  return path;
}

/**
 * The first of what `scripts/build` builds from, below `root`, that changed after the executable was built; undefined
 * when there is none. Directories count, because theirs is the time at which a file was deleted or renamed.
 */
export function newerSource(executable: string, root: string): string | undefined {
  const builtAt = statSync(executable).mtimeMs;
  const below = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
  const sources = ["package.json", "package-lock.json", "scripts/build", "scripts/compile.ts", "src"];
  return [...sources, ...below.map((path) => join("src", path))].find(
    (path) => (statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0) > builtAt,
  );
}

// What the test runner or the developer's shell sets must not change what maand does.
const foreign = ["NODE_ENV", "BUCKET_ROOT", "NO_COLOR", "FORCE_COLOR", "CI", "MAAND_BIN", "SSH_AUTH_SOCK"];

function withCleanEnvironment(options: ProcessOptions): ProcessOptions {
  const cleared = Object.fromEntries(foreign.map((name) => [name, undefined]));
  return { ...options, env: { ...cleared, ...options.env } };
}

/** Runs maand to its end; see `ProcessOptions` for the defaults. A non-zero exit is a result, not an error. */
export function maand(args: readonly string[], options: ProcessOptions = {}): Promise<Outcome> {
  return runProcess([maandPath(), ...args], withCleanEnvironment(options));
}

/** Starts maand and returns while it runs. */
export function startMaand(args: readonly string[], options: ProcessOptions = {}): Live {
  return startProcess([maandPath(), ...args], withCleanEnvironment(options));
}

/** The outcome of a command run with `--json`, and the document it printed. */
export interface JsonOutcome<T> extends Outcome {
  json: T;
}

/** A bucket in a directory of its own. All paths are relative to it. */
export interface Bucket {
  dir: string;
  /** Absolute path of something in the bucket. */
  path(...parts: string[]): string;
  /** Writes a file with its parent directories; an object or array is written as JSON. */
  write(path: string, content: string | object, mode?: number): void;
  /** Deletes a file or a whole directory; nothing happens when there is none. */
  remove(path: string): void;
  read(path: string): string;
  /** Runs maand in the bucket. */
  maand(...args: string[]): Promise<Outcome>;
  /** Runs maand with `--json`. Throws when its output is not one JSON document. `T` is the caller's word, not checked. */
  maandJson<T = Record<string, unknown>>(...args: string[]): Promise<JsonOutcome<T>>;
  /** Starts maand in the bucket; `cleanUp` ends it if it still runs. */
  start(args: readonly string[], options?: ProcessOptions): Live;
  /** Ends what `start` left and deletes the bucket. */
  cleanUp(): Promise<void>;
}

/**
 * `maand init --yes` in a new directory. With a fleet the bucket has its key, its host keys and all its workers,
 * without labels of their own. Throws when init fails.
 */
export async function newBucket(fleet?: Pick<Fleet, "ips" | "keyPath" | "knownHostsPath">): Promise<Bucket> {
  maandPath();
  const dir = mkdtempSync(join(tmpdir(), "maand-bucket-"));
  const path = (...parts: string[]) => join(dir, ...parts);
  const running: Live[] = [];
  const bucket: Bucket = {
    dir,
    path,
    write(file, content, mode) {
      mkdirSync(dirname(path(file)), { recursive: true });
      const text = typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`;
      writeFileSync(path(file), text, mode === undefined ? {} : { mode });
    },
    remove: (file) => rmSync(path(file), { recursive: true, force: true }),
    read: (file) => readFileSync(path(file), "utf8"),
    maand: (...args) => maand(args, { cwd: dir }),
    async maandJson<T>(...args: string[]) {
      const outcome = await maand([...args, "--json"], { cwd: dir });
      try {
        return { ...outcome, json: JSON.parse(outcome.stdout) as T };
      } catch (thrown) {
        throw new Error(
          `maand ${args.join(" ")} --json did not print one JSON document: ${thrown}\n${outcome.stdout}\n${outcome.stderr}`,
        );
      }
    },
    start(args, options = {}) {
      const child = startMaand(args, { cwd: dir, ...options });
      running.push(child);
      return child;
    },
    async cleanUp() {
      for (const child of running) child.kill("SIGKILL");
      await Promise.allSettled(running.map((child) => child.wait()));
      rmSync(dir, { recursive: true, force: true });
    },
  };

  try {
    const init = await bucket.maand("init", "--yes");
    if (init.code !== 0)
      throw new Error(
        `maand init --yes exited with ${init.code ?? init.signal}: ${init.stderr}${init.stdout}`,
      );
  } catch (thrown) {
    await bucket.cleanUp();
    throw thrown;
  }
  if (fleet !== undefined) {
    mkdirSync(path("secrets"), { recursive: true, mode: 0o700 });
    copyFileSync(fleet.keyPath, path("secrets/worker.key"));
    copyFileSync(fleet.knownHostsPath, path("secrets/known_hosts"));
    await Promise.all(["worker.key", "known_hosts"].map((name) => chmod(path("secrets", name), 0o600)));
    bucket.write(
      "workspace/workers.json",
      fleet.ips.map((host) => ({ host, labels: [] })),
    );
  }
  return bucket;
}
