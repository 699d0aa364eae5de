// Reading and writing the KV in the catalog: the current value of every key, and its superseded versions.

import type { Catalog } from "../catalog/open.ts";
import { Secret } from "../model/secret.ts";
import type { Cipher } from "./cipher.ts";
import { isSecretKey } from "./namespaces.ts";

/** Versions kept of each key, the current one among them. */
export const keptVersions = 7;

export interface KvEntry {
  namespace: string;
  key: string;
  /** A Secret when the key is stored encrypted; "" for a deleted key. */
  value: string | Secret;
  version: number;
  deleted: boolean;
}

/** One change of one key; without a value the key is deleted. */
export interface KvChange {
  namespace: string;
  key: string;
  value?: string;
}

export interface KvStore {
  /** The current value, undefined when missing or deleted. */
  get(namespace: string, key: string): string | Secret | undefined;
  /** Live keys of a namespace, sorted. */
  keys(namespace: string): string[];
  /** Live namespaces, sorted. */
  namespaces(): string[];
  /** Every key with its current version, deleted ones too, by namespace and key; secrets are not decrypted until read. */
  entries(): KvEntry[];
  /**
   * Writes the changes as new versions, in one transaction (or inside the caller's). A value that is already
   * there is not written again. Returns how many keys changed.
   * @throws MaandError("catalog") when a secret is among them and the key is missing or not the one of the others
   */
  apply(changes: readonly KvChange[], now: number): number;
}

interface Row {
  namespace: string;
  key: string;
  version: number;
  /** Bytes of a secret, else text. */
  value: Uint8Array | string;
  secret: number;
  deleted: number;
}

/** Values are stored as bytes; SQLite makes them text several times faster than we do. */
const rowColumns =
  "namespace, key, version, iif(secret, value, CAST(value AS TEXT)) AS value, secret, deleted";

/** The KV of an open catalog. Nothing is read before it is asked for. */
export function openKv(catalog: Catalog, cipher: Cipher): KvStore {
  const one = catalog.query<Row, [string, string]>(
    `SELECT ${rowColumns} FROM kv WHERE namespace = ? AND key = ?`,
  );
  const shownValue = (row: Row): string | Secret => {
    if (row.deleted === 1) return "";
    const { namespace, key, value } = row;
    if (typeof value === "string") return value;
    return new Secret(() => cipher.decrypt([namespace, key], value).toString("utf8"));
  };

  let isKeyChecked = false;
  /** A key that cannot open what is stored must not encrypt more: the bucket's secrets would hang on two keys. */
  const checkKey = (): void => {
    if (isKeyChecked) return;
    const encrypted = catalog
      .query<Row, []>("SELECT * FROM kv WHERE secret = 1 AND deleted = 0 LIMIT 1")
      .get();
    const sample = encrypted === null ? undefined : shownValue(encrypted);
    if (sample instanceof Secret) sample.reveal();
    isKeyChecked = true;
  };

  const write = (change: KvChange, now: number): boolean => {
    const current = one.get(change.namespace, change.key);
    if (change.value === undefined) {
      if (current === null || current.deleted === 1) return false;
    } else if (current !== null && current.deleted === 0) {
      const value = shownValue(current);
      if ((value instanceof Secret ? value.reveal() : value) === change.value) return false;
    }
    const version = (current?.version ?? 0) + 1;
    if (current !== null) {
      catalog
        .query("INSERT INTO kv_history SELECT * FROM kv WHERE namespace = ? AND key = ?")
        .run(change.namespace, change.key);
      catalog
        .query("DELETE FROM kv_history WHERE namespace = ? AND key = ? AND version <= ?")
        .run(change.namespace, change.key, version - keptVersions);
    }
    const secret = isSecretKey(change.namespace, change.key);
    const plain = Buffer.from(change.value ?? "", "utf8");
    const isEncrypted = secret && change.value !== undefined;
    if (isEncrypted) checkKey();
    const stored = isEncrypted ? cipher.encrypt([change.namespace, change.key], plain) : plain;
    catalog
      .query("INSERT OR REPLACE INTO kv VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(
        change.namespace,
        change.key,
        version,
        stored,
        secret ? 1 : 0,
        change.value === undefined ? 1 : 0,
        now,
      );
    return true;
  };

  return {
    get(namespace, key) {
      const row = one.get(namespace, key);
      return row === null || row.deleted === 1 ? undefined : shownValue(row);
    },
    keys(namespace) {
      return catalog
        .query<{ key: string }, [string]>(
          "SELECT key FROM kv WHERE namespace = ? AND deleted = 0 ORDER BY key",
        )
        .all(namespace)
        .map((row) => row.key);
    },
    namespaces() {
      return catalog
        .query<{ namespace: string }, []>(
          "SELECT DISTINCT namespace FROM kv WHERE deleted = 0 ORDER BY namespace",
        )
        .all()
        .map((row) => row.namespace);
    },
    entries() {
      return catalog
        .query<Row, []>(`SELECT ${rowColumns} FROM kv ORDER BY namespace, key`)
        .all()
        .map((row) => ({
          namespace: row.namespace,
          key: row.key,
          version: row.version,
          deleted: row.deleted === 1,
          value: shownValue(row),
        }));
    },
    apply(changes, now) {
      return catalog.transaction(() => changes.filter((change) => write(change, now)).length)();
    },
  };
}
