// One writer per bucket: an exclusive lock that cannot outlive its process.

import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { MaandError } from "../model/error.ts";

/** Who holds the lock; written beside it for the message that a second maand prints. */
export interface LockHolder {
  pid: number;
  command: string;
  /** ISO 8601, UTC. */
  started: string;
}

export interface Lock {
  release(): void;
}

export interface LockRequest {
  /** Path of the lock database. */
  path: string;
  holder: LockHolder;
  /** Seconds to wait for another holder to finish; 0 gives up at once. */
  waitSeconds: number;
}

const pollMilliseconds = 100;

/**
 * Takes the bucket's lock. The kernel drops it with the process, `kill -9` included, because it is a lock on a
 * file of an open SQLite transaction (journal mode DELETE), not a file that has to be removed.
 * @throws MaandError("locked") naming the holder when it is not free in time.
 */
export async function takeLock(request: LockRequest): Promise<Lock> {
  mkdirSync(dirname(request.path), { recursive: true, mode: 0o700 });
  const deadline = performance.now() + request.waitSeconds * 1000;
  for (;;) {
    const lock = tryLock(request);
    if (lock !== undefined) return lock;
    if (performance.now() >= deadline) throw heldBy(readHolder(request.path), request.waitSeconds);
    await Bun.sleep(pollMilliseconds);
  }
}

function tryLock(request: LockRequest): Lock | undefined {
  const database = new Database(request.path, { create: true });
  chmodSync(request.path, 0o600);
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA journal_mode = DELETE");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw new MaandError("local", "cannot lock the bucket", {
      where: { file: request.path },
      why: error instanceof Error ? error.message : String(error),
      remedy: "check that the directory is writable and the disk is not full",
      cause: error,
    });
  }
  writeFileSync(holderPath(request.path), JSON.stringify(request.holder), { mode: 0o600 });
  return {
    release() {
      rmSync(holderPath(request.path), { force: true });
      database.close();
    },
  };
}

function isBusy(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" && (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"));
}

function holderPath(lockPath: string): string {
  return `${lockPath}.holder`;
}

/** The holder's own words, or undefined in the instant between its lock and its note. */
function readHolder(lockPath: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(holderPath(lockPath), "utf8")) as LockHolder;
  } catch {
    return undefined;
  }
}

function heldBy(holder: LockHolder | undefined, waited: number): MaandError {
  const who =
    holder === undefined
      ? "another maand"
      : `maand ${holder.command} (pid ${holder.pid}, started ${holder.started})`;
  return new MaandError("locked", `this bucket is held by ${who}`, {
    ...(waited > 0 ? { why: `it did not finish within ${waited} s` } : {}),
    remedy: "wait until it is done, or use --lock-wait SECONDS",
  });
}
