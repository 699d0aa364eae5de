// The newest recorded run of a command.

import type { Catalog } from "./open.ts";

export interface LastRun {
  runId: string;
  /** Login name on the CLI host. */
  operator: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** Absent while it runs, and after it was killed. */
  finishedAt?: number;
  exitCode?: number;
}

/** The run of `command` that began last; undefined when there was none. */
export function readLastRun(catalog: Catalog, command: string): LastRun | undefined {
  const row = catalog
    .query<
      {
        run_id: string;
        operator: string;
        started_at: number;
        finished_at: number | null;
        exit_code: number | null;
      },
      [string]
    >(
      "SELECT run_id, operator, started_at, finished_at, exit_code FROM run WHERE command = ? ORDER BY started_at DESC LIMIT 1",
    )
    .get(command);
  if (row === null) return undefined;
  return {
    runId: row.run_id,
    operator: row.operator,
    startedAt: row.started_at,
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    ...(row.exit_code === null ? {} : { exitCode: row.exit_code }),
  };
}
