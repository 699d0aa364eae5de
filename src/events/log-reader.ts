// Log files → records: filtered, merged over all workers in time order, from the start or only the last ones.

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type LogChain, listLogChains, readBackward, readForward } from "./log-files.ts";
import { logFileName } from "./log-writer.ts";
import { type LogFields, parseLogLine } from "./logline.ts";

/** One line as it stands in the file; `fields` is absent when it is no line of ours. */
export interface LogRecord {
  text: string;
  fields?: LogFields;
}

/** Fields that a record must have; each may name several values, of which one must fit. */
export interface LogFilter {
  level?: readonly string[];
  event?: readonly string[];
  /** Whole run ids or the beginning of one. */
  run?: readonly string[];
  maand?: readonly string[];
  seq?: readonly number[];
  worker?: readonly string[];
  job?: readonly string[];
  phase?: readonly string[];
  action?: readonly string[];
  stream?: readonly string[];
  exit?: readonly number[];
}

const exactFields = [
  "level",
  "event",
  "maand",
  "seq",
  "worker",
  "job",
  "phase",
  "action",
  "stream",
  "exit",
] as const satisfies readonly (keyof LogFilter)[];

/** Whether nothing is asked for, so that lines without fields pass too. */
export function isEmptyFilter(filter: LogFilter): boolean {
  return Object.values(filter).every((wanted) => wanted === undefined);
}

/** Whether a record passes. A line without fields passes only a filter that asks for nothing. */
export function matchesFilter(record: LogRecord, filter: LogFilter): boolean {
  const { fields } = record;
  if (fields === undefined) return isEmptyFilter(filter);
  for (const name of exactFields) {
    const wanted = filter[name] as readonly (string | number | undefined)[] | undefined;
    if (wanted !== undefined && !wanted.includes(fields[name])) return false;
  }
  return filter.run === undefined || filter.run.some((run) => run !== "" && fields.run.startsWith(run));
}

/** File names that can hold records of the filter; undefined when all can. */
function wantedLogNames(filter: LogFilter): ReadonlySet<string> | undefined {
  return filter.worker === undefined ? undefined : new Set(filter.worker.map(logFileName));
}

/**
 * Directories to read: those of the wanted runs while they are there, for they are complete and small; else
 * `logsDir` itself. `gc` deletes runs after 30 days, and a rotated `logs/` may have lost old lines.
 */
export function logDirsFor(logsDir: string, filter: LogFilter): string[] {
  if (filter.run === undefined) return [logsDir];
  const dirs: string[] = [];
  const runs = runsOf(logsDir);
  for (const wanted of filter.run) {
    const found = wanted === "" ? [] : runs.filter((run) => run.startsWith(wanted));
    if (found.length === 0) return [logsDir];
    for (const run of found) dirs.push(join(logsDir, "runs", run));
  }
  return [...new Set(dirs)];
}

/** The id of the run that began last, of those whose logs are there. */
export function newestRun(logsDir: string): string | undefined {
  const begun = runsOf(logsDir).map((run) => ({ run, at: bornAt(join(logsDir, "runs", run)) }));
  return begun.sort((a, b) => b.at - a.at)[0]?.run;
}

/** Milliseconds since 1970; when it was changed where the file system does not keep when it was made. */
function bornAt(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? 0 : status.birthtimeMs || status.mtimeMs;
}

function runsOf(logsDir: string): string[] {
  try {
    return readdirSync(join(logsDir, "runs")).sort();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw thrown;
  }
}

/** All chains of the directories that can hold wanted records, keyed by the path of the current file. */
export function listChains(dirs: readonly string[], filter: LogFilter): Map<string, LogChain> {
  const chains = new Map<string, LogChain>();
  const wanted = wantedLogNames(filter);
  for (const dir of dirs)
    for (const [name, chain] of listLogChains(dir, wanted)) chains.set(join(dir, name), chain);
  return chains;
}

/** A record of the text of one line. */
function toRecord(text: string): LogRecord {
  const fields = parseLogLine(text);
  return fields === undefined ? { text } : { text, fields };
}

/** Counts of lines that were met and are no lines of ours. */
export interface LogTally {
  broken: number;
}

/**
 * The records of the chains that pass the filter, in time order: by `ts` over all chains, in file order
 * within one. `tail` gives only the last so many, reading the files from their ends.
 */
export function* readRecords(
  chains: Iterable<LogChain>,
  filter: LogFilter,
  tail: number | undefined,
  tally: LogTally,
): Generator<LogRecord> {
  if (tail === undefined) {
    yield* mergeRecords([...chains].map((chain) => forwardRecords(chain, filter, tally)));
    return;
  }
  const ends = [...chains].map((chain) => lastRecords(chain, filter, tail, tally));
  const merged = [...mergeRecords(ends.map((records) => records.values()))];
  yield* merged.slice(Math.max(0, merged.length - tail));
}

function* forwardRecords(chain: LogChain, filter: LogFilter, tally: LogTally): Generator<LogRecord> {
  for (const file of chain)
    for (const text of readForward(file)) {
      const record = checkedRecord(text, tally);
      if (record !== undefined && matchesFilter(record, filter)) yield record;
    }
}

function lastRecords(chain: LogChain, filter: LogFilter, count: number, tally: LogTally): LogRecord[] {
  const records: LogRecord[] = [];
  if (count === 0) return records;
  for (const file of chain.toReversed())
    for (const text of readBackward(file)) {
      const record = checkedRecord(text, tally);
      if (record === undefined || !matchesFilter(record, filter)) continue;
      records.push(record);
      if (records.length === count) return records.reverse();
    }
  return records.reverse();
}

/** A record of a line, counted when it is broken; undefined for an empty line. */
export function checkedRecord(text: string, tally: LogTally): LogRecord | undefined {
  if (text === "") return undefined;
  const record = toRecord(text);
  if (record.fields === undefined) tally.broken += 1;
  return record;
}

interface Head {
  ts: string;
  index: number;
  record: LogRecord;
  rest: Iterator<LogRecord>;
}

/**
 * Merges streams that are each in order. A record without fields, or with a clock that went back, keeps its
 * place behind the record before it.
 */
export function* mergeRecords(streams: readonly Iterator<LogRecord>[]): Generator<LogRecord> {
  const heads: Head[] = [];
  for (const [index, rest] of streams.entries()) pushHead(heads, { ts: "", index, rest });
  for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
    yield head.record;
    pushHead(heads, head);
  }
}

function pushHead(heads: Head[], from: Pick<Head, "ts" | "index" | "rest">): void {
  const next = from.rest.next();
  if (next.done === true) return;
  let { ts } = from;
  const own = next.value.fields?.ts;
  if (own !== undefined && own > ts) ts = own;
  const head: Head = { ...from, ts, record: next.value };
  let low = 0;
  let high = heads.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = heads[middle]!;
    const before = other.ts === head.ts ? other.index < head.index : other.ts < head.ts;
    if (before) low = middle + 1;
    else high = middle;
  }
  heads.splice(low, 0, head);
}
