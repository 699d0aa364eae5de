// Every fault is real to the host's ssh, and its undo fixes it.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ssh, sshArgv } from "../support/openssh.ts";
import { runProcess, startProcess } from "../support/process.ts";
import { useFleet } from "../support/use.ts";

setDefaultTimeout(60_000);
const fleet = useFleet(2);

// Whatever a test did to worker 0, it is whole again and worker 1 never noticed.
afterEach(async () => {
  expect((await ssh(fleet, 0, "hostname; sudo -n id -un")).stdout).toBe("w0\nroot\n");
  expect((await ssh(fleet, 1, "hostname")).stdout).toBe("w1\n");
});

/** An open session on worker 0 that writes `alive` and then lives until it is cut off. */
async function openSession() {
  const session = startProcess([...sshArgv(fleet), `agent@${fleet.ips[0]}`, "echo alive; sleep 600"]);
  await session.waitForStdout("alive");
  return session;
}

test("killSshd: refused at once, open sessions are cut", async () => {
  const session = await openSession();
  await fleet.killSshd(0);
  expect((await session.wait()).code).toBe(255);
  const refused = await ssh(fleet, 0, "true");
  expect(refused.code).toBe(255);
  expect(refused.stderr).toContain("refused");
  await fleet.startSshd(0);
});

test("pauseSshd: accepted and then silent", async () => {
  const session = await openSession();
  await fleet.pauseSshd(0);
  const silent = await ssh(fleet, 0, "true");
  expect(silent.code).toBe(255);
  expect(silent.stderr).toMatch(/timed out/i);
  await fleet.resumeSshd(0);
  expect((await ssh(fleet, 0, "true")).code).toBe(0);
  session.kill("SIGKILL");
  await session.wait();
});

test("linkDown: not reachable", async () => {
  await fleet.linkDown(0);
  const outcome = await ssh(fleet, 0, "true");
  expect(outcome.code).toBe(255);
  expect(outcome.stderr).toMatch(/no route to host|timed out/i);
  await fleet.linkUp(0);
});

test("dropTraffic: no answer of any kind, also for the worker itself", async () => {
  await fleet.dropTraffic(0);
  const outcome = await ssh(fleet, 0, "true");
  expect(outcome.code).toBe(255);
  expect(outcome.stderr).toMatch(/timed out/i);
  const outwards = `timeout 2 bash -c 'exec 3<>/dev/tcp/${fleet.ips[1]}/22'`;
  expect((await fleet.exec(0, outwards)).code).not.toBe(0);
  await fleet.restoreTraffic(0);
  expect((await fleet.exec(0, outwards)).code).toBe(0);
});

test("losePackets: some packets are lost, connections survive", async () => {
  await fleet.losePackets(0, 10);
  const counted = await runProcess([
    ...sshArgv(fleet),
    "-o",
    "ConnectionAttempts=5",
    `agent@${fleet.ips[0]}`,
    "seq 5000",
  ]);
  expect(counted.stdout.trim().split("\n")).toHaveLength(5000);
  await fleet.loseNone(0);
});

test("newHostKey: refused under the pinned key until the old one is back", async () => {
  await fleet.newHostKey(0);
  const outcome = await ssh(fleet, 0, "true");
  expect(outcome.code).toBe(255);
  expect(outcome.stderr).toContain("REMOTE HOST IDENTIFICATION HAS CHANGED");
  await fleet.oldHostKey(0);
});

test("sshdOption: holds for new connections until resetSshd", async () => {
  await fleet.sshdOption(0, "AllowUsers nobody");
  expect((await ssh(fleet, 0, "true")).stderr).toContain("Permission denied");
  await fleet.resetSshd(0);
  expect((await ssh(fleet, 0, "true")).code).toBe(0);
  await fleet.sshdOption(0, "MaxSessions 1");
  expect(
    (await fleet.exec(0, "/usr/sbin/sshd -T -f /etc/ssh/worker_sshd_config | grep -i maxsessions")).stdout,
  ).toBe("maxsessions 1\n");
  await fleet.resetSshd(0);
  await expect(fleet.sshdOption(0, "NoSuchKeyword yes")).rejects.toThrow("NoSuchKeyword");
  expect((await ssh(fleet, 0, "true")).code).toBe(0);
  await fleet.resetSshd(0);
});

test("loginShell and loginFile: what a session begins with", async () => {
  await fleet.loginShell(0, "/usr/bin/tcsh");
  await fleet.loginFile(0, ".tcshrc", "echo hello");
  expect((await ssh(fleet, 0, "echo $version")).stdout).toMatch(/^hello\ntcsh /);
  await fleet.loginShell(0, "/bin/bash");
  expect((await ssh(fleet, 0, "echo $version")).stdout).toBe("\n");
  await fleet.loginFile(0, ".tcshrc", "");
  await expect(fleet.loginShell(0, "/no/such/shell")).rejects.toThrow("could not be changed");
});

test("deadAddresses: nobody answers there until they are gone, then nobody has them", async () => {
  const dead = await fleet.deadAddresses(0, 3);
  expect(new Set([...dead, ...fleet.ips]).size).toBe(5);
  const dial = (at: string) => runProcess(["timeout", "1", "bash", "-c", `exec 3<>/dev/tcp/${at}/22`]);
  for (const at of [...dead, fleet.ips[0]!]) expect((await dial(at)).code).toBe(124);
  await fleet.noDeadAddresses(0);
  expect((await dial(fleet.ips[0]!)).code).toBe(0);
  expect((await fleet.exec(0, "ip -4 -o addr show dev eth0 | wc -l")).stdout).toBe("1\n");
});

test("fullDisk: so much fits and no more, what was there stays", async () => {
  await ssh(fleet, 0, "head -c 3000000 /dev/zero > /opt/worker/before");
  await fleet.fullDisk(0, 2);
  expect((await ssh(fleet, 0, "head -c 1500000 /dev/zero > /opt/worker/fits")).code).toBe(0);
  const full = await ssh(fleet, 0, "head -c 1500000 /dev/zero > /opt/worker/does-not");
  expect(full.code).not.toBe(0);
  expect(full.stderr).toContain("No space left");
  await fleet.freeDisk(0);
  expect((await ssh(fleet, 0, "head -c 1500000 /dev/zero > /opt/worker/does-not")).code).toBe(0);
  expect((await ssh(fleet, 0, "stat -c %s /opt/worker/before; rm /opt/worker/*")).stdout).toBe("3000000\n");
});

test("readOnly: nothing can be written, not by root either; what is open goes on", async () => {
  const writer = startProcess([
    ...sshArgv(fleet),
    `agent@${fleet.ips[0]}`,
    "exec 3> /opt/worker/log; echo open; while echo line >&3; do sleep 0.05; done",
  ]);
  await writer.waitForStdout("open");
  await fleet.readOnly(0);
  expect((await ssh(fleet, 0, "sudo -n touch /opt/worker/x")).stderr).toContain("Read-only file system");
  await fleet.writable(0);
  expect((await ssh(fleet, 0, "touch /opt/worker/x && rm /opt/worker/x")).code).toBe(0);
  writer.kill("SIGKILL");
  await writer.wait();
});

test.each(["make", "python3", "rsync", "timeout", "bash", "sudo"])(
  "hideTool %s: gone for agent and root",
  async (tool) => {
    await fleet.hideTool(0, tool);
    const seen = await ssh(fleet, 0, `${tool} --version`);
    expect(seen.code).toBe(127);
    if (tool !== "sudo")
      expect((await ssh(fleet, 0, `sudo -n ${tool} --version`)).stderr).toContain("command not found");
    expect((await fleet.exec(0, `command -v ${tool}`)).code).toBe(127);
    expect((await ssh(fleet, 1, `command -v ${tool}`)).code).toBe(0);
    await fleet.showTool(0, tool);
    expect((await ssh(fleet, 0, `${tool} --version`)).code).toBe(0);
  },
);

test("hideTool: two at once come back one by one, and bash is the login shell again", async () => {
  await fleet.hideTool(0, "make");
  await fleet.hideTool(0, "bash");
  await fleet.showTool(0, "make");
  expect((await ssh(fleet, 0, "command -v make; command -v bash; echo $0")).stdout).toMatch(
    /^\/usr\/bin\/make\n.*sh\n$/,
  );
  await fleet.showTool(0, "bash");
  expect((await ssh(fleet, 0, "echo $BASH_VERSION")).stdout).toMatch(/^\d/);
  await expect(fleet.hideTool(0, "no-such-tool")).rejects.toThrow("is not there");
  await expect(fleet.hideTool(0, "x; true")).rejects.toThrow("cannot hide");
});

test("breakSudo: a password is required", async () => {
  await fleet.breakSudo(0);
  const outcome = await ssh(fleet, 0, "sudo -n true");
  expect(outcome.code).toBe(1);
  expect(outcome.stderr).toContain("password is required");
  await fleet.mendSudo(0);
});

test("bandwidth: both ends of the link have a limit, and it goes again", async () => {
  await fleet.bandwidth(0, 2000);
  expect((await fleet.exec(0, "tc qdisc show dev eth0")).stdout).toContain("tbf");
  const slot = readFileSync(`${fleet.dir}/slot`, "utf8").trim();
  const host = () => runProcess(["tc", "-s", "qdisc", "show", "dev", `mnd${slot}v0`]);
  expect((await host()).stdout).toContain("rate 2Mbit");
  // Enough that a limiter that lets traffic by would show no waiting packets.
  await runProcess([
    "bash",
    "-c",
    `head -c 300000 /dev/zero | "$@"`,
    "-",
    ...sshArgv(fleet),
    `agent@${fleet.ips[0]}`,
    "cat > /dev/null",
  ]);
  expect((await host()).stdout).toMatch(/overlimits [1-9]/);
  await fleet.unlimited(0);
  expect((await host()).stdout).not.toContain("tbf");
});
