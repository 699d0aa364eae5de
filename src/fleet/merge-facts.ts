// Merging what was probed into workers.json: every field that the user wrote stays as it was written.

import type { WorkerRow as CatalogWorker } from "../model/state.ts";
import { parseCpu, parseMemory, plainDecimal } from "../model/units.ts";
import type { WorkerEntry } from "../workspace/workers-file.ts";

/** Capacity that a worker told; a value that it could not tell is absent. */
export interface Capacity {
  memoryMb?: number;
  /** All cores together. */
  cpuMhz?: number;
}

/**
 * The rows of a complete workers.json.
 * @param fileRows rows as the file has them, undefined when the file is empty or missing: then the catalog stands in
 * @param catalog workers as the last build left them
 * @param probed what was found out, by host; hosts that neither the file nor the catalog knows come last, in this order
 */
export function mergeFacts(
  fileRows: readonly WorkerEntry[] | undefined,
  catalog: readonly CatalogWorker[],
  probed: ReadonlyMap<string, Capacity>,
): WorkerEntry[] {
  const known = new Map(catalog.map((worker) => [worker.host, worker]));
  const rows = fileRows ?? catalogRows(catalog);
  const listed = new Set(rows.map((row) => row.host));
  const added = [...probed.keys()]
    .filter((host) => !listed.has(host))
    .map((host): WorkerEntry => {
      const worker = known.get(host);
      return worker === undefined ? { host } : rowOf(worker);
    });
  return [...rows, ...added].map((row) => withCapacity(row, probed.get(row.host)));
}

/**
 * The catalog's workers, given by position, as rows that a build reads back with the same positions. A worker stands at
 * the index that is its position where that is free, and names its position elsewhere. Of two with the same position
 * the first one must have named it, since a named position comes before one that follows from an index.
 */
export function catalogRows(catalog: readonly CatalogWorker[]): WorkerEntry[] {
  const slots = new Array<WorkerEntry | undefined>(catalog.length);
  const elsewhere: CatalogWorker[] = [];
  for (const worker of [...catalog].reverse()) {
    const { position } = worker;
    const fits = Number.isInteger(position) && position < slots.length && slots[position] === undefined;
    if (fits) slots[position] = rowOf(worker);
    else elsewhere.unshift(worker);
  }
  return Array.from(slots, (row): WorkerEntry => {
    if (row !== undefined) return row;
    const worker = elsewhere.shift()!;
    return { ...rowOf(worker), position: worker.position };
  });
}

function rowOf(worker: CatalogWorker): WorkerEntry {
  return {
    host: worker.host,
    ...(worker.hostname === undefined ? {} : { hostname: worker.hostname }),
    labels: worker.labels,
    ...(worker.memoryMb === undefined ? {} : { memory: `${plainDecimal(worker.memoryMb)} mb` }),
    ...(worker.cpuMhz === undefined ? {} : { cpu: `${plainDecimal(worker.cpuMhz)} mhz` }),
    ...(Object.keys(worker.tags).length === 0 ? {} : { tags: worker.tags }),
  };
}

/** What was not probed stays as it is; a value that says the same as what was probed keeps its spelling. */
function withCapacity(row: WorkerEntry, { memoryMb, cpuMhz }: Capacity = {}): WorkerEntry {
  const merged = { ...row };
  if (memoryMb !== undefined && !says(row.memory, memoryMb, parseMemory))
    merged.memory = `${plainDecimal(memoryMb)} mb`;
  if (cpuMhz !== undefined && !says(row.cpu, cpuMhz, parseCpu)) merged.cpu = `${plainDecimal(cpuMhz)} mhz`;
  return merged;
}

function says(written: string | number | undefined, value: number, parse: typeof parseCpu): boolean {
  return written !== undefined && parse(written) === value;
}
