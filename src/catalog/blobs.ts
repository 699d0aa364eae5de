// File content in the catalog, by its SHA-256: identical content is kept once. Beside it lie masked twins (`maskedName`).

import type { Cipher } from "../kv/cipher.ts";
import { MaandError } from "../model/error.ts";
import type { Catalog } from "./open.ts";

export interface BlobStore {
  has(sha256: string): boolean;
  /** @throws MaandError("catalog") when the content is not there. */
  read(sha256: string): Uint8Array;
  /** Hashes of current job files whose content is not there: none, unless the catalog was damaged. */
  missing(): string[];
  /** Keeps content, encrypted where it may hold secrets: that of rendered files. */
  put(sha256: string, content: Uint8Array, encrypted: boolean): void;
}

/** The blobs of an open catalog. */
export function openBlobs(catalog: Catalog, cipher: Cipher): BlobStore {
  return {
    has(sha256) {
      return catalog.query("SELECT 1 FROM blob WHERE sha256 = ?").get(sha256) !== null;
    },
    read(sha256) {
      const row = catalog
        .query<{ encrypted: number; content: Uint8Array }, [string]>(
          "SELECT encrypted, content FROM blob WHERE sha256 = ?",
        )
        .get(sha256);
      if (row === null) {
        throw new MaandError("catalog", `the catalog has no content ${sha256.slice(0, 12)}`, {
          hint: 'run "maand build" to read the workspace again',
        });
      }
      return row.encrypted === 1 ? cipher.decrypt(["blob", sha256], row.content) : row.content;
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
      catalog
        .query("INSERT OR IGNORE INTO blob VALUES (?, ?, ?)")
        .run(sha256, encrypted ? 1 : 0, encrypted ? cipher.encrypt(["blob", sha256], content) : content);
    },
  };
}
