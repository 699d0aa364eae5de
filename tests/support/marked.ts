// Everything that a maand has started on this host, found by a variable that all of it inherits.

import { readdirSync, readFileSync } from "node:fs";

/** For the environment of a maand: names beginning with `MAAND_` are handed on to hooks as well. */
export function newMark(): Record<"MAAND_MARK", string> {
  return { MAAND_MARK: crypto.randomUUID() };
}

/** What runs with the mark, as `pid command line`; the guard of a run has an environment of its own and is not among it. */
export function marked({ MAAND_MARK }: Record<"MAAND_MARK", string>): string[] {
  const needle = `MAAND_MARK=${MAAND_MARK}\0`;
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "latin1").includes(needle)) return [];
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ").trim();
      return [`${pid} ${line}`];
    } catch {
      return [];
    }
  });
}
