// workers.json: the workers, their canonical labels and their order.

import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import { checkAgainst } from "./issues.ts";
import type { JsonDocument } from "./json.ts";
import { type WorkerInput, workersSchema } from "./schema.ts";
import type { WorkspaceWorker } from "./types.ts";

/** The label that every worker has. */
export const everyWorker = "worker";

/**
 * Workers sorted by position. A worker with an explicit position stands before one that has the same by its
 * index, and array order decides among the rest.
 */
export function checkWorkers(document: JsonDocument): Checked<WorkspaceWorker[]> {
  const read = checkAgainst(workersSchema, document);
  const between = Array.isArray(document.value) ? checkRows(document, document.value) : [];
  if (!read.ok) return { ok: false, diagnostics: [...read.diagnostics, ...between] };
  const order = read.value.map((row, index) => ({ row, index, position: row.position ?? index }));
  order.sort(
    (a, b) =>
      a.position - b.position ||
      Number(a.row.position === undefined) - Number(b.row.position === undefined) ||
      a.index - b.index,
  );
  const workers = order.map(({ row, position, index }) => toWorker(row, position, index));
  return checked(workers, [...read.diagnostics, ...between]);
}

/** One spelling per address: lower case, IPv6 compressed. */
export function canonicalHost(host: string): string {
  const lower = host.trim().toLowerCase();
  if (!lower.includes(":")) return lower;
  try {
    return new URL(`http://[${lower}]/`).hostname;
  } catch {
    return lower;
  }
}

/** Rules between rows; of rows that are themselves wrong the schema tells. */
function checkRows(document: JsonDocument, rows: readonly unknown[]): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const hosts = new Map<string, number>();
  const positions = new Map<number, number>();
  for (const [index, row] of rows.entries()) {
    if (typeof row !== "object" || row === null) continue;
    const { host, position, tags } = row as { host?: unknown; position?: unknown; tags?: unknown };
    if (typeof host === "string") {
      const first = hosts.get(canonicalHost(host));
      if (first !== undefined) {
        const message = `the host ${JSON.stringify(host)} is already that of line ${lineOf(document, [first, "host"])}`;
        const place = document.place([index, "host"]);
        diagnostics.push(errorAt(place, message, "remove one of the two workers"));
      } else hosts.set(canonicalHost(host), index);
    }
    if (typeof position === "number") {
      const first = positions.get(position);
      if (first !== undefined) {
        const message = `position ${position} is already that of line ${lineOf(document, [first, "position"])}`;
        const place = document.place([index, "position"]);
        diagnostics.push(errorAt(place, message, "give each worker its own position, or leave it out"));
      } else positions.set(position, index);
    }
    diagnostics.push(...checkTagNames(document, index, tags));
  }
  return diagnostics;
}

function checkTagNames(document: JsonDocument, index: number, tags: unknown): Diagnostic[] {
  if (typeof tags !== "object" || tags === null) return [];
  const seen = new Set<string>();
  return Object.keys(tags).flatMap((key) => {
    const name = key.trim();
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const message = `the tag ${JSON.stringify(name)} is there twice, once with spaces around it`;
    return [errorAt(document.place([index, "tags", key], "key"), message, "remove one of the two")];
  });
}

function lineOf(document: JsonDocument, path: (string | number)[]): number {
  return document.place(path).line ?? 1;
}

function toWorker(row: WorkerInput, position: number, index: number): WorkspaceWorker {
  const labels = new Set([everyWorker, ...(row.labels ?? [])]);
  const tags = Object.entries(row.tags ?? {}).map(([key, value]) => [key.trim(), value.trim()] as const);
  return {
    host: row.host,
    ...(row.hostname === undefined ? {} : { hostname: row.hostname }),
    labels: [...labels].sort(),
    ...(row.memory === undefined ? {} : { memoryMb: row.memory }),
    ...(row.cpu === undefined ? {} : { cpuMhz: row.cpu }),
    tags: Object.fromEntries(tags),
    position,
    index,
  };
}
