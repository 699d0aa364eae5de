// One process of a test run: its output in a file, its descendants marked, so that nothing outlives it unseen.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";

export interface Task {
  /** What the run calls it, such as a test file or `types`. */
  name: string;
  /** Everything the process has written so far. */
  output(): string;
  /** Its exit code, null when a signal ended it. */
  ended: Promise<number | null>;
  /** Ends it and everything that it started; returns how many processes those were. */
  kill(): number;
}

/** Every process that a task starts inherits this variable, whose value is unique to the task. */
const mark = "MAAND_TEST_TASK";

/** Starts `argv` with its output in `outputPath`, which also serves as its mark. */
export function startTask(
  name: string,
  argv: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; outputPath: string },
): Task {
  const { cwd, outputPath } = options;
  const output = openSync(outputPath, "w", 0o600);
  const child: ChildProcess = spawn(argv[0]!, argv.slice(1), {
    cwd,
    env: { ...options.env, [mark]: outputPath },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code));
  });
  return {
    name,
    output: () => readFileSync(outputPath, "utf8"),
    ended,
    kill: () => killMarked(`${mark}=${outputPath}`),
  };
}

/**
 * Ends every process whose environment holds `setting`, by its id. Repeated a few times, because a process may start
 * another while it is being looked for.
 */
function killMarked(setting: string): number {
  const seen = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const found = processesWith(setting);
    if (found.length === 0) break;
    for (const pid of found) {
      seen.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in the meantime.
      }
    }
  }
  return seen.size;
}

function processesWith(setting: string): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    try {
      const settings = readFileSync(`/proc/${entry}/environ`, "latin1").split("\0");
      return settings.includes(setting) ? [Number(entry)] : [];
    } catch {
      // Gone, or another user's.
      return [];
    }
  });
}
