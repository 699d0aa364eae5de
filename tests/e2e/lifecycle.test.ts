// What every command that acts on allocations does alike: the rollout order, and that each change is told and kept.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, type DeployJson, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(3);
const bucket = useBucket(fleet);

function inCatalog<T>(read: (catalog: Database) => T): T {
  const catalog = new Database(bucket.path("data/maand.db"), { readonly: true });
  try {
    return read(catalog);
  } finally {
    catalog.close();
  }
}

const lastRun = (): string =>
  inCatalog((catalog) =>
    catalog.query<{ run_id: string }, []>("SELECT run_id FROM run ORDER BY started_at DESC LIMIT 1").get(),
  )!.run_id;

/** `action status` of a job's allocations as the history of the last run has them, by worker. */
function historyOf(job: string): Record<string, string> {
  type Row = { worker_ip: string; action: string; status: string };
  const query = "SELECT worker_ip, action, status FROM run_allocation WHERE run_id = ? AND job = ?";
  const rows = inCatalog((catalog) => catalog.query<Row, [string, string]>(query).all(lastRun(), job));
  return Object.fromEntries(rows.map((row) => [row.worker_ip, `${row.action} ${row.status}`]));
}

/** What the log of the last run says has become of a job's allocations: `action status`, by worker. */
async function toldOf(job: string): Promise<Record<string, string>> {
  const { stdout } = await bucket.maand(
    ...["logs", "show", "--run", lastRun(), "--event", "allocation", "--job", job, "--format", "raw"],
  );
  const field = (line: string, name: string) => new RegExp(` ${name}="?([^" :]*)`).exec(line)?.[1];
  const lines = stdout.split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [field(line, "worker"), `${field(line, "action")} ${field(line, "msg")}`]),
  );
}

const everywhere = (text: string) => Object.fromEntries(fleet.ips.map((ip) => [ip, text]));

test("rollout_order with spaces is followed by deploy, job and hooks alike", async () => {
  const [a, b, c] = fleet.ips as [string, string, string];
  const wanted = [c, a, b];
  const manifest = { hooks: { hook_order: { executed_on: ["pre_deploy", "cli"] } } };
  const files = {
    "_hooks/hook_order.ts": `import * as maand from "maand";
await maand.kvPut("maand/job/api", "rollout_order", ${JSON.stringify(wanted.join(", "))});
console.log("order", process.env.ROLLOUT_ORDER);
`,
  };
  writeJob(bucket, "api", { manifest, files });
  await buildAndDeploy(bucket);
  writeJob(bucket, "api", { manifest, files, version: "1.1.0" });
  await build(bucket);
  const { json } = await bucket.maandJson<DeployJson>("deploy");
  expect(json.waves[0]!.jobs[0]!.allocations.map((entry) => entry.worker_ip)).toEqual(wanted);
  type Rows = { allocations: { worker_ip: string }[]; results: { worker_ip: string }[] };
  const restart = await bucket.maandJson<Rows>("job", "restart", "api");
  expect(restart.json.allocations.map((entry) => entry.worker_ip)).toEqual(wanted);
  const hooks = await bucket.maandJson<Rows>("hooks", "hook_order", "api");
  expect(hooks.json.results.map((entry) => entry.worker_ip)).toEqual(wanted);
  expect(hooks.stderr).toContain(`order ${wanted.join(",")}`);
});

test("every change of an allocation is told and kept: starts, stops, removals, purges, by hand and by deploy", async () => {
  writeJob(bucket, "api");
  writeJob(bucket, "db");
  await buildAndDeploy(bucket);
  expect(await toldOf("api")).toEqual(everywhere("start done"));
  expect(historyOf("api")).toEqual(everywhere("start done"));
  await bucket.maand("job", "restart", "api");
  expect(await toldOf("api")).toEqual(everywhere("restart done"));
  expect(historyOf("api")).toEqual(everywhere("restart done"));
  bucket.write("workspace/disabled.json", { jobs: { db: {} } });
  bucket.remove("workspace/jobs/api");
  await build(bucket);
  const deploy = await bucket.maand("deploy");
  expect(deploy.stderr).toContain(`db@${fleet.ips[0]}: stopped`);
  expect(deploy.stderr).toContain(`api@${fleet.ips[0]}: removed`);
  expect(await toldOf("db")).toEqual(everywhere("stop done"));
  expect(historyOf("db")).toEqual(everywhere("stop done"));
  expect(await toldOf("api")).toEqual(everywhere("remove done"));
  expect(historyOf("api")).toEqual(everywhere("remove done"));
  const gc = await bucket.maand("gc");
  expect(gc.stderr).toContain(`api@${fleet.ips[0]}: purged`);
  expect(await toldOf("api")).toEqual(everywhere("gc done"));
  expect(historyOf("api")).toEqual(everywhere("gc done"));
});

test("gc tells of a stop of its own as well as of the purge", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  bucket.remove("workspace/jobs/api");
  await build(bucket);
  const gc = await bucket.maand("gc");
  for (const ip of fleet.ips) {
    expect(gc.stderr).toContain(`api@${ip}: stopped`);
    expect(gc.stderr).toContain(`api@${ip}: purged`);
  }
  const actions = inCatalog((catalog) =>
    catalog
      .query<{ action: string; status: string }, [string]>(
        "SELECT DISTINCT action, status FROM run_allocation WHERE run_id = ? ORDER BY action",
      )
      .all(lastRun()),
  );
  expect(actions).toEqual([
    { action: "gc", status: "done" },
    { action: "stop", status: "done" },
  ]);
});

test("a deploy that is killed leaves the history of what it has done", async () => {
  writeJob(bucket, "api");
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "api");
  await fleet.exec(2, `echo 60 > ${directory}/data/pause`);
  writeJob(bucket, "api", { version: "2.0.0" });
  await build(bucket);
  const deploy = bucket.start(["deploy"]);
  await deploy.waitForStderr(`api@${fleet.ips[1]}: done`);
  deploy.kill("SIGKILL");
  await deploy.wait();
  const [first, second] = fleet.ips as [string, string];
  expect(historyOf("api")).toEqual({ [first]: "restart done", [second]: "restart done" });
});
