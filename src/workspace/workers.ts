// workers.json: the workers, their canonical labels and their order.

import type { Fault } from "../model/fault.ts";
import { canonicalLabel } from "../model/names.ts";
import { parseCpu, parseMemory } from "../model/units.ts";
import { checkAgainst } from "./issues.ts";
import type { JsonDocument } from "./json.ts";
import { type WorkerInput, workersSchema } from "./schema.ts";
import type { WorkspaceWorker } from "./types.ts";

/** The label that every worker has. */
export const everyWorker = "worker";

/**
 * Workers sorted by position. A worker with an explicit position stands before one that has the same by its
 * index, and array order decides among the rest. Absent when there are faults.
 */
export function checkWorkers(document: JsonDocument): { workers?: WorkspaceWorker[]; faults: Fault[] } {
  const { value, faults } = checkAgainst(workersSchema, document);
  if (Array.isArray(document.value)) faults.push(...checkRows(document, document.value));
  if (value === undefined || faults.length > 0) return { faults };
  const order = value.map((row, index) => ({ row, index, position: row.position ?? index }));
  order.sort(
    (a, b) =>
      a.position - b.position ||
      Number(a.row.position === undefined) - Number(b.row.position === undefined) ||
      a.index - b.index,
  );
  return { workers: order.map(({ row, position, index }) => toWorker(row, position, index)), faults };
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

/** Rules between rows; rows that are themselves wrong have their own faults. */
function checkRows(document: JsonDocument, rows: readonly unknown[]): Fault[] {
  const faults: Fault[] = [];
  const hosts = new Map<string, number>();
  const positions = new Map<number, number>();
  for (const [index, row] of rows.entries()) {
    if (typeof row !== "object" || row === null) continue;
    const { host, position, tags } = row as { host?: unknown; position?: unknown; tags?: unknown };
    if (typeof host === "string") {
      const first = hosts.get(canonicalHost(host));
      if (first !== undefined) {
        const place = document.place([index, "host"]);
        const what = `the host ${JSON.stringify(host)} is already that of line ${lineOf(document, [first, "host"])}`;
        faults.push({ ...place, what, hint: "remove one of the two workers" });
      } else hosts.set(canonicalHost(host), index);
    }
    if (typeof position === "number") {
      const first = positions.get(position);
      if (first !== undefined) {
        const place = document.place([index, "position"]);
        const what = `position ${position} is already that of line ${lineOf(document, [first, "position"])}`;
        faults.push({ ...place, what, hint: "give each worker its own position, or leave it out" });
      } else positions.set(position, index);
    }
    faults.push(...checkTagNames(document, index, tags));
  }
  return faults;
}

function checkTagNames(document: JsonDocument, index: number, tags: unknown): Fault[] {
  if (typeof tags !== "object" || tags === null) return [];
  const seen = new Set<string>();
  return Object.keys(tags).flatMap((key) => {
    const name = key.trim();
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const what = `the tag ${JSON.stringify(name)} is there twice, once with spaces around it`;
    return [{ ...document.place([index, "tags", key], "key"), what, hint: "remove one of the two" }];
  });
}

function lineOf(document: JsonDocument, path: (string | number)[]): number {
  return document.place(path).line ?? 1;
}

function toWorker(row: WorkerInput, position: number, index: number): WorkspaceWorker {
  const labels = new Set([everyWorker, ...(row.labels ?? []).map(canonicalLabel)]);
  const memoryMb = row.memory === undefined ? undefined : parseMemory(row.memory);
  const cpuMhz = row.cpu === undefined ? undefined : parseCpu(row.cpu);
  const tags = Object.entries(row.tags ?? {}).map(([key, value]) => [key.trim(), value.trim()] as const);
  return {
    host: row.host,
    ...(row.hostname === undefined ? {} : { hostname: row.hostname }),
    labels: [...labels].sort(),
    ...(memoryMb === undefined ? {} : { memoryMb }),
    ...(cpuMhz === undefined ? {} : { cpuMhz }),
    tags: Object.fromEntries(tags),
    position,
    index,
  };
}
