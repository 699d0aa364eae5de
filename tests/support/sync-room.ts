// A room for tests of rsync: an sshd, a connection to it, a staging directory and the place where it shall go.

import { beforeEach } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Connection } from "../../src/ssh/connect/connection.ts";
import { type SyncOptions, syncTree } from "../../src/ssh/rsync/sync.ts";
import { type Sshd, useConnection } from "./sshd.ts";
import { useTempDir } from "./use.ts";

/** What deploy protects on a worker. */
export const protect = ["/jobs/*/data", "/jobs/*/logs", "/jobs/*/bin"];

/** Starts the stand-in of maand. */
export const self = [process.execPath, join(import.meta.dir, "rsh-entry.ts")];

export interface SyncRoom {
  sshd: Sshd;
  connection: Connection;
  /** Holds the other two; new for each test. */
  root: string;
  staging: string;
  /** Does not exist at first. */
  remote: string;
  /** `syncTree` from staging to remote. */
  sync(sources: string[], more?: Partial<SyncOptions>, on?: Connection): Promise<void>;
}

/** Sets the room up around the tests of the file that calls this; its fields are there inside of tests. */
export function useSyncRoom(): SyncRoom {
  const tempDir = useTempDir();
  const room = {
    ...useConnection(),
    sync(sources, more = {}, on = room.connection) {
      const { staging: cwd, remote: destination } = room;
      return syncTree(on, {
        cwd,
        sources,
        destination,
        protect,
        useSudo: false,
        timeoutSeconds: 30,
        self,
        ...more,
      });
    },
  } as SyncRoom;
  beforeEach(() => {
    room.root = tempDir();
    room.staging = join(room.root, "staging");
    room.remote = join(room.root, "opt/worker/the bucket");
    mkdirSync(room.staging);
  });
  return room;
}

/** A file with the directories above it. */
export function write(base: string, path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = join(base, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}

/** Every entry below a directory: path to kind, mode, content or target, and mtime in seconds. */
export function listing(base: string, below = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(base, below))) {
    const path = join(below, name);
    const stat = lstatSync(join(base, path));
    const mode = (stat.mode & 0o7777).toString(8);
    const time = Math.floor(stat.mtimeMs / 1000);
    if (stat.isSymbolicLink()) found[path] = `link ${readlinkSync(join(base, path))}`;
    else if (stat.isDirectory()) {
      found[path] = `dir ${mode} ${time}`;
      Object.assign(found, listing(base, path));
    } else found[path] = `file ${mode} ${time} ${Bun.hash(readFileSync(join(base, path)))}`;
  }
  return found;
}
