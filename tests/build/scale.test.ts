// A large bucket: 100 workers × 50 jobs × 20 files build, and an unchanged rebuild writes nothing. No clock here: see scripts/bench.

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const size = { workers: 100, jobs: 50, files: 20 };

const bucket = useFileBucket();

beforeAll(() => {
  bucket.write(
    "workspace/workers.json",
    Array.from({ length: size.workers }, (_, i) => ({
      host: `10.0.${i >> 6}.${(i & 63) + 1}`,
      labels: [`rack${i % 10}`],
      memory: "64 gb",
      cpu: "32 ghz",
      tags: { zone: `z${i % 3}` },
    })),
  );
  for (let j = 0; j < size.jobs; j++) {
    // Makefile, manifest.json and vars.conf are three of the files.
    const files = Array.from(
      { length: size.files - 3 },
      (_, f) => [`conf/f${f}.conf`, `job ${j} file ${f}\n`] as const,
    );
    writeBareJob(
      bucket,
      `job${j}`,
      {
        version: "1.0.0",
        selectors: ["worker"],
        resources: { memory: { min: 16 }, ports: { http: {}, [`p${j}`]: {} } },
      },
      { ...Object.fromEntries(files), "vars.conf": `a = ${j}\n` },
    );
  }
});

const fileHash = () =>
  createHash("sha256")
    .update(readFileSync(bucket.path("data/maand.db")))
    .digest("hex");

function count(sql: string): number {
  const catalog = new Database(bucket.path("data/maand.db"), { readwrite: true });
  try {
    return catalog.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${sql}`).get()!.n;
  } finally {
    catalog.close();
  }
}

test("the first build writes everything, the second nothing, and a change only what follows from it", async () => {
  const first = await build(bucket);
  expect(first).toMatchObject({ workers: 100, jobs: 50, allocations: 5000, added: 5000, changed: true });
  expect(count("allocation")).toBe(5000);
  expect(count("job_file WHERE kind = 'file'")).toBe(1000);
  // Every Makefile is the same one.
  expect(count("blob")).toBe(50 * 17 + 50 + 50 + 1);
  expect(count("port")).toBe(100);
  expect(count("kv WHERE namespace LIKE 'maand/job/%/worker/%'")).toBe(15_000);
  const before = fileHash();
  expect(await build(bucket)).toMatchObject({ changed: false, added: 0, allocations: 5000 });
  expect(fileHash()).toBe(before);

  bucket.write("workspace/jobs/job7/conf/f0.conf", "changed\n");
  expect(await build(bucket)).toMatchObject({ changed: true, added: 0 });
  expect(count("blob")).toBe(50 * 17 + 50 + 50 + 2);
  expect(count("kv WHERE version > 1")).toBe(0);
});
