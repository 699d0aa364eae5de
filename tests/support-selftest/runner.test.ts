// The test runner's own promises: true counts from real reports, and nothing of a run outlives it.

import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { countTests, summaryLine } from "../../scripts/testing/report.ts";
import { startTask } from "../../scripts/testing/task.ts";
import { runProcess } from "../support/process.ts";
import { useTempDirs } from "../support/use.ts";

const tempDir = useTempDirs();
const scratch = tempDir();

/** Runs bun on a test file with this text, as the runner does, and counts. */
async function countOf(text: string) {
  const dir = tempDir();
  mkdirSync(join(dir, "tests"));
  writeFileSync(
    join(dir, "tests/a.test.ts"),
    `import { afterAll, expect, test } from "bun:test";\n${text}\n`,
  );
  const report = join(dir, "report.xml");
  const outcome = await runProcess(
    [
      process.execPath,
      "test",
      "--timeout=300",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      "./tests/a.test.ts",
    ],
    { cwd: dir },
  );
  return countTests(existsSync(report) ? readFileSync(report, "utf8") : undefined, outcome.code);
}

const good = `test("good", () => expect(1).toBe(1));`;

test("passed, failed and skipped are told apart", async () => {
  const text = `${good} test("bad", () => expect(1).toBe(2)); test.skip("s", () => {}); test.todo("t");`;
  expect(await countOf(text)).toEqual({ passed: 1, failed: 1, skipped: 2 });
  expect(await countOf(good)).toEqual({ passed: 1, failed: 0, skipped: 0 });
});

test.each([
  ["does not parse", `${good} const x = ;`],
  ["throws while it loads", `${good} throw new Error("top");`],
  ["imports what is not there", `import { x } from "./nothing.ts"; test("good", () => expect(x).toBe(1));`],
  ["has no tests", ""],
  ["ends the process with success", `${good} test("exit", () => process.exit(0));`],
  ["is killed", `${good} test("kill", () => process.kill(process.pid, "SIGKILL"));`],
  ["hangs", `${good} test("hang", () => new Promise(() => {}));`],
  ["fails after its tests", `${good} afterAll(() => { throw new Error("late"); });`],
])("a file that %s fails", async (_what, text) => {
  expect((await countOf(text)).failed).toBeGreaterThanOrEqual(1);
});

test("a report that is cut off, or disagrees with the exit code, is a failure", () => {
  const whole = `<?xml version="1.0"?>\n<testsuites name="bun test" tests="3" failures="0" skipped="1">\n</testsuites>\n`;
  expect(countTests(whole, 0)).toEqual({ passed: 2, failed: 0, skipped: 1 });
  expect(countTests(whole, 1)).toMatchObject({ passed: 2, failed: 1, skipped: 1 });
  expect(countTests(whole, null)).toMatchObject({ failed: 1 });
  expect(countTests(whole.slice(0, -5), 0)).toMatchObject({ passed: 0, failed: 1 });
  expect(countTests("", 0)).toMatchObject({ passed: 0, failed: 1 });
});

test("the last line is the one that CI reads", () => {
  expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
  expect(summaryLine({ passed: 12, failed: 3, skipped: 1 })).toBe("12 passed, 3 failed, 1 skipped");
});

test("a task is ended with everything that it started, also what has left its session", async () => {
  const task = startTask("nest", ["/bin/sh", "-c", "setsid sleep 600 & echo $!; sleep 600"], {
    cwd: scratch,
    env: process.env,
    outputPath: join(scratch, "output-1"),
  });
  // Another task whose mark begins like that of the first.
  const other = startTask("other", ["sleep", "600"], {
    cwd: scratch,
    env: process.env,
    outputPath: join(scratch, "output-10"),
  });
  for (let i = 0; i < 250 && task.output() === ""; i++) await Bun.sleep(20);
  const detached = Number(task.output());
  expect(detached).toBeGreaterThan(1);
  expect(task.kill()).toBeGreaterThanOrEqual(3);
  expect(await task.ended).toBeNull();
  const state = () =>
    existsSync(`/proc/${detached}/stat`)
      ? readFileSync(`/proc/${detached}/stat`, "utf8").split(" ")[2]
      : "gone";
  for (let i = 0; i < 250 && !["Z", "X", "gone"].includes(state()!); i++) await Bun.sleep(20);
  expect(["Z", "X", "gone"]).toContain(state()!);
  expect(other.kill()).toBe(1);
  await other.ended;
});
