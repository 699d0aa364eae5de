// runner.py under every Python of this machine: what it runs, what it passes on, and what it says when it cannot.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { runnerText } from "../../src/worker/commands.ts";
import { runProcess } from "../support/process.ts";

const python3 = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], {
  encoding: "utf8",
}).trim();

/** Interpreters of the versions that match, where pyenv or the distribution has brought some. */
function interpreters(version: RegExp): string[] {
  const versions = join(homedir(), ".pyenv/versions");
  const kept = existsSync(versions)
    ? readdirSync(versions).map((name) => join(versions, name, "bin/python"))
    : [];
  const own = ["2.7", "3.4", "3.5", "3.6", "3.7"].map((name) => `/usr/bin/python${name}`);
  return [...kept, ...own].filter((path) => version.test(path) && existsSync(path));
}

let root: string;
const runnerPath = () => join(root, "bin/runner.py");

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "maand-runner-"));
  mkdirSync(join(root, "bin"));
  writeFileSync(runnerPath(), runnerText);
  writeFileSync(join(root, "worker.json"), `{"bucket_id":"b-1"}\n`);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function job(name: string, makefile: string): void {
  mkdirSync(join(root, "jobs", name), { recursive: true });
  writeFileSync(join(root, "jobs", name, "Makefile"), makefile);
}

/** Text for `python3 -c` that runs the runner as it lies there, after these lines have changed the interpreter. */
const changed = (lines: string) => `
import os, sys
${lines}
path = sys.argv.pop(1)
exec(compile(open(path).read(), path, "exec"), {"__name__": "__main__", "__file__": path})
`;

/** Each way to start make: the interpreter's own, and that of 3.6 and 3.7 wherever there is a newer one. */
const ways: [string, string[]][] = [
  ...[python3, ...interpreters(/[n/]3\.[67]\b/)].map((python): [string, string[]] => [
    python,
    [python, "-I", "-S"],
  ]),
  ["python3 without posix_spawnp", [python3, "-I", "-S", "-c", changed("del os.posix_spawnp")]],
];

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

  test("what make starts has no input, no descriptors of the runner's, and SIGPIPE as it should be", async () => {
    job("api", "start:\n\t@cat; ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status\n");
    const { code, stdout } = await run(["b-1", "start", "--jobs", "api"]);
    const [descriptors, ignored] = stdout.split("\n");
    // 0 to 2, and the directory that ls reads.
    expect([code, descriptors]).toEqual([0, "4"]);
    expect(BigInt(`0x${ignored!.split("\t")[1]}`) & (1n << 12n)).toBe(0n);
  });

  test("all jobs run, disabled ones are not started, and the first failure is the status", async () => {
    job("a", "start stop:\n\t@echo a $@\n");
    job("b", "start stop:\n\t@echo b $@; exit 3\n");
    job("c", "start stop:\n\t@echo c $@\n");
    writeFileSync(
      join(root, "jobs.json"),
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

  test("a worker without make says so", async () => {
    job("api", "start:\n\t@true\n");
    const { code, stderr } = await runProcess([...python, runnerPath(), "b-1", "start", "--jobs", "api"], {
      env: { PATH: "/nowhere" },
    });
    expect(code).toBe(78);
    expect(stderr).toContain("runner: cannot start make");
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
