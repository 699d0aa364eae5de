// What --force was asked to do and did not come to stays due, until a later deploy has done it.

import { expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { allCalls, buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const fleet = useFleet(3);
const bucket = useBucket(fleet);

/** Begins a forced deploy one worker at a time, and ends it with `signal` while the first one is at work. */
async function interrupt(signal: "SIGINT" | "SIGKILL", ...flags: string[]): Promise<void> {
  await fleet.exec(0, `echo 1 > ${await jobDirectory(bucket, "web")}/data/pause`);
  const deploy = bucket.start(["deploy", "--force", ...flags]);
  await deploy.waitForStderr("wave 0");
  await eventually(
    async () => (await fleet.exec(0, "pgrep -x sleep || true")).stdout !== "",
    "the first restart is at work",
  );
  deploy.kill(signal);
  const { code, stderr } = await deploy.wait();
  if (signal === "SIGINT") expect(`${code} ${stderr}`).toStartWith("130 ");
  await fleet.exec(0, `rm ${await jobDirectory(bucket, "web")}/data/pause`);
}

const started = "start 0.0.0 1.0.0";
const restarted = "restart 1.0.0 1.0.0";

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  test(`a plain deploy goes on with a --force that ${signal} ended`, async () => {
    writeJob(bucket, "web");
    writeJob(bucket, "other");
    await buildAndDeploy(bucket);
    await interrupt(signal, "--jobs", "web");
    const plan = await bucket.maand("deploy", "--dry-run");
    expect(plan.stdout).toContain("--force of an earlier deploy, not done yet");
    expect((await bucket.maand("deploy")).code).toBe(0);
    const calls = await allCalls(fleet, bucket, "web");
    expect(calls.slice(1)).toEqual([
      [started, restarted],
      [started, restarted],
    ]);
    expect(calls[0]!.filter((call) => call === restarted).length).toBeGreaterThan(0);
    // What it was not asked for is not due.
    expect(await allCalls(fleet, bucket, "other")).toEqual([[started], [started], [started]]);
    expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
  });
}

test("files that --force --sync-only did not come to are put back, and nothing is restarted", async () => {
  writeJob(bucket, "web", { files: { "app.conf": "as built\n" } });
  await buildAndDeploy(bucket);
  const directory = await jobDirectory(bucket, "web");
  await fleet.exec(2, `echo by hand > ${directory}/app.conf`);
  const deploy = bucket.start(["deploy", "--force", "--sync-only"]);
  await deploy.waitForStderr("connecting");
  deploy.kill("SIGINT");
  expect((await deploy.wait()).code).toBe(130);
  expect((await bucket.maand("deploy")).code).toBe(0);
  expect((await fleet.exec(2, `cat ${directory}/app.conf`)).stdout).toBe("as built\n");
  expect(await allCalls(fleet, bucket, "web")).toEqual([[started], [started], [started]]);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("what is stopped by hand afterwards stays stopped", async () => {
  writeJob(bucket, "web");
  await buildAndDeploy(bucket);
  await interrupt("SIGINT");
  expect((await bucket.maand("job", "stop", "web")).code).toBe(0);
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});
