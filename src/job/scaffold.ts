// job create: the files of a new job that builds and deploys as it is.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BucketPaths } from "../bucket/locate.ts";
import helperTypes from "../hooks/sdk/maand.d.ts.txt" with { type: "text" };
import { MaandError, reasonOf } from "../model/error.ts";
import { canonicalLabel, isName, namePatterns } from "../model/names.ts";
import { suggestName } from "../support/nearest.ts";
import { jobPath } from "../workspace/paths.ts";
import pythonHook from "./scaffold/hook_example.py" with { type: "text" };
import scriptHook from "./scaffold/hook_example.ts.txt" with { type: "text" };
import readmeFile from "./scaffold/README.md" with { type: "text" };
import readmeOfHooks from "./scaffold/README-hooks.md" with { type: "text" };
import { fillTemplate } from "./scaffold/template.ts";
import { lifecycleFiles, type Runtime, runtimes, type ScaffoldFile } from "./scaffold-lifecycle.ts";

export const hookLanguages = ["py", "ts"] as const;
export type HookLanguage = (typeof hookLanguages)[number];

export interface ScaffoldRequest {
  job: string;
  /** Labels; the one that every worker has when absent. */
  selectors?: readonly string[] | undefined;
  runtime?: string | undefined;
  hooks?: string | undefined;
}

/** What a new job consists of. */
export interface Scaffold {
  job: string;
  selectors: string[];
  files: ScaffoldFile[];
}

/**
 * Works out the files of a new job.
 * @throws MaandError("usage") for a name, selector, runtime or hook language that cannot be used.
 */
export function planScaffold(request: ScaffoldRequest): Scaffold {
  const { job } = request;
  if (!isName("job", job)) {
    throw new MaandError("usage", `"${job}" cannot be the name of a job`, {
      hint: `use ${namePatterns.job.rule}, a letter or digit first`,
    });
  }
  const selectors = [...new Set((request.selectors ?? ["worker"]).map(canonicalLabel))];
  for (const selector of selectors) {
    if (isName("label", selector)) continue;
    throw new MaandError("usage", `"${selector}" cannot be a label`, {
      hint: `use ${namePatterns.label.rule}`,
    });
  }
  const runtime = oneOf("--runtime", request.runtime, runtimes);
  const language = oneOf("--hooks", request.hooks, hookLanguages);
  const files = [
    { path: "manifest.json", content: manifest(selectors, language) },
    ...lifecycleFiles(job, runtime),
    { path: "README.md", content: readme(job, runtime, language) },
    ...(language === undefined
      ? []
      : [{ path: `_hooks/${hookName}.${language}`, content: hookExamples[language] }]),
    // Only for editors: it gives the example's import of "./maand" its types.
    ...(language === "ts" ? [{ path: "_hooks/maand.d.ts", content: helperTypes }] : []),
  ];
  return { job, selectors, files };
}

/**
 * Writes a new job, whole or not at all.
 * @throws MaandError("usage") when its directory is there already, MaandError("local") when the system refuses.
 */
export function writeScaffold(paths: BucketPaths, scaffold: Scaffold): void {
  const target = join(paths.workspace, "jobs", scaffold.job);
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw new MaandError("usage", `${jobPath(scaffold.job)} is there already`, {
      hint: "choose another name, or move that directory away; nothing of it was touched",
    });
  }
  let staged: string | undefined;
  try {
    mkdirSync(paths.staging, { recursive: true, mode: 0o700 });
    staged = mkdtempSync(join(paths.staging, "new-job-"));
    const root = join(staged, scaffold.job);
    for (const file of scaffold.files) {
      mkdirSync(dirname(join(root, file.path)), { recursive: true });
      writeFileSync(join(root, file.path), file.content, { mode: file.mode ?? 0o644 });
    }
    mkdirSync(dirname(target), { recursive: true });
    // An empty directory gives way; one that was filled meanwhile does not.
    renameSync(root, target);
  } catch (thrown) {
    throw new MaandError("local", `${jobPath(scaffold.job)} cannot be written`, {
      where: { file: target },
      why: reasonOf(thrown),
      hint: "check the permissions of workspace/jobs/ and free space",
      cause: thrown,
    });
  } finally {
    if (staged !== undefined) rmSync(staged, { recursive: true, force: true });
  }
}

function oneOf<T extends string>(
  flag: string,
  value: string | undefined,
  allowed: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new MaandError("usage", `${flag} "${value}" is not known`, { hint: suggestName(value, allowed) });
}

const hookName = "hook_example";

function manifest(selectors: readonly string[], language: HookLanguage | undefined): string {
  const value = {
    $schema: "../../.schema/manifest.json",
    version: "0.1.0",
    selectors,
    max_concurrent_upgrades: 1,
    restart_policy: "always",
    resources: {},
    ...(language === undefined ? {} : { hooks: { [hookName]: { executed_on: ["cli"] } } }),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}

const aboutRuntime: Record<Runtime, string> = {
  compose: "`docker-compose.yml` says which containers run; workers need docker with its compose plugin.",
  systemd: "`service.unit` is the systemd unit, `run.sh` the program that it runs.",
  process:
    "`service.sh` keeps the process: pid file in `data/`, output in `logs/`. `run.sh` is the program itself.",
};

function readme(job: string, runtime: Runtime | undefined, language: HookLanguage | undefined): string {
  const lifecycle = runtime === undefined ? "Fill in its targets." : aboutRuntime[runtime];
  const about = fillTemplate(readmeFile, { JOB: job, LIFECYCLE: lifecycle });
  if (language === undefined) return about;
  return `${about}\n${fillTemplate(readmeOfHooks, { JOB: job, HOOK: hookName, LANGUAGE: language })}`;
}

const hookExamples: Record<HookLanguage, string> = { py: pythonHook, ts: scriptHook };
