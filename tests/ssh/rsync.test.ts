// Trees on their way to a worker through a real rsync, a real sshd and the `__rsh` child.

import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MaandError } from "../../src/model/error.ts";
import { type Connection, openConnection } from "../../src/ssh/connection.ts";
import { raw } from "../../src/ssh/quote.ts";
import { remotePrefix, runRsync } from "../../src/ssh/rsync.ts";
import { type SyncOptions, syncArguments, syncTree } from "../../src/ssh/sync.ts";
import { descendants, eventually, isRunning, makeDir, rejectionOf, type Sshd, startSshd } from "./sshd.ts";

setDefaultTimeout(60_000);

const self = [process.execPath, join(import.meta.dir, "rsh-entry.ts")];
const protect = ["/jobs/*/data", "/jobs/*/logs", "/jobs/*/bin"];

let sshd: Sshd;
let connection: Connection;
let root: string;
let staging: string;
let remote: string;

beforeAll(async () => {
  sshd = await startSshd();
  connection = await openConnection(await sshd.target(), sshd.settings());
});

afterAll(async () => {
  await connection?.close();
  sshd?.end();
});

beforeEach(() => {
  root = makeDir();
  staging = join(root, "staging");
  remote = join(root, "opt/worker/the bucket");
  mkdirSync(staging);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(base: string, path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = join(base, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}

function sync(sources: string[], more: Partial<SyncOptions> = {}, on: Connection = connection): Promise<void> {
  const options = { cwd: staging, sources, destination: remote, protect, useSudo: false, timeoutSeconds: 30, self };
  return syncTree(on, { ...options, ...more });
}

/** Every entry below a directory: path to kind, mode, content or target, and mtime in seconds. */
function listing(base: string, below = ""): Record<string, string> {
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

test("a tree of 200 files arrives whole: names, modes, times, links, empty directories", async () => {
  for (let i = 0; i < 200; i++) write(staging, `jobs/api/d${i % 7}/file ${i}.txt`, `content ${i}`, i % 3 ? 0o644 : 0o755);
  const names = ["with space", "grün-日本", "new\nline", "quote'\"`$(x)", "-dash", "*star?", "back\\slash", "#a;b&c"];
  for (const name of names) write(staging, `jobs/api/names/${name}`, name, 0o640);
  write(staging, "jobs/api/certs/api.key", "secret", 0o600);
  mkdirSync(join(staging, "jobs/api/empty/below"), { recursive: true });
  chmodSync(join(staging, "jobs/api/empty/below"), 0o750);
  symlinkSync("names/with space", join(staging, "jobs/api/link"));
  symlinkSync("nowhere", join(staging, "jobs/api/dangling"));
  write(staging, "worker.json", "{}");
  write(staging, "bin/runner.py", "print()", 0o755);
  utimesSync(join(staging, "jobs/api/names/-dash"), 1_000_000_000, 1_000_000_000);

  const before = connection.execCount;
  await sync(["./worker.json", "./bin", "./jobs/api"]);
  expect(connection.execCount).toBe(before + 1);
  for (const part of ["bin", "jobs/api"]) {
    expect(listing(join(remote, part))).toEqual(listing(join(staging, part)));
  }
  expect(readFileSync(join(remote, "worker.json"), "utf8")).toBe("{}");
});

test("deletes what is no longer staged, inside the named directories only", async () => {
  write(staging, "jobs/api/keep", "1");
  write(staging, "jobs/other/mine", "1");
  write(remote, "jobs/api/old/deep/file", "x");
  write(remote, "jobs/api/old.txt", "x");
  write(remote, "jobs/web/untouched", "x");
  write(remote, "jobs.json", "[]");
  chmodSync(join(remote, "jobs"), 0o751);
  await sync(["./jobs/api"]);
  expect(readdirSync(join(remote, "jobs")).sort()).toEqual(["api", "web"]);
  expect(readdirSync(join(remote, "jobs/api"))).toEqual(["keep"]);
  expect(readFileSync(join(remote, "jobs/web/untouched"), "utf8")).toBe("x");
  expect(existsSync(join(remote, "jobs.json"))).toBe(true);
  expect(statSync(join(remote, "jobs")).mode & 0o777).toBe(0o751);
});

test("data, logs and bin of a job are neither sent nor deleted, deeper ones are content", async () => {
  write(staging, "jobs/api/data/staged", "no");
  write(staging, "jobs/api/sub/data/file", "yes");
  write(staging, "bin/runner.py", "yes");
  write(remote, "jobs/api/data/pg/base", "precious");
  write(remote, "jobs/api/logs/log", "precious");
  write(remote, "jobs/api/bin/tool", "precious");
  write(remote, "jobs/api/sub/data/old", "x");
  write(remote, "bin/old.py", "x");
  await sync(["./bin", "./jobs/api"]);
  expect(Object.keys(listing(remote)).filter((p) => listing(remote)[p]!.startsWith("file")).sort()).toEqual([
    "bin/runner.py",
    "jobs/api/bin/tool",
    "jobs/api/data/pg/base",
    "jobs/api/logs/log",
    "jobs/api/sub/data/file",
  ]);
});

test("a data directory that is a link to elsewhere stays one", async () => {
  write(staging, "jobs/api/f", "1");
  mkdirSync(join(remote, "jobs/api"), { recursive: true });
  symlinkSync("/srv", join(remote, "jobs/api/data"));
  await sync(["./jobs/api"]);
  expect(readlinkSync(join(remote, "jobs/api/data"))).toBe("/srv");
});

test("a file that changed within the same second, to the same length, is sent", async () => {
  write(staging, "jobs/api/conf", "port 8081");
  utimesSync(join(staging, "jobs/api/conf"), 1_700_000_000, 1_700_000_000);
  await sync(["./jobs/api"]);
  write(staging, "jobs/api/conf", "port 8082");
  utimesSync(join(staging, "jobs/api/conf"), 1_700_000_000, 1_700_000_000);
  await sync(["./jobs/api"]);
  expect(readFileSync(join(remote, "jobs/api/conf"), "utf8")).toBe("port 8082");
});

test("files become directories, directories become links, and back", async () => {
  write(staging, "jobs/api/a", "file");
  write(staging, "jobs/api/b/below", "file");
  await sync(["./jobs/api"]);
  rmSync(join(staging, "jobs/api"), { recursive: true });
  write(staging, "jobs/api/a/below", "file");
  symlinkSync("a", join(staging, "jobs/api/b"));
  await sync(["./jobs/api"]);
  expect(listing(join(remote, "jobs/api"))).toEqual(listing(join(staging, "jobs/api")));
});

test("a private file is never readable for others while it is written", async () => {
  const secret = randomBytes(8_000_000);
  write(remote, "jobs/api/certs/api.key", "old and open", 0o644);
  write(staging, "jobs/api/certs/api.key", secret, 0o600);
  const seen: number[] = [];
  const certs = join(remote, "jobs/api/certs");
  let done = false;
  const watching = (async () => {
    while (!done) {
      for (const name of readdirSync(certs)) {
        const stat = lstatSync(join(certs, name), { throwIfNoEntry: false });
        if (stat !== undefined && (name.startsWith(".") || stat.size > 100)) seen.push(stat.mode & 0o077);
      }
      await Bun.sleep(1);
    }
  })();
  await sync(["./jobs/api"]);
  done = true;
  await watching;
  expect(seen.every((open) => open === 0)).toBe(true);
  expect(statSync(join(certs, "api.key")).mode & 0o777).toBe(0o600);
});

test("a big binary file arrives intact", async () => {
  const data = randomBytes(40_000_000);
  write(staging, "jobs/api/big", data);
  await sync(["./jobs/api"]);
  expect(readFileSync(join(remote, "jobs/api/big")).equals(data)).toBe(true);
});

test("a big file comes back intact too, and waits for a slow reader on this side", async () => {
  const data = randomBytes(40_000_000);
  write(remote, "big", data);
  const args = ["-s", "--", `${remotePrefix}${remote}/big`, "."];
  const result = await runRsync(connection, { cwd: staging, args, timeoutSeconds: 30, remoteSudo: false, self });
  expect(result.exitCode).toBe(0);
  expect(readFileSync(join(staging, "big")).equals(data)).toBe(true);
});

test("what both rsyncs say and how it ended is reported", async () => {
  const lines: string[] = [];
  const result = await runRsync(connection, {
    cwd: staging,
    args: ["-s", "-r", "--", "./missing", `${remotePrefix}${remote}/`],
    timeoutSeconds: 30,
    remoteSudo: false,
    makeDirectory: remote,
    onLine: (stream, line) => lines.push(`${stream} ${line}`),
    self,
  });
  expect(result.exitCode).toBe(23);
  expect(result.stderr).toContain("missing");
  expect(lines.some((l) => l.startsWith("stderr") && l.includes("missing"))).toBe(true);
});

test("a worker where nothing can be written is an error with rsync's words", async () => {
  write(staging, "jobs/api/f", "1");
  write(root, "plain", "no directory");
  const error = await rejectionOf(sync(["./jobs/api"], { destination: join(root, "plain/below") }));
  expect(error).toMatchObject({ kind: "remote", where: { worker: "127.0.0.1" } });
  expect((error as MaandError).why).toContain("plain");
});

test("a source that is not staged fails the sync", async () => {
  const error = await rejectionOf(sync(["./jobs/none"]));
  expect(error).toMatchObject({ kind: "remote" });
  expect((error as MaandError).why).toContain("exit code 23");
});

test("a missing staging directory is an error of this host", async () => {
  const error = await rejectionOf(sync(["./jobs/api"], { cwd: join(root, "none") }));
  expect(error).toMatchObject({ kind: "local" });
});

test("paths that leave their root are refused", () => {
  const fine = { sources: ["./jobs/api"], destination: "/opt/worker/x", protect };
  expect(syncArguments(fine).at(-1)).toBe("worker:/opt/worker/x/");
  for (const source of ["jobs/api", "/etc", "./../x", "./a/../../x", "./", "-x", "./a//b"]) {
    expect(() => syncArguments({ ...fine, sources: [source] })).toThrow(MaandError);
  }
  for (const destination of ["opt", "/opt/../etc", "host:/x"]) {
    expect(() => syncArguments({ ...fine, destination })).toThrow(MaandError);
  }
});

test("one broken transfer is repeated: the second try completes the tree", async () => {
  for (let i = 0; i < 4; i++) write(staging, `jobs/api/f${i}`, randomBytes(15_000_000));
  write(remote, "jobs/api/data/keep", "precious");
  const killing = (async () => {
    await eventually(() => receivers().length > 0, "the remote rsync runs");
    for (const pid of receivers()) process.kill(pid, "SIGKILL");
  })();
  await sync(["./jobs/api"], { timeoutSeconds: 60 });
  await killing;
  for (let i = 0; i < 4; i++) {
    const [here, there] = [staging, remote].map((base) => readFileSync(join(base, `jobs/api/f${i}`)));
    expect(there!.equals(here!)).toBe(true);
  }
  expect(readFileSync(join(remote, "jobs/api/data/keep"), "utf8")).toBe("precious");
});

/** The rsync processes on the worker's side. */
function receivers(): number[] {
  return descendants(sshd.pid).filter((pid) => {
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
    for (let i = 0; i < 4; i++) write(staging, `jobs/api/f${i}`, randomBytes(15_000_000));
    const cut = async () => {
      await eventually(() => descendants(other.pid).length > 2, "the remote rsync runs");
      for (const pid of other.children()) process.kill(pid, "SIGKILL");
    };
    const first = await openConnection(target, other.settings());
    const [error] = await Promise.all([rejectionOf(sync(["./jobs/api"], {}, first)), cut()]);
    expect(error).toMatchObject({ kind: "unreachable", where: { worker: "127.0.0.1" } });

    const second = await openConnection(target, other.settings());
    const opened: Connection[] = [];
    const reconnect = async () => {
      opened.push(await openConnection(target, other.settings()));
      return opened[0]!;
    };
    await Promise.all([sync(["./jobs/api"], { reconnect }, second), cut()]);
    expect(opened.length).toBe(1);
    expect(Object.keys(listing(join(remote, "jobs/api"))).length).toBe(4);
    await Promise.all([first, second, ...opened].map((c) => c.close()));
  } finally {
    other.end();
  }
});

test("deadline and signal end a sync and leave no process and no socket", async () => {
  const before = sockets();
  write(staging, "jobs/api/f", randomBytes(60_000_000));
  const slow = await rejectionOf(sync(["./jobs/api"], { timeoutSeconds: 0.15 }));
  expect(slow).toMatchObject({ kind: "remote" });
  expect((slow as MaandError).why).toContain("0.15 s");
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 150);
  rmSync(remote, { recursive: true, force: true });
  const aborted = await rejectionOf(sync(["./jobs/api"], { signal: stop.signal }));
  expect(aborted).toMatchObject({ kind: "interrupted" });
  await eventually(() => receivers().length === 0, "the remote rsync is gone");
  await eventually(() => descendants(process.pid).filter(isRsh).length === 0, "the child is gone");
  expect(sockets()).toEqual(before);
  expect((await connection.exec(raw("true"))).exitCode).toBe(0);
});

test("kill -9 of maand mid-sync leaves no stray, here or on the worker", async () => {
  write(staging, "jobs/api/f", randomBytes(80_000_000));
  const before = sockets();
  const program = join(root, "victim.ts");
  const source = join(import.meta.dir, "../../src/ssh");
  const options = { cwd: staging, sources: ["./jobs/api"], destination: remote, protect, useSudo: false, timeoutSeconds: 60, self };
  writeFileSync(
    program,
    `import { openConnection } from ${JSON.stringify(join(source, "connection.ts"))};
import { syncTree } from ${JSON.stringify(join(source, "sync.ts"))};
const connection = await openConnection(${JSON.stringify(await sshd.target())}, ${JSON.stringify(sshd.settings())});
await syncTree(connection, ${JSON.stringify(options)});
process.exit(0);
`,
  );
  const victim = spawn(process.execPath, [program], { stdio: "ignore" });
  const ended = new Promise((resolve) => victim.once("exit", (code, signal) => resolve(signal ?? code)));
  await eventually(() => receivers().length > 0, "the remote rsync runs");
  const strays = descendants(victim.pid!);
  expect(strays.length).toBeGreaterThan(1);
  victim.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
  await eventually(() => strays.every((pid) => !isRunning(pid)), "rsync and its child are gone");
  await eventually(() => receivers().length === 0, "the remote rsync is gone");
  expect(sockets()).toEqual(before);
});

function sockets(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("maand-rsh-")).sort();
}

function isRsh(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("\0__rsh\0");
  } catch {
    return false;
  }
}
