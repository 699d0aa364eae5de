// The benchmark: every row is maand and its yardstick in turn, the best of a few rounds of each, as a ratio.

import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFleet } from "../../tests/support/fleet.ts";
import { type Bucket, newBucket } from "../../tests/support/maand.ts";
import { runProcess } from "../../tests/support/process.ts";
import { makeAnsible } from "./ansible.ts";
import { makeFloor } from "./floor.ts";
import { measureHost, must } from "./host.ts";
import { compare, note, rounds, rows } from "./measure.ts";

const workers = Number(process.argv[2] ?? 50);

/** A job of 20 files, Makefile and manifest among them. */
function writeJob(bucket: Bucket, name: string, mark: string): void {
  const at = (path: string) => `workspace/jobs/${name}/${path}`;
  bucket.write(at("manifest.json"), {
    version: "1.0.0",
    selectors: ["worker"],
    max_concurrent_upgrades: workers,
  });
  bucket.write(at("Makefile"), "start stop restart:\n\t@true\n");
  bucket.write(at("mark"), mark);
  for (let i = 0; i < 17; i++) bucket.write(at(`file${i}`), randomBytes(2000).toString("base64"));
}

/** Most memory of a command, in MiB: `VmHWM` of its process, read until it ends. */
async function peakMemory(bucket: Bucket, ...args: string[]): Promise<number> {
  const run = bucket.start(args);
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${run.pid}/status`, "utf8");
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has ended between two looks.
    }
  }, 20);
  await run.wait();
  clearInterval(timer);
  return peak;
}

await measureHost();
const fleet = await startFleet(workers);
const floor = makeFloor(fleet);
const one = await newBucket(fleet);
const ten = await newBucket(fleet);
try {
  writeJob(one, "app", "0");
  const directory = one.path("workspace/jobs/app");
  const clear = () =>
    runProcess(
      [
        "bash",
        "-c",
        fleet.ips.map((_, i) => `scripts/fleet exec ${i} sh -c 'rm -rf /opt/worker/*'`).join("\n"),
      ],
      { env: { FLEET: fleet.name } },
    );

  const beginAnew = async () => {
    await clear();
    // The catalog begins anew, so that every round is a first deploy.
    one.remove("data");
    await must(one, "init", "--yes");
    await must(one, "build");
  };
  await compare(
    `first deploy, 1 job of 20 files, ${workers} workers`,
    "≤ 1.3",
    "ssh + rsync + make",
    () => must(one, "deploy", "--quiet"),
    () => floor.deploy(directory),
    beginAnew,
  );
  await compare(
    "deploy again, nothing to do",
    "≤ 1.2",
    "ssh true, cold",
    () => must(one, "deploy", "--quiet"),
    () => floor.sshTrue(),
  );
  await compare(
    "run_command true",
    "≤ 1.2",
    "ssh true, cold",
    () => must(one, "run_command", "true", "--quiet"),
    () => floor.sshTrue(),
  );

  const ansible = await makeAnsible(fleet, directory);
  if (ansible === undefined)
    console.log("ansible-playbook with ansible.posix is not installed: no comparison with it");
  else {
    try {
      await compare(
        "first deploy",
        "≤ 0.17",
        "ansible, first",
        () => must(one, "deploy", "--quiet"),
        () => ansible.deploy(),
        beginAnew,
      );
      await compare(
        "deploy again, nothing to do",
        "≤ 0.1",
        "ansible, nothing to do",
        () => must(one, "deploy", "--quiet"),
        () => ansible.deploy(),
      );
    } finally {
      ansible.end();
    }
  }

  for (let i = 0; i < 10; i++) writeJob(ten, `app${i}`, "0");
  await must(ten, "build");
  await must(ten, "deploy", "--quiet");
  await compare(
    "one job changed: of 10 jobs, and alone",
    "≤ 1.3",
    "maand, 1 job in all",
    () => must(ten, "deploy", "--quiet"),
    () => must(one, "deploy", "--quiet"),
    async (round) => {
      for (const [bucket, job] of [
        [ten, "app3"],
        [one, "app"],
      ] as const) {
        bucket.write(`workspace/jobs/${job}/mark`, `round ${round}`);
        await must(bucket, "build");
      }
    },
  );
  await must(ten, "build");
  const peak = await peakMemory(ten, "deploy", "--quiet", "--force");
  note({
    work: `peak memory, deploy of 10 jobs to ${workers} workers`,
    measured: peak,
    unit: "MiB",
    bar: "≤ 250 MiB",
  });
} finally {
  floor.end();
  await one.cleanUp();
  await ten.cleanUp();
  await fleet.down();
}

const dist = join(import.meta.dir, "../../dist");
mkdirSync(dist, { recursive: true });
writeFileSync(join(dist, "bench.json"), `${JSON.stringify({ workers, rounds, rows }, null, 2)}\n`);
