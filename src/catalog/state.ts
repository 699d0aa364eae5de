// The build's part of the catalog, read as one value and written as the difference of two.

import { manifestReader, storeManifest } from "../manifest/stored.ts";
import type { AllocationRow, CatalogState, JobFileRow, JobRow, PortRow, WorkerRow } from "../model/state.ts";
import type { Catalog } from "./open.ts";

type SqlValue = string | number | null;

/** One table of the catalog: how its rows are made from values, and its primary key. */
interface Table {
  name: string;
  columns: readonly string[];
  /** How many of the first columns are the key. */
  keyLength: number;
  rows(state: CatalogState): SqlValue[][];
}

const orNull = <T extends SqlValue>(value: T | undefined): T | null => value ?? null;

const tables: readonly Table[] = [
  {
    name: "worker",
    columns: ["host", "worker_id", "hostname", "position", "memory_mb", "cpu_mhz", "labels", "tags", "place"],
    keyLength: 1,
    rows: (state) =>
      state.workers.map((w, place) => [
        w.host,
        w.workerId,
        orNull(w.hostname),
        w.position,
        orNull(w.memoryMb),
        orNull(w.cpuMhz),
        JSON.stringify(w.labels),
        JSON.stringify(w.tags),
        place,
      ]),
  },
  {
    name: "job",
    columns: [
      "name",
      "job_id",
      "version",
      "disabled",
      "removed",
      "deployment_seq",
      "manifest",
      "scripts",
      "memory_mb",
      "cpu_mhz",
    ],
    keyLength: 1,
    rows: (state) =>
      state.jobs.map((j) => {
        const { manifest, scripts } = storeManifest(j.manifest);
        return [
          j.name,
          j.jobId,
          j.version,
          Number(j.disabled),
          Number(j.removed),
          j.deploymentSeq,
          manifest,
          scripts,
          orNull(j.memoryMb),
          orNull(j.cpuMhz),
        ];
      }),
  },
  {
    name: "allocation",
    columns: ["alloc_id", "job", "worker_ip", "worker_id", "zone", "allocation_index", "disabled", "removed"],
    keyLength: 1,
    rows: (state) =>
      state.allocations.map((a) => [
        a.allocId,
        a.job,
        a.workerIp,
        a.workerId,
        orNull(a.zone),
        a.index,
        Number(a.disabled),
        Number(a.removed),
      ]),
  },
  {
    name: "port",
    columns: ["job", "name", "number", "source"],
    keyLength: 2,
    rows: (state) => state.ports.map((p) => [p.job, p.name, p.number, p.source]),
  },
  {
    name: "job_file",
    columns: ["job", "path", "kind", "mode", "sha256", "target"],
    keyLength: 2,
    rows: (state) =>
      [...state.files].flatMap(([job, files]) =>
        files.map((f) => [
          job,
          f.path,
          f.kind,
          f.kind === "link" ? 0o777 : f.mode,
          f.kind === "file" ? f.sha256 : null,
          f.kind === "link" ? f.target : null,
        ]),
      ),
  },
];

/**
 * Everything that build owns, as it was last committed.
 * @throws MaandError("catalog") for a manifest that this maand cannot read
 */
export function readState(catalog: Catalog): CatalogState {
  const bucket = catalog.query("SELECT bucket_id FROM bucket").get() as { bucket_id: string };
  const workers = catalog.query<WorkerRecord, []>("SELECT * FROM worker ORDER BY place").all().map(toWorker);
  const positions = new Map(workers.map((worker, i) => [worker.host, i]));
  const positionOf = (a: AllocationRow): number => positions.get(a.workerIp) ?? workers.length;
  const allocations = catalog
    .query<AllocationRecord, []>("SELECT * FROM allocation ORDER BY job, worker_ip")
    .all()
    .map(toAllocation)
    .sort((a, b) => (a.job === b.job ? positionOf(a) - positionOf(b) : a.job < b.job ? -1 : 1));
  return {
    bucketId: bucket.bucket_id,
    workers,
    jobs: readJobs(catalog),
    allocations,
    ports: catalog.query<PortRow, []>("SELECT job, name, number, source FROM port ORDER BY job, name").all(),
    files: readFiles(catalog),
  };
}

/** What a commit changes: rows to write and keys to delete, per table. */
export interface StateDifference {
  table: string;
  puts: SqlValue[][];
  deletes: SqlValue[][];
}

/** The rows that differ between two states; empty when nothing changed. */
export function diffState(previous: CatalogState, next: CatalogState): StateDifference[] {
  return tables.flatMap((table) => {
    const keyOf = (row: SqlValue[]): string => JSON.stringify(row.slice(0, table.keyLength));
    const before = new Map(table.rows(previous).map((row) => [keyOf(row), row]));
    const puts = table.rows(next).filter((row) => {
      const old = before.get(keyOf(row));
      before.delete(keyOf(row));
      return old === undefined || old.some((value, i) => value !== row[i]);
    });
    const deletes = [...before.values()].map((row) => row.slice(0, table.keyLength));
    return puts.length === 0 && deletes.length === 0 ? [] : [{ table: table.name, puts, deletes }];
  });
}

/** Writes a difference; the caller holds the transaction. */
export function writeState(catalog: Catalog, difference: readonly StateDifference[]): void {
  for (const { table: name, puts, deletes } of difference) {
    const table = tables.find((candidate) => candidate.name === name)!;
    const keys = table.columns.slice(0, table.keyLength);
    const where = keys.map((column) => `${column} = ?`).join(" AND ");
    const remove = catalog.query(`DELETE FROM ${name} WHERE ${where}`);
    for (const key of deletes) remove.run(...key);
    // Unique columns besides the key (a port number, say) may move between rows in one build: clear them first.
    if (name === "port") for (const row of puts) remove.run(...row.slice(0, table.keyLength));
    const updates = table.columns.slice(table.keyLength).map((column) => `${column} = excluded.${column}`);
    const put = catalog.query(
      `INSERT INTO ${name} (${table.columns.join(", ")}) VALUES (${table.columns.map(() => "?").join(", ")})
       ON CONFLICT (${keys.join(", ")}) DO UPDATE SET ${updates.join(", ")}`,
    );
    for (const row of puts) put.run(...row);
  }
}

/** A machine that is known by this id is the worker at this address: its rows take the id over. */
export function adoptWorkerId(catalog: Catalog, host: string, workerId: string): void {
  catalog.query("UPDATE worker SET worker_id = ? WHERE host = ?").run(workerId, host);
  catalog.query("UPDATE allocation SET worker_id = ? WHERE worker_ip = ?").run(workerId, host);
}

interface WorkerRecord {
  host: string;
  worker_id: string;
  hostname: string | null;
  position: number;
  memory_mb: number | null;
  cpu_mhz: number | null;
  labels: string;
  tags: string;
}

function toWorker(row: WorkerRecord): WorkerRow {
  return {
    host: row.host,
    workerId: row.worker_id,
    ...(row.hostname === null ? {} : { hostname: row.hostname }),
    position: row.position,
    ...(row.memory_mb === null ? {} : { memoryMb: row.memory_mb }),
    ...(row.cpu_mhz === null ? {} : { cpuMhz: row.cpu_mhz }),
    labels: JSON.parse(row.labels),
    tags: JSON.parse(row.tags),
  };
}

interface JobRecord {
  name: string;
  job_id: string;
  version: string;
  disabled: number;
  removed: number;
  deployment_seq: number;
  manifest: string;
  scripts: string;
  memory_mb: number | null;
  cpu_mhz: number | null;
}

function readJobs(catalog: Catalog): JobRow[] {
  const readManifest = manifestReader();
  const rows = catalog.query<JobRecord, []>("SELECT * FROM job ORDER BY name").all();
  return rows.map((row) => ({
    name: row.name,
    jobId: row.job_id,
    version: row.version,
    disabled: row.disabled === 1,
    removed: row.removed === 1,
    deploymentSeq: row.deployment_seq,
    manifest: readManifest(row.name, row),
    ...(row.memory_mb === null ? {} : { memoryMb: row.memory_mb }),
    ...(row.cpu_mhz === null ? {} : { cpuMhz: row.cpu_mhz }),
  }));
}

interface AllocationRecord {
  alloc_id: string;
  job: string;
  worker_ip: string;
  worker_id: string;
  zone: string | null;
  allocation_index: number;
  disabled: number;
  removed: number;
}

function toAllocation(row: AllocationRecord): AllocationRow {
  return {
    allocId: row.alloc_id,
    job: row.job,
    workerIp: row.worker_ip,
    workerId: row.worker_id,
    ...(row.zone === null ? {} : { zone: row.zone }),
    index: row.allocation_index,
    disabled: row.disabled === 1,
    removed: row.removed === 1,
  };
}

function readFiles(catalog: Catalog): Map<string, JobFileRow[]> {
  const files = new Map<string, JobFileRow[]>();
  const rows = catalog
    .query<{ job: string; path: string; kind: string; mode: number; sha256: string; target: string }, []>(
      "SELECT * FROM job_file ORDER BY job, path",
    )
    .all();
  for (const row of rows) {
    let list = files.get(row.job);
    if (list === undefined) {
      list = [];
      files.set(row.job, list);
    }
    if (row.kind === "file") list.push({ kind: "file", path: row.path, mode: row.mode, sha256: row.sha256 });
    else if (row.kind === "dir") list.push({ kind: "dir", path: row.path, mode: row.mode });
    else list.push({ kind: "link", path: row.path, target: row.target });
  }
  return files;
}
