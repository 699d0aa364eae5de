// gc on real workers: what still runs is stopped, what can go goes, what cannot be reached waits.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, callsOf, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

interface GcJson {
  allocations: {
    job: string;
    worker_ip: string;
    status: string;
    stopped: boolean;
    error?: { message: string };
  }[];
  workers: { worker_ip: string; status: string }[];
  purged: Record<string, number>;
}

const fleet = useFleet(3);
const bucket = useBucket(fleet);

const gc = (...args: string[]) => bucket.maandJson<GcJson>("gc", ...args);
const setWorkers = (hosts: readonly string[]) =>
  bucket.write(
    "workspace/workers.json",
    hosts.map((host) => ({ host })),
  );
const remains = async (i: number, path: string) => (await fleet.exec(i, `ls -d ${path}`)).code === 0;
const removeJob = (job: string) => rmSync(bucket.path("workspace/jobs", job), { recursive: true });

function sql<T>(query: string): T[] {
  const database = new Database(bucket.path("data/maand.db"), { readonly: true });
  try {
    return database.query<T, []>(query).all();
  } finally {
    database.close();
  }
}

test("a removed job that no deploy has stopped: stopped, deleted with its data, forgotten; the neighbour stays", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  const api = await jobDirectory(bucket, "api");
  const marks = fleet.ips.map((_, i) =>
    fleet.exec(i, `cp ${api}/data/calls /tmp/calls-before; mkdir -p ${api}/logs`),
  );
  await Promise.all(marks);
  removeJob("api");
  await build(bucket);
  const { json, code } = await gc();
  expect(code).toBe(0);
  expect(json.allocations.map(({ job, status, stopped }) => [job, status, stopped])).toEqual(
    fleet.ips.map(() => ["api", "purged", true]),
  );
  for (const [i] of fleet.ips.entries()) {
    expect(await remains(i, api)).toBe(false);
    expect((await callsOf(fleet, bucket, i, "web")).map((call) => call.split(" ")[0])).toEqual(["start"]);
  }
  expect(sql("SELECT job FROM allocation WHERE job = 'api'")).toEqual([]);
  expect(sql("SELECT name FROM job WHERE name = 'api'")).toEqual([]);
  expect(sql("SELECT 1 FROM kv WHERE namespace LIKE '%job/api%'")).toEqual([]);
  const deploy = await bucket.maand("deploy");
  expect([deploy.code, deploy.stdout.includes("nothing to do")]).toEqual([0, true]);
  const again = await bucket.maand("gc");
  expect(again.code).toBe(0);
  expect(again.stdout).not.toContain("@");
});

test("after a deploy of the removal nothing is stopped twice, data and logs go", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  const api = await jobDirectory(bucket, "api");
  removeJob("api");
  await buildAndDeploy(bucket);
  expect(await remains(0, `${api}/data`)).toBe(true);
  const { json, code } = await gc();
  expect([code, json.allocations.every((entry) => entry.status === "purged" && !entry.stopped)]).toEqual([
    0,
    true,
  ]);
  expect(await remains(0, api)).toBe(false);
});

test("a worker that left loses the bucket's directory; nothing to do is said", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const root = (await jobDirectory(bucket, "api")).replace(/\/jobs\/api$/, "");
  setWorkers(fleet.ips.slice(0, 2));
  await buildAndDeploy(bucket);
  expect(await remains(2, root)).toBe(true);
  const { json, code } = await gc();
  expect([code, json.workers]).toEqual([0, [{ worker_ip: fleet.ips[2]!, status: "deleted" }]]);
  expect(await remains(2, root)).toBe(false);
  expect(await remains(1, root)).toBe(true);
  const idle = await bucket.maand("gc");
  expect([idle.code, idle.stdout]).toEqual([0, "gc: nothing to do\n"]);
});

test("left and unreachable counts as dead; unreachable but still in the workspace keeps its rows, exit 1", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  const api = await jobDirectory(bucket, "api");
  setWorkers(fleet.ips.slice(0, 2));
  removeJob("api");
  await build(bucket);
  await fleet.killSshd(1);
  await fleet.killSshd(2);
  try {
    const { json, code } = await gc();
    expect(code).toBe(1);
    expect(json.workers).toMatchObject([{ worker_ip: fleet.ips[2]!, status: "dead" }]);
    const status = (ip: string) =>
      json.allocations.filter((entry) => entry.worker_ip === ip).map((entry) => entry.status);
    expect([status(fleet.ips[0]!), status(fleet.ips[1]!), status(fleet.ips[2]!)]).toEqual([
      ["purged"],
      ["kept"],
      ["purged", "purged"],
    ]);
  } finally {
    await fleet.startSshd(1);
    await fleet.startSshd(2);
  }
  expect(sql("SELECT job, worker_ip FROM allocation WHERE removed = 1")).toEqual([
    { job: "api", worker_ip: fleet.ips[1]! },
  ]);
  expect(await remains(1, api)).toBe(true);
  const second = await gc();
  expect([second.code, second.json.allocations.map((entry) => [entry.status, entry.stopped])]).toEqual([
    0,
    [["purged", true]],
  ]);
  expect(await remains(1, api)).toBe(false);
});

test("a stop that fails keeps files and rows, and the whole directory of a worker that left", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  const api = await jobDirectory(bucket, "api");
  await fleet.exec(2, `touch ${api}/data/broken`);
  setWorkers(fleet.ips.slice(0, 2));
  await build(bucket);
  const { json, code } = await gc();
  expect(code).toBe(1);
  expect(json.allocations.map(({ job, status }) => [job, status]).sort()).toEqual([
    ["api", "kept"],
    ["web", "purged"],
  ]);
  expect(json.workers.map((worker) => worker.status)).toEqual(["kept"]);
  expect(await remains(2, api)).toBe(true);
  await fleet.exec(2, `rm ${api}/data/broken`);
  expect((await gc()).code).toBe(0);
  expect(await remains(2, api)).toBe(false);
});

test("a pair that comes back after gc is deployed as new", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  setWorkers(fleet.ips.slice(0, 2));
  await build(bucket);
  expect((await gc()).code).toBe(0);
  setWorkers(fleet.ips);
  await buildAndDeploy(bucket);
  expect(await callsOf(fleet, bucket, 2, "api")).toEqual(["start 0.0.0 1.0.0"]);
});

test("kill -9 in the middle of a stop, then gc again: done once and for all", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const api = await jobDirectory(bucket, "api");
  await fleet.exec(0, `echo 600 > ${api}/data/pause`);
  removeJob("api");
  await build(bucket);
  const running = bucket.start(["gc"]);
  await running.waitForStderr("stop of api");
  running.kill("SIGKILL");
  await running.wait();
  await fleet.exec(
    0,
    `rm -f ${api}/data/pause; for p in $(ps -eo pid=,args= | awk '$2=="sleep" && $3=="600" {print $1}'); do kill $p; done`,
  );
  expect((await gc()).code).toBe(0);
  expect(sql("SELECT 1 FROM allocation")).toEqual([]);
  for (const i of [0, 1, 2]) expect(await remains(i, api)).toBe(false);
  expect(sql("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
});

test("old run logs, staging and unreferenced content go", async () => {
  writeJob(bucket, "api", { files: { "data.txt": "first content" } });
  await buildAndDeploy(bucket);
  for (const version of ["second", "third"]) {
    writeJob(bucket, "api", { files: { "data.txt": `${version} content` } });
    await buildAndDeploy(bucket);
  }
  const old = bucket.path("logs/runs/00000000-0000-4000-8000-000000000000");
  mkdirSync(old, { recursive: true });
  writeFileSync(`${old}/maand.log`, "x");
  const before = new Date(Date.now() - 31 * 86_400_000);
  for (const path of [`${old}/maand.log`, old]) utimesSync(path, before, before);
  const held = (text: string) =>
    sql<{ found: number }>(`SELECT count(*) AS found FROM blob WHERE content = cast('${text}' AS BLOB)`)[0]!
      .found;
  expect(held("first content")).toBe(1);
  const { json, code } = await gc();
  expect([code, json.purged.run_logs]).toEqual([0, 1]);
  expect([held("first content"), held("second content"), held("third content")]).toEqual([0, 1, 1]);
  expect(existsSync(old)).toBe(false);
  expect(readdirSync(bucket.path("tmp"))).toEqual([]);
  const deploy = await bucket.maand("deploy");
  expect([deploy.code, deploy.stdout.includes("nothing to do")]).toEqual([0, true]);
  writeJob(bucket, "api", { version: "2.0.0", files: { "data.txt": "fourth content" } });
  await buildAndDeploy(bucket);
});

test("a job without a Makefile is stopped by its job_control hook, and finds its files when run by hand", async () => {
  bucket.write("workspace/jobs/ctl/manifest.json", {
    version: "1.0.0",
    selectors: ["worker"],
    max_concurrent_upgrades: 3,
    hooks: { hook_control: { executed_on: ["job_control"] } },
  });
  bucket.write("workspace/jobs/ctl/app.conf.tpl", 'range={{ get "vars/bucket" "port_range" }}\n');
  bucket.write(
    "workspace/jobs/ctl/_hooks/hook_control.ts",
    `import { appendFileSync, existsSync } from "node:fs";
const { ALLOCATION_IP, BUCKET_ROOT, TARGET } = process.env;
const staged = existsSync(\`\${BUCKET_ROOT}/tmp/workers/\${ALLOCATION_IP}/jobs/ctl/app.conf\`);
appendFileSync(\`\${BUCKET_ROOT}/calls\`, \`\${TARGET} \${ALLOCATION_IP} \${staged}\\n\`);
`,
  );
  const calls = () => {
    const found = bucket.read("calls").trim().split("\n").sort();
    rmSync(bucket.path("calls"));
    return found;
  };
  await buildAndDeploy(bucket);
  calls();
  rmSync(bucket.path("tmp"), { recursive: true });
  expect((await bucket.maand("job", "restart", "ctl")).code).toBe(0);
  expect(calls()).toEqual(fleet.ips.map((ip) => `restart ${ip} true`).sort());
  removeJob("ctl");
  await build(bucket);
  const { json, code } = await gc();
  expect(code).toBe(0);
  expect(json.allocations.map(({ status, stopped }) => [status, stopped])).toEqual(
    fleet.ips.map(() => ["purged", true]),
  );
  expect(calls().map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual(
    fleet.ips.map((ip) => `stop ${ip}`).sort(),
  );
});
