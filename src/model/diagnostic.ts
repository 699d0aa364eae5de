// What is wrong, or worth a warning, in something the user wrote: collected and returned, never thrown one at a time.

/** A place in a file of the user. */
export interface FilePlace {
  /** Path as the user knows it, relative to the bucket root, such as `workspace/workers.json`. */
  file: string;
  /** From 1. */
  line?: number;
  /** From 1, in UTF-16 units. */
  column?: number;
}

/** One thing to say about one place of the user's files. */
export interface Diagnostic {
  /** An error stops what was asked for; a warning does not. */
  severity: "error" | "warning";
  place: FilePlace;
  /** What is wrong, without what to do. */
  message: string;
  /** What to do about it. */
  hint: string;
}

/**
 * What a check found out. There is a value only when nothing is an error, so that no caller can go on with one that
 * is not sound; the diagnostics beside a value are warnings.
 */
export type Checked<T> =
  | { ok: true; value: T; diagnostics: Diagnostic[] }
  | { ok: false; diagnostics: Diagnostic[] };

/** The value with what was found beside it: none when anything of that is an error. */
export function checked<T>(value: T, diagnostics: Diagnostic[] = []): Checked<T> {
  return diagnostics.some(isError) ? { ok: false, diagnostics } : { ok: true, value, diagnostics };
}

/** A check that ended with this one error. */
export function refused(place: FilePlace, message: string, hint: string): Checked<never> {
  return { ok: false, diagnostics: [errorAt(place, message, hint)] };
}

export function errorAt(place: FilePlace, message: string, hint: string): Diagnostic {
  return { severity: "error", place, message, hint };
}

export function warningAt(place: FilePlace, message: string, hint: string): Diagnostic {
  return { severity: "warning", place, message, hint };
}

export function isError({ severity }: Diagnostic): boolean {
  return severity === "error";
}

/** `<path>:<line>:<column>: <message>; <hint>`: the form of every validation message. */
export function formatDiagnostic({ place, message, hint }: Diagnostic): string {
  const line = place.line === undefined ? "" : `:${place.line}`;
  const column = place.line === undefined || place.column === undefined ? "" : `:${place.column}`;
  return `${place.file}${line}${column}: ${message}; ${hint}`;
}

/** The order in which diagnostics are printed: by path, then by position. */
export function compareDiagnostics({ place: a }: Diagnostic, { place: b }: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** The form in which `--json` prints one. */
export function diagnosticJson({ place, message, hint }: Diagnostic): Record<string, string | number> {
  const { file, ...position } = place;
  return { path: file, ...position, what: message, hint };
}
