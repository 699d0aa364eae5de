// One writer per bucket: an exclusive lock that cannot outlive its process.

import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { MaandError, reasonOf } from "../model/error.ts";
import { readRegular } from "./regular-file.ts";

/** Who holds the lock; written beside it for the message that a second maand prints. */
export interface LockHolder {
  pid: number;
  command: string;
  /** ISO 8601, UTC. */
  started: string;
  /** By which what its hooks started is known, should it be killed; absent for what runs none. */
  runId?: string;
}

export interface Lock {
  /** Who held the lock last and did not give it back: it was killed, and may have left something running. */
  abandonedBy?: LockHolder;
  release(): void;
}

export interface LockRequest {
  /** Path of the lock database. */
  path: string;
  holder: LockHolder;
  /** Seconds to wait for another holder to finish; 0 gives up at once. */
  waitSeconds: number;
  /** Ends the waiting: Ctrl-C. */
  signal?: AbortSignal;
}

const pollMilliseconds = 100;

/**
 * Takes the bucket's lock. The kernel drops it with the process, `kill -9` included, because it is a lock on a
 * file of an open SQLite transaction (journal mode DELETE), not a file that has to be removed.
 * @throws MaandError("locked") naming the holder when it is not free in time, MaandError("interrupted") when `signal`
 *   ends the waiting, MaandError("local") where the file cannot be made.
 */
export async function takeLock(request: LockRequest): Promise<Lock> {
  const deadline = performance.now() + request.waitSeconds * 1000;
  for (;;) {
    const lock = tryLock(request);
    if (lock !== undefined) return lock;
    if (performance.now() >= deadline) throw heldBy(readHolder(request.path), request.waitSeconds);
    if (request.signal?.aborted === true)
      throw new MaandError("interrupted", "interrupted while waiting for another maand; nothing was done");
    await Bun.sleep(pollMilliseconds);
  }
}

function tryLock(request: LockRequest): Lock | undefined {
  let database: Database | undefined;
  try {
    mkdirSync(dirname(request.path), { recursive: true, mode: 0o700 });
    database = new Database(request.path, { create: true });
    chmodSync(request.path, 0o600);
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA journal_mode = DELETE");
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (isBusy(error)) return undefined;
    throw new MaandError("local", "cannot lock the bucket for writing", {
      where: { file: request.path },
      why: reasonOf(error),
      hint: "see that the bucket is yours, that its disk is not mounted read-only, and that it is not full",
      cause: error,
    });
  }
  const before = readHolder(request.path);
  noteHolder(request);
  return {
    ...(before === undefined ? {} : { abandonedBy: before }),
    release() {
      try {
        rmSync(holderPath(request.path), { force: true });
      } finally {
        database.close();
      }
    },
  };
}

/** The note only serves the message to a second maand: a full disk must not keep the first one from its work. */
function noteHolder({ path, holder }: LockRequest): void {
  try {
    writeFileSync(holderPath(path), JSON.stringify(holder), { mode: 0o600 });
  } catch {
    // The lock itself holds.
  }
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
    return JSON.parse(readRegular(holderPath(lockPath)).toString("utf8")) as LockHolder;
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
    hint: "wait until it is done, or use --lock-wait SECONDS",
  });
}
