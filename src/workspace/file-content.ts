// The content of a job file: small ones are held in memory, larger ones are read from where they lie when they are wanted.

import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { openRegular, readToEnd } from "../bucket/regular-file.ts";
import { MaandError } from "../model/error.ts";

/** Content that is not held in memory. */
export interface ContentOnDisk {
  /** Absolute path of the file. */
  path: string;
  /** Bytes. */
  size: number;
}

/** What the job files of a workspace hold. */
export type FileContent = Uint8Array | ContentOnDisk;

/** Bytes of a file that is held in memory: nearly all files that people write, and a thousand of them still fit. */
const heldBytes = 256 * 1024;

/** Bytes that are read at a time of what is not held. */
const pieceBytes = 1024 * 1024;

/**
 * Reads a job file of this size; a link in its place is an error.
 * @param most bytes up to which it is held in memory
 * @throws as `openRegular`
 */
export function readContent(
  path: string,
  size: number,
  most = heldBytes,
): { content: FileContent; sha256: string } {
  if (size > most) return { content: { path, size }, sha256: hashFile(path) };
  const file = openRegular(path, "refuse");
  try {
    const content = readToEnd(file, size);
    return { content, sha256: createHash("sha256").update(content).digest("hex") };
  } finally {
    closeSync(file);
  }
}

/** SHA-256 of a file, read in pieces. @throws as `openRegular` */
export function hashFile(path: string): string {
  const hash = createHash("sha256");
  for (const piece of readPieces(path)) hash.update(piece);
  return hash.digest("hex");
}

/**
 * The bytes of a content in order. A piece is good until the next one is asked for.
 * @param sha256 what it must be as a whole
 * @throws MaandError("local") at its end when the file is no longer what was read of it
 */
export function* piecesOf(content: FileContent, sha256: string): Generator<Uint8Array> {
  if (content instanceof Uint8Array) {
    yield content;
    return;
  }
  const hash = createHash("sha256");
  for (const piece of readPieces(content.path)) {
    hash.update(piece);
    yield piece;
  }
  if (hash.digest("hex") === sha256) return;
  throw new MaandError("local", "the workspace changed while it was read", {
    where: { file: content.path },
    why: "the file is no longer the one that was looked at first",
    hint: "run the command again when nothing writes there",
  });
}

function* readPieces(path: string): Generator<Uint8Array> {
  const file = openRegular(path, "refuse");
  try {
    const buffer = Buffer.allocUnsafeSlow(pieceBytes);
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer))
      yield buffer.subarray(0, count);
  } finally {
    closeSync(file);
  }
}
