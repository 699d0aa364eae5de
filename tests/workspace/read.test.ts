// Reading a workspace from a real disk.

import { beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatDiagnostic } from "../../src/model/diagnostic.ts";
import { checkWorkspace } from "../../src/workspace/check.ts";
import { readWorkspace } from "../../src/workspace/read.ts";
import { checkedValue, errors, warnings } from "../support/checked.ts";
import { useTempDir } from "../support/use.ts";

const tempDir = useTempDir();
let root: string;
let job: string;

beforeEach(() => {
  root = tempDir();
  job = join(root, "workspace/jobs/api");
  mkdirSync(job, { recursive: true });
  writeFileSync(join(job, "manifest.json"), "{}");
  writeFileSync(join(job, "Makefile"), "start:\n");
});

const entries = () => readWorkspace(root, "").jobs.find(({ name }) => name === "api")?.files ?? [];
const faults = () => errors(checkWorkspace(readWorkspace(root, ""))).map(formatDiagnostic);

test("contents, modes, hashes, directories and links, sorted by path", () => {
  mkdirSync(join(job, "empty dir"));
  mkdirSync(join(job, "a"));
  chmodSync(join(job, "a"), 0o750);
  writeFileSync(join(job, "a/run"), "x");
  chmodSync(join(job, "a/run"), 0o755);
  writeFileSync(join(job, "a.txt"), "y");
  symlinkSync("a/run", join(job, "link"));
  const read = entries();
  expect(read.map(({ path }) => path)).toEqual([
    "Makefile",
    "a",
    "a.txt",
    "a/run",
    "empty dir",
    "link",
    "manifest.json",
  ]);
  expect(read[1]).toEqual({ kind: "dir", path: "a", mode: 0o750 });
  expect(read[3]).toMatchObject({
    kind: "file",
    mode: 0o755,
    sha256: createHash("sha256").update("x").digest("hex"),
    content: new Uint8Array(Buffer.from("x")),
  });
  expect(read[5]).toEqual({ kind: "link", path: "link", target: "a/run" });
});

test("setuid, setgid and sticky bits are dropped", () => {
  writeFileSync(join(job, "tool"), "");
  chmodSync(join(job, "tool"), 0o7755);
  expect(entries().find(({ path }) => path === "tool")).toMatchObject({ mode: 0o755 });
});

test("tools of the host are not indexed at any depth; other hidden entries are", () => {
  for (const name of [".venv", "venv", "node_modules", "__pycache__", ".git"])
    for (const parent of ["", "_hooks", "deep/er"]) {
      mkdirSync(join(job, parent, name), { recursive: true });
      writeFileSync(join(job, parent, name, "x"), "");
    }
  writeFileSync(join(job, ".env"), "");
  mkdirSync(join(root, "workspace/jobs/.git"));
  expect(entries().map(({ path }) => path)).toEqual([
    ".env",
    "Makefile",
    "_hooks",
    "deep",
    "deep/er",
    "manifest.json",
  ]);
  expect(warnings(checkWorkspace(readWorkspace(root, "")))).toEqual([]);
});

test("data/ of the worker is a fault and is not read", () => {
  mkdirSync(join(job, "data/deep"), { recursive: true });
  writeFileSync(join(job, "data/big"), "x");
  expect(entries().map(({ path }) => path)).toEqual(["Makefile", "data", "manifest.json"]);
  expect(faults()).toHaveLength(1);
});

describe("entries that no job may have", () => {
  test("a named pipe, without waiting for its writer", () => {
    execFileSync("mkfifo", [join(job, "pipe")]);
    expect(faults()).toEqual([
      "workspace/jobs/api/pipe: a named pipe cannot be deployed; remove it from the job",
    ]);
  });

  test("a socket", async () => {
    const server = Bun.listen({ unix: join(job, "s"), socket: { data() {} } });
    try {
      expect(faults()).toEqual(["workspace/jobs/api/s: a socket cannot be deployed; remove it from the job"]);
    } finally {
      server.stop(true);
    }
  });

  test("a name that is not UTF-8", () => {
    writeFileSync(Buffer.concat([Buffer.from(`${job}/x`), Buffer.from([0xff])]), "");
    expect(faults()).toEqual(["workspace/jobs/api/x\ufffd: the file name is not UTF-8; rename it"]);
  });

  test("a name with a line break is shown as an escape", () => {
    writeFileSync(join(job, "a\nb"), "");
    expect(faults()).toEqual(["workspace/jobs/api/a\\nb: the name holds a control character; rename it"]);
  });

  test("a job directory that is a link", () => {
    symlinkSync(job, join(root, "workspace/jobs/other"));
    expect(faults()).toEqual([
      "workspace/jobs/other: a job directory must not be a link; put the directory itself here",
    ]);
  });
});

test("files of the workspace are read by name; others are left alone", () => {
  for (const name of [
    "workers.json",
    "bucket.jobs.conf",
    "bucket.jobs.prod.conf",
    "notes.txt",
    "bucket.jobs.bak",
  ])
    writeFileSync(join(root, "workspace", name), "");
  const names = [...readWorkspace(root, "").files.keys()].sort();
  expect(names).toEqual(["bucket.jobs.conf", "bucket.jobs.prod.conf", "workers.json"]);
});

test("a directory where a file belongs is a fault", () => {
  mkdirSync(join(root, "workspace/workers.json"));
  expect(faults()).toEqual([
    "workspace/workers.json: it is a directory, not a file; put a regular file there",
  ]);
});

test("a plain file among the jobs is no job", () => {
  writeFileSync(join(root, "workspace/jobs/README.md"), "");
  expect(readWorkspace(root, "").jobs.map(({ name }) => name)).toEqual(["api"]);
  expect(faults()).toEqual([]);
});

test("no jobs directory means no jobs; no workspace at all is a fault", () => {
  rmSync(join(root, "workspace/jobs"), { recursive: true });
  expect(checkedValue(checkWorkspace(readWorkspace(root, "")))?.jobs).toEqual([]);
  rmSync(join(root, "workspace"), { recursive: true });
  expect(faults()).toEqual(["workspace: it cannot be read (ENOENT); run maand init"]);
});
