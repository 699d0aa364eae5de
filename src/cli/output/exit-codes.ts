// Which error leads to which exit code: the one place.

import type { ErrorKind } from "../../model/error.ts";

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  locked: 3,
  interrupted: 130,
} as const;

const byKind: Record<ErrorKind, number> = {
  usage: exitCodes.usage,
  workspace: exitCodes.usage,
  locked: exitCodes.locked,
  interrupted: exitCodes.interrupted,
  unreachable: exitCodes.failed,
  remote: exitCodes.failed,
  health: exitCodes.failed,
  hook: exitCodes.failed,
  render: exitCodes.failed,
  catalog: exitCodes.failed,
  local: exitCodes.failed,
  not_found: exitCodes.failed,
};

/** The exit code for a kind of error. */
export function exitCodeOf(kind: ErrorKind): number {
  return byKind[kind];
}
