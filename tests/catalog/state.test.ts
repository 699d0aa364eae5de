// The build's part of the catalog: what is written is what is read, and only differences are written.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { diffState, readState, writeState } from "../../src/catalog/state.ts";
import type { CatalogState } from "../../src/model/state.ts";
import { catalogState } from "../support/builders/catalog.ts";
import { useCatalogs } from "../support/builders/new-catalog.ts";
import {
  build,
  workspace,
  workspaceJob,
  workspaces,
  workspaceWorker,
} from "../support/builders/workspace.ts";

const newCatalog = useCatalogs();

const named = (state: CatalogState): CatalogState => ({ ...state, bucketId: "the-bucket" });

test("any chain of builds: what is written reads back as the same value, in the same order", () => {
  const catalog = newCatalog();
  fc.assert(
    fc.property(workspaces, (ws) => {
      const previous = readState(catalog);
      const next = named(build(ws, previous).next);
      catalog.transaction(() => writeState(catalog, diffState(previous, next)))();
      const read = readState(catalog);
      expect(read).toEqual(next);
      expect([...read.files.keys()].toSorted()).toEqual([...next.files.keys()].toSorted());
      expect(diffState(read, next)).toEqual([]);
    }),
  );
});

test("every optional field survives, present and absent", () => {
  const catalog = newCatalog();
  const worker = {
    ...workspaceWorker("h", 0, ["full"]),
    hostname: "name",
    memoryMb: 0.5,
    cpuMhz: 0,
    tags: { zone: "z", a: "" },
  };
  const jobs = [
    workspaceJob("full", {
      selectors: ["full"],
      memory: { min: 0, max: 0.25 },
      cpu: { min: 0, max: 0 },
      lifecycleTimeout: 5,
    }),
    workspaceJob("bare"),
  ];
  const next = named(build(workspace([worker, workspaceWorker("i", 1)], jobs), catalogState()).next);
  catalog.transaction(() => writeState(catalog, diffState(readState(catalog), next)))();
  expect(readState(catalog)).toEqual(next);
});

test("a difference names the rows that differ and no others", () => {
  const ws = workspace(
    [workspaceWorker("h", 0), workspaceWorker("i", 1)],
    [workspaceJob("a"), workspaceJob("b")],
  );
  const before = build(ws).next;
  const [a, b] = ws.jobs;
  const changed = workspace(ws.workers, [a!, { ...b!, files: workspaceJob("b", {}, "other").files }]);
  const difference = diffState(before, build(changed, before).next);
  expect(
    difference.map(({ table, puts, deletes }) => [table, puts.map((row) => row.slice(0, 2)), deletes]),
  ).toEqual([["job_file", [["b", "Makefile"]], []]]);
});
