// workers.json after probing: nothing that the user wrote is lost, in any way of running it.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Capacity, catalogRows, mergeFacts } from "../../src/fleet/merge-facts.ts";
import type { WorkerRow as CatalogWorker } from "../../src/model/state.ts";
import { parseJson } from "../../src/workspace/json.ts";
import { checkWorkers } from "../../src/workspace/workers.ts";
import { formatWorkers, type WorkerEntry } from "../../src/workspace/workers-file.ts";
import { checkedValue, errors } from "../support/checked.ts";

const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "w4.example.com"];
const label = fc.constantFrom("web", "db", "Worker", "gpu");
const row = (host: string): fc.Arbitrary<WorkerEntry> =>
  fc.record(
    {
      host: fc.constant(host),
      hostname: fc.constantFrom("a", "b"),
      labels: fc.uniqueArray(label),
      memory: fc.constantFrom<(string | number)[]>("8 gb", "512", 1024, "1.5GB"),
      cpu: fc.constantFrom<(string | number)[]>("4 ghz", 500),
      tags: fc.dictionary(fc.constantFrom("zone", "rack"), fc.constantFrom("a", "b")),
      position: fc.constant(hosts.indexOf(host) * 10),
    },
    { requiredKeys: ["host"] },
  );
const file = fc.uniqueArray(fc.constantFrom(...hosts)).chain((chosen) => fc.tuple(...chosen.map(row)));
const capacity: fc.Arbitrary<Capacity> = fc.record(
  { memoryMb: fc.integer({ min: 1, max: 9_000_000 }), cpuMhz: fc.integer({ min: 1, max: 900_000 }) },
  { requiredKeys: [] },
);
const probed = fc
  .dictionary(fc.constantFrom(...hosts, "10.9.9.9"), capacity)
  .map((found) => new Map(Object.entries(found)));

/** What build would read from the text. */
function workersOf(rows: readonly WorkerEntry[]) {
  const checked = checkWorkers(parseJson("workers.json", formatWorkers(rows)));
  expect(errors(checked)).toEqual([]);
  const workers = checkedValue(checked);
  return workers!;
}

/** The catalog that a build of these rows leaves. */
function catalogOf(rows: readonly WorkerEntry[]): CatalogWorker[] {
  return workersOf(rows).map(({ index: _, ...worker }) => ({ ...worker, workerId: worker.host }));
}

test("every field but memory and cpu stays as it was written, in its place; rows keep their order", () => {
  fc.assert(
    fc.property(file, probed, (rows, found) => {
      const merged = mergeFacts(rows, [], found);
      for (const [i, before] of rows.entries()) {
        const after = merged[i]!;
        for (const key of Object.keys(before) as (keyof WorkerEntry)[])
          if (key !== "memory" && key !== "cpu") expect(after[key]).toEqual(before[key]);
        expect(Object.keys(after).filter((key) => key in before)).toEqual(Object.keys(before));
        if (found.get(before.host)?.memoryMb === undefined) expect(after.memory).toEqual(before.memory);
        if (found.get(before.host)?.cpuMhz === undefined) expect(after.cpu).toEqual(before.cpu);
      }
    }),
  );
});

test("what was probed is what build then reads, and every host is there once", () => {
  fc.assert(
    fc.property(file, probed, (rows, found) => {
      const workers = workersOf(mergeFacts(rows, [], found));
      expect(new Set(workers.map((worker) => worker.host))).toEqual(
        new Set([...rows.map((r) => r.host), ...found.keys()]),
      );
      for (const worker of workers) {
        const { memoryMb, cpuMhz } = found.get(worker.host) ?? {};
        if (memoryMb !== undefined) expect(worker.memoryMb).toBe(memoryMb);
        if (cpuMhz !== undefined) expect(worker.cpuMhz).toBe(cpuMhz);
      }
    }),
  );
});

test("an emptied file comes back from the catalog with the same meaning, positions included", () => {
  fc.assert(
    fc.property(file, (rows) => {
      const catalog = catalogOf(rows);
      expect(catalogOf(mergeFacts(undefined, catalog, new Map()))).toEqual(catalog);
      expect(catalogRows(catalog)).toEqual(mergeFacts(undefined, catalog, new Map()));
    }),
  );
});

test("running it again changes nothing", () => {
  fc.assert(
    fc.property(file, probed, (rows, found) => {
      const once = mergeFacts(rows, [], found);
      expect(mergeFacts(once, [], found)).toEqual(once);
    }),
  );
});

test("a value that says the same keeps its spelling", () => {
  const merged = mergeFacts(
    [{ host: "a", memory: "8 GB", cpu: 4000 }],
    [],
    new Map([["a", { memoryMb: 8192, cpuMhz: 4000 }]]),
  );
  expect(merged).toEqual([{ host: "a", memory: "8 GB", cpu: 4000 }]);
});

test("a named host that only the catalog knows comes with all its fields", () => {
  const catalog = catalogOf([
    { host: "10.0.0.1" },
    { host: "10.0.0.2", labels: ["db"], hostname: "two", tags: { zone: "b" } },
  ]);
  expect(mergeFacts([{ host: "10.0.0.1" }], catalog, new Map([["10.0.0.2", { memoryMb: 100 }]]))).toEqual([
    { host: "10.0.0.1" },
    { host: "10.0.0.2", hostname: "two", labels: ["db", "worker"], tags: { zone: "b" }, memory: "100 mb" },
  ]);
});
