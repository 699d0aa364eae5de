// Events → log files: buffered lines, two files per worker, rotation, and silence when the disk says no.

import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../model/error.ts";
import type { Event, Listener, RunIdentity } from "./event.ts";
import { logFieldsOf } from "./log-fields.ts";
import { formatLogLine, type LogFormat } from "./logline.ts";

/** A file is rotated at 50 MB, five are kept. */
const logRotation = { maxBytes: 50 * 1024 * 1024, keep: 5 };
/** Bytes that one run writes about one worker, its two files together; what is printed beyond that is only counted. */
const maxRunBytes = 100 * 1024 * 1024;
const flushMs = 1000;
/** Characters held in memory before a flush that does not wait for the second. */
const flushChars = 1024 * 1024;

export interface LogWriterOptions {
  /** `logs/` of the bucket; made when missing. */
  logsDir: string;
  identity: RunIdentity;
  format: LogFormat;
  /** `update_seq`, asked for at each event, for the run learns it on its way. */
  seq?: () => number | undefined;
  now: () => Date;
  /** Called once, when a write failed and logging is off for the rest of the run. */
  onDisabled: (reason: string) => void;
  /** Other limits than those that `maand help logs` names, in bytes and files. */
  rotation?: { maxBytes: number; keep: number };
  maxRunBytes?: number;
}

/** What one run has written about one worker, and what of its output it has left out. */
interface Written {
  bytes: number;
  leftOut: { lines: number; bytes: number };
}

export interface LogWriter {
  listen: Listener;
  /** Writes what is buffered. Never throws. */
  flush(): void;
  /** Flushes and takes no more events. Writes are synchronous, so this may run in an exit handler. */
  close(): void;
}

/** Name of a worker's log file; the bucket ("-") and names that are no file name of their own share `maand.log`. */
export function logFileName(worker: string): string {
  const unsafe = worker === "-" || worker === "" || worker.startsWith(".") || /[/\0]/.test(worker);
  return unsafe ? "maand.log" : `${worker}.log`;
}

/** Directory of one run below `logs/`. */
function runLogDir(logsDir: string, runId: string): string {
  return join(logsDir, "runs", runId);
}

/**
 * A listener that appends each event to `logs/<worker>.log` and to `logs/runs/<run_id>/<worker>.log`.
 * It never throws: the first write that fails turns it off, and `onDisabled` says why.
 */
export function createLogWriter(options: LogWriterOptions): LogWriter {
  const rotation = options.rotation ?? logRotation;
  const dirs = [options.logsDir, runLogDir(options.logsDir, options.identity.runId)];
  const buffers = new Map<string, string[]>();
  const begun = new Set<string>();
  const written = new Map<string, Written>();
  const limit = options.maxRunBytes ?? maxRunBytes;
  let held = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let off = false;
  let closing = false;
  let seq: number | undefined;

  function listen(event: Event): void {
    if (off) return;
    try {
      if (event.type !== "output" || hasRoom(event)) add(event);
    } catch (thrown) {
      disable(thrown);
    }
  }

  /** Whether a line of output still goes into the log; begin, end and errors always do. */
  function hasRoom(event: Extract<Event, { type: "output" }>): boolean {
    const { worker } = event.scope;
    const so = written.get(worker);
    if (so === undefined || so.bytes < limit) return true;
    if (so.leftOut.lines === 0) note(worker, `what is printed from here on is left out: ${limitText()}`);
    so.leftOut.lines++;
    so.leftOut.bytes += Buffer.byteLength(event.line) + 1;
    return false;
  }

  function limitText(): string {
    return `one run logs at most ${megabytes(limit)} per worker`;
  }

  function note(worker: string, text: string): void {
    add({ type: "warning", scope: { worker }, text });
  }

  function add(event: Event): void {
    // The catalog may be closed by the time the last lines are written.
    if (!closing) seq = options.seq?.();
    const context = { ...options.identity, ts: options.now().toISOString(), seq };
    const line = `${formatLogLine(logFieldsOf(event, context), options.format)}\n`;
    const name = logFileName(event.scope.worker);
    const buffer = buffers.get(name);
    if (buffer === undefined) buffers.set(name, [line]);
    else buffer.push(line);
    held += line.length;
    const { worker } = event.scope;
    const so = written.get(worker) ?? { bytes: 0, leftOut: { lines: 0, bytes: 0 } };
    so.bytes += Buffer.byteLength(line) * dirs.length;
    written.set(worker, so);
    if (held >= flushChars) flush();
    else if (timer === undefined) {
      timer = setTimeout(flush, flushMs);
      // A waiting flush must not keep maand alive; close() writes what is left.
      timer.unref();
    }
  }

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    held = 0;
    if (off) return;
    try {
      if (buffers.size > 0) for (const dir of dirs) mkdirSync(dir, { recursive: true, mode: 0o700 });
      for (const [name, lines] of buffers) {
        const bytes = Buffer.from(lines.join(""), "utf8");
        for (const dir of dirs) {
          const path = join(dir, name);
          append(path, bytes, !begun.has(path), rotation);
          begun.add(path);
        }
      }
      buffers.clear();
    } catch (thrown) {
      disable(thrown);
    }
  }

  function disable(thrown: unknown): void {
    // Off first: the warning that tells of it is an event too and comes back here.
    off = true;
    clearTimeout(timer);
    buffers.clear();
    options.onDisabled(reasonOf(thrown));
  }

  function close(): void {
    closing = true;
    for (const [worker, { leftOut }] of off ? [] : written) {
      if (leftOut.lines === 0) continue;
      const amount = `${leftOut.lines} lines, ${megabytes(leftOut.bytes)} as printed`;
      note(worker, `${amount}, of the output are left out: ${limitText()}`);
    }
    flush();
    off = true;
  }

  return { listen, flush, close };
}

function megabytes(bytes: number): string {
  return `${Math.round((bytes / 1024 / 1024) * 10) / 10} MB`;
}

// Opened for each flush: two files per worker held open would use up the file descriptors of a large fleet.
function append(path: string, bytes: Buffer, first: boolean, rotation: typeof logRotation): void {
  let fd = openSync(path, "a+", 0o600);
  try {
    const { size } = fstatSync(fd);
    if (size > 0 && size + bytes.length > rotation.maxBytes) {
      closeSync(fd);
      fd = -1;
      rotate(path, rotation.keep);
      fd = openSync(path, "a+", 0o600);
    } else if (first && size > 0 && !endsInNewline(fd, size)) writeAll(fd, Buffer.from("\n"));
    writeAll(fd, bytes);
  } finally {
    if (fd !== -1) closeSync(fd);
  }
}

// A full disk or a power cut may have left half a line; the next one must not grow onto it.
function endsInNewline(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, size - 1);
  return last[0] === 0x0a;
}

function writeAll(fd: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) written += writeSync(fd, bytes, written);
}

function rotate(path: string, keep: number): void {
  rmSync(`${path}.${keep}`, { force: true });
  for (let n = keep - 1; n >= 1; n--) renameIfThere(`${path}.${n}`, `${path}.${n + 1}`);
  renameIfThere(path, `${path}.1`);
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOENT") throw thrown;
  }
}
