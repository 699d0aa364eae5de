// The whole workspace: source → one validated value, or all faults of all files.

import { parseToml, type TomlDocument } from "../bucket/toml.ts";
import { compareFaults, type Fault } from "../model/fault.ts";
import { isName } from "../model/names.ts";
import { printableFault } from "../model/printable.ts";
import { suggestName } from "../support/nearest.ts";
import { checkBucketConf } from "./bucket-conf.ts";
import { checkDisabled } from "./disabled.ts";
import { nameUse } from "./fields.ts";
import { checkJobDirectory } from "./job-directory.ts";
import { checkJobsConf } from "./jobs-conf.ts";
import { type JsonDocument, parseJson } from "./json.ts";
import { checkManifest } from "./manifest.ts";
import { bucketPath, jobPath, jobsConfPath, manifestPath } from "./paths.ts";
import { decodeText, type SourceJob, type WorkspaceSource } from "./source.ts";
import type {
  Disabled,
  JobReservation,
  Workspace,
  WorkspaceJob,
  WorkspacePlaces,
  WorkspaceWorker,
} from "./types.ts";
import { varsOf } from "./vars.ts";
import { checkWorkers } from "./workers.ts";

export interface CheckedWorkspace {
  /** Absent when there is any fault. */
  workspace?: Workspace;
  /** What is left when everything with a fault is taken away; absent when there is no fault. */
  sound?: SoundParts;
  /** In the order in which they are printed. */
  faults: Fault[];
  warnings: Fault[];
  /** Where values stand, for faults that only the build can see. */
  places: WorkspacePlaces;
}

/** The parts of a faulty workspace that have no fault, so that faults between them can be told in the same run. */
export interface SoundParts {
  workspace: Workspace;
  /** Jobs that are there and are not in `workspace`. */
  brokenJobs: string[];
  /** Whether a file right below `workspace/` has a fault; what it says is then not in `workspace`. */
  isFaulty(path: string): boolean;
}

interface Check {
  source: WorkspaceSource;
  faults: Fault[];
  warnings: Fault[];
  documents: Map<string, JsonDocument | TomlDocument>;
}

/** Judges everything that can be judged from the files alone. Pure: touches nothing, never throws. */
export function checkWorkspace(source: WorkspaceSource): CheckedWorkspace {
  const check: Check = { source, faults: [...source.faults], warnings: [], documents: new Map() };
  const directories = source.jobs.filter((job) => isJob(check, job));
  const names = directories.map((job) => job.name);
  const { workers, hosts } = workersOf(check);
  const disabled = disabledOf(check, hosts, names);
  const bucket = withToml(check, "bucket.conf", (document, table) =>
    checkBucketConf(document, table, check.faults),
  );
  const reservations = reservationsOf(check, names);
  const jobs = directories.flatMap((job) => jobOf(check, job) ?? []);
  const faults = check.faults.map(printableFault).sort(compareFaults);
  const warnings = check.warnings.map(printableFault).sort(compareFaults);
  const checked = { faults, warnings, places: placesOf(check.documents) };
  const range = bucket?.portRange;
  const workspace: Workspace = {
    workers,
    disabled,
    ...(range === undefined ? {} : { portRange: range }),
    bucketVars: bucket?.vars ?? {},
    reservations,
    jobs,
  };
  if (faults.length === 0) return { ...checked, workspace };
  return { ...checked, sound: soundParts(workspace, names, faults) };
}

function soundParts(workspace: Workspace, names: readonly string[], faults: readonly Fault[]): SoundParts {
  const faulty = new Set(faults.map((fault) => fault.path));
  const valid = new Set(workspace.jobs.map((job) => job.name));
  // A job that could not even be read is known only by its fault.
  const told = faults.flatMap((fault) => /^workspace\/jobs\/([^/]+)/.exec(fault.path)?.[1] ?? []);
  const brokenJobs = [...new Set([...names, ...told])].filter((name) => !valid.has(name));
  return { workspace, brokenJobs, isFaulty: (path) => faulty.has(path) };
}

function isJob(check: Check, job: SourceJob): boolean {
  const path = jobPath(job.name);
  if (!job.files.some((file) => file.path === "manifest.json")) {
    const what = "it has no manifest.json, so it is not a job";
    const hint = "run maand job create, or remove the directory";
    // What could not be read is no reason to call it missing.
    if (!check.faults.some((fault) => fault.path === path || fault.path === `${path}/manifest.json`))
      check.warnings.push({ path, what, hint });
    return false;
  }
  if (isName("job", job.name)) return true;
  const what = `${JSON.stringify(job.name)} is not a job name`;
  check.faults.push({ path, what, hint: `rename the directory: ${nameUse("job")}` });
  return true;
}

function workersOf(check: Check): { workers: WorkspaceWorker[]; hosts: string[] | undefined } {
  const document = jsonFile(check, "workers.json");
  if (document === undefined) return { workers: [], hosts: [] };
  if (document.value === undefined) return { workers: [], hosts: undefined };
  const { workers, faults } = checkWorkers(document);
  check.faults.push(...faults);
  if (workers !== undefined) return { workers, hosts: workers.map((worker) => worker.host) };
  const rows: unknown[] = Array.isArray(document.value) ? document.value : [];
  const hosts = rows.flatMap((row) =>
    typeof row === "object" && row !== null && "host" in row && typeof row.host === "string"
      ? [row.host]
      : [],
  );
  return { workers: [], hosts };
}

function disabledOf(check: Check, hosts: string[] | undefined, jobs: string[]): Disabled {
  const none: Disabled = { jobs: new Map(), workers: [] };
  const document = jsonFile(check, "disabled.json");
  if (document?.value === undefined) return none;
  const { disabled, faults, warnings } = checkDisabled(document, hosts, jobs);
  check.faults.push(...faults);
  check.warnings.push(...warnings);
  return disabled ?? none;
}

function reservationsOf(check: Check, jobs: string[]): Map<string, JobReservation> {
  const { jobConfigSelector: selector, files } = check.source;
  const path = jobsConfPath(selector);
  const name = path.slice(bucketPath("").length);
  if (selector !== "" && !files.has(name) && !check.faults.some((fault) => fault.path === path)) {
    const others = [...files.keys()].flatMap((file) => /^bucket\.jobs\.(.+)\.conf$/.exec(file)?.[1] ?? []);
    const change = others.length === 0 ? ' to ""' : `: ${suggestName(selector, others.sort())}`;
    check.faults.push({
      path,
      what: `the file is missing, but job_config_selector = ${JSON.stringify(selector)} in maand.conf selects it`,
      hint: `create it, or change job_config_selector${change}`,
    });
  }
  const read = (document: TomlDocument, table: NonNullable<TomlDocument["values"]>) =>
    checkJobsConf(document, table, jobs, check.faults, check.warnings);
  return withToml(check, name, read) ?? new Map();
}

function jobOf(check: Check, job: SourceJob): WorkspaceJob | undefined {
  const path = manifestPath(job.name);
  const text = textOf(check, job, "manifest.json");
  const document = text === undefined ? undefined : addDocument(check, parseJson(path, text));
  const directory = checkJobDirectory(job, document ?? parseJson(path, "{}"));
  check.faults.push(...directory.faults);
  check.warnings.push(...directory.warnings);
  const varsText = textOf(check, job, "vars.conf");
  const vars = varsText === undefined ? undefined : tomlVars(check, jobPath(job.name, "vars.conf"), varsText);
  if (document?.value === undefined) return undefined;
  const { manifest, faults } = checkManifest(document, job.name, directory.scripts);
  check.faults.push(...faults);
  return manifest === undefined
    ? undefined
    : { name: job.name, manifest, files: job.files, vars: vars ?? {} };
}

function tomlVars(check: Check, path: string, text: string): Record<string, string> {
  const document = addDocument(check, parseToml(path, text));
  return document.values === undefined ? {} : varsOf(document, [], document.values, check.faults);
}

/** Text of a file at the top of a job; undefined when it is absent, or unusable with a fault. */
function textOf(check: Check, job: SourceJob, name: string): string | undefined {
  const file = job.files.find((candidate) => candidate.path === name);
  if (file === undefined) return undefined;
  const path = jobPath(job.name, name);
  if (file.kind === "file") return decodeText(path, file.content, check.faults);
  const what = `it is a ${file.kind === "dir" ? "directory" : "link"}, and must be a file`;
  check.faults.push({ path, what, hint: "put the file itself here" });
  return undefined;
}

function jsonFile(check: Check, name: string): JsonDocument | undefined {
  const bytes = check.source.files.get(name);
  const path = bucketPath(name);
  const text = bytes === undefined ? undefined : decodeText(path, bytes, check.faults);
  if (text !== undefined) return addDocument(check, parseJson(path, text));
  // Present but not text: its fault is told, and what refers to it cannot be judged.
  return bytes === undefined ? undefined : { ...parseJson(path, "null"), value: undefined };
}

function withToml<T>(
  check: Check,
  name: string,
  read: (document: TomlDocument, table: NonNullable<TomlDocument["values"]>) => T,
): T | undefined {
  const bytes = check.source.files.get(name);
  const path = bucketPath(name);
  const text = bytes === undefined ? undefined : decodeText(path, bytes, check.faults);
  if (text === undefined) return undefined;
  const document = addDocument(check, parseToml(path, text));
  return document.values === undefined ? undefined : read(document, document.values);
}

function addDocument<D extends JsonDocument | TomlDocument>(check: Check, document: D): D {
  check.documents.set(document.path, document);
  check.faults.push(...document.faults);
  return document;
}

function placesOf(documents: ReadonlyMap<string, JsonDocument | TomlDocument>): WorkspacePlaces {
  return { place: (file, path) => documents.get(file)?.place(path) ?? { path: file } };
}
