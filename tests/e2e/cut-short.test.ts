// A first start that is cut short, then another version: what was left running is replaced, never taken for the new one.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, callsOf, type DeployJson, jobDirectory } from "../support/deployed.ts";
import type { Bucket } from "../support/maand.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const demo = resolve(import.meta.dir, "../../scripts/demo.d");
const fleet = useFleet(2);
const bucket = useBucket(fleet);

function setVersion(job: string, version: string): void {
  const path = `workspace/jobs/${job}/manifest.json`;
  bucket.write(path, { ...JSON.parse(bucket.read(path)), version });
}

/** Kills a deploy with SIGKILL once this shell command succeeds on every worker. */
async function killDeployOnce(holds: string): Promise<void> {
  const run = bucket.start(["deploy", "--quiet"]);
  const everywhere = async () => {
    const all = await Promise.all(fleet.ips.map((_, i) => fleet.exec(i, holds)));
    return all.every(({ code }) => code === 0);
  };
  await eventually(everywhere, holds);
  run.kill("SIGKILL");
  await run.wait();
}

/** The environments' NEW_VERSION of the processes whose command line matches, on each worker. */
const versionsOf = (pattern: string) =>
  Promise.all(
    fleet.ips.map(async (_, i) => {
      const command = `for pid in $(pgrep -f '${pattern}'); do tr '\\0' '\\n' < /proc/$pid/environ | sed -n 's/^NEW_VERSION=//p'; done`;
      return (await fleet.exec(i, command)).stdout.trim().split("\n");
    }),
  );

const history = ({ path }: Bucket, job: string) => {
  const catalog = new Database(path("data/maand.db"), { readonly: true });
  try {
    return catalog
      .query<{ line: string }, [string]>(
        "SELECT action || ' ' || status AS line FROM run_allocation WHERE job = ? ORDER BY line",
      )
      .all(job)
      .map(({ line }) => line);
  } finally {
    catalog.close();
  }
};

test("the process scaffold: the new version runs, alone, and every reader tells that a stop came first", async () => {
  expect((await bucket.maand("job", "create", "api", "--runtime", "process")).code).toBe(0);
  await build(bucket);
  const pidFile = `${await jobDirectory(bucket, "api")}/data/api.pid`;
  await killDeployOnce(`test -s ${pidFile}`);
  expect(await versionsOf("^/bin/sh ./run.sh")).toEqual([["0.1.0"], ["0.1.0"]]);

  setVersion("api", "0.2.0");
  await build(bucket);
  const planned = await bucket.maand("deploy", "--dry-run");
  expect(planned.stdout).toContain("stop, start");
  expect(planned.stdout).toContain("start was not completed: what may run is stopped first");
  const { json: plan } = await bucket.maandJson<DeployJson>("deploy", "--dry-run");
  const stopFirst = { action: "start", stop_first: true, current_version: "0.0.0", new_version: "0.2.0" };
  expect(plan.waves[0]!.jobs[0]!.allocations).toEqual(
    fleet.ips.map(() => expect.objectContaining(stopFirst)),
  );

  const { json, code, stderr } = await bucket.maandJson<DeployJson>("deploy");
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining("what an unfinished start may have left running"),
  ]);
  expect(json.waves[0]!.jobs[0]!.allocations[0]).toMatchObject({ ...stopFirst, status: "done" });
  expect(await versionsOf("^/bin/sh ./run.sh")).toEqual([["0.2.0"], ["0.2.0"]]);
  expect(history(bucket, "api")).toEqual(["start done", "start done", "stop done", "stop done"]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
}, 120_000);

test("the demo's service: the new version answers, and one server runs per worker", async () => {
  cpSync(join(demo, "web"), bucket.path("workspace/jobs/web"), { recursive: true });
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host) => ({ host, labels: ["web"], memory: "512 mb" })),
  );
  // Long enough at the gate to be killed there.
  const manifest = JSON.parse(readFileSync(join(demo, "web/manifest.json"), "utf8"));
  manifest.health_check.checks.push({ type: "ssh", command: "test -e /tmp/well" });
  bucket.write("workspace/jobs/web/manifest.json", manifest);
  await build(bucket);
  const log = `${await jobDirectory(bucket, "web")}/logs/web.log`;
  await killDeployOnce(`grep -q 'version 1.0.0' ${log}`);

  setVersion("web", "2.0.0");
  await Promise.all(fleet.ips.map((_, i) => fleet.exec(i, "touch /tmp/well")));
  await buildAndDeploy(bucket);
  const port = (await bucket.maand("cat", "kv", "get", "maand/job/web", "port_http")).stdout.trim();
  for (const ip of fleet.ips)
    expect(await (await fetch(`http://${ip}:${port}/`, { proxy: false } as RequestInit)).json()).toEqual({
      worker: ip,
      version: "2.0.0",
    });
  expect(await versionsOf("^python3 server.py")).toEqual([["2.0.0"], ["2.0.0"]]);
}, 120_000);

test("a stop that fails is told and kept, and the start goes on", async () => {
  writeJob(bucket, "api", {
    files: {
      Makefile: `start:\n\t@mkdir -p data; echo "$@" >> data/calls; sleep 1\nstop:\n\t@echo "no stop"; exit 9\n`,
    },
  });
  await build(bucket);
  await killDeployOnce(`test -s ${await jobDirectory(bucket, "api")}/data/calls`);
  const { code, stderr } = await bucket.maand("deploy");
  expect([code, stderr]).toEqual([
    0,
    expect.stringContaining(
      "the stop before the start failed, the start goes on: make stop ended with status 2",
    ),
  ]);
  expect(stderr).toContain("no stop");
  expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start", "start"]);
  expect(history(bucket, "api")).toEqual(["start done", "start done", "stop failed", "stop failed"]);
}, 60_000);
