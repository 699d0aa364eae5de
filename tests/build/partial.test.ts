// Faults between files are told together with faults inside of them, and none is made up because of a broken part.

import { expect, test } from "bun:test";
import { renameSync, symlinkSync } from "node:fs";
import { writeBareJob } from "../support/builders/jobs.ts";
import { clearWorkspace, refusedBuild } from "../support/built-bucket.ts";
import { useFileBucket } from "../support/use.ts";

const bucket = useFileBucket();

const demanding = (job: string) => ({ hook_d: { executed_on: ["cli"], demands: { job, hook: "hook_up" } } });
const script = (name: string) => ({ [`_hooks/${name}.ts`]: "export {};\n" });

/** A workspace in which everything that lies between files is wrong. */
function writeFaulty(): void {
  clearWorkspace(bucket);
  bucket.write("workspace/bucket.conf", 'port_range = "30000,30000"\n');
  bucket.write("workspace/workers.json", [{ host: "10.0.0.1", memory: 100 }]);
  bucket.write("workspace/bucket.jobs.conf", "[big]\nmemory = 300\n");
  writeBareJob(bucket, "big", {
    selectors: ["worker"],
    resources: { memory: { min: 1, max: 200 }, ports: { x: 8080, y: {} } },
  });
  writeBareJob(bucket, "lonely", {
    selectors: ["nowhere"],
    min_allocations_count: 1,
    resources: { ports: { x: 8080, y: {} } },
  });
  writeBareJob(
    bucket,
    "app",
    { version: "1", selectors: ["worker"], hooks: demanding("base") },
    script("hook_d"),
  );
  writeBareJob(bucket, "base", { version: "1", selectors: ["worker"] });
}

const between = {
  demand: 'workspace/jobs/app/manifest.json:13:17: hook_d demands hook "hook_up" of job "base"',
  bounds: 'workspace/bucket.jobs.conf:2:10: memory of job "big" is 300 mb, outside',
  capacity: "workspace/workers.json:4:15: worker 10.0.0.1 has 100 mb of memory, its jobs reserve 300 mb",
  clash: "workspace/jobs/lonely/manifest.json:8:12: port 8080 of lonely.x is already the fixed port of big.x",
  pool: "workspace/jobs/lonely/manifest.json:9:12: no number is left for port lonely.y",
  count: 'workspace/jobs/lonely/manifest.json:5:28: job "lonely" is allocated to 0 of at least 1',
};

type Kind = keyof typeof between;

/** Which of the faults between files are among the lines, and the lines that are none of them. */
function sortOut(lines: readonly string[]): { found: Kind[]; others: string[] } {
  const kinds = Object.keys(between) as Kind[];
  const isOne = (line: string) => kinds.some((kind) => line.startsWith(between[kind]));
  return {
    found: kinds.filter((kind) => lines.some((line) => line.startsWith(between[kind]))),
    others: lines.filter((line) => !isOne(line)),
  };
}

const all = Object.keys(between) as Kind[];
const without = (...kinds: Kind[]) => all.filter((kind) => !kinds.includes(kind));

for (const [what, path, text, fault, found] of [
  ["a broken job of its own", "workspace/jobs/odd/manifest.json", "{", "workspace/jobs/odd", all],
  [
    "a broken workers.json",
    "workspace/workers.json",
    "[5]",
    "workspace/workers.json:1:2",
    without("capacity", "count"),
  ],
  [
    "a broken disabled.json",
    "workspace/disabled.json",
    "[]",
    "workspace/disabled.json:1:1",
    without("capacity"),
  ],
  [
    "a broken bucket.conf",
    "workspace/bucket.conf",
    "port_range = 1",
    "workspace/bucket.conf:1:14",
    without("pool"),
  ],
  [
    "a broken bucket.jobs.conf",
    "workspace/bucket.jobs.conf",
    "x = 1\n[big]\nmemory = 300\n",
    "workspace/bucket.jobs.conf:1:1",
    without("bounds", "capacity"),
  ],
  [
    "a broken job that another demands",
    "workspace/jobs/base/manifest.json",
    '{ "version": 1 }',
    "workspace/jobs/base/manifest.json:1:14",
    without("demand"),
  ],
] as const)
  test(`beside ${what}`, async () => {
    writeFaulty();
    bucket.write(path, text);
    const sorted = sortOut(await refusedBuild(bucket));
    expect(sorted.found).toEqual([...found]);
    expect(sorted.others.length).toBeGreaterThan(0);
    expect(sorted.others.filter((line) => !line.startsWith(fault))).toEqual([]);
  });

test("a job that cannot be read is not called missing", async () => {
  writeFaulty();
  renameSync(bucket.path("workspace/jobs/base"), bucket.path("workspace/base"));
  symlinkSync("../base", bucket.path("workspace/jobs/base"));
  const { found, others } = sortOut(await refusedBuild(bucket));
  bucket.remove("workspace/base");
  expect(found).toEqual(without("demand"));
  expect(others).toEqual([
    "workspace/jobs/base: a job directory must not be a link; put the directory itself here",
  ]);
});
