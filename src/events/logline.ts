// One log line: its fields as text in key=value or JSON form, and back.

import { safeJson } from "../support/visible.ts";

export type LogFormat = "kv" | "json" | "jsonl";
export type LogLevel = "INFO" | "WARN" | "ERROR";

/** The fields of a line under the names and in the order in which they are written (maand help logs). Absent fields are left out. */
export interface LogFields {
  /** UTC, `2026-06-02T22:07:01.123Z`: fixed width, so that text order is time order. */
  ts: string;
  level: LogLevel;
  event?: string;
  /** UUID of the run. */
  run: string;
  /** The maand command. */
  maand: string;
  /** `update_seq` of the bucket, when the run knows it. */
  seq?: number;
  /** "-" is the bucket itself. */
  worker: string;
  job?: string;
  phase?: string;
  action?: string;
  cmd?: string;
  stream?: string;
  msg?: string;
  exit?: number;
  duration_ms?: number;
}

/** Every field in the order in which a line carries them. */
const logFieldNames = [
  "ts",
  "level",
  "event",
  "run",
  "maand",
  "seq",
  "worker",
  "job",
  "phase",
  "action",
  "cmd",
  "stream",
  "msg",
  "exit",
  "duration_ms",
] as const satisfies readonly (keyof LogFields)[];

const numeric: ReadonlySet<string> = new Set(["seq", "exit", "duration_ms"]);
const alwaysQuoted: ReadonlySet<string> = new Set(["cmd", "msg"]);
const bare = /^[A-Za-z0-9_.:@/+,-]+$/;
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const levels: ReadonlySet<string> = new Set<LogLevel>(["INFO", "WARN", "ERROR"]);

/**
 * The line without its newline. Whatever the values hold, the result has no control character and no line
 * break: quoted values are JSON strings. A value is never cut or spread over lines, however long it is.
 * `json` and `jsonl` are the same: one object per line.
 */
export function formatLogLine(fields: LogFields, format: LogFormat): string {
  if (format !== "kv") return safeJson(inOrder(fields));
  const parts: string[] = [];
  for (const name of logFieldNames) {
    const value = fields[name];
    if (value === undefined) continue;
    const text = String(value);
    parts.push(`${name}=${!alwaysQuoted.has(name) && bare.test(text) ? text : safeJson(text)}`);
  }
  return parts.join(" ");
}

function inOrder(fields: LogFields): Record<string, string | number> {
  const ordered: Record<string, string | number> = {};
  for (const name of logFieldNames) {
    const value = fields[name];
    if (value !== undefined) ordered[name] = value;
  }
  return ordered;
}

/**
 * The fields of a line in either form; undefined when it is no line of ours (a line cut by a crash, or one
 * that somebody else wrote). Unknown fields are passed over.
 */
export function parseLogLine(text: string): LogFields | undefined {
  const found = text.startsWith("{") ? readJson(text) : readPairs(text);
  return found === undefined ? undefined : checkFields(found);
}

function checkFields(found: Map<string, string | number>): LogFields | undefined {
  const fields: Record<string, string | number> = {};
  for (const name of logFieldNames) {
    const value = found.get(name);
    if (value === undefined) continue;
    if (numeric.has(name)) {
      const number = typeof value === "number" ? value : /^-?\d+$/.test(value) ? Number(value) : Number.NaN;
      if (!Number.isSafeInteger(number)) return undefined;
      fields[name] = number;
    } else {
      if (typeof value !== "string") return undefined;
      fields[name] = value;
    }
  }
  const { ts, level, run, maand, worker } = fields;
  if (typeof ts !== "string" || !timestamp.test(ts)) return undefined;
  if (typeof level !== "string" || !levels.has(level)) return undefined;
  if (typeof run !== "string" || typeof maand !== "string" || typeof worker !== "string") return undefined;
  return fields as unknown as LogFields;
}

function readJson(text: string): Map<string, string | number> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const found = new Map<string, string | number>();
  for (const [name, entry] of Object.entries(value))
    if (typeof entry === "string" || typeof entry === "number") found.set(name, entry);
  return found;
}

// A scan by hand: a regular expression over a value of ten megabytes would run out of stack.
function readPairs(text: string): Map<string, string> | undefined {
  const found = new Map<string, string>();
  let at = 0;
  while (at < text.length) {
    if (text[at] === " ") {
      at += 1;
      continue;
    }
    const equals = text.indexOf("=", at);
    if (equals <= at || equals - at > 64) return undefined;
    const name = text.slice(at, equals);
    const start = equals + 1;
    if (text[start] === '"') {
      at = closingQuote(text, start + 1) + 1;
      if (at === 0) return undefined;
      const value = unquote(text.slice(start, at));
      if (value === undefined) return undefined;
      found.set(name, value);
    } else {
      const space = text.indexOf(" ", start);
      at = space === -1 ? text.length : space;
      found.set(name, text.slice(start, at));
    }
    if (at < text.length && text[at] !== " ") return undefined;
  }
  return found;
}

function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (at - 1 - slashes >= from && text[at - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

function unquote(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
