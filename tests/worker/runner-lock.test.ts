// One target of a job at a time, whatever dies: real processes, each killed in the middle of a slow target.

import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { descendants, eventually, isRunning } from "../support/watch.ts";
import { inRoom, interpreters, job, python3, runnerPath, useRunnerRoom } from "./runner-room.ts";

useRunnerRoom();

/** A runner whose output a test reads until it hangs up. */
interface Run {
  child: ChildProcess;
  stderr(): string;
  ended: Promise<number | null>;
  /** As when maand and its connection are gone. */
  hangUp(): void;
}

const runs: Run[] = [];
const daemons: number[] = [];
afterEach(async () => {
  for (const run of runs.splice(0)) {
    for (const pid of run.child.exitCode === null ? descendants(run.child.pid!) : []) endProcess(pid);
    run.child.kill("SIGKILL");
    await run.ended;
  }
  for (const pid of daemons.splice(0)) endProcess(pid);
});

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** `runner.py` for one version, optionally below other words such as `timeout 1`. */
function start(python: string, version: string, { target = "start", below = [] as string[] } = {}): Run {
  const argv = [...below, python, "-I", "-S", runnerPath(), "b-1", target, "--jobs", "api"];
  const child = spawn(argv[0]!, argv.slice(1), {
    env: { PATH: process.env.PATH!, NEW_VERSION: version },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stderr!.on("data", (chunk) => (stderr += String(chunk)));
  child.stdout!.resume();
  const run: Run = {
    child,
    stderr: () => stderr,
    ended: new Promise((resolve) => child.once("exit", resolve)),
    hangUp() {
      child.stdout!.destroy();
      child.stderr!.destroy();
    },
  };
  runs.push(run);
  return run;
}

const journal = () => {
  const path = inRoom("jobs/api/journal");
  return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
};
const inJournal = (line: string) => eventually(() => journal().includes(line), `"${line}" in the journal`);
const wholeOf = (...versions: string[]) => versions.flatMap((v) => [`begin ${v}`, `end ${v}`]);
const makeOf = (run: Run) =>
  Number(readFileSync(`/proc/${run.child.pid}/task/${run.child.pid}/children`, "utf8"));
const readPid = (name: string) => Number(readFileSync(inRoom("jobs/api", name), "utf8"));

/** A target that takes its time; `within` is what it does meanwhile. */
const slow = (within: string) =>
  `start:\n\t@echo "begin $(NEW_VERSION)" >> journal; ${within}; echo "end $(NEW_VERSION)" >> journal\n`;

describe.each([python3, ...interpreters(/[n/]3\.6\b/)])("%s", (python) => {
  test("the work goes on when its caller is gone, whatever it prints, and the next waits for it", async () => {
    job("api", slow("for i in 1 2 3 4 5 6 7 8; do echo line; echo line >&2; sleep 0.1; done"));
    const first = start(python, "1");
    await inJournal("begin 1");
    first.hangUp();
    const second = start(python, "2");
    expect(await second.ended).toBe(0);
    expect(journal()).toEqual(wholeOf("1", "2"));
    expect(second.stderr()).toMatch(
      /^runner: waiting for an earlier target of api to end: 'start' of version 1, begun \d s ago \(process \d+\)$/m,
    );
    expect(await first.ended).toBe(0);
  });

  test("the lock is make's: the next waits when the runner is killed", async () => {
    job("api", slow("sleep 0.8"));
    const first = start(python, "1");
    await inJournal("begin 1");
    first.child.kill("SIGKILL");
    expect(await start(python, "2").ended).toBe(0);
    expect(journal()).toEqual(wholeOf("1", "2"));
  });

  test("make is killed: what it was waiting for is waited for, by the runner and by the next", async () => {
    // Its output redirected, so that only that it is make's child shows whose it is.
    writeFileSync(inRoom("slow.sh"), `echo "begin $1" >> journal; sleep 1; echo "end $1" >> journal\n`);
    job("api", `start:\n\t@exec sh ${inRoom("slow.sh")} $(NEW_VERSION) > out 2>&1\n`);
    const first = start(python, "1");
    await inJournal("begin 1");
    await Bun.sleep(200);
    process.kill(makeOf(first), "SIGKILL");
    const second = start(python, "2");
    expect(await first.ended).toBe(137);
    expect(journal()).toContain("end 1");
    expect(await second.ended).toBe(0);
    expect(journal()).toEqual(wholeOf("1", "2"));
    expect(second.stderr()).toMatch(/make is gone, process \d+ is not/);
  });

  test("runner and make are killed: the shell of the recipe is waited for", async () => {
    job("api", slow("sleep 0.8"));
    const first = start(python, "1");
    await inJournal("begin 1");
    const make = makeOf(first);
    first.child.kill("SIGKILL");
    process.kill(make, "SIGKILL");
    expect(await start(python, "2").ended).toBe(0);
    expect(journal()).toEqual(wholeOf("1", "2"));
  });

  test("a daemon that was left behind holds nothing up, whoever was killed", async () => {
    job("api", "start:\n\t@sleep 30 > /dev/null 2>&1 & echo $$! > pid\n\t@sleep 0.4\n");
    for (const kill of ["nobody", "runner", "make", "both"]) {
      const run = start(python, kill);
      await eventually(() => existsSync(inRoom("jobs/api/pid")), "the daemon");
      await Bun.sleep(150);
      const make = makeOf(run);
      if (kill === "runner" || kill === "both") run.child.kill("SIGKILL");
      if (kill === "make" || kill === "both") process.kill(make, "SIGKILL");
      await run.ended;
      const pid = readPid("pid");
      daemons.push(pid);
      const begun = performance.now();
      expect(await start(python, "next", { target: "pid" }).ended).toBe(0);
      expect([kill, performance.now() - begun < 5000, isRunning(pid)]).toEqual([kill, true, true]);
      await Bun.$`rm -f ${inRoom("jobs/api/pid")}`;
    }
  });

  test("who waits and has lost its caller never begins", async () => {
    job("api", slow("sleep 1"));
    start(python, "1");
    await inJournal("begin 1");
    const gone = start(python, "2");
    const killed = start(python, "3");
    await eventually(() => /waiting/.test(gone.stderr()) && /waiting/.test(killed.stderr()), "both wait");
    gone.hangUp();
    killed.child.kill("SIGKILL");
    const last = start(python, "4");
    expect(await last.ended).toBe(0);
    expect(await gone.ended).toBe(75);
    expect(journal()).toEqual(wholeOf("1", "4"));
  });

  test("when the time is up the work ends as a whole: other sessions, and what ignores the signal", async () => {
    job(
      "api",
      "start:\n\t@trap '' TERM; echo $$$$ > shell; setsid -w sh -c 'trap \"\" TERM; echo $$$$ > far; sleep 60'; sleep 60\n",
    );
    const run = start(python, "1", { below: ["timeout", "-k", "10", "1"] });
    await eventually(() => existsSync(inRoom("jobs/api/far")), "the far process");
    expect(await run.ended).toBe(124);
    expect(run.stderr()).toContain("runner: 'start' of api was broken off\n");
    expect([isRunning(readPid("shell")), isRunning(readPid("far"))]).toEqual([false, false]);
  }, 30_000);

  test("who is ended while it waits says that it had not begun", async () => {
    job("api", slow("sleep 2"));
    const first = start(python, "1");
    await inJournal("begin 1");
    const second = start(python, "2", { below: ["timeout", "-k", "10", "0.7"] });
    expect(await second.ended).toBe(124);
    expect(second.stderr()).toContain("'start' of api was broken off: it had not begun");
    expect(await first.ended).toBe(0);
    expect(journal()).toEqual(wholeOf("1"));
  });

  test("where no lock file can be kept the directory is locked, and that is said", async () => {
    mkdirSync(inRoom("jobs/api"), { recursive: true });
    writeFileSync(inRoom("locks"), "");
    job("api", slow("sleep 0.5"));
    const both = [start(python, "1"), start(python, "2")];
    expect(await Promise.all(both.map((run) => run.ended))).toEqual([0, 0]);
    expect(journal().map((line) => line.split(" ")[0])).toEqual(["begin", "end", "begin", "end"]);
    expect(both[0]!.stderr()).toContain("runner: the lock of api cannot be kept (");
  });
});
