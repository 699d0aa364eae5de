// Children of tests: what they say and how they end arrives whole, and none is left running.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { runProcess, startProcess } from "../support/process.ts";

const shell = (script: string) => ["/bin/sh", "-c", script];

test("code, both outputs and nothing else", async () => {
  expect(await runProcess(shell("echo out; echo err >&2; exit 3"))).toEqual({
    code: 3,
    signal: null,
    stdout: "out\n",
    stderr: "err\n",
  });
});

test("a signal is no exit code", async () => {
  const outcome = await runProcess(shell("kill -KILL $$"));
  expect([outcome.code, outcome.signal]).toEqual([null, "SIGKILL"]);
});

test("input is empty unless given", async () => {
  expect((await runProcess(["cat"])).stdout).toBe("");
  expect((await runProcess(["cat"], { stdin: "héllo\n" })).stdout).toBe("héllo\n");
});

test("environment: added to, and taken from", async () => {
  const outcome = await runProcess(shell('echo "$ONE"; printenv HOME || echo gone'), {
    env: { ONE: "1", HOME: undefined },
  });
  expect(outcome.stdout).toBe("1\ngone\n");
});

test("the working directory is the one asked for", async () => {
  expect((await runProcess(["pwd"], { cwd: "/usr" })).stdout).toBe("/usr\n");
});

test("large output in odd pieces arrives unbroken", async () => {
  const outcome = await runProcess(shell("i=0; while [ $i -lt 20000 ]; do printf 'žluť '; i=$((i+1)); done"));
  expect(outcome.stdout).toBe("žluť ".repeat(20_000));
});

test("a child that takes too long is killed and its output told", async () => {
  const child = startProcess(shell("echo begun; exec sleep 600"), { timeoutSeconds: 0.5 });
  await expect(child.wait()).rejects.toThrow(/had not ended after 0.5 seconds[\s\S]*begun/);
  expect(existsSync(`/proc/${child.pid}`)).toBe(false);
});

test("something left behind that holds the output is an error, not a hang", async () => {
  const child = startProcess(shell("sleep 600 & echo $!"));
  await expect(child.wait()).rejects.toThrow("still holds its output open");
  process.kill(Number(child.stdoutText()), "SIGKILL");
}, 20_000);

test("waiting for output: met, never met, too late", async () => {
  const child = startProcess(shell("echo one; echo two >&2; exec sleep 600"));
  expect(await child.waitForStdout(/^one$/m)).toBe("one\n");
  expect(await child.waitForStderr("two")).toBe("two\n");
  await expect(child.waitForStdout("three", 0.2)).rejects.toThrow("within 0.2 seconds");
  child.kill("SIGINT");
  expect((await child.wait()).signal).toBe("SIGINT");
  await expect(child.waitForStdout("three")).rejects.toThrow("never matched");
  expect(await child.waitForStdout("one")).toBe("one\n");
});

test("a program that does not exist throws", () => {
  expect(() => startProcess(["/no/such/program"])).toThrow();
});

test("children die with the test process", async () => {
  const helper = resolve(import.meta.dir, "../support/process.ts");
  const source = `import { startProcess } from ${JSON.stringify(helper)};
    console.log(startProcess(["sleep", "600"]).pid); process.exit(0);`;
  const outcome = await runProcess([process.execPath, "-e", source]);
  expect(outcome.code).toBe(0);
  const pid = Number(outcome.stdout);
  expect(pid).toBeGreaterThan(1);
  for (let i = 0; i < 100 && existsSync(`/proc/${pid}`); i++) await Bun.sleep(20);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
