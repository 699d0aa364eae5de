// What needs no worker: start-up, building and reading a large catalog.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Bucket, maand, newBucket } from "../../tests/support/maand.ts";
import { runProcess } from "../../tests/support/process.ts";
import { compare, measure } from "./measure.ts";

/** Runs maand in a bucket; throws when it fails, because a failure takes another time than the work. */
export async function must(bucket: Bucket, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await bucket.maand(...args);
  if (code !== 0) throw new Error(`maand ${args.join(" ")} failed: ${stdout}${stderr}`);
}

/** An empty program, compiled as maand is: the floor of any start-up. */
async function emptyProgram(dir: string): Promise<string> {
  const path = join(dir, "empty");
  writeFileSync(`${path}.ts`, 'console.log("");\n');
  const { code, stderr } = await runProcess([
    join(import.meta.dir, "../../node_modules/.bin/bun"),
    ..."build --compile --minify --bytecode".split(" "),
    `${path}.ts`,
    `--outfile=${path}`,
  ]);
  if (code !== 0) throw new Error(`the empty program does not compile: ${stderr}`);
  return path;
}

const times = async (count: number, work: () => Promise<unknown>) => {
  for (let i = 0; i < count; i++) await work();
};

/** Rows of start-up, and of a bucket of 100 workers × 50 jobs × 20 files. */
export async function measureHost(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "maand-bench-"));
  const bucket = await newBucket();
  try {
    const empty = await emptyProgram(dir);
    await compare(
      "maand --version, 20 times",
      "≤ 1.5",
      "an empty program",
      () => times(20, () => maand(["--version"])),
      () => times(20, () => runProcess([empty])),
    );
    bucket.write(
      "workspace/workers.json",
      Array.from({ length: 100 }, (_, i) => ({ host: `10.1.${Math.floor(i / 200)}.${(i % 200) + 1}` })),
    );
    for (let job = 0; job < 50; job++) {
      const at = (path: string) => `workspace/jobs/job${job}/${path}`;
      bucket.write(at("manifest.json"), { version: "1.0.0", selectors: ["worker"] });
      bucket.write(at("Makefile"), "start stop restart:\n\t@true\n");
      for (let i = 0; i < 18; i++) bucket.write(at(`file${i}`), randomBytes(1000).toString("base64"));
    }
    await measure(
      "build, 100 workers × 50 jobs × 20 files, first",
      "≤ 2 s",
      () => must(bucket, "build"),
      async () => {
        bucket.remove("data");
        await must(bucket, "init", "--yes");
      },
    );
    await measure("build, the same, unchanged", "≤ 0.5 s", () => must(bucket, "build"));
    await measure("cat jobs, 5,000 allocations", "≤ 150 ms", () => must(bucket, "cat", "jobs"));
  } finally {
    await bucket.cleanUp();
    rmSync(dir, { recursive: true, force: true });
  }
}
