// collect facts on real workers, in every documented way of running it: no field is ever lost.

import { beforeEach, expect, test } from "bun:test";
import { chmodSync, statSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { resolve } from "node:path";
import { randomFrom, seedFrom } from "../support/chance.ts";
import { maandPath } from "../support/maand.ts";
import { runProcess, startProcess } from "../support/process.ts";
import { useBucket, useFleet } from "../support/use.ts";

type Row = Record<string, unknown>;

const fleet = useFleet(3);
const bucket = useBucket(fleet);
beforeEach(() => {
  bucket.write("workspace/workers.json", workers());
});

const workers = (): Row[] => [
  {
    host: fleet.ips[1],
    hostname: "second",
    labels: ["db", "worker"],
    memory: "1 gb",
    tags: { zone: "a", rack: "r1" },
  },
  { host: fleet.ips[0], labels: ["web", "worker"], cpu: 100 },
  { host: fleet.ips[2], labels: ["worker"], position: 7 },
];
const memory = `${Math.floor(totalmem() / 1024 / 1024)} mb`;
const read = () => JSON.parse(bucket.read("workspace/workers.json")) as Row[];
const without = (rows: Row[]) => rows.map(({ memory: _m, cpu: _c, ...rest }) => rest);
/** The documented way, through a shell. */
const shell = (script: string) =>
  runProcess(["sh", "-c", script], {
    cwd: bucket.dir,
    env: { PATH: `${resolve(maandPath(), "..")}:${process.env.PATH}` },
  });

function expectProbed(rows: Row[]): void {
  expect(rows.map((row) => row.memory)).toEqual(rows.map(() => memory));
  for (const row of rows) expect(Number.parseInt(String(row.cpu), 10) % cpus().length).toBe(0);
}

test("a table for people, everything for programs", async () => {
  const table = await bucket.maand("collect", "facts");
  expect(table.code).toBe(0);
  expect(table.stdout.split("\n")[0]).toMatch(/^worker_ip +memory_mb +cpu_mhz +cores/);
  const { json } = await bucket.maandJson<{ workers: Row[] }>("collect", "facts", "-w", fleet.ips[0]!);
  expect(json.workers).toHaveLength(1);
  expect(json.workers[0]).toMatchObject({
    worker_ip: fleet.ips[0],
    ok: true,
    hostname: "w0",
    cores: cpus().length,
  });
  expect(Object.keys(json.workers[0]!.tools as Row)).toContain("rsync");
});

test("the documented way: the shell empties the file first, all comes back from the catalog", async () => {
  expect((await bucket.maand("build")).code).toBe(0);
  const outcome = await shell("maand collect facts --generate-workers > workspace/workers.json");
  expect(outcome.code).toBe(0);
  const rows = read();
  expect(without(rows)).toEqual(without(workers()));
  expectProbed(rows);
  const build = await bucket.maandJson<{ build: { workers: number } }>("build");
  expect([build.code, build.json.build.workers]).toEqual([0, 3]);
});

test("through tee, which empties it at any moment", async () => {
  expect((await bucket.maand("build")).code).toBe(0);
  expect((await shell("maand collect facts --generate-workers | tee workspace/workers.json")).code).toBe(0);
  expect(without(read())).toEqual(without(workers()));
});

test("printed without touching the file: rows and fields in the file's own order", async () => {
  const before = bucket.read("workspace/workers.json");
  const printed = JSON.parse((await bucket.maand("collect", "facts", "--generate-workers")).stdout) as Row[];
  expect(without(printed)).toEqual(without(workers()));
  expect(Object.keys(printed[0]!)).toEqual(["host", "hostname", "labels", "memory", "tags", "cpu"]);
  expectProbed(printed);
  expect(bucket.read("workspace/workers.json")).toBe(before);
});

test("--write updates in place, keeps the mode, and changes nothing the second time", async () => {
  chmodSync(bucket.path("workspace/workers.json"), 0o640);
  const first = await bucket.maandJson<{ file: string }>("collect", "facts", "--write");
  expect([first.code, first.json.file]).toEqual([0, "updated"]);
  expect(without(read())).toEqual(without(workers()));
  expectProbed(read());
  expect(statSync(bucket.path("workspace/workers.json")).mode & 0o777).toBe(0o640);
  expect((await bucket.maandJson<{ file: string }>("collect", "facts", "--write")).json.file).toBe(
    "unchanged",
  );
});

test("a worker that cannot be asked keeps its values, with a warning and exit 1, whole file printed", async () => {
  expect((await bucket.maand("build")).code).toBe(0);
  await fleet.killSshd(1);
  try {
    const outcome = await shell("maand collect facts --generate-workers > workspace/workers.json");
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`warning: ${fleet.ips[1]}`);
    const rows = read();
    expect(without(rows)).toEqual(without(workers()));
    expect([rows[0]!.memory, rows[0]!.cpu]).toEqual(["1024 mb", undefined]);
    expectProbed(rows.slice(1));
  } finally {
    await fleet.startSshd(1);
  }
});

test("a crash in the redirect, then the same again: everything is back", async () => {
  expect((await bucket.maand("build")).code).toBe(0);
  await fleet.pauseSshd(1);
  try {
    // The hung worker keeps the first run waiting, so that the kill finds it at work and the file empty.
    const script = "exec maand collect facts --generate-workers > workspace/workers.json";
    const run = startProcess(["sh", "-c", script], {
      cwd: bucket.dir,
      env: { PATH: `${resolve(maandPath(), "..")}:${process.env.PATH}` },
    });
    await Bun.sleep(500);
    run.kill("SIGKILL");
    await run.wait();
    expect(bucket.read("workspace/workers.json")).toBe("");
  } finally {
    await fleet.resumeSshd(1);
  }
  expect((await shell("maand collect facts --generate-workers > workspace/workers.json")).code).toBe(0);
  expect(without(read())).toEqual(without(workers()));
  expectProbed(read());
});

test("--write killed at random moments leaves the old file or the new one, never a piece", async () => {
  expect((await bucket.maand("build")).code).toBe(0);
  const random = randomFrom(seedFrom("CRASH_SEED"));
  for (let round = 0; round < 15; round++) {
    bucket.write("workspace/workers.json", workers());
    const run = bucket.start(["collect", "facts", "--write", "--quiet"]);
    await Bun.sleep(random() * 250);
    run.kill("SIGKILL");
    await run.wait();
    expect(without(read())).toEqual(without(workers()));
  }
  expect((await bucket.maand("collect", "facts", "--write")).code).toBe(0);
  expectProbed(read());
});

test("-w narrows what is asked, not what is printed; a host that nobody knows is added", async () => {
  bucket.write("workspace/workers.json", workers().slice(0, 2));
  const outcome = await bucket.maand(
    "collect",
    "facts",
    "--generate-workers",
    "-w",
    `${fleet.ips[2]},${fleet.ips[0]}`,
  );
  expect(outcome.code).toBe(0);
  const rows = JSON.parse(outcome.stdout) as Row[];
  expect(rows.map((row) => row.host)).toEqual([fleet.ips[1]!, fleet.ips[0]!, fleet.ips[2]!]);
  expect([rows[0]!.memory, rows[1]!.memory, rows[2]!.memory]).toEqual(["1 gb", memory, memory]);
});

test("an emptied file that no build has read is said, not answered with an empty list", async () => {
  bucket.write("workspace/workers.json", "");
  const outcome = await bucket.maand("collect", "facts", "--generate-workers");
  expect([outcome.code, outcome.stdout]).toEqual([2, ""]);
  expect(outcome.stderr).toContain("--write");
  const named = await bucket.maand("collect", "facts", "--generate-workers", "-w", fleet.ips[0]!);
  expect(JSON.parse(named.stdout)).toMatchObject([{ host: fleet.ips[0], memory }]);
});

test("a broken file is refused with its faults and stays as it is", async () => {
  bucket.write("workspace/workers.json", `[{"host": "${fleet.ips[0]}", "labls": []}]`);
  const before = bucket.read("workspace/workers.json");
  const outcome = await bucket.maand("collect", "facts", "--write");
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain("workspace/workers.json:1:");
  expect(bucket.read("workspace/workers.json")).toBe(before);
});

test("usage errors", async () => {
  for (const args of [
    ["-w", "a b"],
    ["-l", "nosuch"],
    ["-w", fleet.ips[0]!, "-l", "web"],
  ])
    expect((await bucket.maand("collect", "facts", ...args)).code).toBe(2);
});
