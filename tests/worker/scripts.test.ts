// The script files as they are sent: without their comments, whole, and in step with what reads their answers.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { factsCommand } from "../../src/fleet/facts.ts";
import { shellCommand } from "../../src/fleet/run-command.ts";
import { fileProbeCommand } from "../../src/health/file-probe.ts";
import { type ShellText, withoutComments } from "../../src/ssh/exec/quote.ts";
import { checkCommand, workerTools } from "../../src/worker/check.ts";
import {
  deleteDeployedCommand,
  inventoryCommand,
  readWorkerJsonCommand,
  runnerText,
  stopCommand,
} from "../../src/worker/commands.ts";
import { receiveCommand } from "../../src/worker/receive.ts";
import { runProcess } from "../support/process.ts";

const root = join(import.meta.dir, "../..");
const directory = "/opt/worker/b-1";
const run = {
  directory,
  identity: { bucketId: "b-1", workerId: "w-1", updateSeq: 1, runId: "r-1" },
  useSudo: false,
  job: "api",
  workerIp: "10.0.0.1",
  currentVersion: "1.0.0",
  newVersion: "1.0.0",
  timeoutSeconds: 10,
};
const mark = { run: "ab12", number: 0 };
const commands: Record<string, ShellText> = {
  check: checkCommand(directory, false, runnerText, { space: true, mark, jobsJson: "[]" }),
  stop: stopCommand(run),
  "delete deployed files": deleteDeployedCommand(directory, "api", false),
  receive: receiveCommand(directory, new Map([["api", "ab"]]), false, ["rsync", "--server"]),
  inventory: inventoryCommand(directory, false),
  "read worker.json": readWorkerJsonCommand(directory, false),
  facts: factsCommand(directory),
  "probe a file": fileProbeCommand({ type: "file", path: "ready", contains: "up" }, `${directory}/jobs/api`),
  run_command: shellCommand(directory, "b-1", "10.0.0.1", "true"),
};

test.each(Object.entries(commands))("%s: no comment and no blank line is sent", (_, command) => {
  const lines = command.text.split("\n");
  expect(lines.filter((line) => /^\s*(?:#|$)/.test(line))).toEqual([]);
});

/** Every one there is, but those below src/job that are written into new jobs. */
const scriptFiles = ["src/*/*.sh", "src/worker/scripts/*.sh"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: root })])
  .sort();

test("a script file has nothing in which a line with # could be meant", () => {
  expect(scriptFiles.length).toBeGreaterThanOrEqual(9);
  for (const path of scriptFiles) {
    const text = readFileSync(join(root, path), "utf8");
    // No here-document, and no quote that is open at the end of a line: each line is whole without the others' quotes.
    for (const line of withoutComments(text).split("\n")) {
      expect([path, line.includes("<<")]).toEqual([path, false]);
      const bare = line.replace(/\\./g, "").replace(/'[^']*'|"[^"]*"/g, "");
      expect([path, line, /['"]/.test(bare)]).toEqual([path, line, false]);
    }
  }
});

test.each(scriptFiles)("%s: a shell can parse what is sent of it", async (path) => {
  const text = withoutComments(readFileSync(join(root, path), "utf8"));
  expect(await runProcess(["sh", "-n", "-c", text])).toMatchObject({ code: 0, stderr: "" });
});

test("runner.py means the same without its comments", async () => {
  const program = `import ast, sys
dump = lambda path: ast.dump(ast.parse(open(path).read()))
sys.exit(dump(sys.argv[1]) != dump("/dev/stdin"))`;
  const path = join(root, "src/worker/runner.py");
  const same = await runProcess(["python3", "-c", program, path], { stdin: runnerText });
  expect([same.code, same.stderr]).toEqual([0, ""]);
  expect(runnerText.length).toBeLessThan(readFileSync(path, "utf8").length);
});

test("check.sh looks for the tools that workers need", () => {
  const looked = /^for tool in (.*); do$/m.exec(
    readFileSync(join(root, "src/worker/scripts/check.sh"), "utf8"),
  );
  expect(looked![1]!.split(" ")).toEqual([...workerTools]);
});
