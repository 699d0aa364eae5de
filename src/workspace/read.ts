// Reads `workspace/` of a bucket from disk, once, into one plain value.

import { type Dirent, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { readRegular, specialKind } from "../bucket/regular-file.ts";
import { type Checked, checked, type Diagnostic, errorAt, refused } from "../model/diagnostic.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import { isTemplate, runtimeDirectories, unindexedNames } from "../model/job-paths.ts";
import { compareText } from "../support/order.ts";
import { hashFile, readContent } from "./file-content.ts";
import { createMoment, type Moment } from "./moment.ts";
import { bucketPath, jobPath } from "./paths.ts";
import type { SourceJob, WorkspaceSource } from "./source.ts";
import type { JobFile } from "./types.ts";

const megabyte = 1024 * 1024;
/** Largest file that a job may have. It is read, stored and staged in pieces; workers have to hold it. */
const maxFileBytes = 512 * megabyte;
/** Largest template: it is held in memory several times while it is rendered, once for each worker. */
const maxTemplateBytes = 16 * megabyte;
/** Largest manifest.json and vars.conf. */
const maxInputBytes = 16 * megabyte;

const plainNames = new Set(["workers.json", "disabled.json", "bucket.conf"]);
const jobsConf = /^bucket\.jobs(?:\..+)?\.conf$/;
/** What is read right below `workspace/`. */
const isWorkspaceFile = (name: string): boolean => plainNames.has(name) || jobsConf.test(name);
const isIndexed = (name: string): boolean => !unindexedNames.has(name);

/**
 * Reads the workspace of the bucket at `root`. Never throws: what cannot be read is among the diagnostics.
 * Entries called `.venv venv node_modules __pycache__ .git` are not read at any depth.
 * @param jobConfigSelector `job_config_selector` of maand.conf
 * @param moment notes what was looked at; `readStillWorkspace` asks it whether all of it belongs together
 */
export function readWorkspace(
  root: string,
  jobConfigSelector: string,
  moment: Moment = createMoment(),
): WorkspaceSource {
  const directory = join(root, "workspace");
  const counts = (name: string): boolean => isWorkspaceFile(name) || name === "jobs";
  const listed = listDirectory(moment, directory, "workspace", counts, "run maand init");
  const entries = listed.ok ? listed.value : [];
  const files = new Map<string, Uint8Array>();
  const diagnostics: Diagnostic[] = [...listed.diagnostics];
  for (const { name } of entries) {
    if (!isWorkspaceFile(name)) continue;
    const path = join(directory, name);
    const shown = bucketPath(name);
    const bytes = guarded(shown, () => {
      moment.look(path, shown, "follow");
      const read = readRegular(path);
      moment.held(path, read.toString("latin1"), () => readRegular(path).toString("latin1"));
      return read;
    });
    diagnostics.push(...bytes.diagnostics);
    if (bytes.ok) files.set(name, bytes.value);
  }
  const hasJobs = entries.some((entry) => entry.name === "jobs");
  const read = hasJobs ? readJobs(moment, join(directory, "jobs")) : { jobs: [], diagnostics: [] };
  return { jobConfigSelector, files, jobs: read.jobs, diagnostics: [...diagnostics, ...read.diagnostics] };
}

function readJobs(moment: Moment, directory: string): Pick<WorkspaceSource, "jobs" | "diagnostics"> {
  const listed = listDirectory(moment, directory, "workspace/jobs", isIndexed);
  const jobs: SourceJob[] = [];
  const diagnostics: Diagnostic[] = [...listed.diagnostics];
  for (const entry of listed.ok ? listed.value : []) {
    if (unindexedNames.has(entry.name)) continue;
    if (entry.isSymbolicLink()) {
      const place = { file: jobPath(entry.name) };
      diagnostics.push(errorAt(place, "a job directory must not be a link", "put the directory itself here"));
    } else if (entry.isDirectory()) {
      const tree = readTree(moment, join(directory, entry.name), "", entry.name);
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

function readTree(moment: Moment, directory: string, prefix: string, job: string): Tree {
  const listed = listDirectory(moment, directory, jobPath(job, prefix), isIndexed);
  const tree: Tree = { files: [], diagnostics: [...listed.diagnostics] };
  for (const { name } of listed.ok ? listed.value : []) {
    if (unindexedNames.has(name)) continue;
    const path = prefix === "" ? name : `${prefix}/${name}`;
    const full = join(directory, name);
    const file = readEntry(moment, full, path, jobPath(job, path));
    tree.diagnostics.push(...file.diagnostics);
    if (!file.ok) continue;
    tree.files.push(file.value);
    const isRuntime = runtimeDirectories.some((runtime) => runtime === path);
    if (file.value.kind !== "dir" || isRuntime) continue;
    const inner = readTree(moment, full, path, job);
    for (const entry of inner.files) tree.files.push(entry);
    tree.diagnostics.push(...inner.diagnostics);
  }
  return tree;
}

/** @param shown the entry's path as the user knows it */
function readEntry(moment: Moment, full: string, path: string, shown: string): Checked<JobFile> {
  // A name that is not UTF-8 reads as this character, and could not be written back as it was.
  if (path.includes("\uFFFD")) return refused({ file: shown }, "the file name is not UTF-8", "rename it");
  const found = guarded(shown, () => moment.look(full, shown, "keep"));
  if (!found.ok) return found;
  const stats = found.value;
  // Only permission bits: setuid, setgid and sticky have no place in what is deployed.
  const mode = Number(stats.mode) & 0o777;
  if (stats.isDirectory()) return checked({ kind: "dir", path, mode });
  if (stats.isSymbolicLink())
    return guarded(shown, () => {
      const target = readlinkSync(full);
      moment.held(full, target, () => readlinkSync(full));
      return { kind: "link", path, target };
    });
  if (!stats.isFile())
    return refused({ file: shown }, `${specialKind(stats)} cannot be deployed`, "remove it from the job");
  const size = Number(stats.size);
  const { most, holder, hint } = limitOf(path);
  if (size > most) {
    const message = `the file has ${Math.ceil(size / megabyte)} MB, more than the ${most / megabyte} MB ${holder} may have`;
    return refused({ file: shown }, message, hint);
  }
  return guarded(shown, () => {
    const { content, sha256 } = readContent(full, size, isInputFile(path) ? maxInputBytes : undefined);
    moment.held(full, sha256, () => hashFile(full));
    return { kind: "file", path, mode, sha256, content };
  });
}

/** What is parsed, and therefore held in memory whatever its size. */
const isInputFile = (path: string): boolean => path === "manifest.json" || path === "vars.conf";

function limitOf(path: string): { most: number; holder: string; hint: string } {
  if (isInputFile(path))
    return { most: maxInputBytes, holder: `a ${path}`, hint: "see that it is the right file" };
  if (isTemplate(path)) {
    const hint = "keep what is not rendered in a file of its own, without .tpl or .eta";
    return { most: maxTemplateBytes, holder: "a template", hint };
  }
  return { most: maxFileBytes, holder: "a job file", hint: "let the Makefile fetch it on the worker" };
}

/** @param counts the names in it that are read */
function listDirectory(
  moment: Moment,
  directory: string,
  shown: string,
  counts: (name: string) => boolean,
  hint?: string,
): Checked<Dirent[]> {
  return guarded(
    shown,
    () => {
      const entries = readdirSync(directory, { withFileTypes: true });
      moment.listed(
        directory,
        shown,
        entries.map(({ name }) => name),
        counts,
      );
      return entries;
    },
    hint,
  );
}

/** The result of `read`, or an error with the system's reason. */
function guarded<T>(path: string, read: () => T, hint?: string): Checked<T> {
  try {
    return checked(read());
  } catch (thrown) {
    if (thrown instanceof MaandError)
      return refused({ file: path }, thrown.message, thrown.hint ?? "check the file");
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
