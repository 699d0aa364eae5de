// One slow thing holds nothing else: dead workers, names and agents that do not answer, output without end.

import { beforeEach, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { noticeQuickly, writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { maandPath } from "../support/maand.ts";
import { startProcess } from "../support/process.ts";
import { makeKey } from "../support/sshd.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const fleet = useFleet(3);
const bucket = useBucket(fleet);
beforeEach(() => build(bucket));

const setting = (name: string, value: string) =>
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(new RegExp(`^${name} = .*$`, "m"), `${name} = ${value}`),
  );

/** What it gives, and seconds it takes. */
async function timed<T>(work: Promise<T>): Promise<{ value: T; seconds: number }> {
  const begin = performance.now();
  const value = await work;
  return { value, seconds: (performance.now() - begin) / 1000 };
}

test("120 dead workers are waited for once, by every command", async () => {
  const dead = await fleet.deadAddresses(2, 120);
  try {
    noticeQuickly(bucket);
    // The dead ones come first: they must take nobody's place.
    bucket.write(
      "workspace/workers.json",
      [...dead, fleet.ips[0]!, fleet.ips[1]!].map((host) => ({ host })),
    );
    writeJob(bucket, "api");
    await build(bucket);
    for (const args of [
      ["run_command", "true"],
      ["run_command", "-c", "4", "true"],
      ["deploy"],
      ["health_check"],
      ["collect", "facts"],
    ]) {
      const { value, seconds } = await timed(bucket.maand(...args));
      expect(value.code).toBe(1);
      // One connect_timeout of 3 s and the work; one after the other they would take 12 s and more.
      expect(seconds).toBeLessThan(8);
    }
    expect((await fleet.exec(0, "ls /opt/worker/*/jobs/api/data/calls")).code).toBe(0);
  } finally {
    await fleet.noDeadAddresses(2);
  }
});

test("a deploy begins before the last worker has answered, and lets it in when it does", async () => {
  setting("connect_timeout", "30");
  bucket.write(
    "workspace/workers.json",
    fleet.ips.map((host) => ({ host })),
  );
  writeJob(bucket, "late");
  await build(bucket);
  const calls = async (i: number): Promise<string> =>
    (await fleet.exec(i, "cat /opt/worker/*/jobs/late/data/calls 2>/dev/null")).stdout;
  await fleet.dropTraffic(2);
  const child = bucket.start(["deploy"]);
  try {
    await eventually(
      async () => (await calls(0)) !== "" && (await calls(1)) !== "",
      "the others have started",
    );
    // It still waits for the last one.
    expect(existsSync(`/proc/${child.pid}/exe`)).toBe(true);
  } finally {
    await fleet.restoreTraffic(2);
  }
  const { code, stdout } = await child.wait();
  expect([code, stdout]).toEqual([0, expect.stringContaining("3 done")]);
  expect(await calls(2)).toContain("start");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

test("sshds that accept and never greet take no healthy worker's place", async () => {
  noticeQuickly(bucket);
  setting("max_parallel_workers", "1");
  await fleet.pauseSshd(0);
  await fleet.pauseSshd(1);
  try {
    const child = bucket.start(["run_command", "echo here"]);
    const begin = performance.now();
    await child.waitForStderr(`${fleet.ips[2]} | here`, 20);
    expect(performance.now() - begin).toBeLessThan(2500);
    expect((await child.wait()).code).toBe(1);
  } finally {
    await fleet.resumeSshd(0);
    await fleet.resumeSshd(1);
  }
});

test("names that no name server answers for leave those of /etc/hosts and all files alone", async () => {
  // A name server on loopback that is silent; only this one maand sees the two files.
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => silent.bind(53, "127.77.0.1", resolve));
  try {
    noticeQuickly(bucket);
    const names = Array.from({ length: 12 }, (_, i) => `nobody${i}.invalid`);
    bucket.write(
      "workspace/workers.json",
      [...names, "known-worker"].map((host) => ({ host })),
    );
    bucket.write("secrets/known_hosts", "", 0o600);
    await build(bucket);
    writeFileSync(bucket.path("resolv.conf"), "nameserver 127.77.0.1\n");
    writeFileSync(bucket.path("hosts"), `127.0.0.1 localhost\n${fleet.ips[0]} known-worker\n`);
    const inside =
      'mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/hosts && exec "$3" run_command "echo here"';
    const files = [bucket.path("resolv.conf"), bucket.path("hosts"), maandPath()];
    const child = startProcess(["unshare", "-m", "sh", "-c", inside, "sh", ...files], { cwd: bucket.dir });
    const begin = performance.now();
    await child.waitForStderr("known-worker | here", 20);
    expect(performance.now() - begin).toBeLessThan(2500);
    const { value, seconds } = await timed(child.wait());
    expect(value.code).toBe(1);
    expect(value.stderr).toContain("waiting for the name to be resolved");
    expect(seconds).toBeLessThan(6);
  } finally {
    silent.close();
  }
});

test("an ssh-agent that accepts and never answers ends with the deadline, Ctrl-C and SIGTERM", async () => {
  const path = join(bucket.dir, "agent.sock");
  const agent = createServer(() => undefined).listen(path);
  try {
    makeKey(bucket.path("secrets", "locked"), { passphrase: "a phrase" });
    chmodSync(bucket.path("secrets", "locked"), 0o600);
    setting("ssh_key", '"locked"');
    setting("connect_timeout", "2");
    const start = () => bucket.start(["run_command", "true"], { env: { SSH_AUTH_SOCK: path } });
    const { value, seconds } = await timed(start().wait());
    expect(seconds).toBeLessThan(5);
    expect(value.code).toBe(1);
    expect(value.stderr).toContain(
      `the ssh-agent of SSH_AUTH_SOCK (${path}) does not answer: it was given 2 s`,
    );
    setting("connect_timeout", "60");
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const child = start();
      await Bun.sleep(700);
      child.kill(signal);
      const ended = await timed(child.wait());
      expect(ended.seconds).toBeLessThan(3);
      expect(ended.value.code).toBe(130);
    }
  } finally {
    agent.close();
  }
});

test("output without end delays neither the deadline nor Ctrl-C", async () => {
  setting("command_timeout", "2");
  for (const command of ["yes", "yes >&2"]) {
    const { value, seconds } = await timed(
      bucket.start(["run_command", "--quiet", command], { env: {} }).wait(),
    );
    expect(value.code).toBe(1);
    expect(value.stderr).toContain("did not end in time");
    expect(seconds).toBeLessThan(6);
  }
  setting("command_timeout", "100");
  const child = bucket.start(["run_command", "--quiet", "yes"]);
  await Bun.sleep(1500);
  child.kill("SIGINT");
  await Bun.sleep(300);
  child.kill("SIGINT");
  const { value, seconds } = await timed(child.wait());
  expect(value.code).toBe(130);
  expect(seconds).toBeLessThan(3);
});

test("a host that is off is not told as one without sshd", async () => {
  noticeQuickly(bucket);
  setting("connect_timeout", "8");
  const net = fleet.ips[0]!.replace(/\.\d+$/, "");
  bucket.write("workspace/workers.json", [{ host: `${net}.20` }, { host: fleet.ips[0] }]);
  await build(bucket);
  await fleet.killSshd(0);
  try {
    const { stderr } = await bucket.maand("run_command", "true");
    expect(stderr).toMatch(new RegExp(`${net}\\.20: the worker cannot be reached: .*no host answered there`));
    expect(stderr).toContain(`${fleet.ips[0]}: the worker refused the connection: nothing listens at`);
  } finally {
    await fleet.startSshd(0);
  }
});
