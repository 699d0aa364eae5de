// A Makefile target that failed outside of a deploy: the same fault, with another way to go on.

import { MaandError } from "../model/error.ts";
import type { ExecResult } from "../ssh/connect/connection.ts";
import { timedOutStatus } from "../worker/commands.ts";
import { type Lifecycle, targetFault } from "./target.ts";

/** As in a deploy, but what to do next is to run `again`, such as `maand gc`. */
export function operatorFault(run: Lifecycle, result: ExecResult, again: string): MaandError {
  const { kind, message, where, why } = targetFault(run, result);
  return new MaandError(kind, message, {
    where,
    ...(why === undefined ? {} : { why }),
    hint:
      result.exitCode === timedOutStatus
        ? "raise command_timeout in maand.conf or lifecycle_timeout in the manifest, or find out what it waits for"
        : `fix the job's Makefile or the worker, then run ${again} again`,
  });
}
