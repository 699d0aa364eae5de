// Workers whose login shell prints, ends at once, asks, or is no POSIX shell: nothing passes for success, no byte changes.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { buildAndDeploy, callsOf } from "../support/deployed.ts";
import { useBucket, useFleet } from "../support/use.ts";

const fleet = useFleet(1);
const bucket = useBucket(fleet);

beforeEach(async () => {
  writeJob(bucket, "api", {
    manifest: {
      health_check: { checks: [{ type: "ssh", command: "test -e /opt/worker" }], wait: { attempts: 1 } },
    },
    files: { "app.conf": "it's\n" },
  });
  await build(bucket);
});
afterEach(async () => {
  await fleet.loginShell(0, "/bin/bash");
  await fleet.loginFile(0, ".bashrc", "");
  await fleet.resetSshd(0);
});

const outputOf = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`;

test.each(["/usr/bin/fish", "/usr/bin/tcsh", "/bin/sh"])(
  "%s as login shell changes nothing",
  async (shell) => {
    await fleet.loginShell(0, shell);
    const hard = "it's \\\\ \\n ! !! !x ^a^b $HOME `id` ü\nsecond line";
    const { json } = await bucket.maandJson<{ workers: { stdout: string; exit: number }[] }>(
      "run_command",
      `printf %s '${hard.replaceAll("'", "'\\''")}'; exit 3`,
    );
    expect(json.workers).toMatchObject([{ stdout: hard, exit: 3 }]);
    await buildAndDeploy(bucket);
    expect(await callsOf(fleet, bucket, 0, "api")).toEqual(["start 0.0.0 1.0.0"]);
    expect((await bucket.maand("health_check")).code).toBe(0);
  },
);

test("exit 0 in .bashrc: a command, a probe, a deploy and job control that never ran have failed", async () => {
  await buildAndDeploy(bucket);
  await fleet.loginFile(0, ".bashrc", "exit 0");
  for (const args of [
    ["run_command", "exit 9"],
    ["health_check"],
    ["deploy", "--force"],
    ["job", "restart", "api"],
    ["job", "status", "api"],
    ["collect", "facts"],
  ]) {
    const outcome = await bucket.maand(...args);
    expect(outcome.code).toBe(1);
    expect(outputOf(outcome)).toContain("the login shell of the worker did not run the command");
    expect(outputOf(outcome)).toContain("it printed nothing and ended with status 0");
    expect(outputOf(outcome)).not.toContain("run maand deploy");
  }
  expect(await callsOf(fleet, bucket, 0, "api")).toHaveLength(1);
});

test.each([
  [
    "/usr/sbin/nologin",
    'lets nobody in (nologin): it printed "This account is currently not available." and ended with status 1',
  ],
  [
    "/bin/false",
    "(/bin/false), a login file ends it, or a ForceCommand takes the command's place: it printed nothing and ended with status 1",
  ],
])("%s is told as what it is, in the worker's words", async (shell, words) => {
  await fleet.loginShell(0, shell);
  const outcome = await bucket.maand("deploy");
  expect(outcome.code).toBe(1);
  expect(outputOf(outcome)).toContain(words);
  expect(outputOf(outcome)).not.toContain("sudo");
});

test("the bash of a command reads no .bashrc, which would end it before it began", async () => {
  await fleet.loginShell(0, "/bin/sh");
  await fleet.loginFile(0, ".bashrc", "exit 0");
  const { json } = await bucket.maandJson<{ workers: object[] }>("run_command", "exit 9");
  expect(json.workers).toMatchObject([{ exit: 9 }]);
});

test("a ForceCommand in the command's place is no success either", async () => {
  await fleet.sshdOption(0, "ForceCommand echo maintenance");
  const outcome = await bucket.maand("run_command", "true");
  expect(outcome.code).toBe(1);
  expect(outputOf(outcome)).toContain('it printed "maintenance" and ended with status 0');
});

test("a chatty .bashrc is named once and left out: deploy, sync, job control and hooks' targets work", async () => {
  await fleet.loginFile(0, ".bashrc", "echo Welcome to the farm; echo and mind the gap >&2");
  for (const args of [["deploy"], ["job", "restart", "api"], ["deploy", "--force"]]) {
    const outcome = await bucket.maand(...args);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr.match(/print "Welcome to the farm" before every command/g)).toHaveLength(1);
  }
  expect(await callsOf(fleet, bucket, 0, "api")).toHaveLength(3);
  const { json } = await bucket.maandJson<{ workers: object[] }>("run_command", "echo mine; echo ours >&2");
  expect(json.workers).toMatchObject([{ stdout: "mine\n", stderr: "ours\n", exit: 0 }]);
});

test("another shell in .bashrc never reads what was meant for the command", async () => {
  await fleet.loginFile(0, ".bashrc", "exec sh");
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^connect_timeout = .*$/m, "connect_timeout = 2"),
  );
  const child = bucket.start(["run_command", "cat"], { stdin: "touch /tmp/read-by-a-shell\n" });
  const outcome = await child.wait();
  expect(outcome.code).toBe(1);
  expect(outputOf(outcome)).toContain("did not run the command in time");
  expect((await fleet.exec(0, "test -e /tmp/read-by-a-shell")).code).toBe(1);
  expect(outputOf(await bucket.maand("deploy"))).toContain("did not run the command in time");
});

test("a command whose shell is cut off before its last word has not succeeded", async () => {
  await fleet.sshdOption(0, 'ForceCommand sh -c "$SSH_ORIGINAL_COMMAND" 2>/dev/null; exit 0');
  const outcome = await bucket.maand("run_command", "exit 9");
  expect(outcome.code).toBe(1);
  expect(outputOf(outcome)).toContain("a remote command did not tell how it ended");
});

test("a read-only place is one finding, and df that says nothing is no zero", async () => {
  await fleet.exec(0, "mkdir -p /mnt/ro && mount -n -t tmpfs -o ro tmpfs /mnt/ro");
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^worker_root = .*$/m, 'worker_root = "/mnt/ro/worker"'),
  );
  await build(bucket);
  const outcome = outputOf(await bucket.maand("deploy"));
  expect(outcome).toContain("Read-only file system");
  expect(outcome).not.toContain("MB free");
  expect(outcome).not.toContain("df does not tell");
});
