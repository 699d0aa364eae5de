// Job files in the catalog, what an unchanged build leaves alone, and the summary, through the executable.

import { Database } from "bun:sqlite";
import { beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build, clearWorkspace } from "../support/built-bucket.ts";
import { catalogContent } from "../support/catalog-content.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

beforeEach(() => clearWorkspace(bucket));

const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");

function query<T>(sql: string, ...values: string[]): T[] {
  const catalog = new Database(bucket.path("data/maand.db"), { readwrite: true });
  try {
    return catalog.query<T, string[]>(sql).all(...values);
  } finally {
    catalog.close();
  }
}

const blobs = (hash: string) =>
  query<{ content: Uint8Array }>("SELECT content FROM blob WHERE sha256 = ?", hash);

test("every file is kept by its SHA-256, identical content once, with mode, directories and links", async () => {
  writeBareJob(
    bucket,
    "a",
    { selectors: ["worker"] },
    { "conf/x": "same\n", "conf/y": "same\n", "run.sh": "#!/bin/sh\n" },
  );
  writeBareJob(bucket, "b", { selectors: ["worker"] }, { z: "same\n" });
  mkdirSync(bucket.path("workspace/jobs/a/empty"));
  chmodSync(bucket.path("workspace/jobs/a/empty"), 0o750);
  chmodSync(bucket.path("workspace/jobs/a/run.sh"), 0o755);
  symlinkSync("conf/x", bucket.path("workspace/jobs/a/link"));
  await build(bucket);
  const rows = query<{
    path: string;
    kind: string;
    mode: number;
    sha256: string | null;
    target: string | null;
  }>("SELECT path, kind, mode, sha256, target FROM job_file WHERE job = 'a' ORDER BY path");
  const wanted = sha256("same\n");
  expect(rows.filter((row) => !["Makefile", "manifest.json", "conf"].includes(row.path))).toEqual([
    { path: "conf/x", kind: "file", mode: 0o644, sha256: wanted, target: null },
    { path: "conf/y", kind: "file", mode: 0o644, sha256: wanted, target: null },
    { path: "empty", kind: "dir", mode: 0o750, sha256: null, target: null },
    { path: "link", kind: "link", mode: 0o777, sha256: null, target: "conf/x" },
    { path: "run.sh", kind: "file", mode: 0o755, sha256: sha256("#!/bin/sh\n"), target: null },
  ]);
  expect(blobs(wanted).map((row) => Buffer.from(row.content).toString())).toEqual(["same\n"]);
});

test("bytes of any kind survive", async () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
  writeBareJob(bucket, "a", { selectors: ["worker"] });
  await Bun.write(bucket.path("workspace/jobs/a/bytes"), bytes);
  await build(bucket);
  expect(new Uint8Array(blobs(sha256(bytes))[0]!.content)).toEqual(bytes);
});

test("_hooks/ and _prometheus/ are in the catalog, tools of the host are not", async () => {
  writeBareJob(
    bucket,
    "a",
    { selectors: ["worker"], hooks: { hook_x: { executed_on: ["cli"] } } },
    {
      "_hooks/hook_x.py": "pass\n",
      "_hooks/lib/helper.py": "pass\n",
      "_hooks/node_modules/x/index.js": "1\n",
      "_hooks/.venv/bin/python3": "1\n",
      "_prometheus/alerts/a.yaml": "groups: []\n",
      "vars.conf": 'a = "1"\n',
    },
  );
  await build(bucket);
  const paths = query<{ path: string }>(
    "SELECT path FROM job_file WHERE job = 'a' AND kind = 'file' ORDER BY path",
  );
  expect(paths.map((row) => row.path)).toEqual([
    "Makefile",
    "_hooks/hook_x.py",
    "_hooks/lib/helper.py",
    "_prometheus/alerts/a.yaml",
    "manifest.json",
    "vars.conf",
  ]);
});

test("earlier content stays until gc, and content that comes back needs no second copy", async () => {
  writeBareJob(bucket, "a", { selectors: ["worker"] }, { conf: "first\n" });
  await build(bucket);
  bucket.write("workspace/jobs/a/conf", "second\n");
  await build(bucket);
  expect(blobs(sha256("first\n"))).toHaveLength(1);
  bucket.write("workspace/jobs/a/conf", "first\n");
  expect(await build(bucket)).toMatchObject({ changed: true });
  expect(blobs(sha256("first\n"))).toHaveLength(1);
});

test("content that the catalog has lost is read from the workspace again", async () => {
  writeBareJob(bucket, "a", { selectors: ["worker"] }, { conf: "precious\n" });
  await build(bucket);
  const catalog = new Database(bucket.path("data/maand.db"), { readwrite: true });
  catalog.run(`DELETE FROM blob WHERE sha256 = '${sha256("precious\n")}'`);
  catalog.close();
  expect(await build(bucket)).toMatchObject({ changed: true });
  expect(blobs(sha256("precious\n"))).toHaveLength(1);
  expect(await build(bucket)).toMatchObject({ changed: false });
});

test("a mode, an empty directory, a link's target: each alone is a change", async () => {
  writeBareJob(bucket, "a", { selectors: ["worker"] }, { x: "1\n", y: "1\n" });
  symlinkSync("x", bucket.path("workspace/jobs/a/link"));
  await build(bucket);
  chmodSync(bucket.path("workspace/jobs/a/x"), 0o755);
  expect(await build(bucket)).toMatchObject({ changed: true });
  mkdirSync(bucket.path("workspace/jobs/a/empty"));
  expect(await build(bucket)).toMatchObject({ changed: true });
  bucket.remove("workspace/jobs/a/link");
  symlinkSync("y", bucket.path("workspace/jobs/a/link"));
  expect(await build(bucket)).toMatchObject({ changed: true });
  expect(await build(bucket)).toMatchObject({ changed: false });
});

test("an unchanged workspace leaves the catalog as it was, byte for byte", async () => {
  bucket.write("workspace/workers.json", [
    { host: "10.0.0.1", tags: { zone: "a" }, memory: "0.7 gb" },
    { host: "10.0.0.2" },
  ]);
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30009"\na = 1.50\n');
  bucket.write("workspace/disabled.json", { workers: ["10.0.0.2"] });
  writeBareJob(
    bucket,
    "a",
    {
      version: "1",
      selectors: ["worker"],
      resources: { ports: { http: {} } },
      certs: { tls: { subject: { common_name: "a" }, key: "ecdsa-p256" } },
    },
    { "x.tpl": "{{ .Job }}\n" },
  );
  await build(bucket);
  const content = catalogContent(bucket);
  const file = () => sha256(readFileSync(bucket.path("data/maand.db")));
  const before = file();
  const again = await bucket.maand("build");
  expect(again.stdout).toMatch(
    /^build: nothing changed: 2 workers, 1 job, 2 allocations \(1 disabled\) in \d/,
  );
  expect(file()).toBe(before);
  expect(catalogContent(bucket)).toBe(content);
  // A touched file is not a changed one.
  bucket.write("workspace/jobs/a/x.tpl", "{{ .Job }}\n");
  expect(await build(bucket)).toMatchObject({ changed: false });
  expect(catalogContent(bucket)).toBe(content);
});

test("the summary says what changed, and warnings go to standard error", async () => {
  await build(bucket);
  bucket.write("workspace/workers.json", [
    { host: "10.5.0.1", labels: ["x"] },
    { host: "10.5.0.2", labels: ["x"] },
  ]);
  writeBareJob(bucket, "sum", {
    selectors: ["x"],
    certs: { tls: { subject: { common_name: "a" }, key: "ecdsa-p256", one: true } },
  });
  mkdirSync(bucket.path("workspace/jobs/notes"));
  const first = await bucket.maand("build");
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(
    /^build: 2 workers, 1 job, 2 allocations \(\+2 new\), 1 certificate issued, 1 warning in \d+(\.\d+)?m?s\n$/,
  );
  expect(first.stderr).toContain(
    "workspace/jobs/notes: it has no manifest.json, so it is not a job; run maand job create, or remove the directory",
  );
  bucket.remove("workspace/jobs/notes");
  bucket.write("workspace/workers.json", [
    { host: "10.5.0.1", labels: ["x"] },
    { host: "10.5.0.3", labels: ["x"] },
  ]);
  bucket.write("workspace/disabled.json", { jobs: { sum: { allocations: ["10.5.0.3"] } } });
  const second = await bucket.maand("build");
  expect(second.stdout).toMatch(
    /2 allocations \(\+1 new, −1 removed, 1 disabled\), 1 certificate issued in \d/,
  );
  expect(second.stderr).toBe("");
});

test("build writes its catalog for its owner alone", async () => {
  await build(bucket);
  expect(statSync(bucket.path("data/maand.db")).mode & 0o777).toBe(0o600);
  expect(statSync(bucket.path("data")).mode & 0o777).toBe(0o700);
});

test("build contacts no worker: hosts that do not exist do not slow it or fail it", async () => {
  bucket.write("workspace/workers.json", [{ host: "192.0.2.1" }, { host: "nowhere.invalid" }]);
  writeBareJob(bucket, "a", { selectors: ["worker"] });
  expect(await build(bucket)).toMatchObject({ workers: 2, allocations: 2 });
});

test("what is nested too deep is an error in its place at once, in every kind of file", async () => {
  writeBareJob(bucket, "a", { selectors: ["worker"] });
  await build(bucket);
  const dotted = `${Array.from({ length: 100_000 }, () => "a").join(".")} = 1\n`;
  const brackets = "[".repeat(1_000_000);
  for (const [path, text] of [
    ["workspace/bucket.conf", dotted],
    ["workspace/bucket.jobs.conf", dotted],
    ["workspace/jobs/a/vars.conf", dotted],
    ["workspace/bucket.conf", `a = ${brackets}`],
    ["workspace/workers.json", brackets],
    ["workspace/jobs/a/manifest.json", brackets],
  ] as const) {
    const before = existsSync(bucket.path(path)) ? bucket.read(path) : undefined;
    bucket.write(path, text);
    const begun = performance.now();
    const { code, stderr } = await bucket.maand("build");
    expect([code, stderr]).toEqual([2, expect.stringContaining(`${path}:1:`)]);
    expect(performance.now() - begun).toBeLessThan(5000);
    if (before === undefined) bucket.remove(path);
    else bucket.write(path, before);
  }
  await build(bucket);
});
