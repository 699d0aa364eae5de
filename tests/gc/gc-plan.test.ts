// What gc will do on workers, and whose values leave the KV.

import { expect, test } from "bun:test";
import { ownerlessNamespaces, planGc, stopWaves } from "../../src/gc/plan.ts";
import type { RuntimeState } from "../../src/model/state.ts";
import { allocationRow, catalogState, deploymentsOf, jobRow } from "../support/builders/catalog.ts";

const removed = { removed: true };

test.each<[RuntimeState, { visit: boolean; stop: boolean }]>([
  ["absent", { visit: false, stop: false }],
  ["unknown", { visit: true, stop: true }],
  ["running", { visit: true, stop: true }],
  ["health_failed", { visit: true, stop: true }],
  ["stopped", { visit: true, stop: false }],
  ["drained", { visit: true, stop: false }],
  ["cleaned", { visit: true, stop: false }],
])("a removed allocation that is %s", (state, expected) => {
  const row = allocationRow("api", "10.0.0.1", removed);
  const plan = planGc(catalogState(["10.0.0.1"], [jobRow("api")], [row]), deploymentsOf([row], state));
  expect(plan.visits.length === 1).toBe(expected.visit);
  expect(plan.rowsOnly.length === 1).toBe(!expected.visit);
  expect(plan.visits[0]?.garbage[0]?.stop ?? false).toBe(expected.stop);
});

test("what is not removed is left alone", () => {
  const rows = [allocationRow("api", "10.0.0.1"), allocationRow("api", "10.0.0.2", { disabled: true })];
  const plan = planGc(
    catalogState(["10.0.0.1", "10.0.0.2"], [jobRow("api")], rows),
    deploymentsOf(rows, "running"),
  );
  expect(plan).toEqual({ visits: [], newcomers: [], rowsOnly: [] });
});

test("a worker that left is visited even for what never reached it: worker.json may be there", () => {
  const row = allocationRow("api", "10.0.0.9", removed);
  const plan = planGc(catalogState(["10.0.0.1"], [jobRow("api")], [row]), new Map());
  expect(plan.visits.map(({ workerIp, departed }) => [workerIp, departed])).toEqual([["10.0.0.9", true]]);
});

test("stops go in reverse wave order", () => {
  const rows = ["db", "api", "web"].map((job) => allocationRow(job, "10.0.0.1", removed));
  const jobs = ["db", "api", "web"].map((job, deploymentSeq) => jobRow(job, { deploymentSeq }));
  const plan = planGc(catalogState(["10.0.0.1"], jobs, rows), deploymentsOf(rows, "running"));
  expect(stopWaves(plan).map((wave) => wave.map(({ row }) => row.job))).toEqual([["web"], ["api"], ["db"]]);
});

test("values of hooks and operators go only when the job is in neither the catalog nor the workspace", () => {
  const namespaces = [
    "vars/job/gone",
    "secrets/job/gone",
    "vars/job/waiting",
    "secrets/job/back",
    "vars/bucket/job/gone",
    "maand/job/gone",
    "maand/bucket",
    "vars/bucket",
  ];
  expect(ownerlessNamespaces(namespaces, new Set(["waiting"]), new Set(["back"]))).toEqual([
    "vars/job/gone",
    "secrets/job/gone",
  ]);
});
