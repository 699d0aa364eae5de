// A fault in something the user wrote: collected, never thrown one at a time.

/** One thing wrong in one place of the workspace. Lines and columns count from 1. */
export interface Fault {
  /** Path as the user knows it, relative to the bucket root, such as `workspace/workers.json`. */
  path: string;
  line?: number;
  column?: number;
  what: string;
  hint: string;
}

/** `<path>:<line>:<column>: <what>; <hint>`: the form of every validation message. */
export function formatFault(fault: Fault): string {
  const line = fault.line === undefined ? "" : `:${fault.line}`;
  const column = fault.line === undefined || fault.column === undefined ? "" : `:${fault.column}`;
  return `${fault.path}${line}${column}: ${fault.what}; ${fault.hint}`;
}

/** Order in which faults are printed: by path, then by position. */
export function compareFaults(a: Fault, b: Fault): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
