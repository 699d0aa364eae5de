// Reads regular files and nothing else: a named pipe, socket or device in the place of one is an error, never a wait.

import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from "node:fs";
import { MaandError } from "../model/error.ts";

/** Largest file that is read as a whole, in bytes: a thousand times what a file that people edit has. */
const maxWholeBytes = 64 * 1024 * 1024;

/** What an entry is that is neither file, directory nor link, such as `a named pipe`. */
export function specialKind(stats: Pick<Stats, "isFIFO" | "isSocket">): string {
  if (stats.isFIFO()) return "a named pipe";
  if (stats.isSocket()) return "a socket";
  return "a device";
}

/**
 * Opens a regular file for reading without ever waiting for it; the caller closes the descriptor.
 * @param links whether a link may stand for the file
 * @throws the system's error, or MaandError("local") when there is something else than a file
 */
export function openRegular(path: string, links: "follow" | "refuse" = "follow"): number {
  const follow = links === "follow" ? 0 : constants.O_NOFOLLOW;
  // A pipe is opened without a writer and a terminal does not become ours: what it is is asked of what was opened.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | follow;
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (error) {
    // A socket cannot be opened at all.
    if (error instanceof Error && "code" in error && error.code === "ENXIO")
      throw notAFile(path, lstatSync(path));
    throw error;
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw notAFile(path, stats);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * The bytes of a regular file.
 * @throws as `openRegular`, and MaandError("local") when it has more than 64 MB
 */
export function readRegular(path: string): Buffer {
  const file = openRegular(path);
  try {
    const { size } = fstatSync(file);
    if (size > maxWholeBytes) {
      const text = `it has ${Math.ceil(size / 1024 / 1024)} MB, more than the ${maxWholeBytes / 1024 / 1024} MB that such a file may have`;
      throw new MaandError("local", text, { where: { file: path }, hint: "put the right file there" });
    }
    return readToEnd(file, size);
  } finally {
    closeSync(file);
  }
}

/**
 * What is left to read of an open file.
 * @param expected bytes, as far as it is known
 * @param most bytes after which it stops
 */
export function readToEnd(file: number, expected: number, most = Number.POSITIVE_INFINITY): Buffer {
  // One byte more than expected shows the end with the last read.
  let bytes = Buffer.allocUnsafe(Math.min(expected + 1, most));
  let filled = 0;
  for (;;) {
    if (filled === most) return bytes;
    if (filled === bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
    const count = readSync(file, bytes, filled, bytes.length - filled, null);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
  }
}

function notAFile(path: string, stats: Stats): MaandError {
  const kind = stats.isDirectory() ? "a directory" : specialKind(stats);
  return new MaandError("local", `it is ${kind}, not a file`, {
    where: { file: path },
    hint: "put a regular file there",
  });
}
