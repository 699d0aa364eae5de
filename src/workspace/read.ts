// Reads `workspace/` of a bucket from disk, once, into one plain value.

import { createHash } from "node:crypto";
import { type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { type Checked, checked, type Diagnostic, errorAt, refused } from "../model/diagnostic.ts";
import { reasonOf } from "../model/error.ts";
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
 * Reads the workspace of the bucket at `root`. Never throws: what cannot be read is among the diagnostics.
 * Entries called `.venv venv node_modules __pycache__ .git` are not read at any depth.
 * @param jobConfigSelector `job_config_selector` of maand.conf
 */
export function readWorkspace(root: string, jobConfigSelector: string): WorkspaceSource {
  const directory = join(root, "workspace");
  const listed = listDirectory(directory, "workspace", "run maand init");
  const entries = listed.ok ? listed.value : [];
  const files = new Map<string, Uint8Array>();
  const diagnostics: Diagnostic[] = [...listed.diagnostics];
  for (const { name } of entries) {
    if (!plainNames.has(name) && !jobsConf.test(name)) continue;
    const bytes = guarded(bucketPath(name), () => readFileSync(join(directory, name)));
    diagnostics.push(...bytes.diagnostics);
    if (bytes.ok) files.set(name, bytes.value);
  }
  const hasJobs = entries.some((entry) => entry.name === "jobs");
  const read = hasJobs ? readJobs(join(directory, "jobs")) : { jobs: [], diagnostics: [] };
  return { jobConfigSelector, files, jobs: read.jobs, diagnostics: [...diagnostics, ...read.diagnostics] };
}

function readJobs(directory: string): Pick<WorkspaceSource, "jobs" | "diagnostics"> {
  const listed = listDirectory(directory, "workspace/jobs");
  const jobs: SourceJob[] = [];
  const diagnostics: Diagnostic[] = [...listed.diagnostics];
  for (const entry of listed.ok ? listed.value : []) {
    if (unindexedNames.has(entry.name)) continue;
    if (entry.isSymbolicLink()) {
      const place = { file: jobPath(entry.name) };
      diagnostics.push(errorAt(place, "a job directory must not be a link", "put the directory itself here"));
    } else if (entry.isDirectory()) {
      const tree = readTree(join(directory, entry.name), "", entry.name);
      diagnostics.push(...tree.diagnostics);
      jobs.push({ name: entry.name, files: tree.files.sort((a, b) => compareText(a.path, b.path)) });
    }
  }
  return { jobs: jobs.sort((a, b) => compareText(a.name, b.name)), diagnostics };
}

interface Tree {
  /** What could be read. */
  files: JobFile[];
  diagnostics: Diagnostic[];
}

function readTree(directory: string, prefix: string, job: string): Tree {
  const listed = listDirectory(directory, jobPath(job, prefix));
  const tree: Tree = { files: [], diagnostics: [...listed.diagnostics] };
  for (const { name } of listed.ok ? listed.value : []) {
    if (unindexedNames.has(name)) continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const full = join(directory, name);
    const file = readEntry(full, path, jobPath(job, path));
    tree.diagnostics.push(...file.diagnostics);
    if (!file.ok) continue;
    tree.files.push(file.value);
    const isRuntime = runtimeDirectories.some((runtime) => runtime === path);
    if (file.value.kind !== "dir" || isRuntime) continue;
    const inner = readTree(full, path, job);
    for (const entry of inner.files) tree.files.push(entry);
    tree.diagnostics.push(...inner.diagnostics);
  }
  return tree;
}

/** @param shown the entry's path as the user knows it */
function readEntry(full: string, path: string, shown: string): Checked<JobFile> {
  // A name that is not UTF-8 reads as this character, and could not be written back as it was.
  if (path.includes("\uFFFD")) return refused({ file: shown }, "the file name is not UTF-8", "rename it");
  const found = guarded(shown, () => lstatSync(full));
  if (!found.ok) return found;
  const stats = found.value;
  // Only permission bits: setuid, setgid and sticky have no place in what is deployed.
  const mode = stats.mode & 0o777;
  if (stats.isDirectory()) return checked({ kind: "dir", path, mode });
  if (stats.isSymbolicLink())
    return guarded(shown, () => ({ kind: "link", path, target: readlinkSync(full) }));
  if (!stats.isFile())
    return refused({ file: shown }, `${specialKind(stats)} cannot be deployed`, "remove it from the job");
  if (stats.size > maxFileBytes) {
    const message = `the file has ${Math.ceil(stats.size / 1024 / 1024)} MB, more than the ${maxFileBytes / 1024 / 1024} MB a job file may have`;
    return refused({ file: shown }, message, "let the Makefile fetch it on the worker");
  }
  return guarded(shown, () => {
    const content = readFileSync(full);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { kind: "file", path, mode, sha256, content };
  });
}

function specialKind(stats: Stats): string {
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

function listDirectory(directory: string, shown: string, hint?: string): Checked<Dirent[]> {
  return guarded(shown, () => readdirSync(directory, { withFileTypes: true }), hint);
}

/** The result of `read`, or an error with the system's reason. */
function guarded<T>(path: string, read: () => T, hint?: string): Checked<T> {
  try {
    return checked(read());
  } catch (thrown) {
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : undefined;
    const message = `it cannot be read (${code ?? reasonOf(thrown)})`;
    return refused({ file: path }, message, hint ?? readHint(code));
  }
}

function readHint(code: string | undefined): string {
  if (code === "EACCES" || code === "EPERM") return "make it readable for the user who runs maand";
  if (code === "ENOENT") return "run the command again; it went away while it was read";
  if (code === "EISDIR" || code === "ENOTDIR") return "files and directories must not change places here";
  return "check the file and its disk";
}
