// Anything that is thrown while a deploy runs, as an error that names its place.

import { catalogFailure } from "../catalog/failure.ts";
import { MaandError, reasonOf } from "../model/error.ts";
import type { Session } from "../session/session.ts";

/** An error of ours as it is, one of the catalog with what to do about it, any other with the worker named. */
export function deployFault(session: Session, thrown: unknown, workerIp?: string): MaandError {
  const failure = catalogFailure(thrown, session.paths.catalog);
  if (failure.known) return failure.error;
  return new MaandError(workerIp === undefined ? "local" : "remote", reasonOf(thrown), {
    ...(workerIp === undefined ? {} : { where: { worker: workerIp } }),
    cause: thrown,
  });
}
