// The documented first steps on real workers: quickstart, the sudoers lines, and what cat, info and logs say afterwards.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sudoersLines } from "../../src/commands/init/report.ts";
import type { Bucket } from "../support/maand.ts";
import { useBuckets, useFleet } from "../support/use.ts";

type Rows = Record<string, unknown>[];

const fleet = useFleet(2);
const newBucket = useBuckets();
const fleetBucket = () => newBucket(fleet);

async function run(bucket: Bucket, ...args: string[]) {
  const outcome = await bucket.maand(...args);
  if (outcome.code !== 0)
    throw new Error(`maand ${args.join(" ")}: ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`);
  return outcome;
}

const rollouts = async (bucket: Bucket): Promise<unknown[]> => {
  const { json } = await bucket.maandJson<{ deployments: Rows }>("cat", "deployments");
  return json.deployments.map((row) => row.rollout);
};

/** The indented block that follows the line which names the file. */
function blockOf(text: string, path: string): string {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => line.trim().startsWith(path)) + 1;
  const block: string[] = [];
  for (const line of lines.slice(from)) {
    if (line !== "" && !line.startsWith("    ")) break;
    block.push(line.slice(4));
  }
  return `${block.join("\n").trim()}\n`;
}

test("the quickstart works as it is written", async () => {
  const bucket = await fleetBucket();
  const text = readFileSync(join(import.meta.dir, "../../src/help/quickstart.md"), "utf8");
  for (const path of ["manifest.json", "Makefile.tpl", "public/index.html"])
    bucket.write(`workspace/jobs/web/${path}`, blockOf(text, `workspace/jobs/web/${path}`));
  await run(bucket, "build");
  expect((await run(bucket, "deploy", "--dry-run")).stdout).toContain("start");
  expect(await rollouts(bucket)).toEqual(["new", "new"]);
  await run(bucket, "deploy");
  expect(await rollouts(bucket)).toEqual(["promoted", "promoted"]);
  await run(bucket, "health_check");
  expect((await run(bucket, "job", "status", "web")).stdout).toContain("running");
  const page = async (ip: string) => (await fetch(`http://${ip}:30000/`)).text();
  for (const ip of fleet.ips) expect(await page(ip)).toBe("hello\n");

  bucket.write("workspace/jobs/web/public/index.html", "changed\n");
  await run(bucket, "build");
  expect(await rollouts(bucket)).toEqual(["restart", "restart"]);
  const { json } = await bucket.maandJson<{ waves: { jobs: { allocations: Rows }[] }[] }>("deploy");
  expect(json.waves[0]!.jobs[0]!.allocations.map((row) => row.action)).toEqual(["restart", "restart"]);
  for (const ip of fleet.ips) expect(await page(ip)).toBe("changed\n");
  expect(await rollouts(bucket)).toEqual(["promoted", "promoted"]);

  const info = await bucket.maandJson("info");
  expect(info.json).toMatchObject({ update_seq: 2, last_deploy: { exit_code: 0 } });
  const logs = await run(
    bucket,
    "logs",
    "show",
    "--job",
    "web",
    "--phase",
    "rollout",
    "--event",
    "hook_begin",
  );
  expect(logs.stdout.trim().split("\n")).toHaveLength(4);
  const lines = await bucket.maandJson<{ lines: Rows }>(
    "logs",
    "show",
    "--worker",
    fleet.ips[0]!,
    "--tail",
    "3",
  );
  expect(lines.json.lines).toHaveLength(3);
  expect(lines.json.lines.every((line) => line.worker === fleet.ips[0])).toBe(true);
  expect((await run(bucket, "logs", "show", "--format", "human")).stdout).toContain("web@");

  await run(bucket, "job", "stop", "web");
  expect(await rollouts(bucket)).toEqual(["stopped", "stopped"]);
  bucket.remove("workspace/jobs/web");
  await run(bucket, "deploy", "-b");
  expect(await rollouts(bucket)).toEqual(["removed", "removed"]);
  await run(bucket, "gc");
  expect(await rollouts(bucket)).toEqual([]);
}, 180_000);

test("the sudoers lines that init prints are all that a job's life needs", async () => {
  const file = "/etc/sudoers.d/agent";
  const lines = sudoersLines("agent");
  expect((await (await fleetBucket()).maand("init")).stdout).toContain(
    lines.map((line) => `  ${line}\n`).join(""),
  );
  const before = (await fleet.exec(0, `cat ${file}`)).stdout;
  const rule = `${lines.join("\n")}\n`;
  const write = (text: string) => `cat > ${file} <<'EOF'\n${text}EOF\nvisudo -cf ${file}`;
  for (const i of [0, 1]) expect((await fleet.exec(i, write(rule))).code).toBe(0);
  try {
    const others = await fleet.exec(0, "su agent -c 'sudo -n cat /etc/shadow'");
    expect(others.code).not.toBe(0);
    const bucket = await fleetBucket();
    const health_check = { checks: [{ type: "file", path: "Makefile" }], wait: { attempts: 1 } };
    bucket.write("workspace/jobs/api/manifest.json", { selectors: ["worker"], health_check });
    bucket.write("workspace/jobs/api/Makefile", "start stop restart status:\n\tid -u > data-of-$@\n");
    await run(bucket, "deploy", "-b");
    bucket.write("workspace/jobs/api/more", "x");
    await run(bucket, "deploy", "-b");
    await run(bucket, "job", "status", "api");
    await run(bucket, "run_command", "true");
    bucket.remove("workspace/jobs/api");
    await run(bucket, "deploy", "-b");
    await run(bucket, "gc");
  } finally {
    for (const i of [0, 1]) await fleet.exec(i, write(before));
  }
}, 180_000);

test("logs show --follow goes on until Ctrl-C", async () => {
  const bucket = await fleetBucket();
  bucket.write("workspace/jobs/api/manifest.json", { selectors: ["worker"] });
  bucket.write("workspace/jobs/api/Makefile", "start stop:\n\techo it-runs\n");
  const follower = bucket.start(["logs", "show", "--follow", "--job", "api"]);
  await run(bucket, "deploy", "-b");
  await follower.waitForStdout(/msg="it-runs"/);
  follower.kill("SIGINT");
  expect((await follower.wait()).code).toBe(130);
}, 120_000);

test("logs show refuses what it does not know", async () => {
  const bucket = await fleetBucket();
  expect((await bucket.maand("logs", "show", "--format", "humann")).stderr).toContain(
    'did you mean "human"?',
  );
  expect((await bucket.maand("logs", "show", "--format", "x")).code).toBe(2);
  expect((await bucket.maand("logs", "show", "--json", "--follow")).code).toBe(2);
  expect((await bucket.maand("logs", "show", "--run-dir", "nothing")).code).toBe(1);
  expect(await bucket.maand("logs", "show", "--worker", "-")).toMatchObject({ code: 0 });
}, 60_000);
