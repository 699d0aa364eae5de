// The real streams: a pseudo-terminal, a pipe, a slow reader and one who leaves.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { screenOf } from "../support/screen.ts";

const program = join(import.meta.dir, "live-run.ts");
const run = `'${process.execPath}' '${program}'`;
const environment = { ...process.env, TERM: "xterm", NO_COLOR: undefined };
const lines = Array.from({ length: 30 }, (_, i) => `pg@10.0.0.${i} | up ${i} \\x1b[2J`);

/** What a shell command writes; `script` gives it a terminal of 50 columns and 10 rows when `tty` is set. */
async function shell(command: string, tty: boolean): Promise<string> {
  const argv = tty
    ? ["script", "-qec", `stty cols 50 rows 10 -onlcr; ${command}`, "/dev/null"]
    : ["bash", "-c", command];
  const child = Bun.spawn(argv, {
    env: environment,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    timeout: 20_000,
  });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

test("on a terminal progress is drawn in place and gone at the end", async () => {
  const text = await shell(run, true);
  expect(text).toContain("in flight");
  expect(text).toContain("\x1b[J");
  expect(text).toContain("\x1b[1mwave 0\x1b[22m");
  expect(text).not.toContain("\x1b[2J");
  expect(screenOf(text, 50)).toEqual(["wave 0", ...lines, "job  width", "pg   50"]);
}, 30_000);

test("a process that ends on its way leaves no live lines behind", async () => {
  const text = await shell(`${run} --exit 2>&1 >/dev/null`, true);
  expect(text).toContain("in flight");
  expect(screenOf(text, 50)).toEqual(["wave 0", ...lines]);
}, 30_000);

test("--no-progress and --no-color on a terminal are plain lines", async () => {
  const text = await shell(`${run} --no-progress --no-color`, true);
  expect(text).not.toContain("\x1b");
  expect(text.split("\n").slice(0, 31)).toEqual(["wave 0", ...lines]);
}, 30_000);

test("piped, results and progress go their ways without a single escape", async () => {
  expect(await shell(`${run} 2>/dev/null`, false)).toBe("job  width\npg   none\n");
  expect((await shell(`${run} 2>&1 >/dev/null`, false)).split("\n")).toEqual(["wave 0", ...lines, ""]);
}, 30_000);

test("a slow reader gets all of it, though the process exits at once", async () => {
  const big = `const { openStream } = await import('${join(import.meta.dir, "../../src/cli/output/stream.ts")}');
    openStream(1).write('y'.repeat(3_000_000)); process.exit(0);`;
  const text = await shell(`'${process.execPath}' -e "${big}" | (sleep 0.3; wc -c)`, false);
  expect(text.trim()).toBe("3000000");
}, 30_000);

test("readers who leave do not stop the run", async () => {
  expect(await shell(`{ ${run}; echo "exit $?" >&3; } 3>&1 2>&1 >/dev/null | head -n 1`, false)).toContain(
    "wave 0",
  );
  expect(await shell(`${run} 2>&- | cat`, false)).toContain("job  width");
  expect(await shell(`(${run} 2>/dev/null; echo "exit $?" >&2) 2>&1 >/dev/full | cat`, false)).toContain(
    "exit 1",
  );
}, 30_000);
