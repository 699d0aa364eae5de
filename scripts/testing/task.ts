// One process of a test run: its output in a file, its descendants marked, so that nothing outlives it unseen.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { endMarked, markName } from "./marks.ts";

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
    env: { ...options.env, [markName]: outputPath },
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
    kill: () => endMarked((mark) => mark === outputPath),
  };
}
