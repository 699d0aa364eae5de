// The terminal is not taken for granted: it goes away, its Ctrl-C is for maand alone, and nobody need read what is written.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { writeJob } from "../support/builders/jobs.ts";
import { build } from "../support/built-bucket.ts";
import { allCalls, buildAndDeploy, jobDirectory } from "../support/deployed.ts";
import { atTerminal, type Keyboard } from "../support/keyboard.ts";
import { maandPath, startMaand } from "../support/maand.ts";
import { marked, newMark } from "../support/marked.ts";
import { runProcess } from "../support/process.ts";
import { useBucket, useFleet } from "../support/use.ts";
import { eventually } from "../support/watch.ts";

const fleet = useFleet(2);
const bucket = useBucket(fleet);

/** Says in files of the bucket that it has begun and, a while later, that it has come to its end. */
const slowPython = (seconds: number) => `import os, subprocess, time
root = os.environ["BUCKET_ROOT"]
open(root + "/begun", "w").close()
subprocess.run(["sleep", "${seconds}"], check=True)
open(root + "/ended", "w").close()
`;
/** The same with a child of its own, from a thread of maand. */
const slowThread = (seconds: number) => `import { writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
const root = process.env.BUCKET_ROOT;
writeFileSync(root + "/begun", "");
if (Bun.spawnSync(["sleep", "${seconds / 2}"]).exitCode !== 0) throw new Error("the child of Bun.spawn was ended");
await Bun.spawn(["true"]).exited;
execFileSync("sleep", ["${seconds / 2}"]);
writeFileSync(root + "/ended", "");
`;

function writeHookJob(
  event: string,
  files: Record<string, string>,
  more: Record<string, unknown> = {},
): void {
  const name = Object.keys(files)[0]!.replace(/^_hooks\/(.*)\.\w+$/, "$1");
  writeJob(bucket, "web", { manifest: { hooks: { [name]: { executed_on: [event], ...more } } }, files });
}

const hasBegun = () => existsSync(bucket.path("begun"));
const hasEnded = () => existsSync(bucket.path("ended"));
const begin = () => eventually(hasBegun, "the hook began");
const isOver = (mark: Record<"MAAND_MARK", string>) =>
  eventually(() => marked(mark).length === 0, `nothing of the run is left: ${marked(mark).join("; ")}`);
const at = (mark: Record<string, string>, ...args: string[]): Keyboard => atTerminal(args, bucket.dir, mark);

async function lastLog(): Promise<string> {
  return (await bucket.maand("logs", "show", "--run", "last", "--format", "raw")).stdout;
}

test("a deploy whose terminal goes away goes on to its end, and the log tells how it went", async () => {
  writeHookJob("pre_deploy", { "_hooks/hook_slow.py": slowPython(2) });
  await build(bucket);
  const mark = newMark();
  const deploy = at(mark, "deploy");
  await begin();
  await deploy.hangUp();
  expect(hasEnded()).toBe(false);
  await isOver(mark);
  expect(hasEnded()).toBe(true);
  expect(await allCalls(fleet, bucket, "web")).toEqual([["start 0.0.0 1.0.0"], ["start 0.0.0 1.0.0"]]);
  const log = await lastLog();
  expect(log).toContain("the terminal has gone away (SIGHUP): this command goes on to its end");
  expect(log).toContain("standard error cannot be written to (EIO)");
  expect((await bucket.maand("deploy")).stdout).toContain("nothing to do");
});

/** Whether a log is of this command, and not of the one before, and says that something was begun on a worker. */
const isActing = (log: string, name: string): boolean =>
  log
    .split("\n")
    .some((line) => line.includes("event=hook_begin") && /maand="?([^"=]*?)"? \w+=/.exec(line)?.[1] === name);

const acting: Record<string, string[]> = {
  build: ["build"],
  gc: ["gc"],
  hooks: ["hooks", "hook_slow", "web"],
  "job restart": ["job", "restart", "web"],
  run_command: ["run_command", "sleep 2; touch /tmp/went-on"],
  "collect --write": ["collect", "facts", "--write"],
};
for (const [name, args] of Object.entries(acting)) {
  test(`${name} goes on to its end without its terminal`, async () => {
    const hooked = name === "build" || name === "hooks";
    writeHookJob(name === "build" ? "post_build" : "cli", { "_hooks/hook_slow.py": slowPython(1) });
    if (name !== "build") await buildAndDeploy(bucket);
    await fleet.exec(0, "rm -f /tmp/went-on");
    const directory = await jobDirectory(bucket, "web");
    if (!hooked) for (const i of [0, 1]) await fleet.exec(i, `echo 1 > ${directory}/data/pause`);
    const before = await allCalls(fleet, bucket, "web");
    if (name === "gc") {
      bucket.remove("workspace/jobs/web");
      await build(bucket);
    }
    const mark = newMark();
    const run = at(mark, ...args);
    if (hooked) await begin();
    else if (name === "collect --write")
      await eventually(() => existsSync(bucket.path("data/lock.db.holder")), "it has begun");
    else await eventually(async () => isActing(await lastLog(), name), "it acts");
    await run.hangUp();
    await isOver(mark);
    if (hooked) expect(hasEnded()).toBe(true);
    if (name === "run_command")
      expect((await fleet.exec(0, "ls /tmp/went-on")).stdout).toBe("/tmp/went-on\n");
    if (name === "job restart") {
      const last = ["restart 1.0.0 1.0.0"];
      expect(await allCalls(fleet, bucket, "web")).toEqual(before.map((calls) => [...calls, ...last]));
    }
    if (name === "gc") {
      const rows = await bucket.maandJson<{ allocations: object[] }>("cat", "allocations");
      expect(rows.json.allocations).toEqual([]);
      expect((await fleet.exec(0, `ls -d ${directory} 2>/dev/null || true`)).stdout).toBe("");
    }
    // Asking for facts is over so soon that its terminal may outlive it.
    if (name === "collect --write") expect(bucket.read("workspace/workers.json")).toContain('"memory"');
    else expect(await lastLog()).toContain("goes on to its end");
  });
}

const looking: Record<string, string[]> = {
  "health_check --wait": ["health_check", "--wait"],
  "logs --follow": ["logs", "show", "--follow"],
  "hooks --watch": ["hooks", "hook_quick", "web", "--watch"],
};
for (const [name, args] of Object.entries(looking)) {
  test(`${name} ends with its terminal`, async () => {
    writeJob(bucket, "web", {
      manifest: {
        hooks: { hook_quick: { executed_on: ["cli"] } },
        health_check: {
          checks: [{ type: "ssh", command: "test ! -e /tmp/sick" }],
          wait: { attempts: 100, interval_seconds: 1 },
        },
      },
      files: { "_hooks/hook_quick.ts": "console.log('ran once');\n" },
    });
    await buildAndDeploy(bucket);
    await fleet.exec(0, "touch /tmp/sick");
    try {
      const mark = newMark();
      const run = at(mark, ...args);
      await Bun.sleep(1500);
      expect(marked(mark).length).toBeGreaterThan(0);
      await run.hangUp();
      await isOver(mark);
    } finally {
      await fleet.exec(0, "rm -f /tmp/sick");
    }
  });
}

const hookFiles: Record<string, [string, object]> = {
  "a python hook": ["_hooks/hook_slow.py", {}],
  "a hook in a thread, and its children": ["_hooks/hook_slow.ts", {}],
  "a hook in a process": ["_hooks/hook_slow.ts", { isolation: "process" }],
};
for (const [name, [file, more]] of Object.entries(hookFiles)) {
  const script = (seconds: number) => (file.endsWith(".py") ? slowPython(seconds) : slowThread(seconds));
  test(`Ctrl-C on a terminal lets ${name} finish; a second one waits for nothing`, async () => {
    writeHookJob("after_allocation_started", { [file]: script(2) }, more as Record<string, unknown>);
    await build(bucket);
    const mark = newMark();
    const deploy = at(mark, "deploy");
    await begin();
    deploy.type("\x03");
    expect(await deploy.end()).toBe(130);
    expect(hasEnded()).toBe(true);
    expect(deploy.screen()).not.toContain("was ended");
    await isOver(mark);
    const rows = await bucket.maandJson<{ deployments: { rollout: string }[] }>("cat", "deployments");
    expect(rows.json.deployments.map((row) => row.rollout)).toEqual(["promoted", "promoted"]);

    writeHookJob("after_allocation_started", { [file]: script(30) }, more as Record<string, unknown>);
    bucket.remove("begun");
    await build(bucket);
    const again = newMark();
    const forced = at(again, "deploy", "--force");
    await begin();
    const begun = performance.now();
    forced.type("\x03");
    await forced.see("nothing new is started");
    forced.type("\x03");
    expect(await forced.end()).toBe(130);
    expect(performance.now() - begun).toBeLessThan(8000);
    await isOver(again);
  }, 60_000);
}

test("Ctrl-C on a terminal lets a transfer finish that is under way", async () => {
  writeJob(bucket, "web", { files: { "big.bin": "0123456789abcdef".repeat(256 * 1024) } });
  await build(bucket);
  await Promise.all(
    fleet.ips.map((_, i) => fleet.exec(i, "tc qdisc add dev eth0 root netem delay 1ms || true")),
  );
  const mark = newMark();
  const deploy = at(mark, "deploy");
  await eventually(() => marked(mark).some((line) => line.includes(" rsync ")), "rsync runs");
  deploy.type("\x03");
  expect(await deploy.end()).toBe(130);
  expect(deploy.screen()).not.toContain("rsync");
  expect(await allCalls(fleet, bucket, "web")).toEqual([["start 0.0.0 1.0.0"], ["start 0.0.0 1.0.0"]]);
  await isOver(mark);
});

test("SIGTERM is a Ctrl-C, and twice is twice", async () => {
  writeHookJob("after_allocation_started", { "_hooks/hook_slow.py": slowPython(30) });
  await build(bucket);
  const mark = newMark();
  const deploy = startMaand(["deploy"], { cwd: bucket.dir, env: mark });
  await begin();
  deploy.kill("SIGTERM");
  await deploy.waitForStderr("nothing new is started");
  expect(marked(mark).some((line) => line.includes("hook_slow.py"))).toBe(true);
  deploy.kill("SIGTERM");
  expect((await deploy.wait()).code).toBe(130);
  await isOver(mark);
});

for (const [name, redirection] of [
  ["that nobody reads", '2> "$FIFO"'],
  ["that is closed", "2>&-"],
  ["whose reader has left", "2> >(true)"],
  ["on a full disk", "2> /dev/full"],
] as const) {
  test(`a deploy with a standard error ${name} comes to its end`, async () => {
    const noise = 'for i in $(seq 3000); do echo "line $i of a chatty target"; done';
    const makefile = `start stop restart reload:\n\t@${noise.replaceAll("$", () => "$$")}\n`;
    writeJob(bucket, "web", { files: { Makefile: makefile } });
    await build(bucket);
    mkdirSync(bucket.path("tmp"), { recursive: true });
    const fifo = join(bucket.path("tmp"), "fifo");
    const script = `mkfifo "$FIFO"; sleep 60 < "$FIFO" & holder=$!; "$MAAND" deploy ${redirection} > out; echo $? > code; kill $holder`;
    const env = { FIFO: fifo, MAAND: maandPath() };
    await runProcess(["bash", "-c", script], { cwd: bucket.dir, env, timeoutSeconds: 50 });
    expect(bucket.read("code")).toBe("0\n");
    expect(bucket.read("out")).toContain("(2 done)");
    const log = await lastLog();
    expect(log.split("of a chatty target").length - 1).toBeGreaterThanOrEqual(6000);
    // That nobody is there is found by a write that fails; what is closed from the start is as good as /dev/null.
    if (name === "whose reader has left" || name === "on a full disk")
      expect(log).toContain("standard error cannot be written to");
  });
}

test("a maand that was stopped for a while does not find all its deadlines over", async () => {
  writeHookJob("pre_deploy", { "_hooks/hook_slow.py": slowPython(7) });
  bucket.write(
    "maand.conf",
    bucket.read("maand.conf").replace(/^command_timeout = .*$/m, "command_timeout = 5"),
  );
  await build(bucket);
  const deploy = startMaand(["deploy"], { cwd: bucket.dir });
  await begin();
  deploy.kill("SIGSTOP");
  await Bun.sleep(5500);
  deploy.kill("SIGCONT");
  const { code, stderr } = await deploy.wait();
  expect(`${code} ${stderr}`).toStartWith("0 ");
  expect(hasEnded()).toBe(true);
});
