// Transfers that break: killed processes, lost connections, deadlines, and what they must not leave behind.

import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MaandError } from "../../src/model/error.ts";
import { type Connection, openConnection } from "../../src/ssh/connect/connection.ts";
import { sh } from "../../src/ssh/exec/quote.ts";
import { startSshd } from "../support/sshd.ts";
import { listing, protect, self, useSyncRoom, write } from "../support/sync-room.ts";
import { rejectionOf } from "../support/thrown.ts";
import { descendants, eventually, isRunning } from "../support/watch.ts";

setDefaultTimeout(60_000);

const room = useSyncRoom();

// A temporary directory of our own, so that a socket left behind is surely one of ours.
const tmpBefore = process.env.TMPDIR;

beforeEach(() => {
  process.env.TMPDIR = room.root;
});

afterEach(() => {
  if (tmpBefore === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = tmpBefore;
});

test("one broken transfer is repeated: the second try completes the tree", async () => {
  for (let i = 0; i < 4; i++) write(room.staging, `jobs/api/f${i}`, randomBytes(15_000_000));
  write(room.remote, "jobs/api/data/keep", "precious");
  const killing = (async () => {
    await eventually(() => receivers().length > 0, "the remote rsync runs");
    for (const pid of receivers()) process.kill(pid, "SIGKILL");
  })();
  const before = room.connection.execCount;
  await room.sync(["./jobs/api"], { timeoutSeconds: 60 });
  await killing;
  expect(room.connection.execCount).toBe(before + 2);
  for (let i = 0; i < 4; i++) {
    const [here, there] = [room.staging, room.remote].map((base) =>
      readFileSync(join(base, `jobs/api/f${i}`)),
    );
    expect(there!.equals(here!)).toBe(true);
  }
  expect(readFileSync(join(room.remote, "jobs/api/data/keep"), "utf8")).toBe("precious");
});

/** The rsync processes on the worker's side. */
function receivers(): number[] {
  return descendants(room.sshd.pid).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("rsync\0--server");
    } catch {
      return false;
    }
  });
}

test("a lost connection is an error at once, or a second try on a new one", async () => {
  const other = await startSshd();
  try {
    const target = await other.target();
    for (let i = 0; i < 4; i++) write(room.staging, `jobs/api/f${i}`, randomBytes(15_000_000));
    const cut = async () => {
      await eventually(() => descendants(other.pid).length > 2, "the remote rsync runs");
      for (const pid of other.children()) process.kill(pid, "SIGKILL");
    };
    const first = await openConnection(target, other.settings());
    const [error] = await Promise.all([rejectionOf(room.sync(["./jobs/api"], {}, first)), cut()]);
    expect(error).toMatchObject({ kind: "unreachable", where: { worker: "127.0.0.1" } });

    const second = await openConnection(target, other.settings());
    const opened: Connection[] = [];
    const reconnect = async () => {
      opened.push(await openConnection(target, other.settings()));
      return opened[0]!;
    };
    await Promise.all([room.sync(["./jobs/api"], { reconnect }, second), cut()]);
    expect(opened.length).toBe(1);
    expect(Object.keys(listing(join(room.remote, "jobs/api"))).length).toBe(4);
    await Promise.all([first, second, ...opened].map((c) => c.close()));
  } finally {
    other.end();
  }
});

test("deadline and signal end a sync and leave no process and no socket", async () => {
  write(room.staging, "jobs/api/f", randomBytes(60_000_000));
  const slow = await rejectionOf(room.sync(["./jobs/api"], { timeoutSeconds: 0.15 }));
  expect(slow).toMatchObject({ kind: "remote" });
  expect((slow as MaandError).why).toContain("0.15 s");
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 150);
  rmSync(room.remote, { recursive: true, force: true });
  const aborted = await rejectionOf(room.sync(["./jobs/api"], { signal: stop.signal }));
  expect(aborted).toMatchObject({ kind: "interrupted" });
  await eventually(() => receivers().length === 0, "the remote rsync is gone");
  await eventually(() => descendants(process.pid).filter(isRsh).length === 0, "the child is gone");
  expect(sockets()).toEqual([]);
  expect((await room.connection.exec(sh`true`)).exitCode).toBe(0);
});

test("kill -9 of maand mid-sync leaves no stray, here or on the worker", async () => {
  write(room.staging, "jobs/api/f", randomBytes(80_000_000));
  const program = join(room.root, "victim.ts");
  const source = join(import.meta.dir, "../../src/ssh");
  const options = {
    cwd: room.staging,
    sources: ["./jobs/api"],
    destination: room.remote,
    protect,
    useSudo: false,
    timeoutSeconds: 60,
    self,
  };
  writeFileSync(
    program,
    `import { openConnection } from ${JSON.stringify(join(source, "connect/connection.ts"))};
import { syncTree } from ${JSON.stringify(join(source, "rsync/sync.ts"))};
const connection = await openConnection(${JSON.stringify(await room.sshd.target())}, ${JSON.stringify(room.sshd.settings())});
await syncTree(connection, ${JSON.stringify(options)});
process.exit(0);
`,
  );
  const victim = spawn(process.execPath, [program], { stdio: "ignore", env: process.env });
  const ended = new Promise((resolve) => victim.once("exit", (code, signal) => resolve(signal ?? code)));
  await eventually(() => receivers().length > 0, "the remote rsync runs");
  expect(sockets()).toEqual([]);
  const strays = descendants(victim.pid!);
  expect(strays.length).toBeGreaterThan(1);
  victim.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
  await eventually(() => strays.every((pid) => !isRunning(pid)), "rsync and its child are gone");
  await eventually(() => receivers().length === 0, "the remote rsync is gone");
  expect(sockets()).toEqual([]);
});

/** Directories of sockets that are there now. */
function sockets(): string[] {
  return readdirSync(room.root).filter((name) => name.startsWith("maand-rsh-"));
}

function isRsh(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("\0__rsh\0");
  } catch {
    return false;
  }
}
