// The receiving side of a sync on a worker, and the mark that it leaves in each job's directory that is whole.

import type { ShellText } from "../ssh/exec/quote.ts";
import { runScript, script, sudo } from "../ssh/exec/quote.ts";
import receiveFile from "./scripts/receive.sh" with { type: "text" };

/**
 * What a complete sync leaves in a job's directory: the beginning of its content hash. It tells contents of one bucket
 * apart, not forgeries, for which 64 bits are plenty; the check sends it back for every job.
 */
export function syncMark(contentHash: string): string {
  return contentHash.slice(0, 16);
}

/** Where a complete sync leaves its mark, inside a job's directory. */
export const syncMarkFile = ".maand-synced";

/**
 * The receiving side of a sync. The directory is made when it is missing; the mark of each job goes before the first byte
 * and comes back once the command has succeeded.
 * @param marks by job
 */
export function receiveCommand(
  directory: string,
  marks: ReadonlyMap<string, string>,
  useSudo: boolean,
  command: readonly string[],
): ShellText {
  const pairs = [...marks].map(([job, mark]) => `${job}=${mark}`).join(" ");
  return sudo(useSudo, runScript("sh", script(receiveFile), directory, pairs, command));
}
