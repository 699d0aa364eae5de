// A build is one moment of the workspace: while a process flips it between two states, no build commits a mixture.

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { useBucket } from "../support/use.ts";

const bucket = useBucket();

let flipper: Bun.Subprocess | undefined;
afterEach(async () => {
  flipper?.kill();
  await flipper?.exited;
});

const jobs = ["j0", "j1", "j2", "j3"];
const filesPerJob = 40;

/** As git does it: each file is removed and written anew; then a moment of rest. */
const flipping = `
import os, random, sys, time
root, jobs, count = sys.argv[1], sys.argv[2].split(","), int(sys.argv[3])
state = 0
end = time.time() + 120
while time.time() < end:
  state = 1 - state
  for job in jobs:
    for n in range(count):
      path = "%s/%s/f%d" % (root, job, n)
      os.unlink(path)
      with open(path, "w") as file: file.write("AB"[state] * 64)
  time.sleep(random.choice([0, 0.01, 0.1, 0.3]))
`;

/** The letters that the files of the catalog hold. */
function lettersInCatalog(): string[] {
  const catalog = new Database(bucket.path("data/maand.db"), { readonly: true });
  const rows = catalog
    .query<{ letter: string }, []>(
      `SELECT DISTINCT substr(CAST(content AS TEXT), 1, 1) AS letter FROM job_file JOIN blob USING (sha256)
       WHERE path LIKE 'f%' ORDER BY letter`,
    )
    .all();
  catalog.close();
  return rows.map(({ letter }) => letter);
}

test("a build under a checkout that goes on and on is one of the two states or refused", async () => {
  for (const job of jobs) {
    const files = Array.from({ length: filesPerJob }, (_, n) => [`f${n}`, "A".repeat(64)]);
    writeBareJob(bucket, job, { selectors: ["worker"] }, Object.fromEntries(files));
  }
  await build(bucket);
  const root = bucket.path("workspace/jobs");
  flipper = Bun.spawn(["python3", "-c", flipping, root, jobs.join(","), String(filesPerJob)]);
  let refused = 0;
  for (let round = 0; round < 15; round++) {
    const { code, stderr } = await bucket.maand("build");
    if (code !== 0) {
      refused += 1;
      expect([code, stderr]).toEqual([1, expect.stringContaining("the workspace changed while it was read")]);
      expect(stderr).toMatch(/workspace\/jobs\/j\d/);
      expect(stderr).toContain("run the command again when it is quiet");
    }
    expect(lettersInCatalog()).toHaveLength(1);
  }
  flipper.kill();
  await flipper.exited;
  // A flip that was cut short leaves a file out or half written; the next one is whole.
  for (const job of jobs)
    for (let n = 0; n < filesPerJob; n++) bucket.write(`workspace/jobs/${job}/f${n}`, "C".repeat(64));
  await build(bucket);
  expect(lettersInCatalog()).toEqual(["C"]);
  expect(refused).toBeLessThan(15);
}, 120_000);

const within = async (args: string[]) => {
  const run = bucket.start(args);
  const timer = setTimeout(() => run.kill("SIGKILL"), 5000);
  const begun = performance.now();
  const outcome = await run.wait();
  clearTimeout(timer);
  return { ...outcome, ms: performance.now() - begun };
};

const places = [
  "maand.conf",
  "workspace/workers.json",
  "workspace/disabled.json",
  "workspace/bucket.conf",
  "workspace/bucket.jobs.conf",
  "workspace/jobs/api/manifest.json",
  "workspace/jobs/api/vars.conf",
  "workspace/jobs/api/Makefile",
  "workspace/jobs/api/_hooks/hook_a.py",
  "secrets/ca.crt",
  "secrets/ca.key",
];
test.each(places)("a named pipe, socket, device or directory as %s is an error at once", async (path) => {
  writeBareJob(bucket, "api", { selectors: ["worker"] });
  bucket.write("workspace/jobs/api/_hooks/x", "");
  await build(bucket);
  const target = bucket.path(path);
  const makers: [string, () => unknown][] = [
    ["a named pipe", () => execFileSync("mkfifo", [target])],
    ["a socket", () => makeSocket(target)],
    ["a device", () => execFileSync("mknod", [target, "c", "1", "5"])],
  ];
  const kept = `${target}.kept`;
  const existed = await Bun.file(target).exists();
  if (existed) renameSync(target, kept);
  for (const [kind, make] of makers) {
    make();
    try {
      const { code, stderr, ms } = await within(["build"]);
      expect([code === 1 || code === 2, stderr]).toEqual([true, expect.stringContaining(kind)]);
      expect(stderr).toContain(path);
      expect(ms).toBeLessThan(2000);
    } finally {
      rmSync(target, { force: true });
    }
  }
  if (existed) renameSync(kept, target);
  expect((await within(["build"])).code).toBe(0);
});

function makeSocket(path: string): void {
  // The bound name stays when the process that made it has ended.
  const script =
    "import os, socket, sys; os.chdir(os.path.dirname(sys.argv[1])); socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))";
  execFileSync("python3", ["-c", script, path]);
}
