// A job file of the largest size through the executable: built, kept, staged and sent in pieces, and whole on the worker.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { writeJob } from "../support/builders/jobs.ts";
import { jobDirectory } from "../support/deployed.ts";
import { maandPath } from "../support/maand.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(1);
const bucket = useBucket(fleet);

const megabyte = 1024 * 1024;

/** A file that is no multiple of any piece's size, with chance bytes at both ends. Returns its SHA-256. */
function writeBig(path: string, bytes: number): string {
  const ends = [randomBytes(1000), randomBytes(1001)] as const;
  const file = openSync(bucket.path(path), "w");
  ftruncateSync(file, bytes);
  writeSync(file, ends[0], 0, 1000, 0);
  writeSync(file, ends[1], 0, 1001, bytes - 1001);
  closeSync(file);
  const hash = createHash("sha256").update(ends[0]);
  const zeros = Buffer.alloc(megabyte);
  for (let left = bytes - 2001; left > 0; left -= zeros.length)
    hash.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
  return hash.update(ends[1]).digest("hex");
}

// A process begins with the peak of the one that started it, and a test runner may be large: a small one stands between.
const measuring = `
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
`;

/** Runs maand to its end; returns the largest resident size of it and its children, in megabytes. */
async function peakOf(...args: string[]): Promise<number> {
  const run = Bun.spawn(["python3", "-c", measuring, maandPath(), ...args], {
    cwd: bucket.dir,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ]);
  expect([args, code, stderr]).toEqual([args, 0, expect.any(String)]);
  const peak = Number(stdout) / 1024;
  // Less than the runtime itself takes: then it was not measured.
  expect(peak).toBeGreaterThan(10);
  return peak;
}

const sizeInCatalog = (table: string, column: string): number => {
  const catalog = new Database(bucket.path("data/maand.db"), { readonly: true });
  const row = catalog.query<{ size: number }, []>(
    `SELECT coalesce(sum(length(${column})), 0) AS size FROM ${table}`,
  );
  const { size } = row.get()!;
  catalog.close();
  return size;
};

test("512 MB less some bytes: built, deployed, changed, deployed again and collected in less than 300 MB of memory", async () => {
  writeJob(bucket, "api");
  const sha256 = writeBig("workspace/jobs/api/big.bin", 512 * megabyte - 12_345);
  expect(await peakOf("build")).toBeLessThan(300);
  expect(await peakOf("build")).toBeLessThan(300);
  expect(await peakOf("deploy")).toBeLessThan(300);
  const directory = await jobDirectory(bucket, "api");
  const sum = async () => (await fleet.exec(0, `sha256sum < ${directory}/big.bin`)).stdout.split(" ")[0];
  expect(await sum()).toBe(sha256);
  // What is staged already is compared in pieces too, and a content that nothing names goes with all its pieces.
  const next = writeBig("workspace/jobs/api/big.bin", 20 * megabyte + 1);
  expect(await peakOf("build")).toBeLessThan(300);
  expect(await peakOf("deploy")).toBeLessThan(300);
  expect(await sum()).toBe(next);
  writeJob(bucket, "api", { version: "2.0.0" });
  expect(await peakOf("build")).toBeLessThan(300);
  expect(await peakOf("deploy")).toBeLessThan(300);
  expect(await peakOf("gc")).toBeLessThan(300);
  expect(sizeInCatalog("blob_piece", "content")).toBe(20 * megabyte + 1);
}, 240_000);
