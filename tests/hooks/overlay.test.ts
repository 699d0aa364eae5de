// The KV overlay: pending writes are seen at once, stored or discarded per writer, the last one of those kept counts.

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

const put = (key: string, value?: string): KvChange[] => [
  { namespace: "vars/job/a", key, ...(value === undefined ? {} : { value }) },
];

test("a write is seen at once and durable only when its writer's are stored", () => {
  const base = freshKv();
  const kv = overlayKv(base);
  expect(kv.write("one", [{ namespace: "vars/job/a", key: "x", value: "1" }])).toBe(1);
  expect(kv.write("two", [{ namespace: "secrets/job/a", key: "s", value: "hush" }])).toBe(1);
  expect(kv.get("vars/job/a", "x")).toBe("1");
  expect(kv.get("secrets/job/a", "s")).toBeInstanceOf(Secret);
  expect(base.entries()).toEqual([]);
  expect(kv.pending()).toEqual(["one", "two"]);
  const stored = kv.store(["one"], 2);
  expect(stored.changed).toBe(1);
  // Until the caller's transaction is committed, a rollback must lose nothing.
  expect(kv.pending()).toEqual(["one", "two"]);
  stored.committed();
  expect(base.get("vars/job/a", "x")).toBe("1");
  expect(base.get("secrets/job/a", "s")).toBeUndefined();
  kv.discard(["two"]);
  expect(kv.get("secrets/job/a", "s")).toBeUndefined();
  expect(kv.pending()).toEqual([]);
});

test("a secret stays encrypted in the catalog once it is stored", () => {
  const base = freshKv();
  const kv = overlayKv(base);
  kv.write("one", [{ namespace: "secrets/job/a", key: "s", value: "hush" }]);
  kv.store(["one"], 1).committed();
  expect(base.get("secrets/job/a", "s")).toBeInstanceOf(Secret);
  expect(text(base.get("secrets/job/a", "s"))).toBe("hush");
});

test("what is there already is no change, and neither is deleting what is not there", () => {
  const base = freshKv();
  base.apply(put("x", "1"), 1);
  const kv = overlayKv(base);
  expect(kv.write("one", put("x", "1"))).toBe(0);
  expect(kv.write("one", put("y"))).toBe(0);
  expect(kv.pending()).toEqual([]);
});

test("two write the same value: it stays when either of them is dropped", () => {
  for (const [dropped, kept] of [
    ["one", "two"],
    ["two", "one"],
  ] as const) {
    const base = freshKv();
    const kv = overlayKv(base);
    kv.write("one", put("x", "1"));
    expect(kv.write("two", put("x", "1"))).toBe(0);
    kv.discard([dropped]);
    kv.store([kept], 1).committed();
    expect(base.get("vars/job/a", "x")).toBe("1");
  }
});

test("a namespace that belongs to no job cannot be written through it", () => {
  expect(() =>
    overlayKv(freshKv()).write("one", [{ namespace: "maand/bucket", key: "x", value: "1" }]),
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
const writer = fc.constantFrom("alloc 1", "alloc 2", "run 1");
type Step = { do: "write"; writer: string; change: KvChange } | { do: "store" | "discard"; writer: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("write" as const), writer, change }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("store" as const, "discard" as const), writer }) },
);

test("whoever writes and however it is settled: the last write of those not dropped is read, of those stored is kept", () => {
  const base = freshKv();
  let run = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
      // Jobs of its own for each run: a new catalog each time would take seconds.
      run += 1;
      const ours = (one: KvChange): KvChange => ({ ...one, namespace: `${one.namespace}${run}` });
      const kv = overlayKv(base);
      // The model: every write in order, with what became of it.
      const log: { writer: string; change: KvChange; fate: "pending" | "stored" | "dropped" }[] = [];
      const settle = (who: string, fate: "stored" | "dropped"): void => {
        if (fate === "stored") kv.store([who], 2).committed();
        else kv.discard([who]);
        for (const write of log) if (write.writer === who && write.fate === "pending") write.fate = fate;
      };
      const check = (): void => {
        for (const name of ["vars/job/a", "vars/job/b", "secrets/job/a", "maand/job/a"]) {
          const namespace = `${name}${run}`;
          const expected = (fates: readonly string[], key: string) =>
            log.findLast(
              (write) =>
                write.change.namespace === namespace &&
                write.change.key === key &&
                fates.includes(write.fate),
            )?.change.value;
          const all = ["k1", "k2", "k3"];
          for (const key of all) {
            expect(text(kv.get(namespace, key))).toBe(expected(["pending", "stored"], key));
            expect(text(base.get(namespace, key))).toBe(expected(["stored"], key));
          }
          const live = all.filter((key) => expected(["pending", "stored"], key) !== undefined);
          expect(kv.keys(namespace)).toEqual(live);
          expect(kv.namespaces().includes(namespace)).toBe(live.length > 0);
          const entries = kv.entries().filter((entry) => entry.namespace === namespace && !entry.deleted);
          expect(entries.map(({ key, value }) => [key, text(value)])).toEqual(
            live.map((key) => [key, expected(["pending", "stored"], key)]),
          );
        }
      };
      for (const one of steps) {
        if (one.do === "write") {
          kv.write(one.writer, [ours(one.change)]);
          log.push({ writer: one.writer, change: ours(one.change), fate: "pending" });
        } else settle(one.writer, one.do === "store" ? "stored" : "dropped");
        check();
      }
      settle("alloc 1", "stored");
      settle("alloc 2", "dropped");
      settle("run 1", "stored");
      check();
      expect(kv.pending()).toEqual([]);
    }),
    { numRuns: 80 },
  );
});
