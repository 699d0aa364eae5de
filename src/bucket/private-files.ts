// Files and directories that only their owner may read: secrets, catalog, staging.

import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** Makes a directory 0700 (parents too where missing) and tightens one that is already there. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

/** Writes a file from its parts; a file that is there already is written over. */
export function writePieces(path: string, pieces: Iterable<Uint8Array>, mode: number): void {
  const file = openSync(path, "w", mode);
  try {
    for (const bytes of pieces)
      for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  } finally {
    closeSync(file);
  }
}

/** Writes a file so that it is there whole or not at all, durable when this returns. Mode 0600 unless given. */
export function writeFileAtomically(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.new-${process.pid}`;
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const file = openSync(temporary, "w", mode);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(temporary, mode);
  renameSync(temporary, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
