// The KV in the catalog: versions, tombstones, secrets bound to their place, and the key that opens them.

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import fc from "fast-check";
import type { Catalog } from "../../src/catalog/open.ts";
import { cipherFromFile, createKey } from "../../src/kv/cipher.ts";
import { type KvStore, keptVersions, openKv } from "../../src/kv/store.ts";
import { Secret } from "../../src/model/secret.ts";
import { useCatalogs } from "../support/builders/new-catalog.ts";
import { maandErrorBy } from "../support/thrown.ts";
import { useTempDirs } from "../support/use.ts";

const newCatalog = useCatalogs();
const tempDir = useTempDirs();

interface Room {
  catalog: Catalog;
  kv: KvStore;
  keyPath: string;
  /** The same catalog opened again, so that the key file is read again. */
  reopen(): KvStore;
}

function newRoom(): Room {
  const catalog = newCatalog();
  const keyPath = join(tempDir(), "kv.key");
  writeFileSync(keyPath, createKey());
  const reopen = () => openKv(catalog, cipherFromFile(keyPath));
  return { catalog, kv: reopen(), keyPath, reopen };
}

const put = (kv: KvStore, namespace: string, key: string, value?: string, now = 1) =>
  kv.apply([{ namespace, key, ...(value === undefined ? {} : { value }) }], now);

const plain = "vars/job/api";
const secret = "secrets/job/api";

interface Stored {
  version: number;
  value: Uint8Array;
  deleted: number;
}

const history = (catalog: Catalog, namespace: string, key: string) =>
  catalog
    .query<Stored, [string, string]>(
      "SELECT * FROM kv_history WHERE namespace = ? AND key = ? ORDER BY version",
    )
    .all(namespace, key);

test("every change is a new version, and seven are kept", () => {
  const { catalog, kv } = newRoom();
  for (let i = 1; i <= 20; i++) put(kv, plain, "k", `value ${i}`);
  expect(kv.get(plain, "k")).toBe("value 20");
  expect(kv.entries()).toEqual([
    { namespace: plain, key: "k", value: "value 20", version: 20, deleted: false },
  ]);
  const kept = history(catalog, plain, "k").map((row) => [row.version, Buffer.from(row.value).toString()]);
  expect(kept).toEqual([14, 15, 16, 17, 18, 19].map((i) => [i, `value ${i}`]));
  expect(kept.length + 1).toBe(keptVersions);
});

test("the same value is not written again, neither is a delete of what is not there", () => {
  const { kv } = newRoom();
  expect(put(kv, plain, "k", "v")).toBe(1);
  expect(put(kv, plain, "k", "v")).toBe(0);
  expect(put(kv, secret, "k", "v")).toBe(1);
  expect(put(kv, secret, "k", "v")).toBe(0);
  expect(put(kv, plain, "other")).toBe(0);
  expect(put(kv, plain, "k")).toBe(1);
  expect(put(kv, plain, "k")).toBe(0);
});

test("a delete is a version of its own, and the key counts on when it comes back", () => {
  const { kv, catalog } = newRoom();
  put(kv, plain, "k", "first");
  put(kv, plain, "k");
  expect(kv.get(plain, "k")).toBeUndefined();
  expect(kv.keys(plain)).toEqual([]);
  expect(kv.namespaces()).toEqual([]);
  expect(kv.entries()).toEqual([{ namespace: plain, key: "k", value: "", version: 2, deleted: true }]);
  put(kv, plain, "k", "second");
  expect(kv.entries()).toEqual([{ namespace: plain, key: "k", value: "second", version: 3, deleted: false }]);
  expect(history(catalog, plain, "k").map((row) => [row.version, row.deleted])).toEqual([
    [1, 0],
    [2, 1],
  ]);
});

test("an empty value is a value", () => {
  const { kv } = newRoom();
  put(kv, plain, "k", "");
  put(kv, secret, "k", "");
  expect(kv.get(plain, "k")).toBe("");
  expect((kv.get(secret, "k") as Secret).reveal()).toBe("");
});

test("values and names are kept byte for byte", () => {
  const { kv } = newRoom();
  const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((s) => s.isWellFormed());
  const name = text.filter((s) => s !== "" && !s.includes("\0"));
  put(kv, plain, "nul", "a\0b");
  expect(kv.get(plain, "nul")).toBe("a\0b");
  fc.assert(
    fc.property(fc.constantFrom(plain, secret), name, text, (namespace, key, value) => {
      put(kv, namespace, key, value);
      const found = kv.get(namespace, key);
      expect(found instanceof Secret ? found.reveal() : found).toBe(value);
    }),
  );
});

test("names sort as text and one cannot reach into another's namespace", () => {
  const { kv } = newRoom();
  for (const [namespace, key] of [
    ["vars/job/a", "b"],
    ["vars/job/a", "B"],
    ["vars/job/ab", "a"],
    ["vars/job/a", "10"],
    ["vars/job/a", "9"],
  ] as const)
    put(kv, namespace, key, "v");
  expect(kv.keys("vars/job/a")).toEqual(["10", "9", "B", "b"]);
  expect(kv.namespaces()).toEqual(["vars/job/a", "vars/job/ab"]);
  expect(kv.keys("vars/job/%")).toEqual([]);
});

test("changes are one transaction: an error leaves none of them", () => {
  const { kv, catalog } = newRoom();
  catalog.run(
    "CREATE TRIGGER stop BEFORE INSERT ON kv WHEN new.key = 'bad' BEGIN SELECT raise(ABORT, 'no'); END",
  );
  const changes = ["good", "bad"].map((key) => ({ namespace: plain, key, value: "v" }));
  expect(() => kv.apply(changes, 1)).toThrow("no");
  expect(kv.entries()).toEqual([]);
});

test("secrets and private keys are encrypted at rest, nothing else is", () => {
  const { kv, catalog } = newRoom();
  const places = [
    [secret, "password", true],
    ["maand/job/api/worker/10.0.0.1", "certs/tls.key", true],
    ["maand/job/api/worker/10.0.0.1", "certs/tls.crt", false],
    ["maand/job/api/worker/10.0.0.1", "version", false],
    ["maand/worker", "certs/ca.crt", false],
    [plain, "certs/tls.key", false],
  ] as const;
  for (const [namespace, key] of places) put(kv, namespace, key, "the-text");
  for (const [namespace, key, isSealed] of places) {
    const row = catalog
      .query<{ value: Uint8Array; secret: number }, [string, string]>(
        "SELECT * FROM kv WHERE namespace = ? AND key = ?",
      )
      .get(namespace, key)!;
    expect([namespace, key, row.secret, Buffer.from(row.value).includes("the-text")]).toEqual([
      namespace,
      key,
      Number(isSealed),
      !isSealed,
    ]);
    const value = kv.get(namespace, key);
    expect(value instanceof Secret).toBe(isSealed);
    expect(`${value} ${JSON.stringify(value)} ${inspect(value)}`.includes("the-text")).toBe(!isSealed);
  }
});

test("the same secret never looks the same twice: every value has its own nonce", () => {
  const { kv, catalog } = newRoom();
  for (let i = 0; i < 50; i++) put(kv, secret, `k${i}`, "same");
  const values = catalog.query<{ value: Uint8Array }, []>("SELECT value FROM kv").all();
  const nonces = new Set(values.map((row) => Buffer.from(row.value.subarray(0, 12)).toString("hex")));
  expect(nonces.size).toBe(50);
  // 12 bytes of nonce, 16 of tag, and the text.
  expect(values.map((row) => row.value.length)).toEqual(values.map(() => 12 + 16 + 4));
});

const refusal = (act: () => unknown) => maandErrorBy(act, "catalog");

const reveal = (kv: KvStore, namespace: string, key: string) => (kv.get(namespace, key) as Secret).reveal();

test("a stored secret opens under its own namespace and key alone", () => {
  const { kv, catalog } = newRoom();
  put(kv, secret, "a", "of a");
  put(kv, secret, "b", "of b");
  put(kv, "secrets/job/other", "a", "of other");
  const copy = (from: [string, string], to: [string, string]) =>
    catalog
      .query(
        "UPDATE kv SET value = (SELECT value FROM kv WHERE namespace = ? AND key = ?) WHERE namespace = ? AND key = ?",
      )
      .run(...from, ...to);
  copy([secret, "a"], [secret, "b"]);
  copy([secret, "a"], ["secrets/job/other", "a"]);
  expect(reveal(kv, secret, "a")).toBe("of a");
  expect(refusal(() => reveal(kv, secret, "b")).message).toBe("cannot decrypt secrets/job/api b");
  refusal(() => reveal(kv, "secrets/job/other", "a"));
});

test("one changed bit anywhere is found", () => {
  const { kv, catalog } = newRoom();
  put(kv, secret, "a", "x");
  const encrypted = catalog.query<{ value: Uint8Array }, []>("SELECT value FROM kv").get()!.value;
  for (let i = 0; i < encrypted.length; i++) {
    const damaged = Uint8Array.from(encrypted);
    damaged[i]! ^= 1;
    catalog.query("UPDATE kv SET value = ?").run(damaged);
    refusal(() => reveal(kv, secret, "a"));
  }
  catalog.query("UPDATE kv SET value = ?").run(encrypted.subarray(0, 20));
  refusal(() => reveal(kv, secret, "a"));
});

test("a wrong key opens nothing, seals nothing, and its error shows neither key nor text", () => {
  const { kv, keyPath, reopen } = newRoom();
  put(kv, secret, "a", "hunter2");
  put(kv, plain, "p", "v");
  const wrong = randomBytes(32);
  writeFileSync(keyPath, wrong);
  const other = reopen();
  const error = refusal(() => reveal(other, secret, "a"));
  expect(error.hint).toContain("restore secrets/kv.key from the backup");
  const told = `${error.message} ${error.why} ${error.hint} ${JSON.stringify(error)}`;
  expect(told).not.toContain("hunter2");
  expect(told).not.toContain(wrong.toString("hex"));
  refusal(() => put(other, secret, "new", "v"));
  refusal(() => put(other, "secrets/job/db", "new", "v"));
  expect(other.keys(secret)).toEqual(["a"]);
  // What needs no key goes on working.
  expect(put(other, plain, "p", "w")).toBe(1);
  expect(put(other, secret, "a")).toBe(1);
});

test("a missing key, and one of another length, are said as that", () => {
  const { kv, keyPath, reopen } = newRoom();
  put(kv, secret, "a", "x");
  put(kv, plain, "p", "v");
  writeFileSync(keyPath, randomBytes(31));
  expect(refusal(() => reveal(reopen(), secret, "a")).message).toBe(
    "the key of the encrypted KV has 31 bytes, not 32",
  );
  rmSync(keyPath);
  const without = reopen();
  expect(without.get(plain, "p")).toBe("v");
  expect(without.entries()).toHaveLength(2);
  expect(refusal(() => reveal(without, secret, "a")).message).toBe("the key of the encrypted KV is missing");
  refusal(() => put(without, secret, "b", "x"));
});

test("any sequence of changes ends as a plain map would", () => {
  const change = fc.record(
    {
      namespace: fc.constantFrom(plain, secret, "vars/bucket"),
      key: fc.constantFrom("a", "b", "c"),
      value: fc.option(fc.constantFrom("1", "2", ""), { nil: undefined }),
    },
    { requiredKeys: ["namespace", "key"] },
  );
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), (batches) => {
      const { kv, catalog } = newRoom();
      const model = new Map<string, string>();
      const versions = new Map<string, number>();
      for (const batch of batches) {
        let changed = 0;
        for (const { namespace, key, value } of batch) {
          const place = `${namespace} ${key}`;
          if (model.get(place) === value) continue;
          changed += 1;
          versions.set(place, (versions.get(place) ?? 0) + 1);
          if (value === undefined) model.delete(place);
          else model.set(place, value);
        }
        const changes = batch.map(({ namespace, key, value }) =>
          value === undefined ? { namespace, key } : { namespace, key, value },
        );
        expect(kv.apply(changes, 1)).toBe(changed);
      }
      const live = kv.entries().filter((entry) => !entry.deleted);
      const text = (value: string | Secret) => (value instanceof Secret ? value.reveal() : value);
      expect(new Map(live.map((e) => [`${e.namespace} ${e.key}`, text(e.value)]))).toEqual(model);
      expect(new Map(kv.entries().map((e) => [`${e.namespace} ${e.key}`, e.version]))).toEqual(versions);
      const most = catalog
        .query<{ n: number }, []>(
          "SELECT coalesce(max(n), 0) AS n FROM (SELECT count(*) AS n FROM kv_history GROUP BY namespace, key)",
        )
        .get()!.n;
      expect(most).toBeLessThan(keptVersions);
    }),
    { numRuns: 40 },
  );
});
