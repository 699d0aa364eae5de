// Runs the checks and the test files, a few at a time, and prints one line for each and the totals at the end.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { countTests, summaryLine } from "./report.ts";
import { makeScratch } from "./scratch.ts";
import { startTask, type Task } from "./task.ts";

const root = resolve(import.meta.dir, "../..");
const bun = process.execPath;
/** Seconds for one test that names no limit of its own; bringing a fleet up and ssh to it fit well inside. */
const testSeconds = 60;
const runMinutes = Number(process.env.MAAND_TEST_MINUTES ?? 24);
const parallel = Number(process.env.MAAND_TEST_JOBS ?? Math.min(8, Math.max(2, availableParallelism())));
/** How long each file took last time, so that the longest start first. Only a hint: it may be missing or old. */
const timesPath = join(root, "dist/test-seconds.json");

/** What must hold for the sources as a whole; only a run of everything looks at it. */
const checks: Record<string, string[]> = {
  format: [bun, "node_modules/@biomejs/biome/bin/biome", "format", "."],
  lint: [
    bun,
    "node_modules/@biomejs/biome/bin/biome",
    "check",
    "--formatter-enabled=false",
    "--error-on-warnings",
    ".",
  ],
  types: [bun, "node_modules/typescript/bin/tsc", "--pretty", "false"],
  unused: [bun, "node_modules/knip/bin/knip.js", "--config", "scripts/testing/knip.jsonc"],
  shell: [bun, "scripts/testing/check-shell.ts"],
  // They run with the python3 of a worker or of the operator's host, which may be old.
  python: [
    "python3",
    "scripts/testing/python36.py",
    ...[...new Bun.Glob("src/**/*.py").scanSync({ cwd: root })].sort(),
  ],
};

const totals = { passed: 0, failed: 0, skipped: 0 };
const running = new Set<Task>();
const scratch = makeScratch(join(root, "scripts/fleet"));
const env: NodeJS.ProcessEnv = { ...process.env, ...scratch.env };
let stopping = false;
let tasks = 0;

/** Starts a process, keeps it among the running, and sees to it that nothing of it stays. */
async function run(
  name: string,
  argv: string[],
): Promise<{ code: number | null; output: string; seconds: number }> {
  tasks += 1;
  const begun = performance.now();
  const task = startTask(name, argv, { cwd: root, env, outputPath: join(scratch.dir, `output-${tasks}`) });
  running.add(task);
  const code = await task.ended;
  running.delete(task);
  const left = stopping ? 0 : task.kill();
  if (left > 0) console.log(`note  ${name} left ${left} process${left === 1 ? "" : "es"} running; ended`);
  return { code, output: task.output(), seconds: (performance.now() - begun) / 1000 };
}

function showFailure(name: string, why: string | undefined, output: string): void {
  console.log(`FAIL  ${name}${why === undefined ? "" : `: ${why}`}`);
  console.log(output.replace(/\n*$/, "\n"));
}

async function runCheck(name: string): Promise<void> {
  const { code, output } = await run(name, checks[name]!);
  if (stopping) return;
  if (code === 0) {
    console.log(`ok    ${name}`);
  } else {
    totals.failed += 1;
    showFailure(name, undefined, output);
  }
}

async function runFile(file: string, times: Record<string, number>): Promise<void> {
  const reportPath = join(scratch.dir, `${file.replaceAll("/", "_")}.xml`);
  const report = ["--reporter=junit", `--reporter-outfile=${reportPath}`];
  const result = await run(file, [bun, "test", `--timeout=${testSeconds * 1000}`, ...report, `./${file}`]);
  if (stopping) return;
  const counts = countTests(
    existsSync(reportPath) ? readFileSync(reportPath, "utf8") : undefined,
    result.code,
  );
  times[file] = Math.round(result.seconds * 10) / 10;
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  totals.skipped += counts.skipped;
  if (counts.failed > 0) showFailure(`${file}  ${summaryLine(counts)}`, counts.why, result.output);
  else
    console.log(
      `ok    ${file}  ${counts.passed}${counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`}`,
    );
}

/** Ends everything that runs, says what that was, and finishes the run as a failure. */
function stop(reason: string, exitCode: number): void {
  if (stopping) return;
  stopping = true;
  for (const task of running) {
    task.kill();
    totals.failed += 1;
    showFailure(task.name, `was running when ${reason}`, task.output());
  }
  if (running.size === 0) totals.failed += 1;
  console.log(`stopped: ${reason}`);
  finish(exitCode);
}

function finish(exitCode: number): never {
  scratch.remove();
  console.log(summaryLine(totals));
  process.exit(exitCode);
}

async function inParallel(items: readonly string[], act: (item: string) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined && !stopping; item = queue.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, queue.length) }, lane));
}

function readTimes(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(timesPath, "utf8")) as Record<string, number>;
  } catch {
    return {};
  }
}

async function main(patterns: string[]): Promise<void> {
  process.on("SIGINT", () => stop("it was interrupted", 130));
  process.on("SIGTERM", () => stop("it was told to end", 143));
  process.on("SIGHUP", () => stop("its terminal went away", 129));
  setTimeout(
    () => stop(`the time limit of ${runMinutes} minutes was reached`, 1),
    runMinutes * 60_000,
  ).unref();

  const times = readTimes();
  const all = [...new Bun.Glob("tests/**/*.test.ts").scanSync({ cwd: root })].sort();
  const files = patterns.length === 0 ? all : all.filter((file) => patterns.some((p) => file.includes(p)));
  const seconds = (file: string) => times[file] ?? Number.POSITIVE_INFINITY;
  files.sort((a, b) => (seconds(a) === seconds(b) ? 0 : seconds(b) - seconds(a)));

  if (patterns.length === 0) await inParallel(Object.keys(checks), runCheck);
  await inParallel(files, (file) => runFile(file, times));
  // While `stop` ends the run, nothing may end it a second time.
  if (stopping) return;
  if (files.length === 0) {
    totals.failed += 1;
    console.log(
      patterns.length === 0 ? "there are no test files" : `no test file matches ${patterns.join(" ")}`,
    );
  }
  writeFileSync(timesPath, `${JSON.stringify(times, null, 2)}\n`);
  finish(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
}

await main(process.argv.slice(2));
