// How a command ended and what failed, as exit codes: the one place.

import type { ErrorKind } from "../model/error.ts";

/** How a command that came to its end did. */
export type Ending = "done" | "failed" | "interrupted";

/** Ctrl-C counts for more than a failure: what is missing was not come to, and the same command goes on. */
export function endingOf(what: { interrupted: boolean; failed: boolean }): Ending {
  if (what.interrupted) return "interrupted";
  return what.failed ? "failed" : "done";
}

const codes: Record<Ending | ErrorKind, number> = {
  done: 0,
  failed: 1,
  unreachable: 1,
  remote: 1,
  health: 1,
  hook: 1,
  render: 1,
  catalog: 1,
  local: 1,
  not_found: 1,
  usage: 2,
  workspace: 2,
  locked: 3,
  interrupted: 130,
};

/** The exit code for how a command ended, or for the kind of error that ended it. */
export function exitCodeOf(how: Ending | ErrorKind): number {
  return codes[how];
}

/** Every exit code with its meaning, for people. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [codes.done, "done"],
  [codes.failed, "something failed"],
  [codes.usage, "wrong usage or workspace"],
  [codes.locked, "bucket held by another maand"],
  [codes.interrupted, "interrupted"],
];
