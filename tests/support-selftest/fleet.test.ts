// The fleet itself: workers that are separate machines to whoever is on them, and that leave nothing behind.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { startFleet } from "../support/fleet.ts";
import { ssh } from "../support/openssh.ts";
import { runProcess } from "../support/process.ts";
import { useFleet } from "../support/use.ts";

const script = resolve(import.meta.dir, "../../scripts/fleet");
const fleet = useFleet(3);

test("every worker lets agent in with the key, under the pinned host key", async () => {
  expect(fleet.ips).toHaveLength(3);
  for (const i of [0, 1, 2]) {
    const outcome = await ssh(fleet, i, "hostname; id -un");
    expect(outcome).toEqual({ code: 0, signal: null, stdout: `w${i}\nagent\n`, stderr: "" });
  }
  expect(statSync(fleet.keyPath).mode & 0o777).toBe(0o600);
});

test("every worker has the same reach over IPv6 where the host has it", async () => {
  for (const [i, host] of fleet.ips6.entries()) {
    expect((await ssh(fleet, i, "hostname", host)).stdout).toBe(`w${i}\n`);
  }
  expect([0, 3]).toContain(fleet.ips6.length);
});

test("agent has passwordless sudo and both have the tools that maand needs", async () => {
  const look = "for t in bash make python3 rsync timeout; do command -v $t; done";
  const tools = "/usr/bin/bash\n/usr/bin/make\n/usr/bin/python3\n/usr/bin/rsync\n/usr/bin/timeout\n";
  expect((await ssh(fleet, 0, look)).stdout).toBe(tools);
  expect((await ssh(fleet, 0, `sudo -n sh -c '${look}'`)).stdout).toBe(tools);
  expect((await ssh(fleet, 0, "sudo -n id -un")).stdout).toBe("root\n");
});

test("agent owns /opt/worker, so that maand works there without sudo too", async () => {
  expect((await ssh(fleet, 0, "mkdir /opt/worker/mine && stat -c %U /opt/worker/mine")).stdout).toBe(
    "agent\n",
  );
});

test("files, processes and addresses of a worker are its own", async () => {
  const places = [
    "/opt",
    "/home",
    "/run",
    "/tmp",
    "/var/tmp",
    "/etc",
    "/usr/bin",
    "/srv",
    "/root",
    "/dev/shm",
  ];
  const touched = await ssh(
    fleet,
    1,
    `for d in ${places.join(" ")}; do sudo -n touch $d/maand-mark && echo $d; done`,
  );
  expect(touched.stdout.trim().split("\n")).toEqual(places);
  for (const place of places) {
    expect(existsSync(join(place, "maand-mark"))).toBe(false);
    expect((await fleet.exec(2, `test -e ${place}/maand-mark`)).code).toBe(1);
  }
  const processes = (await fleet.exec(1, "cat /proc/[0-9]*/comm | sort -u")).stdout;
  expect(processes).not.toContain("bun");
  expect((await fleet.exec(1, "ip -o -4 addr show scope global")).stdout).toContain(fleet.ips[1]!);
});

test("a worker's root can end every process it sees and the worker stands", async () => {
  await fleet.exec(2, "kill -9 -1; kill -9 1");
  await fleet.startSshd(2);
  expect((await ssh(fleet, 2, "hostname")).stdout).toBe("w2\n");
});

test("orphans are reaped, so a stopped job is really gone", async () => {
  const outcome = await fleet.exec(
    0,
    "(sleep 0.05 & echo $!) > /run/orphan; pid=$(cat /run/orphan); n=0; while kill -0 $pid 2>/dev/null; do n=$((n+1)); [ $n -lt 500 ] || exit 1; sleep 0.02; done",
  );
  expect(outcome.code).toBe(0);
});

test("two fleets live side by side and one goes without touching the other", async () => {
  const other = await startFleet(2);
  try {
    expect(other.name).not.toBe(fleet.name);
    expect(other.ips.filter((ip) => fleet.ips.includes(ip))).toEqual([]);
    expect((await ssh(other, 1, "hostname")).stdout).toBe("w1\n");
  } finally {
    await other.down();
  }
  expect(existsSync(other.dir)).toBe(false);
  expect((await ssh(other, 1, "hostname")).code).toBe(255);
  expect((await ssh(fleet, 1, "hostname")).stdout).toBe("w1\n");
});

test("down leaves no process, no interface and no file", async () => {
  const other = await startFleet(2);
  const slot = readFileSync(join(other.dir, "slot"), "utf8").trim();
  const pids = readFileSync(join(other.dir, "pids"), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[1]!);
  expect(pids).toHaveLength(2);
  for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(true);
  await other.down();
  for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
  const links = readdirSync("/sys/class/net").filter((name) => new RegExp(`^mnd${slot}[bv]`).test(name));
  expect(links).toEqual([]);
  expect(existsSync(other.dir)).toBe(false);
});

test("a fleet whose owner is gone is cleared; one with a living owner or none is not", async () => {
  const orphan = { FLEET: `orphan-${process.pid}`, FLEET_OWNER: undefined };
  const kept = { FLEET: `kept-${process.pid}`, FLEET_OWNER: "none" };
  // The owner of the first is this shell, which ends with it.
  await runProcess(["bash", "-c", `"${script}" up 1; true`], { env: orphan });
  const dirOf = async (env: Record<string, string | undefined>) =>
    (await runProcess([script, "dir"], { env })).stdout.trim();
  expect((await runProcess([script, "up", "1"], { env: kept })).code).toBe(0);
  try {
    expect(existsSync(await dirOf(orphan))).toBe(false);
    expect((await runProcess([script, "clear"])).code).toBe(0);
    expect((await runProcess([script, "exec", "0", "hostname"], { env: kept })).stdout).toBe("w0\n");
    expect((await ssh(fleet, 0, "hostname")).stdout).toBe("w0\n");
  } finally {
    await runProcess([script, "down"], { env: kept });
  }
});

test("a name that is up is refused, and so is nonsense", async () => {
  const again = await runProcess([script, "up", "1"], { env: { FLEET: fleet.name } });
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("is up already");
  expect((await ssh(fleet, 0, "hostname")).stdout).toBe("w0\n");
  expect((await runProcess([script, "up", "201"])).code).toBe(1);
  expect((await runProcess([script, "ip", "3"], { env: { FLEET: fleet.name } })).stderr).toContain("0 to 2");
  expect((await runProcess([script, "up", "1"], { env: { FLEET: "../x" } })).code).toBe(1);
  expect((await runProcess([script])).code).toBe(2);
});
