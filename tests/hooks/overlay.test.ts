// The KV overlay: pending writes are seen at once, kept at a checkpoint, gone after a discard.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { openCatalog } from "../../src/catalog/open.ts";
import { cipherFromFile, createKey } from "../../src/kv/cipher.ts";
import { overlayKv } from "../../src/kv/overlay.ts";
import type { KvChange } from "../../src/kv/store.ts";
import { openKv } from "../../src/kv/store.ts";
import { Secret } from "../../src/model/secret.ts";
import { useTempDirs } from "../support/use.ts";

const tempDir = useTempDirs();
const dir = tempDir();
writeFileSync(join(dir, "kv.key"), createKey(), { mode: 0o600 });
let count = 0;

function freshKv() {
  count += 1;
  return openKv(openCatalog(join(dir, `${count}.db`), { create: true }), cipherFromFile(join(dir, "kv.key")));
}

const text = (value: string | Secret | undefined): string | undefined =>
  value instanceof Secret ? value.reveal() : value;

test("a write is seen at once and durable only at the checkpoint of its job", () => {
  const base = freshKv();
  const kv = overlayKv(base);
  expect(kv.apply([{ namespace: "vars/job/a", key: "x", value: "1" }], 1)).toBe(1);
  expect(kv.apply([{ namespace: "secrets/job/b", key: "s", value: "hush" }], 1)).toBe(1);
  expect(kv.get("vars/job/a", "x")).toBe("1");
  expect(kv.get("secrets/job/b", "s")).toBeInstanceOf(Secret);
  expect(base.entries()).toEqual([]);
  expect(kv.pending()).toEqual(["a", "b"]);
  expect(kv.checkpoint("a", 2)).toBe(1);
  expect(base.get("vars/job/a", "x")).toBe("1");
  expect(base.get("secrets/job/b", "s")).toBeUndefined();
  kv.discard("b");
  expect(kv.get("secrets/job/b", "s")).toBeUndefined();
  expect(kv.pending()).toEqual([]);
});

test("a secret stays encrypted in the catalog after the checkpoint", () => {
  const base = freshKv();
  const kv = overlayKv(base);
  kv.apply([{ namespace: "secrets/job/a", key: "s", value: "hush" }], 1);
  kv.checkpoint("a", 1);
  expect(base.get("secrets/job/a", "s")).toBeInstanceOf(Secret);
  expect(text(base.get("secrets/job/a", "s"))).toBe("hush");
});

test("what is there already is no change, and neither is deleting what is not there", () => {
  const base = freshKv();
  base.apply([{ namespace: "vars/job/a", key: "x", value: "1" }], 1);
  const kv = overlayKv(base);
  expect(kv.apply([{ namespace: "vars/job/a", key: "x", value: "1" }], 1)).toBe(0);
  expect(kv.apply([{ namespace: "vars/job/a", key: "y" }], 1)).toBe(0);
  expect(kv.pending()).toEqual([]);
});

test("a namespace that belongs to no job cannot be written through it", () => {
  expect(() =>
    overlayKv(freshKv()).apply([{ namespace: "maand/bucket", key: "x", value: "1" }], 1),
  ).toThrow();
});

const change: fc.Arbitrary<KvChange> = fc.record(
  {
    namespace: fc.constantFrom("vars/job/a", "vars/job/b", "secrets/job/a", "maand/job/a"),
    key: fc.constantFrom("k1", "k2", "k3"),
    value: fc.constantFrom("", "one", "two"),
  },
  { requiredKeys: ["namespace", "key"] },
);

test("whatever is written: an overlay reads as if it had been written straight away, and a checkpoint writes just that", () => {
  const [straight, base] = [freshKv(), freshKv()];
  let run = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.array(change, { maxLength: 8 }), (before, pending) => {
      // Jobs of its own for each run: a new catalog each time would take seconds.
      run += 1;
      const ours = (one: KvChange): KvChange => ({ ...one, namespace: `${one.namespace}${run}` });
      const isOurs = (namespace: string): boolean => /\D(\d+)$/.exec(namespace)?.[1] === String(run);
      for (const kv of [straight, base]) kv.apply(before.map(ours), 1);
      const overlay = overlayKv(base);
      for (const one of pending.map(ours)) {
        straight.apply([one], 2);
        overlay.apply([one], 2);
      }
      expect(overlay.namespaces().filter(isOurs)).toEqual(straight.namespaces().filter(isOurs));
      const namespaces = ["vars/job/a", "vars/job/b", "secrets/job/a", "maand/job/a"].map(
        (name) => `${name}${run}`,
      );
      for (const namespace of namespaces) {
        expect(overlay.keys(namespace)).toEqual(straight.keys(namespace));
        for (const key of ["k1", "k2", "k3"]) {
          expect(text(overlay.get(namespace, key))).toEqual(text(straight.get(namespace, key)));
        }
      }
      const live = (kv: Pick<typeof straight, "entries">) =>
        kv
          .entries()
          .filter((entry) => !entry.deleted && isOurs(entry.namespace))
          .map(({ namespace, key, value }) => [namespace, key, text(value)]);
      expect(live(overlay)).toEqual(live(straight));
      for (const job of ["a", "b"]) overlay.checkpoint(`${job}${run}`, 3);
      expect(live(base)).toEqual(live(straight));
    }),
    { numRuns: 60 },
  );
});
