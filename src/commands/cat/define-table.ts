// How a `cat` table is declared: one file per table says how it is asked for, which columns it has and where its rows come from.

import { type Command, defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";
import type { BucketInvocation } from "../../cli/invocation.ts";
import type { Column } from "../../cli/output/table.ts";
import type { CatalogState } from "../../model/state.ts";
import { jobsFlag, workersFlag } from "../flags.ts";

/** Flags of tables whose rows are about a job on a worker. */
export const rowFilters = { jobs: jobsFlag, workers: workersFlag } as const;

/** In JSON as it is (null where there is nothing); in a table a list is joined by commas, an object is compact JSON. */
export type RowValue = string | number | boolean | null | object;

export type Row<Name extends string> = Record<Name, RowValue>;

export type TableColumn<Name extends string> = Name | (Column & { name: Name });

/** A column of numbers. */
export function numbers<const Name extends string>(name: Name): Column & { name: Name } {
  return { name, align: "right" };
}

/** Whether a row about that job and worker is wanted. */
export type RowFilter = (row: { job: string; workerIp?: string }) => boolean;

/** What the rows of a table are made from. */
export interface TableInput<F extends Flags> extends BucketInvocation {
  flags: FlagValues<F>;
  /** The build's part of the catalog, read when it is first asked for. */
  readonly state: CatalogState;
  /**
   * What `--jobs` and `--workers` let pass.
   * @throws MaandError("usage") when they name what the catalog has never heard of.
   */
  readonly passes: RowFilter;
}

export interface TableDeclaration<Name extends string, F extends Flags> {
  /** The word after `cat`, and the member of the JSON document. */
  name: string;
  brief: string;
  examples: readonly (readonly [line: string, meaning: string])[];
  flags: F;
  /** In the order of the table. */
  columns: readonly TableColumn<Name>[];
  /** This file is read at every start of maand: whatever else the rows need is imported when they are asked for. */
  rows(input: TableInput<F>): readonly Row<NoInfer<Name>>[] | Promise<readonly Row<NoInfer<Name>>[]>;
}

/** The command `cat <name>` of a table. */
export function defineTable<const Name extends string, const F extends Flags>(
  declaration: TableDeclaration<Name, F>,
): Command {
  const { brief, examples, flags, name } = declaration;
  return defineCommand({
    name: `cat ${name}`,
    group: "look",
    brief,
    examples,
    flags,
    access: "read",
    load: async () => {
      const { showTable } = await import("./show-table.ts");
      return (invocation, values) => showTable(declaration, invocation, values);
    },
  });
}
