// The one error type of maand: what failed, where, why, and what to do next.

import type { Diagnostic } from "./diagnostic.ts";

/** Each kind has exactly one exit code; the table is in `src/cli/exit-codes.ts`. */
export type ErrorKind =
  | "usage" // wrong flags, unknown names, no bucket
  | "workspace" // the user's files are not valid
  | "locked" // another maand holds the bucket
  | "interrupted" // Ctrl-C
  | "unreachable" // a worker could not be reached or would not let us in
  | "remote" // something ran on a worker and failed
  | "health" // a gate or probe failed
  | "hook" // a hook failed
  | "render" // a template could not be rendered
  | "catalog" // the catalog, the KV or its key is missing, damaged or too new
  | "local" // a file or tool on the CLI host
  | "not_found"; // a key or row asked for by name is not there

/** Where something went wrong; every part is optional, present parts are printed in this order. */
export interface Place {
  file?: string;
  line?: number;
  column?: number;
  job?: string;
  worker?: string;
}

export interface ErrorDetails {
  where?: Place;
  /** The cause in words, such as the last lines of the remote output. */
  why?: string;
  /** What the operator should do next. */
  hint?: string;
  /** Everything that is wrong in the user's files, when that is what failed. */
  diagnostics?: readonly Diagnostic[];
  cause?: unknown;
}

/** The only error that maand throws on purpose. `message` says what failed and nothing else. */
export class MaandError extends Error {
  readonly kind: ErrorKind;
  readonly where: Place;
  readonly why: string | undefined;
  readonly hint: string | undefined;
  readonly diagnostics: readonly Diagnostic[];

  constructor(kind: ErrorKind, what: string, details: ErrorDetails = {}) {
    super(what, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "MaandError";
    this.kind = kind;
    this.where = details.where ?? {};
    this.why = details.why;
    this.hint = details.hint;
    this.diagnostics = details.diagnostics ?? [];
  }
}

/** What Ctrl-C, or something that failed before it, kept from being started. */
export function notStarted(why: string, where: Place = {}): MaandError {
  return new MaandError("interrupted", "not started", { where, why });
}

/** Text of anything that was thrown, without its stack. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** `file:line:column` or `job@worker`, whichever parts are known; "" when none is. */
export function formatPlace(place: Place): string {
  const parts: string[] = [];
  if (place.file !== undefined) {
    const line = place.line === undefined ? "" : `:${place.line}`;
    const column = place.line === undefined || place.column === undefined ? "" : `:${place.column}`;
    parts.push(`${place.file}${line}${column}`);
  }
  if (place.job !== undefined && place.worker !== undefined) parts.push(`${place.job}@${place.worker}`);
  else if (place.job !== undefined) parts.push(`job ${place.job}`);
  else if (place.worker !== undefined) parts.push(`worker ${place.worker}`);
  return parts.join(" ");
}
