// Which program runs which hook, and what is missing on the host, told before anything runs.

import { existsSync } from "node:fs";
import { extname, join } from "node:path";
import { MaandError } from "../model/error.ts";
import type { HookDeclaration } from "../model/manifest.ts";

/** How a hook is run. */
export type HookRuntime = "python" | "thread" | "process";

export function runtimeOf(hook: HookDeclaration): HookRuntime {
  if (extname(hook.file) === ".py") return "python";
  return hook.isolation === "process" ? "process" : "thread";
}

/**
 * The interpreter of a job's Python hooks: that of `.venv`, of `venv`, or `python3` of the PATH; undefined when there
 * is none.
 * @param source the job's `_hooks/` in the workspace, where its tools lie
 */
export function pythonFor(source: string, path: string | undefined): string | undefined {
  for (const environment of [".venv", "venv"]) {
    const python = join(source, environment, "bin", "python3");
    if (existsSync(python)) return python;
  }
  return Bun.which("python3", { PATH: path ?? "" }) ?? undefined;
}

/** A hook that has no interpreter, with its job. */
export interface Unrunnable {
  job: string;
  hook: HookDeclaration;
}

/** The error for Python hooks on a host without python3. */
export function noPython(missing: readonly Unrunnable[]): MaandError {
  const [first] = missing;
  const names = missing.map(({ job, hook }) => `${job}/_hooks/${hook.file}`);
  return new MaandError("local", `there is no python3 for ${missing.length === 1 ? "a hook" : "hooks"}`, {
    ...(missing.length === 1 ? { where: { job: first!.job } } : {}),
    why: `${names.join(", ")}: neither _hooks/.venv/bin/python3 nor _hooks/venv/bin/python3 is there, nor python3 in the PATH`,
    hint: "install python3 on this host; hooks in TypeScript or JavaScript need nothing",
  });
}
