// File content in the catalog, by its SHA-256: identical content is kept once. Beside it lie masked twins (`maskedName`).
//
// Content of more than one piece is kept as several rows, each encrypted by itself where it is encrypted, so that a file
// of any size costs no more memory than a piece to store and to read.

import type { Cipher } from "../kv/cipher.ts";
import { MaandError } from "../model/error.ts";
import type { Catalog } from "./open.ts";

export interface BlobStore {
  has(sha256: string): boolean;
  /** @throws MaandError("catalog") when the content is not there. */
  read(sha256: string): Uint8Array;
  /** The content in order, a few megabytes at a time at most. @throws as `read`, when the first piece is asked for */
  pieces(sha256: string): Iterable<Uint8Array>;
  /** Bytes that the content takes in the catalog; 0 when it is not there. */
  size(sha256: string): number;
  /** Hashes of current job files whose content is not there: none, unless the catalog was damaged. */
  missing(): string[];
  /**
   * Keeps content, given as a whole or in order. Encrypted is what was rendered, which may hold secrets. The caller holds
   * a transaction where the content is given in order: what its source throws must leave nothing behind.
   */
  put(sha256: string, content: Uint8Array | Iterable<Uint8Array>, encrypted: boolean): void;
}

interface BlobRow {
  encrypted: number;
  content: Uint8Array;
}

/** Bytes of a row: enough to cost few rows, little enough to be held beside others. */
const pieceBytes = 4 * 1024 * 1024;

/** The blobs of an open catalog. */
export function openBlobs(catalog: Catalog, cipher: Cipher): BlobStore {
  const has = (sha256: string): boolean =>
    catalog.query("SELECT 1 FROM blob WHERE sha256 = ?").get(sha256) !== null;

  function* pieces(sha256: string): Generator<Uint8Array> {
    const row = catalog
      .query<BlobRow, [string]>("SELECT encrypted, content FROM blob WHERE sha256 = ?")
      .get(sha256);
    if (row === null) {
      throw new MaandError("catalog", `the catalog has no content ${sha256.slice(0, 12)}`, {
        hint: 'run "maand build" to read the workspace again',
      });
    }
    const opened = (place: readonly string[], stored: Uint8Array): Uint8Array =>
      row.encrypted === 1 ? cipher.decrypt(place, stored) : stored;
    const count = catalog
      .query<{ count: number }, [string]>("SELECT count(*) AS count FROM blob_piece WHERE sha256 = ?")
      .get(sha256)!.count;
    if (count === 0) {
      yield opened(["blob", sha256], row.content);
      return;
    }
    const one = catalog.query<{ content: Uint8Array }, [string, number]>(
      "SELECT content FROM blob_piece WHERE sha256 = ? AND piece = ?",
    );
    for (let piece = 0; piece < count; piece++) {
      const stored = one.get(sha256, piece);
      if (stored === null) throw incomplete(sha256);
      yield opened(placeOf(sha256, piece), stored.content);
    }
  }

  return {
    has,
    pieces,
    read(sha256) {
      const all = [...pieces(sha256)];
      return all.length === 1 ? all[0]! : Buffer.concat(all);
    },
    size(sha256) {
      const row = catalog
        .query<{ size: number }, [string]>(
          `SELECT coalesce((SELECT length(content) FROM blob WHERE sha256 = ?1), 0) +
             (SELECT coalesce(sum(length(content)), 0) FROM blob_piece WHERE sha256 = ?1) AS size`,
        )
        .get(sha256);
      return row?.size ?? 0;
    },
    missing() {
      return catalog
        .query<{ sha256: string }, []>(
          `SELECT DISTINCT sha256 FROM job_file
           WHERE sha256 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob WHERE blob.sha256 = job_file.sha256)`,
        )
        .all()
        .map((row) => row.sha256);
    },
    put(sha256, content, encrypted) {
      if (has(sha256)) return;
      const kept = (place: readonly string[], bytes: Uint8Array): Uint8Array =>
        encrypted ? cipher.encrypt(place, bytes) : bytes;
      const blob = catalog.query("INSERT INTO blob VALUES (?, ?, ?)");
      if (content instanceof Uint8Array && content.length <= pieceBytes) {
        blob.run(sha256, encrypted ? 1 : 0, kept(["blob", sha256], content));
        return;
      }
      blob.run(sha256, encrypted ? 1 : 0, kept(["blob", sha256], new Uint8Array()));
      const add = catalog.query("INSERT INTO blob_piece VALUES (?, ?, ?)");
      let piece = 0;
      for (const bytes of cut(content)) {
        add.run(sha256, piece, kept(placeOf(sha256, piece), bytes));
        piece += 1;
      }
    },
  };
}

/** What a piece belongs to: it opens in no other place of its content, and in no other content. */
function placeOf(sha256: string, piece: number): string[] {
  return ["blob", sha256, String(piece)];
}

/** Pieces of the size of a row, whatever size they come in; one is good until the next is asked for. */
function* cut(content: Uint8Array | Iterable<Uint8Array>): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(pieceBytes);
  let filled = 0;
  for (const bytes of content instanceof Uint8Array ? [content] : content) {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + pieceBytes - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < pieceBytes) continue;
      yield buffer;
      filled = 0;
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}

function incomplete(sha256: string): MaandError {
  return new MaandError("catalog", `the catalog has only a part of content ${sha256.slice(0, 12)}`, {
    hint: "restore data/ from a backup, or remove the file from its job, run maand build and maand gc, and put it back",
  });
}
