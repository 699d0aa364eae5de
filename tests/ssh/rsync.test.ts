// Trees on their way to a worker through a real rsync, a real sshd and the `__rsh` child.

import { expect, setDefaultTimeout, test } from "bun:test";
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
} from "node:fs";
import { join } from "node:path";
import { MaandError } from "../../src/model/error.ts";
import { remotePrefix, runRsync } from "../../src/ssh/rsync/rsync.ts";
import { syncArguments } from "../../src/ssh/rsync/sync.ts";
import { listing, protect, self, useSyncRoom, write } from "../support/sync-room.ts";
import { rejectionOf } from "../support/thrown.ts";

setDefaultTimeout(60_000);

const room = useSyncRoom();

test("a tree of 200 files arrives whole: names, modes, times, links, empty directories", async () => {
  for (let i = 0; i < 200; i++)
    write(room.staging, `jobs/api/d${i % 7}/file ${i}.txt`, `content ${i}`, i % 3 ? 0o644 : 0o755);
  const names = [
    "with space",
    "grün-日本",
    "new\nline",
    "quote'\"`$(x)",
    "-dash",
    "*star?",
    "back\\slash",
    "#a;b&c",
  ];
  for (const name of names) write(room.staging, `jobs/api/names/${name}`, name, 0o640);
  write(room.staging, "jobs/api/certs/api.key", "secret", 0o600);
  mkdirSync(join(room.staging, "jobs/api/empty/below"), { recursive: true });
  chmodSync(join(room.staging, "jobs/api/empty/below"), 0o750);
  symlinkSync("names/with space", join(room.staging, "jobs/api/link"));
  symlinkSync("nowhere", join(room.staging, "jobs/api/dangling"));
  write(room.staging, "worker.json", "{}");
  write(room.staging, "bin/runner.py", "print()", 0o755);
  utimesSync(join(room.staging, "jobs/api/names/-dash"), 1_000_000_000, 1_000_000_000);

  const before = room.connection.execCount;
  await room.sync(["./worker.json", "./bin", "./jobs/api"]);
  expect(room.connection.execCount).toBe(before + 1);
  for (const part of ["bin", "jobs/api"]) {
    expect(listing(join(room.remote, part))).toEqual(listing(join(room.staging, part)));
  }
  expect(readFileSync(join(room.remote, "worker.json"), "utf8")).toBe("{}");
});

test("deletes what is no longer staged, inside the named directories only", async () => {
  write(room.staging, "jobs/api/keep", "1");
  write(room.staging, "jobs/other/mine", "1");
  write(room.remote, "jobs/api/old/deep/file", "x");
  write(room.remote, "jobs/api/old.txt", "x");
  write(room.remote, "jobs/web/untouched", "x");
  write(room.remote, "jobs.json", "[]");
  chmodSync(join(room.remote, "jobs"), 0o751);
  await room.sync(["./jobs/api"]);
  expect(readdirSync(join(room.remote, "jobs")).sort()).toEqual(["api", "web"]);
  expect(readdirSync(join(room.remote, "jobs/api"))).toEqual(["keep"]);
  expect(readFileSync(join(room.remote, "jobs/web/untouched"), "utf8")).toBe("x");
  expect(existsSync(join(room.remote, "jobs.json"))).toBe(true);
  expect(statSync(join(room.remote, "jobs")).mode & 0o777).toBe(0o751);
});

test("data, logs and bin of a job are neither sent nor deleted, deeper ones are content", async () => {
  write(room.staging, "jobs/api/data/staged", "no");
  write(room.staging, "jobs/api/sub/data/file", "yes");
  write(room.staging, "bin/runner.py", "yes");
  write(room.remote, "jobs/api/data/pg/base", "precious");
  write(room.remote, "jobs/api/logs/log", "precious");
  write(room.remote, "jobs/api/bin/tool", "precious");
  write(room.remote, "jobs/api/sub/data/old", "x");
  write(room.remote, "bin/old.py", "x");
  await room.sync(["./bin", "./jobs/api"]);
  expect(
    Object.keys(listing(room.remote))
      .filter((p) => listing(room.remote)[p]!.startsWith("file"))
      .sort(),
  ).toEqual([
    "bin/runner.py",
    "jobs/api/bin/tool",
    "jobs/api/data/pg/base",
    "jobs/api/logs/log",
    "jobs/api/sub/data/file",
  ]);
});

test("a data directory that is a link to elsewhere stays one", async () => {
  write(room.staging, "jobs/api/f", "1");
  mkdirSync(join(room.remote, "jobs/api"), { recursive: true });
  symlinkSync("/srv", join(room.remote, "jobs/api/data"));
  await room.sync(["./jobs/api"]);
  expect(readlinkSync(join(room.remote, "jobs/api/data"))).toBe("/srv");
});

test("a file that changed within the same second, to the same length, is sent", async () => {
  write(room.staging, "jobs/api/conf", "port 8081");
  utimesSync(join(room.staging, "jobs/api/conf"), 1_700_000_000, 1_700_000_000);
  await room.sync(["./jobs/api"]);
  write(room.staging, "jobs/api/conf", "port 8082");
  utimesSync(join(room.staging, "jobs/api/conf"), 1_700_000_000, 1_700_000_000);
  await room.sync(["./jobs/api"]);
  expect(readFileSync(join(room.remote, "jobs/api/conf"), "utf8")).toBe("port 8082");
});

test("files become directories, directories become links, and back", async () => {
  write(room.staging, "jobs/api/a", "file");
  write(room.staging, "jobs/api/b/below", "file");
  await room.sync(["./jobs/api"]);
  rmSync(join(room.staging, "jobs/api"), { recursive: true });
  write(room.staging, "jobs/api/a/below", "file");
  symlinkSync("a", join(room.staging, "jobs/api/b"));
  await room.sync(["./jobs/api"]);
  expect(listing(join(room.remote, "jobs/api"))).toEqual(listing(join(room.staging, "jobs/api")));
});

test("a private file is never readable for others while it is written", async () => {
  const secret = randomBytes(30_000_000);
  write(room.remote, "jobs/api/certs/api.key", "old and open", 0o644);
  write(room.staging, "jobs/api/certs/api.key", secret, 0o600);
  const seen: number[] = [];
  const certs = join(room.remote, "jobs/api/certs");
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
  await room.sync(["./jobs/api"]);
  done = true;
  await watching;
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.every((open) => open === 0)).toBe(true);
  expect(statSync(join(certs, "api.key")).mode & 0o777).toBe(0o600);
});

test("a big binary file arrives intact", async () => {
  const data = randomBytes(40_000_000);
  write(room.staging, "jobs/api/big", data);
  await room.sync(["./jobs/api"]);
  expect(readFileSync(join(room.remote, "jobs/api/big")).equals(data)).toBe(true);
});

test("a big file comes back intact too, and waits for a slow reader on this side", async () => {
  const data = randomBytes(40_000_000);
  write(room.remote, "big", data);
  const args = ["-s", "--", `${remotePrefix}${room.remote}/big`, "."];
  const result = await runRsync(room.connection, {
    cwd: room.staging,
    args,
    timeoutSeconds: 30,
    remoteSudo: false,
    self,
  });
  expect(result.exitCode).toBe(0);
  expect(readFileSync(join(room.staging, "big")).equals(data)).toBe(true);
});

test("what both rsyncs say and how it ended is reported", async () => {
  const lines: string[] = [];
  const result = await runRsync(room.connection, {
    cwd: room.staging,
    args: ["-s", "-r", "--", "./missing", `${remotePrefix}${room.remote}/`],
    timeoutSeconds: 30,
    remoteSudo: false,
    makeDirectory: room.remote,
    onLine: (stream, line) => lines.push(`${stream} ${line}`),
    self,
  });
  expect(result.exitCode).toBe(23);
  expect(result.stderr).toContain("missing");
  expect(lines.some((l) => l.startsWith("stderr") && l.includes("missing"))).toBe(true);
});

test("a worker where nothing can be written is an error with rsync's words", async () => {
  write(room.staging, "jobs/api/f", "1");
  write(room.root, "plain", "no directory");
  const error = await rejectionOf(room.sync(["./jobs/api"], { destination: join(room.root, "plain/below") }));
  expect(error).toMatchObject({ kind: "remote", where: { worker: "127.0.0.1" } });
  expect((error as MaandError).why).toContain("plain");
});

test("a source that is not staged fails the sync", async () => {
  const error = await rejectionOf(room.sync(["./jobs/none"]));
  expect(error).toMatchObject({ kind: "remote" });
  expect((error as MaandError).why).toContain("exit code 23");
});

test("a missing staging directory is an error of this host", async () => {
  const error = await rejectionOf(room.sync(["./jobs/api"], { cwd: join(room.root, "none") }));
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
