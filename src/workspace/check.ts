// The whole workspace: source → one validated value, or everything that is wrong in all of its files.

import { parseToml, type TomlDocument } from "../bucket/toml.ts";
import { nameUse } from "../manifest/fields.ts";
import {
  type Checked,
  checked,
  compareDiagnostics,
  type Diagnostic,
  errorAt,
  isError,
  refused,
  warningAt,
} from "../model/diagnostic.ts";
import { isName } from "../model/names.ts";
import { printable } from "../model/printable.ts";
import { suggestName } from "../support/nearest.ts";
import { checkBucketConf } from "./bucket-conf.ts";
import { checkDisabled } from "./disabled.ts";
import { checkJobDirectory } from "./job-directory.ts";
import { checkJobsConf } from "./jobs-conf.ts";
import { type JsonDocument, parseJson } from "./json.ts";
import { checkManifest } from "./manifest.ts";
import { bucketPath, jobPath, jobsConfPath, manifestPath } from "./paths.ts";
import { type SourceJob, textOfFile, type WorkspaceSource } from "./source.ts";
import type { Disabled, JobReservation, Workspace, WorkspaceJob, WorkspacePlaces } from "./types.ts";
import { varsOf } from "./vars.ts";
import { checkWorkers } from "./workers.ts";

/** A `Checked<Workspace>` that also tells where values stand and what of an invalid workspace is sound. */
export type CheckedWorkspace = {
  /** In the order in which they are printed. */
  diagnostics: Diagnostic[];
  /** Where values stand, for what only the build can see. */
  places: WorkspacePlaces;
} & ({ ok: true; value: Workspace } | { ok: false; sound: SoundParts });

/** The parts of a workspace with errors that have none, so that errors between them can be told in the same run. */
export interface SoundParts {
  workspace: Workspace;
  /** Jobs that are there and are not in `workspace`. */
  brokenJobs: string[];
  /** Whether a file right below `workspace/` has an error; what it says is then not in `workspace`. */
  hasErrors(path: string): boolean;
}

type Document = JsonDocument | TomlDocument;

/** What one file or directory says, and the documents that know where it says it. */
type Part<T> = Checked<T> & { documents: readonly Document[] };

/** Judges everything that can be judged from the files alone. Pure: touches nothing, never throws. */
export function checkWorkspace(source: WorkspaceSource): CheckedWorkspace {
  const directories = source.jobs.filter(hasManifest);
  const names = directories.map((job) => job.name);
  const workersFile = jsonFile(source, "workers.json");
  const workers = checkJson(workersFile, [], checkWorkers);
  const hosts = listedHosts(workersFile, workers);
  const nothing: Disabled = { jobs: new Map(), workers: [] };
  const disabled = checkJson(jsonFile(source, "disabled.json"), nothing, (document) =>
    checkDisabled(document, hosts, names),
  );
  const bucket = checkTomlFile(source, "bucket.conf", { vars: {} }, checkBucketConf);
  const reservations = checkReservations(source, names);
  const jobs = directories.map(checkJob);
  const parts: Part<unknown>[] = [workers, disabled, bucket, reservations];
  const found = [
    ...source.diagnostics,
    ...checkDirectories(source),
    ...parts.flatMap((part) => part.diagnostics),
    ...jobs.flatMap((job) => job.diagnostics),
  ];
  const diagnostics = found.map(printable).sort(compareDiagnostics);
  const documents = [...parts, ...jobs].flatMap((part) => part.documents);
  const portRange = bucket.ok ? bucket.value.portRange : undefined;
  const workspace: Workspace = {
    workers: workers.ok ? workers.value : [],
    disabled: disabled.ok ? disabled.value : nothing,
    ...(portRange === undefined ? {} : { portRange }),
    bucketVars: bucket.ok ? bucket.value.vars : {},
    reservations: reservations.ok ? reservations.value : new Map(),
    jobs: jobs.flatMap(({ job }) => job ?? []),
  };
  const seen = { diagnostics, places: placesOf(documents) };
  if (!diagnostics.some(isError)) return { ok: true, value: workspace, ...seen };
  return { ok: false, sound: soundParts(workspace, names, diagnostics), ...seen };
}

function soundParts(
  workspace: Workspace,
  names: readonly string[],
  diagnostics: readonly Diagnostic[],
): SoundParts {
  const withErrors = new Set(diagnostics.filter(isError).map(({ place }) => place.file));
  const valid = new Set(workspace.jobs.map((job) => job.name));
  // A job that could not even be read is known only by what was said of it.
  const named = [...withErrors].flatMap((file) => /^workspace\/jobs\/([^/]+)/.exec(file)?.[1] ?? []);
  const brokenJobs = [...new Set([...names, ...named])].filter((name) => !valid.has(name));
  return { workspace, brokenJobs, hasErrors: (path) => withErrors.has(path) };
}

const hasManifest = (job: SourceJob): boolean => job.files.some((file) => file.path === "manifest.json");

/** Directories that are no job, and jobs whose name is none. */
function checkDirectories(source: WorkspaceSource): Diagnostic[] {
  return source.jobs.flatMap((job) => {
    const file = jobPath(job.name);
    if (hasManifest(job)) {
      if (isName("job", job.name)) return [];
      const message = `${JSON.stringify(job.name)} is not a job name`;
      return [errorAt({ file }, message, `rename the directory: ${nameUse("job")}`)];
    }
    // What could not be read is no reason to call it missing.
    const unread = [file, manifestPath(job.name)];
    if (source.diagnostics.some(({ place }) => unread.includes(place.file))) return [];
    const message = "it has no manifest.json, so it is not a job";
    return [warningAt({ file }, message, "run maand job create, or remove the directory")];
  });
}

/** Hosts that others may name; undefined when the file is not understood, for then any host may be in it. */
function listedHosts(
  file: Checked<JsonDocument | undefined>,
  workers: Checked<{ host: string }[]>,
): string[] | undefined {
  if (workers.ok) return workers.value.map((worker) => worker.host);
  const rows = file.ok ? file.value?.value : undefined;
  if (rows === undefined) return undefined;
  return (Array.isArray(rows) ? rows : []).flatMap((row: unknown) =>
    typeof row === "object" && row !== null && "host" in row && typeof row.host === "string"
      ? [row.host]
      : [],
  );
}

function checkReservations(source: WorkspaceSource, jobs: string[]): Part<Map<string, JobReservation>> {
  const { jobConfigSelector: selector, files } = source;
  const file = jobsConfPath(selector);
  const name = file.slice(bucketPath("").length);
  const isUnread = source.diagnostics.some(({ place }) => place.file === file);
  if (selector === "" || files.has(name) || isUnread)
    return checkTomlFile(source, name, new Map(), (document, table) => checkJobsConf(document, table, jobs));
  const others = [...files.keys()].flatMap((other) => /^bucket\.jobs\.(.+)\.conf$/.exec(other)?.[1] ?? []);
  const change = others.length === 0 ? ' to ""' : `: ${suggestName(selector, others.sort())}`;
  const message = `the file is missing, but job_config_selector = ${JSON.stringify(selector)} in maand.conf selects it`;
  const hint = `create it, or change job_config_selector${change}`;
  return { ...refused({ file }, message, hint), documents: [] };
}

interface JobCheck {
  /** Present when its manifest is valid, whatever else is wrong with it. */
  job: WorkspaceJob | undefined;
  diagnostics: Diagnostic[];
  documents: readonly Document[];
}

function checkJob(job: SourceJob): JobCheck {
  const path = manifestPath(job.name);
  const text = topFile(job, "manifest.json");
  const file = text.ok && text.value !== undefined ? parseJson(path, text.value) : undefined;
  const directory = checkJobDirectory(job, file ?? parseJson(path, "{}"));
  const vars = checkVars(job);
  const manifest =
    file === undefined || file.value === undefined
      ? undefined
      : checkManifest(file, job.name, directory.scripts);
  return {
    job: manifest?.ok
      ? { name: job.name, manifest: manifest.value, files: job.files, vars: vars.ok ? vars.value : {} }
      : undefined,
    diagnostics: [
      ...text.diagnostics,
      ...(file?.diagnostics ?? []),
      ...directory.diagnostics,
      ...vars.diagnostics,
      ...(manifest?.diagnostics ?? []),
    ],
    documents: [...(file === undefined ? [] : [file]), ...vars.documents],
  };
}

function checkVars(job: SourceJob): Part<Record<string, string>> {
  const text = topFile(job, "vars.conf");
  return checkToml(jobPath(job.name, "vars.conf"), text, {}, (document, table) =>
    varsOf(document, [], table),
  );
}

/** Text of a file at the top of a job; undefined when there is none. */
function topFile(job: SourceJob, name: string): Checked<string | undefined> {
  const file = job.files.find((candidate) => candidate.path === name);
  if (file === undefined) return checked(undefined);
  const path = jobPath(job.name, name);
  if (file.kind === "file" && file.content instanceof Uint8Array) return textOfFile(path, file.content);
  const message = `it is a ${file.kind === "dir" ? "directory" : "link"}, and must be a file`;
  return refused({ file: path }, message, "put the file itself here");
}

/** Text of a file right below `workspace/`; undefined when there is none. */
function textOf(source: WorkspaceSource, name: string): Checked<string | undefined> {
  const bytes = source.files.get(name);
  return bytes === undefined ? checked(undefined) : textOfFile(bucketPath(name), bytes);
}

/** The parsed file, its own errors among the diagnostics of what is checked of it; undefined when there is none. */
function jsonFile(source: WorkspaceSource, name: string): Checked<JsonDocument | undefined> {
  const text = textOf(source, name);
  if (!text.ok) return text;
  return checked(text.value === undefined ? undefined : parseJson(bucketPath(name), text.value));
}

/** @param absent what a file that is not there says */
function checkJson<T>(
  file: Checked<JsonDocument | undefined>,
  absent: T,
  check: (document: JsonDocument) => Checked<T>,
): Part<T> {
  if (!file.ok) return { ...file, documents: [] };
  const document = file.value;
  if (document === undefined) return { ...checked(absent), documents: [] };
  return withDocument(document, document.value === undefined ? undefined : check(document));
}

function checkTomlFile<T>(
  source: WorkspaceSource,
  name: string,
  absent: T,
  check: (document: TomlDocument, table: NonNullable<TomlDocument["values"]>) => Checked<T>,
): Part<T> {
  return checkToml(bucketPath(name), textOf(source, name), absent, check);
}

function checkToml<T>(
  path: string,
  text: Checked<string | undefined>,
  absent: T,
  check: (document: TomlDocument, table: NonNullable<TomlDocument["values"]>) => Checked<T>,
): Part<T> {
  if (!text.ok) return { ...text, documents: [] };
  if (text.value === undefined) return { ...checked(absent), documents: [] };
  const document = parseToml(path, text.value);
  return withDocument(document, document.values === undefined ? undefined : check(document, document.values));
}

/** @param said what was made of the document; undefined when it was not understood */
function withDocument<T>(document: Document, said: Checked<T> | undefined): Part<T> {
  const diagnostics = [...document.diagnostics, ...(said?.diagnostics ?? [])];
  const documents = [document];
  if (said === undefined || !said.ok) return { ok: false, diagnostics, documents };
  return { ...checked(said.value, diagnostics), documents };
}

function placesOf(documents: readonly Document[]): WorkspacePlaces {
  const byPath = new Map(documents.map((document) => [document.path, document]));
  return { place: (file, path) => byPath.get(file)?.place(path) ?? { file } };
}
