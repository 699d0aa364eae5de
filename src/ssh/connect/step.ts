// One step towards a connection: what it gave, or why it failed and whether another try may help.

import type { Duplex } from "node:stream";
import { MaandError } from "../../model/error.ts";
import type { Deadline } from "./deadline.ts";

/** A `Result` that also says whether to try again. */
export type ConnectStep<T> = { ok: true; value: T } | FailedStep;

export interface FailedStep {
  ok: false;
  error: MaandError;
  /** Trying once more may help. */
  again: boolean;
}

/** Makes a byte stream to an endpoint, straight or through another host. Never throws. */
export type OpenStream = (deadline: Deadline) => Promise<ConnectStep<Duplex>>;

/** A step that failed for good. */
export function givenUp(error: MaandError): FailedStep {
  return { ok: false, error, again: false };
}

/** The error of everything on a worker that a caller's AbortSignal stopped. */
export function interruptedOn(worker: string): MaandError {
  return new MaandError("interrupted", "interrupted while working with the worker", { where: { worker } });
}
