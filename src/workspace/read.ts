// Reads `workspace/` of a bucket from disk, once, into one plain value.

import { createHash } from "node:crypto";
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../model/error.ts";
import type { Fault } from "../model/fault.ts";
import { runtimeDirectories, unindexedNames } from "../model/job-paths.ts";
import { compareText } from "../support/order.ts";
import { bucketPath, jobPath } from "./paths.ts";
import type { SourceJob, WorkspaceSource } from "./source.ts";
import type { JobFile } from "./types.ts";

/** Largest file that a job may have: a content is one row of the catalog and is held in memory while synced. */
const maxFileBytes = 512 * 1024 * 1024;

const plainNames = new Set(["workers.json", "disabled.json", "bucket.conf"]);
const jobsConf = /^bucket\.jobs(?:\..+)?\.conf$/;

/**
 * Reads the workspace of the bucket at `root`. Never throws: what cannot be read is among the faults.
 * Entries called `.venv venv node_modules __pycache__ .git` are not read at any depth.
 * @param jobConfigSelector `job_config_selector` of maand.conf
 */
export function readWorkspace(root: string, jobConfigSelector: string): WorkspaceSource {
  const source: WorkspaceSource = { jobConfigSelector, files: new Map(), jobs: [], faults: [] };
  const directory = join(root, "workspace");
  const entries = listDirectory(directory, "workspace", source.faults, "run maand init");
  for (const { name } of entries ?? []) {
    if (!plainNames.has(name) && !jobsConf.test(name)) continue;
    const bytes = guarded(bucketPath(name), source.faults, () => readFileSync(join(directory, name)));
    if (bytes !== undefined) source.files.set(name, bytes);
  }
  if (entries?.some((entry) => entry.name === "jobs")) readJobs(join(directory, "jobs"), source);
  return source;
}

function readJobs(directory: string, source: WorkspaceSource): void {
  for (const entry of listDirectory(directory, "workspace/jobs", source.faults) ?? []) {
    if (unindexedNames.has(entry.name)) continue;
    if (entry.isSymbolicLink())
      source.faults.push({
        path: jobPath(entry.name),
        what: "a job directory must not be a link",
        hint: "put the directory itself here",
      });
    else if (entry.isDirectory()) {
      const job: SourceJob = { name: entry.name, files: [] };
      readTree(join(directory, entry.name), "", job, source.faults);
      job.files.sort((a, b) => compareText(a.path, b.path));
      source.jobs.push(job);
    }
  }
  source.jobs.sort((a, b) => compareText(a.name, b.name));
}

function readTree(directory: string, prefix: string, job: SourceJob, faults: Fault[]): void {
  for (const { name } of listDirectory(directory, jobPath(job.name, prefix), faults) ?? []) {
    if (unindexedNames.has(name)) continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const shown = jobPath(job.name, path);
    // A name that is not UTF-8 reads as this character, and could not be written back as it was.
    if (path.includes("\uFFFD")) {
      faults.push({ path: shown, what: "the file name is not UTF-8", hint: "rename it" });
      continue;
    }
    const full = join(directory, name);
    const file = guarded(shown, faults, () => readEntry(full, path, shown, faults));
    if (file === undefined) continue;
    job.files.push(file);
    const isRuntime = runtimeDirectories.some((runtime) => runtime === path);
    if (file.kind === "dir" && !isRuntime) readTree(full, path, job, faults);
  }
}

function readEntry(full: string, path: string, shown: string, faults: Fault[]): JobFile | undefined {
  const stats = lstatSync(full);
  // Only permission bits: setuid, setgid and sticky have no place in what is deployed.
  const mode = stats.mode & 0o777;
  if (stats.isDirectory()) return { kind: "dir", path, mode };
  if (stats.isSymbolicLink()) return { kind: "link", path, target: readlinkSync(full) };
  if (!stats.isFile()) {
    const what = `${specialKind(stats)} cannot be deployed`;
    faults.push({ path: shown, what, hint: "remove it from the job" });
    return undefined;
  }
  if (stats.size > maxFileBytes) {
    const what = `the file has ${Math.ceil(stats.size / 1024 / 1024)} MB, more than the ${maxFileBytes / 1024 / 1024} MB a job file may have`;
    faults.push({ path: shown, what, hint: "let the Makefile fetch it on the worker" });
    return undefined;
  }
  const content = readFileSync(full);
  return { kind: "file", path, mode, sha256: createHash("sha256").update(content).digest("hex"), content };
}

function specialKind(stats: Stats): string {
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

function listDirectory(
  directory: string,
  shown: string,
  faults: Fault[],
  hint?: string,
): Dirent[] | undefined {
  return guarded(shown, faults, () => readdirSync(directory, { withFileTypes: true }), hint);
}

/** The result of `read`, or a fault with the system's reason. */
function guarded<T>(path: string, faults: Fault[], read: () => T, hint?: string): T | undefined {
  try {
    return read();
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
    faults.push({
      path,
      what: `it cannot be read (${code ?? reasonOf(thrown)})`,
      hint: hint ?? readRemedy(code),
    });
    return undefined;
  }
}

function readRemedy(code: string | undefined): string {
  if (code === "EACCES" || code === "EPERM") return "make it readable for the user who runs maand";
  if (code === "ENOENT") return "run the command again; it went away while it was read";
  if (code === "EISDIR" || code === "ENOTDIR") return "files and directories must not change places here";
  return "check the file and its disk";
}
