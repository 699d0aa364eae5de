// What of an allocation's content needs no rendering: the job's files as they are, and certificates from the KV.

import { createHash } from "node:crypto";
import { allocationNamespace, workersNamespace } from "../kv/namespaces.ts";
import { isSynced, isTemplate } from "../model/job-paths.ts";
import { assertNever } from "../model/result.ts";
import { Secret } from "../model/secret.ts";
import type { AllocationRow, JobFileRow, JobRow } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import { sortTree, treeHash } from "../model/tree.ts";
import type { ReadableKv } from "./environment.ts";
import type { TemplateRow } from "./renders.ts";

/** The files of a job that count for its content, hooks and what is not synced left out. */
export interface JobParts {
  fixed: TreeFile[];
  templates: TemplateRow[];
  /** Hash of `fixed` alone: the whole content where nothing is made per allocation. */
  fixedHash: string;
}

const certificateMode = 0o644;
const privateKeyMode = 0o600;

export function splitFiles(rows: readonly JobFileRow[]): JobParts {
  const fixed: TreeFile[] = [];
  const templates: TemplateRow[] = [];
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
    default:
      return assertNever(row, "kind of file");
  }
}

interface CertificateFile {
  file: TreeFile;
  bytes: Uint8Array;
}

/** `certs/<name>.crt`, `.key` and the CA that they chain to; none for a job that declares no certificate. */
export function readCertificates(kv: ReadableKv, job: JobRow, allocation: AllocationRow): CertificateFile[] {
  const { certs } = job.manifest;
  if (certs.length === 0) return [];
  const namespace = allocationNamespace(job.name, allocation.workerIp);
  const files: CertificateFile[] = [];
  const add = (path: string, mode: number, value: string | Secret | undefined): void => {
    if (value === undefined) return;
    const bytes = Buffer.from(value instanceof Secret ? value.reveal() : value, "utf8");
    const ref = createHash("sha256").update(bytes).digest("hex");
    const isKey = mode === privateKeyMode;
    files.push({ file: { path, kind: "file", mode, ref, ...(isKey ? { shown: "" } : {}) }, bytes });
  };
  for (const { name } of certs) {
    for (const [path, mode] of [
      [`certs/${name}.crt`, certificateMode],
      [`certs/${name}.key`, privateKeyMode],
    ] as const)
      add(path, mode, kv.get(namespace, path));
  }
  add("certs/ca.crt", certificateMode, kv.get(workersNamespace, "certs/ca.crt"));
  return files;
}
