// What lies under `jobs/<job>/` of one allocation: files as they are, rendered templates, certificates.

import { createHash } from "node:crypto";
import { allocationNamespace, workersNamespace } from "../kv/namespaces.ts";
import { isSynced, isTemplate, outputPath } from "../model/job-paths.ts";
import { Secret } from "../model/secret.ts";
import type { AllocationRow, JobFileRow, JobRow } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import { sortTree, treeHash } from "../model/tree.ts";
import type { TemplateEnvironment, TemplateFile } from "../templates/environment.ts";
import { decodeText, encodeText } from "../templates/go/text.ts";
import { renderTemplate } from "../templates/render.ts";
import type { EnvironmentSource } from "./environments.ts";
import { createEnvironments } from "./environments.ts";

/** The content hash of an allocation and the files it is made of, sorted by path. */
export interface Content {
  hash: string;
  files: readonly TreeFile[];
}

/** A tree with the bytes of what is not in the catalog as a file: rendered text and certificates, by SHA-256. */
export interface MadeContent extends Content {
  made: ReadonlyMap<string, Uint8Array>;
}

export interface ContentSource extends EnvironmentSource {
  /** Bytes of a job file by its SHA-256. */
  readBlob(sha256: string): Uint8Array;
}

/** Computes contents; what is the same for all allocations of a job is worked out once. */
export interface ContentMaker {
  /**
   * The content of one allocation.
   * @param currentVersion what templates see as CurrentVersion; the content hash uses the new version here
   * @throws MaandError("render") when a template fails
   */
  make(
    job: JobRow,
    allocation: AllocationRow,
    currentVersion: string,
    options?: { leaveOutBroken: boolean },
  ): Promise<MadeContent>;
}

interface JobParts {
  fixed: TreeFile[];
  templates: Extract<JobFileRow, { kind: "file" }>[];
  /** Hash of `fixed` alone: the whole content where nothing is made per allocation. */
  fixedHash: string;
}

const certificateMode = 0o644;
const privateKeyMode = 0o600;
/** Bits that a rendered file loses when a secret went into it: nobody but owner and group may read it. */
const othersBits = 0o007;

/** A maker over one catalog. */
export function createContentMaker(source: ContentSource): ContentMaker {
  const parts = new Map<string, JobParts>();
  const environmentFor = createEnvironments(source);
  const partsOf = (job: string): JobParts => {
    let found = parts.get(job);
    if (found === undefined) {
      found = splitFiles(source.state.files.get(job) ?? []);
      parts.set(job, found);
    }
    return found;
  };
  return {
    async make(job, allocation, currentVersion, options = { leaveOutBroken: false }) {
      const { fixed, templates, fixedHash } = partsOf(job.name);
      const certificates = job.manifest.certs.length > 0;
      if (templates.length === 0 && !certificates) return { hash: fixedHash, files: fixed, made: new Map() };
      const made = new Map<string, Uint8Array>();
      const files = new Map(fixed.map((file) => [file.path, file]));
      const hold = (bytes: Uint8Array): string => {
        const sha256 = createHash("sha256").update(bytes).digest("hex");
        made.set(sha256, bytes);
        return sha256;
      };
      const add = (path: string, mode: number, bytes: Uint8Array, shown?: string): void => {
        const ref = hold(bytes);
        files.set(path, { path, kind: "file", mode, ref, ...(shown === undefined ? {} : { shown }) });
      };
      for (const file of templates) {
        const render = { job, allocation, currentVersion };
        const environment = environmentFor({ ...render, revealSecrets: true });
        const text = decodeText(source.readBlob(file.sha256));
        const path = `jobs/${job.name}/${file.path}`;
        const rendered = options.leaveOutBroken
          ? await renderIfPossible({ path, text }, environment)
          : encodeText(await renderTemplate({ path, text }, environment));
        if (rendered === undefined) continue;
        if (!environment.store.sawSecret) add(outputPath(file.path), file.mode, rendered);
        else {
          const masked = await renderIfPossible(
            { path, text },
            environmentFor({ ...render, revealSecrets: false }),
          );
          const shown = masked === undefined ? "" : hold(masked);
          add(outputPath(file.path), file.mode & ~othersBits, rendered, shown);
        }
      }
      if (certificates) addCertificates(source, job, allocation, add);
      const tree = sortTree([...files.values()]);
      return { hash: treeHash(tree), files: tree, made };
    },
  };
}

function splitFiles(rows: readonly JobFileRow[]): JobParts {
  const fixed: TreeFile[] = [];
  const templates: JobParts["templates"] = [];
  for (const row of rows) {
    if (row.kind === "file" && isTemplate(row.path)) templates.push(row);
    else if (isSynced(row.path)) fixed.push(toTreeFile(row));
  }
  const sorted = sortTree(fixed);
  return { fixed: sorted, templates, fixedHash: treeHash(sorted) };
}

function toTreeFile(row: JobFileRow): TreeFile {
  switch (row.kind) {
    case "file":
      return { path: row.path, kind: "file", mode: row.mode, ref: row.sha256 };
    case "dir":
      return { path: row.path, kind: "dir", mode: row.mode, ref: "" };
    case "link":
      return { path: row.path, kind: "link", mode: 0, ref: row.target };
  }
}

/** Undefined where the template fails: for want of a key, or because it cannot work with a masked secret. */
async function renderIfPossible(
  file: TemplateFile,
  environment: TemplateEnvironment,
): Promise<Uint8Array | undefined> {
  try {
    return encodeText(await renderTemplate(file, environment));
  } catch {
    return undefined;
  }
}

/** `certs/<name>.crt`, `.key` and the CA that they chain to. */
function addCertificates(
  source: ContentSource,
  job: JobRow,
  allocation: AllocationRow,
  add: (path: string, mode: number, bytes: Uint8Array, shown?: string) => void,
): void {
  const namespace = allocationNamespace(job.name, allocation.workerIp);
  for (const { name } of job.manifest.certs) {
    for (const [suffix, mode] of [
      ["crt", certificateMode],
      ["key", privateKeyMode],
    ] as const) {
      const value = source.kv.get(namespace, `certs/${name}.${suffix}`);
      if (value === undefined) continue;
      const text = value instanceof Secret ? value.reveal() : value;
      add(`certs/${name}.${suffix}`, mode, Buffer.from(text, "utf8"), suffix === "key" ? "" : undefined);
    }
  }
  const authority = source.kv.get(workersNamespace, "certs/ca.crt");
  if (typeof authority === "string") add("certs/ca.crt", certificateMode, Buffer.from(authority, "utf8"));
}
