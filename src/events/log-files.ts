// The log files of a directory and their lines, read from either end in small pieces.

import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

/** Bytes per read: one buffer per worker is alive while files are merged. */
const pieceBytes = 64 * 1024;

/** One file as it was when it was listed. Its inode finds it again when a rotation has renamed it. */
export interface LogFile {
  /** Path without a rotation number. */
  base: string;
  path: string;
  inode: number;
  size: number;
}

/** The files of one worker, oldest first; the last one is the file that is being written. */
export type LogChain = LogFile[];

/**
 * The chains of a directory by file name (`10.0.0.1.log`), sorted; a directory that is not there has none.
 * `wanted` limits them to some names.
 */
export function listLogChains(dir: string, wanted?: ReadonlySet<string>): Map<string, LogChain> {
  const numbers = new Map<string, number[]>();
  for (const entry of entriesOf(dir)) {
    const match = /^(.+\.log)(?:\.([1-9]\d?))?$/.exec(entry);
    if (match === null || (wanted !== undefined && !wanted.has(match[1]!))) continue;
    const known = numbers.get(match[1]!);
    const number = Number(match[2] ?? 0);
    if (known === undefined) numbers.set(match[1]!, [number]);
    else known.push(number);
  }
  const chains = new Map<string, LogChain>();
  for (const name of [...numbers.keys()].sort()) {
    const chain: LogChain = [];
    // From the newest up: a file that a rotation renames meanwhile is met twice, not missed.
    for (const number of numbers.get(name)!.sort((a, b) => a - b)) {
      const file = statLog(join(dir, name), number);
      if (file !== undefined && !chain.some((other) => other.inode === file.inode)) chain.unshift(file);
    }
    if (chain.length > 0) chains.set(name, chain);
  }
  return chains;
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (thrown) {
    if (isGone(thrown)) return [];
    throw thrown;
  }
}

function statLog(base: string, number: number): LogFile | undefined {
  const path = number === 0 ? base : `${base}.${number}`;
  try {
    const stat = statSync(path);
    return stat.isFile() ? { base, path, inode: stat.ino, size: stat.size } : undefined;
  } catch (thrown) {
    if (isGone(thrown)) return undefined;
    throw thrown;
  }
}

function isGone(thrown: unknown): boolean {
  const { code } = thrown as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Bytes `from` to `to` of the file, wherever it is now; undefined when it has been deleted. */
function readPiece(file: LogFile, from: number, to: number): Buffer | undefined {
  const opened = openLog(file);
  if (opened === undefined) return undefined;
  try {
    const buffer = Buffer.allocUnsafe(to - from);
    const count = readSync(opened, buffer, 0, buffer.length, from);
    return buffer.subarray(0, count);
  } finally {
    closeSync(opened);
  }
}

// Opened for each piece: a merge over all files of a large fleet must not run out of file descriptors.
function openLog(file: LogFile): number | undefined {
  for (let number = 0; number < 100; number++) {
    const path = number === 0 ? file.path : `${file.base}.${number}`;
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown;
      continue;
    }
    if (fstatSync(fd).ino === file.inode) return fd;
    closeSync(fd);
  }
  return undefined;
}

/** The lines from byte `from` to the listed size, without their newlines; a last line without one counts. */
export function* readForward(file: LogFile, from = 0): Generator<string> {
  let parts: Buffer[] = [];
  for (let at = from; at < file.size; ) {
    const piece = readPiece(file, at, Math.min(at + pieceBytes, file.size));
    if (piece === undefined || piece.length === 0) break;
    at += piece.length;
    let start = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      yield lineOf(parts, piece.subarray(start, end));
      parts = [];
      start = end + 1;
    }
    if (start < piece.length) parts.push(piece.subarray(start));
  }
  if (parts.length > 0) yield lineOf(parts, Buffer.alloc(0));
}

/** The same lines from the last to the first, reading no more of the file than is asked for. */
export function* readBackward(file: LogFile): Generator<string> {
  let parts: Buffer[] = [];
  let last = true;
  for (let to = file.size; to > 0; ) {
    const from = Math.max(0, to - pieceBytes);
    const piece = readPiece(file, from, to);
    if (piece === undefined || piece.length < to - from) return;
    to = from;
    let end = piece.length;
    for (let newline = piece.lastIndexOf(10); newline !== -1; newline = lastNewline(piece, end)) {
      const tail = piece.subarray(newline + 1, end);
      // The newline that ends the file has no line after it.
      if (!last || tail.length > 0 || parts.length > 0) yield lineOf([tail], ...parts.reverse());
      last = false;
      parts = [];
      end = newline;
    }
    if (end > 0) parts.push(piece.subarray(0, end));
  }
  if (file.size > 0) yield lineOf(parts.reverse(), Buffer.alloc(0));
}

function lastNewline(piece: Buffer, end: number): number {
  return end === 0 ? -1 : piece.lastIndexOf(10, end - 1);
}

function lineOf(parts: Buffer[], ...rest: Buffer[]): string {
  const all = [...parts, ...rest];
  return (all.length === 1 ? all[0]! : Buffer.concat(all)).toString("utf8");
}

/** The size up to and with the last newline: what a reader that follows may take as written. */
export function completeSize(file: LogFile): number {
  for (let to = file.size; to > 0; ) {
    const from = Math.max(0, to - pieceBytes);
    const piece = readPiece(file, from, to);
    if (piece === undefined) return 0;
    const newline = piece.lastIndexOf(10);
    if (newline !== -1) return from + newline + 1;
    to = from;
  }
  return 0;
}
