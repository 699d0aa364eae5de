// One writer per bucket: who is second is told by whom, may wait, and never meets a lock that nobody holds.

import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { takeLock } from "../../src/bucket/lock.ts";
import { MaandError } from "../../src/model/error.ts";
import { type Live, startProcess } from "../support/process.ts";
import { useFileBucket, useTempDirs } from "../support/use.ts";

const bucket = useFileBucket();
const tempDir = useTempDirs();
const holders: Live[] = [];

afterEach(async () => {
  for (const holder of holders.splice(0)) {
    holder.kill("SIGKILL");
    await holder.wait();
  }
});

/** Another process that holds the bucket. */
async function hold(): Promise<Live> {
  const holder = startProcess([
    process.execPath,
    join(import.meta.dir, "holder.ts"),
    bucket.path("data/lock.db"),
  ]);
  holders.push(holder);
  await holder.waitForStdout("held by");
  return holder;
}

test("the second writer exits 3 at once and names pid, command and start of the first", async () => {
  const holder = await hold();
  const second = await bucket.maandJson<{ ok: boolean; error: { kind: string; message: string } }>("build");
  expect(second.code).toBe(3);
  expect(second.stderr).toBe(
    `error: this bucket is held by maand deploy (pid ${holder.pid}, started 2026-01-02T03:04:05.000Z)\n` +
      "  do: wait until it is done, or use --lock-wait SECONDS\n",
  );
  expect(second.json).toMatchObject({ ok: false, error: { kind: "locked" } });
});

test("who only looks reads beside a writer", async () => {
  await hold();
  for (const args of [["info"], ["cat", "jobs"], ["cat", "kv"]])
    expect((await bucket.maand(...args)).code).toBe(0);
});

test("the lock goes with its process, kill -9 included, though its note stays", async () => {
  const holder = await hold();
  expect((await bucket.maand("build")).code).toBe(3);
  holder.kill("SIGKILL");
  await holder.wait();
  expect(existsSync(bucket.path("data/lock.db.holder"))).toBe(true);
  expect((await bucket.maand("build")).code).toBe(0);
  expect(existsSync(bucket.path("data/lock.db.holder"))).toBe(false);
});

test("--lock-wait waits until the first is done", async () => {
  const holder = await hold();
  const second = bucket.start(["build", "--lock-wait", "60"]);
  // It has not given up after several of its looks at the lock.
  await Bun.sleep(700);
  expect(second.stdoutText() + second.stderrText()).toBe("");
  holder.kill("SIGKILL");
  expect((await second.wait()).code).toBe(0);
});

test("--lock-wait gives up when its time is over, and says how long it waited", async () => {
  await hold();
  const second = await bucket.maand("build", "--lock-wait", "0.3");
  expect(second.code).toBe(3);
  expect(second.stderr).toContain("why: it did not finish within 0.3 s");
});

test("a maand that was stopped in the middle of a build holds the bucket until it is killed", async () => {
  let caught = false;
  for (let attempt = 0; attempt < 30 && !caught; attempt++) {
    const first = bucket.start(["build"]);
    const note = bucket.path("data/lock.db.holder");
    let isOver = false;
    const ended = first.wait().finally(() => {
      isOver = true;
    });
    const isNoted = (): boolean => existsSync(note) && readFileSync(note, "utf8").includes(String(first.pid));
    while (!isOver && !isNoted()) await Bun.sleep(1);
    first.kill("SIGSTOP");
    if (isNoted() && !isOver) {
      const second = await bucket.maand("build");
      caught = second.code === 3;
      if (caught)
        expect(second.stderr).toMatch(
          new RegExp(`held by maand build \\(pid ${first.pid}, started 20\\d\\d-`),
        );
    }
    first.kill("SIGKILL");
    await ended;
    expect((await bucket.maand("build")).code).toBe(0);
  }
  expect(caught).toBe(true);
});

test("in one process too there is one lock at a time, and release gives it back", async () => {
  const directory = tempDir();
  const request = (command: string) => ({
    path: join(directory, "data/lock.db"),
    holder: { pid: 1, command, started: "then" },
    waitSeconds: 0,
  });
  const first = await takeLock(request("first"));
  const error = await takeLock(request("second")).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MaandError);
  expect((error as MaandError).kind).toBe("locked");
  expect((error as MaandError).message).toContain("maand first (pid 1, started then)");
  first.release();
  (await takeLock(request("third"))).release();
});

test("Ctrl-C ends the waiting", async () => {
  const path = join(tempDir(), "lock.db");
  const stop = new AbortController();
  const holder = { pid: 1, command: "build", started: "2026-01-02T03:04:05.000Z" };
  const first = await takeLock({ path, holder, waitSeconds: 0 });
  const waiting = takeLock({ path, holder, waitSeconds: 60, signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ kind: "interrupted" });
  first.release();
});

test("a lock that cannot be made is a named failure", async () => {
  const directory = tempDir();
  writeFileSync(join(directory, "data"), "a file where a directory should be");
  const holder = { pid: 1, command: "build", started: "2026-01-02T03:04:05.000Z" };
  const path = join(directory, "data/lock.db");
  await expect(takeLock({ path, holder, waitSeconds: 0 })).rejects.toMatchObject({
    kind: "local",
    message: "cannot lock the bucket for writing",
    where: { file: path },
  });
});

test("a note about the holder that cannot be written keeps nobody from the lock", async () => {
  const directory = tempDir();
  const path = join(directory, "lock.db");
  mkdirSync(`${path}.holder`);
  const holder = { pid: 1, command: "build", started: "2026-01-02T03:04:05.000Z" };
  const lock = await takeLock({ path, holder, waitSeconds: 0 });
  await expect(takeLock({ path, holder, waitSeconds: 0 })).rejects.toMatchObject({
    kind: "locked",
    message: "this bucket is held by another maand",
  });
  rmSync(`${path}.holder`, { recursive: true });
  lock.release();
});
