// health_check on real workers: the worker gate, each kind of probe, waiting, and what is told.

import { expect, test } from "bun:test";
import { makeSick, makeWell, sickGate, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

interface HealthJson {
  ok: boolean;
  checks: { job: string; worker_ip: string; check: string; ok: boolean; error?: string; attempts: number }[];
  workers: { worker_ip: string; ok: boolean; error?: string }[];
  skipped: string[];
}

const fleet = useFleet(2);
const bucket = useBucket(fleet);

const health = (...args: string[]) => bucket.maandJson<HealthJson>("health_check", ...args);

test("passed, failed and skipped, each told with job, worker, check and last error", async () => {
  writeJob(bucket, "api", { manifest: sickGate });
  writeJob(bucket, "plain");
  await buildAndDeploy(bucket);
  const well = await bucket.maand("health_check");
  expect([well.code, well.stdout]).toEqual([
    0,
    "health check skipped: plain\nhealth check passed: 2 workers, 2 checks\n",
  ]);
  await makeSick(fleet, 1);
  try {
    const sick = await health();
    expect(sick.code).toBe(1);
    expect(sick.json.workers.map((worker) => worker.ok)).toEqual([true, true]);
    expect(sick.json.skipped).toEqual(["plain"]);
    const name = "ssh test ! -e /tmp/sick";
    expect(sick.json.checks).toEqual([
      { job: "api", worker_ip: fleet.ips[0]!, check: name, ok: true, attempts: 1 },
      { job: "api", worker_ip: fleet.ips[1]!, check: name, ok: false, error: "exit status 1", attempts: 1 },
    ]);
    const waited = await health("--wait");
    expect(waited.json.checks.map((check) => check.attempts)).toEqual([1, 2]);
    const told = await bucket.maand("health-check", "--verbose");
    expect(told.stdout).toContain(`failed: api@${fleet.ips[1]}: ${name}: exit status 1\n`);
    expect(told.stdout).toContain(`ok: api@${fleet.ips[0]}: ${name}\n`);
    expect((await health("--jobs", "plain")).code).toBe(0);
  } finally {
    await makeWell(fleet, 1);
  }
});

test("--wait passes as soon as the last check does", async () => {
  writeJob(bucket, "api", {
    manifest: { health_check: { ...sickGate.health_check, wait: { attempts: 600, interval_seconds: 0.1 } } },
  });
  await buildAndDeploy(bucket);
  await makeSick(fleet, 0);
  const running = bucket.start(["health_check", "--wait", "--json"]);
  await fleet.exec(0, "sleep 1; rm -f /tmp/sick");
  const outcome = await running.wait();
  expect(outcome.code).toBe(0);
});

test("Ctrl-C ends the waiting with exit 130 and says what had not passed", async () => {
  writeJob(bucket, "api", {
    manifest: { health_check: { ...sickGate.health_check, wait: { attempts: 600, interval_seconds: 60 } } },
  });
  await buildAndDeploy(bucket);
  await makeSick(fleet, 0);
  try {
    const running = bucket.start(["health_check", "--wait", "--verbose"]);
    await Bun.sleep(1000);
    running.kill("SIGINT");
    const outcome = await running.wait();
    expect(outcome.code).toBe(130);
    expect(outcome.stdout).toContain(`failed: api@${fleet.ips[0]}`);
  } finally {
    await makeWell(fleet, 0);
  }
});

test("tcp and http probes ask the worker's own address", async () => {
  const serve = (host: string) =>
    `start: \n\t@setsid python3 -m http.server $(PORT) --bind ${host} </dev/null >/dev/null 2>&1 & echo $$! > data/pid; sleep 1\nstop:\n\t@kill $$(cat data/pid)\nrestart: stop start\nstatus reload:\n\t@true\n`;
  for (const [job, port, bind] of [
    ["open", 18080, "0.0.0.0"],
    ["closed", 18081, "127.0.0.1"],
  ] as const) {
    writeJob(bucket, job, {
      manifest: { resources: { ports: { main: port } }, restart_policy: "never" },
    });
    bucket.write(
      `workspace/jobs/${job}/Makefile`,
      `PORT := ${port}\n.PHONY: start stop restart status reload\n${serve(bind).replace("@setsid", "@mkdir -p data; setsid")}`,
    );
  }
  await buildAndDeploy(bucket);
  const checks = [
    { type: "tcp", port: "main" },
    { type: "http", port: "main", path: "/Makefile" },
    { type: "http", port: "main", path: "/none" },
  ];
  for (const [job, port] of [
    ["open", 18080],
    ["closed", 18081],
  ] as const)
    bucket.write(`workspace/jobs/${job}/manifest.json`, {
      version: "1.0.0",
      selectors: ["worker"],
      restart_policy: "never",
      resources: { ports: { main: port } },
      health_check: { checks, timeout_seconds: 2 },
    });
  await build(bucket);
  try {
    const { json, code } = await health();
    expect(code).toBe(1);
    const passed = (job: string) => json.checks.filter((check) => check.job === job).map((check) => check.ok);
    expect(passed("open")).toEqual([true, true, false, true, true, false]);
    expect(passed("closed")).toEqual([false, false, false, false, false, false]);
    expect(json.checks.find((check) => check.job === "open" && !check.ok)!.error).toContain("404");
  } finally {
    await bucket.maand("run_command", 'sudo -n sh -c "kill $(cat jobs/*/data/pid)"');
  }
});

test("a file probe asks the worker for it, as the lifecycle would, and shows nothing of it", async () => {
  const probe = { type: "file", path: "data/ready", max_age_seconds: 60, contains: "state=up" };
  const manifest = {
    health_check: { checks: [probe], timeout_seconds: 2, wait: { attempts: 40, interval_seconds: 0.1 } },
  };
  // Late, so that the gate of the deploy has to wait for it, and for root alone.
  const start =
    "start restart:\n\t@mkdir -m 700 -p data; (sleep 1; echo password=s3cret state=up >data/ready) >/dev/null 2>&1 &\n";
  writeJob(bucket, "api", { manifest, files: { Makefile: `${start}stop status reload:\n\t@true\n` } });
  const deployed = await buildAndDeploy(bucket);
  expect(deployed).not.toContain("s3cret");
  const name = "file data/ready";
  expect((await health()).json.checks).toEqual(
    fleet.ips.map((ip) => ({ job: "api", worker_ip: ip, check: name, ok: true, attempts: 1 })),
  );

  const directory = await jobDirectory(bucket, "api");
  const errors = async () => {
    const { json, code, stdout, stderr } = await health();
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain("s3cret");
    return json.checks.map((check) => check.error);
  };
  await fleet.exec(0, `touch -d '120 seconds ago' ${directory}/data/ready`);
  await fleet.exec(1, `echo password=s3cret >${directory}/data/ready`);
  expect(await errors()).toEqual([
    expect.stringMatching(/^data\/ready is 1[23]\d(\.\d)? s old; at most 60 s are allowed$/),
    'data/ready does not contain "state=up"',
  ]);
  await fleet.exec(0, `rm ${directory}/data/ready`);
  await fleet.exec(1, `echo state=up >/tmp/outside; ln -sf /tmp/outside ${directory}/data/ready`);
  expect(await errors()).toEqual([
    "data/ready does not exist",
    "data/ready leads out of the job's directory, and is not followed",
  ]);

  bucket.write("maand.conf", bucket.read("maand.conf").replace(/^use_sudo = .*$/m, "use_sudo = false"));
  const locked = "data/ready cannot be read by the user that asks for it";
  expect(await errors()).toEqual([locked, locked]);
});

test("a file probe never outlives its timeout, and nothing of it stays on the worker", async () => {
  const health_check = {
    checks: [{ type: "file", path: "Makefile" }],
    timeout_seconds: 1,
    wait: { attempts: 1 },
  };
  writeJob(bucket, "api", { manifest: { health_check } });
  await buildAndDeploy(bucket);
  await fleet.exec(
    0,
    "printf '#!/bin/sh\\necho $$ >/tmp/slow.pid; exec sleep 654\\n' >/tmp/slow; chmod 755 /tmp/slow; mount --bind /tmp/slow $(readlink -f $(command -v stat))",
  );
  try {
    const { json, code } = await health();
    expect([code, json.checks.map((check) => check.error)]).toEqual([
      1,
      ["did not end within 1 s", undefined],
    ]);
    const begunAndGone = "test -s /tmp/slow.pid && ! kill -0 $(cat /tmp/slow.pid)";
    expect((await fleet.exec(0, begunAndGone)).code).toBe(0);
  } finally {
    await fleet.exec(0, "umount $(readlink -f $(command -v stat))");
  }
});

test("the worker gate covers every worker, also those of no job, and the checks of the others still run", async () => {
  writeJob(bucket, "api", { manifest: { ...sickGate, selectors: ["web"] } });
  bucket.write("workspace/workers.json", [{ host: fleet.ips[0], labels: ["web"] }, { host: fleet.ips[1] }]);
  await buildAndDeploy(bucket);
  await fleet.killSshd(1);
  try {
    const { json, code } = await health("--jobs", "api");
    expect(code).toBe(1);
    expect(json.workers.map((worker) => worker.ok)).toEqual([true, false]);
    expect(json.workers[1]!.error).toContain("refused the connection");
    expect(json.checks.map((check) => check.ok)).toEqual([true]);
  } finally {
    await fleet.startSshd(1);
  }
});

test("--wait waits for a worker that is coming up", async () => {
  await build(bucket);
  await fleet.killSshd(1);
  const running = bucket.start(["health_check", "--wait"]);
  await Bun.sleep(1500);
  await fleet.startSshd(1);
  expect((await running.wait()).code).toBe(0);
});

test("a probe never outlives its timeout, whatever the worker does", async () => {
  writeJob(bucket, "api", {
    manifest: {
      health_check: {
        checks: [{ type: "ssh", command: "sleep 600" }],
        timeout_seconds: 1,
        wait: { attempts: 1 },
      },
    },
  });
  await build(bucket);
  const { json, code } = await health();
  expect(code).toBe(1);
  expect(json.checks.map((check) => check.error)).toEqual(fleet.ips.map(() => "did not end within 1 s"));
});

test("unknown jobs are a usage error with the nearest name", async () => {
  writeJob(bucket, "api");
  await build(bucket);
  const outcome = await bucket.maand("health_check", "--jobs", "apo");
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain('"api"');
});
