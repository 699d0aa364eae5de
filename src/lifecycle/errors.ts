// Errors of work on workers, as every command words them: what was thrown, and what was left running.

import { catalogFailure } from "../catalog/failure.ts";
import { failureText } from "../health/failure.ts";
import { MaandError } from "../model/error.ts";
import type { Session } from "../session/session.ts";

/** Where work was done: a worker, and an allocation on it. */
export interface WorkPlace {
  worker: string;
  job?: string;
}

/** An error of ours as it is, one of the catalog with what to do about it, anything else as "remote" with its place. */
export function workError(session: Session, thrown: unknown, where: WorkPlace): MaandError {
  const failure = catalogFailure(thrown, session.paths.catalog);
  if (failure.known) return failure.error;
  return new MaandError("remote", failureText(thrown), { where, cause: thrown });
}

/** A second Ctrl-C ends our waiting, not what runs over there. `what` is a command, such as "make restart". */
export function leftRunning(what: string, where: WorkPlace, cause: MaandError): MaandError {
  const hint = where.job === undefined ? {} : { hint: `see "maand job status ${where.job}"` };
  return new MaandError("interrupted", `interrupted before ${what} ended`, {
    where,
    why: "it may still be running on the worker",
    ...hint,
    cause,
  });
}
