// Carries a `cat` table out: the same rows as a table for people and under their column names in JSON.

import { readState } from "../../catalog/state.ts";
import type { Flags, FlagValues } from "../../cli/declaration.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { type Cell, formatTable } from "../../cli/output/table.ts";
import type { Terminal } from "../../cli/output/terminal.ts";
import { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import { suggestName } from "../../support/nearest.ts";
import type { Row, RowFilter, RowValue, TableColumn, TableDeclaration } from "./define-table.ts";

/** Gets the rows of a declared table and shows them. */
export async function showTable<Name extends string, F extends Flags>(
  declaration: TableDeclaration<Name, F>,
  invocation: BucketInvocation,
  flags: FlagValues<F>,
): Promise<Outcome> {
  let state: CatalogState | undefined;
  const rows = await declaration.rows({
    ...invocation,
    flags,
    get state() {
      state ??= readState(invocation.session.catalog);
      return state;
    },
    get passes() {
      return createFilter(this.state, flags as CatFilters);
    },
  });
  return tableOutcome(invocation.terminal, declaration.name, declaration.columns, rows);
}

/** The outcome of `cat <name>`: columns in the order given. A piped table is never cut. */
export function tableOutcome<const Name extends string>(
  terminal: Terminal,
  name: string,
  columns: readonly TableColumn<Name>[],
  rows: readonly Row<Name>[],
): Outcome {
  const names = columns.map((column) => (typeof column === "string" ? column : column.name));
  if (terminal.json) return { json: { [name]: rows } };
  const cells = rows.map((row) => names.map((column) => cellOf(row[column])));
  const { stdout } = terminal;
  return { text: formatTable(columns, cells, { width: stdout.width(), color: stdout.paint.enabled }) };
}

function cellOf(value: RowValue): Cell {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.join(",");
  const json: unknown = JSON.parse(JSON.stringify(value));
  return typeof json === "string" ? json : JSON.stringify(json);
}

/** Filters of a `cat`; absent ones let everything pass. */
export interface CatFilters {
  jobs?: readonly string[] | undefined;
  workers?: readonly string[] | undefined;
}

/**
 * Whether a row of that job and worker passes.
 * @throws MaandError("usage") for a filter that names what the catalog has never heard of.
 */
export function createFilter(
  state: Pick<CatalogState, "jobs" | "workers" | "allocations">,
  filters: CatFilters,
): RowFilter {
  const allocated = state.allocations;
  const jobs = new Set([...state.jobs.map((job) => job.name), ...allocated.map((row) => row.job)]);
  const workers = new Set([
    ...state.workers.map((worker) => worker.host),
    ...allocated.map((row) => row.workerIp),
  ]);
  checkNames("--jobs", filters.jobs, jobs);
  checkNames("--workers", filters.workers, workers);
  return ({ job, workerIp }) =>
    filters.jobs?.includes(job) !== false &&
    (workerIp === undefined || filters.workers?.includes(workerIp) !== false);
}

function checkNames(flag: string, wanted: readonly string[] | undefined, known: ReadonlySet<string>): void {
  for (const name of wanted ?? []) {
    if (known.has(name)) continue;
    throw new MaandError("usage", `${flag} names "${name}", which is not in the catalog`, {
      hint: `${suggestName(name, [...known].sort())} (what is new needs "maand build" first)`,
    });
  }
}
