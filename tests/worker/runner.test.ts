// runner.py under every Python of this machine: what it runs, what it passes on, and what it says when it cannot.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { runProcess } from "../support/process.ts";
import { inRoom, interpreters, job, python3, runnerPath, useRunnerRoom } from "./runner-room.ts";

useRunnerRoom();

/** Text for `python3 -c` that runs the runner as it lies there, after these lines have changed the interpreter. */
const changed = (lines: string) => `
import os, sys
${lines}
path = sys.argv.pop(1)
exec(compile(open(path).read(), path, "exec"), {"__name__": "__main__", "__file__": path})
`;

/** The newest interpreter, and the oldest that will do. */
const ways = [python3, ...interpreters(/[n/]3\.[67]\b/)].map((python): [string, string[]] => [
  python,
  [python, "-I", "-S"],
]);

describe.each(ways)("%s", (_, python) => {
  const run = (args: string[], env: Record<string, string | undefined> = {}) =>
    runProcess([...python, runnerPath(), ...args], { env });

  test("runs a target, with its name and the variables that are not empty", async () => {
    job(
      "api",
      `start:\n\t@echo "$$JOB $$BUCKET_ID $$NEW_VERSION [$\${CURRENT_VERSION-unset}]"; echo err >&2\n`,
    );
    const { code, stdout, stderr } = await run(["b-1", "start", "--jobs", "api"], {
      NEW_VERSION: "2.0.0",
      CURRENT_VERSION: "",
    });
    expect([code, stdout, stderr]).toEqual([0, "api b-1 2.0.0 [unset]\n", "err\n"]);
  });

  test("what make starts has no input, no descriptors but the lock's, and signals as they should be", async () => {
    job("api", "start:\n\t@cat; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status\n");
    const { code, stdout } = await run(["b-1", "start", "--jobs", "api"]);
    const [descriptors, ignored] = stdout.split("\n");
    // 0 to 2, that of the lock, and the directory that ls reads.
    expect([code, descriptors]).toEqual([0, "5"]);
    // None of HUP, INT, PIPE, TERM and XFSZ, which Python or the runner ignores for itself.
    const mask = [1, 2, 13, 15, 25].reduce((sum, signal) => sum | (1n << BigInt(signal - 1)), 0n);
    expect(BigInt(`0x${ignored!.split("\t")[1]}`) & mask).toBe(0n);
  });

  test("all jobs run, disabled ones are not started, and the first failure is the status", async () => {
    job("a", "start stop:\n\t@echo a $@\n");
    job("b", "start stop:\n\t@echo b $@; exit 3\n");
    job("c", "start stop:\n\t@echo c $@\n");
    writeFileSync(
      inRoom("jobs.json"),
      JSON.stringify([
        { job: "a", disabled: 1 },
        { job: "b", disabled: 0 },
        { job: "c", disabled: 0 },
      ]),
    );
    const started = await run(["b-1", "start"]);
    expect([started.code, started.stdout]).toEqual([2, "b start\nc start\n"]);
    expect((await run(["b-1", "stop"])).stdout).toBe("a stop\nb stop\nc stop\n");
  });

  test("a make that a signal ends is told as a shell tells it", async () => {
    job("api", "start:\n\t@kill -KILL $$PPID\n");
    expect((await run(["b-1", "start", "--jobs", "api"])).code).toBe(137);
  });

  test("a process that keeps the output open holds nothing up, and that is said", async () => {
    job("api", "start:\n\t@sleep 30 & echo $$!\n");
    const begun = performance.now();
    const { code, stdout, stderr } = await run(["b-1", "start", "--jobs", "api"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("left behind still holds its output")]);
    expect(stdout).toMatch(/^[1-9]\d*\n$/);
    process.kill(Number(stdout), "SIGKILL");
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  test.each([
    [
      "a target that is missing",
      ["b-1", "reload", "--jobs", "api"],
      2,
      "the Makefile of api has no target 'reload'",
    ],
    ["a job that is not there", ["b-1", "start", "--jobs", "web"], 78, "job web is not on this worker"],
    [
      "another bucket's worker",
      ["b-2", "start", "--jobs", "api"],
      78,
      "this worker belongs to bucket b-1, not b-2",
    ],
    ["a missing argument", ["b-1"], 64, "usage: runner.py"],
  ])("%s", async (_what, args, status, sentence) => {
    job("api", "start:\n\t@true\n");
    const { code, stderr } = await run(args);
    expect(code).toBe(status);
    expect(stderr).toContain(`runner: ${sentence}`);
    expect(stderr).not.toContain("Traceback");
  });

  test("a missing target is told from make's own words, in whatever language, and nothing runs a second time", async () => {
    job("api", "start:\n\t+@echo ran >> ran\n\t@false\nneedy: nowhere\n");
    const german = { LC_ALL: "C.UTF-8", LANGUAGE: "de" };
    for (const env of [{}, german]) {
      const { stderr } = await run(["b-1", "reload", "--jobs", "api"], env);
      expect(stderr).toContain("runner: the Makefile of api has no target 'reload'");
    }
    expect((await run(["b-1", "reload", "--jobs", "api"], german)).stderr).toContain("Keine Regel");
    // What else fails is not taken for it.
    expect((await run(["b-1", "start", "--jobs", "api"])).stderr).not.toContain("has no target");
    expect(readFileSync(inRoom("jobs/api/ran"), "utf8")).toBe("ran\n");
    for (const env of [{}, german]) {
      const { stderr } = await run(["b-1", "needy", "--jobs", "api"], env);
      expect([stderr, stderr.includes("has no target")]).toEqual([expect.stringContaining("nowhere"), false]);
    }
    expect(existsSync(inRoom("jobs/api/needy"))).toBe(false);
  });

  test("a worker without make says so", async () => {
    job("api", "start:\n\t@true\n");
    const { code, stderr } = await runProcess([...python, runnerPath(), "b-1", "start", "--jobs", "api"], {
      env: { PATH: "/nowhere" },
    });
    expect(code).toBe(78);
    expect(stderr).toBe("runner: cannot start make: it is not installed (PATH is /nowhere)\n");
    expect(stderr).not.toContain("Traceback");
  });
});

// A Python that is too old is rarely at hand, so a new one says that it is: this shows the branch, not that an old one
// can parse the file. Python 2 as a developer may have it shows that too.
test("a Python that is too old says so in one sentence, with a status of its own", async () => {
  const fake = changed('sys.version_info = (3, 5, 10, "final", 0)');
  const commands = [
    [python3, "-I", "-S", "-c", fake, runnerPath()],
    ...interpreters(/[n/](?:2\.7|3\.[45])\b/).map((python) => [python, runnerPath()]),
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await runProcess([...command, "b-1", "start"]);
    expect(stderr).toMatch(
      /^runner: python3 is [23]\.\d+\.\d+ here, and Python 3\.6 or newer is needed; .*\n$/,
    );
    expect([code, stdout]).toEqual([69, ""]);
  }
});
