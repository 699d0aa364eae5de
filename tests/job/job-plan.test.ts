// What `maand job` will do: which allocations, in which batches, and what is refused.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type JobControlPlan, planJobControl } from "../../src/job/plan.ts";
import type { RuntimeState } from "../../src/model/state.ts";
import { allocationRow, catalogState, deploymentsOf, jobRow } from "../support/builders/catalog.ts";
import { maandErrorBy } from "../support/thrown.ts";

const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
const widths = { maxConcurrentStarts: 3, maxConcurrentUpgrades: 2 };
const job = jobRow("api", {}, widths);
const rows = hosts.map((host) => allocationRow("api", host));
const state = catalogState(hosts, [job, jobRow("old", { removed: true })], rows);
const running = deploymentsOf(rows, "running");

const batchesOf = (plan: JobControlPlan) =>
  plan.batches.map((batch) => batch.map(({ row }) => row.workerIp.slice(-1)).join(""));

const usage = (act: () => unknown) => maandErrorBy(act, "usage");

test.each([
  ["start", ["123", "45"]],
  ["restart", ["12", "34", "5"]],
  ["reload", ["12", "34", "5"]],
  ["stop", ["12345"]],
  ["status", ["12345"]],
  ["backup", ["12345"]],
])("%s goes in batches of the manifest's width", (target, batches) => {
  expect(batchesOf(planJobControl(state, running, { job: "api", target }))).toEqual(batches);
});

test("max_concurrent_starts 0 is all at once", () => {
  const wide = catalogState(hosts, [jobRow("api", {}, { maxConcurrentStarts: 0 })], rows);
  expect(batchesOf(planJobControl(wide, running, { job: "api", target: "start" }))).toEqual(["12345"]);
});

test("batches follow a rollout_order that names exactly the active workers", () => {
  const request = { job: "api", target: "restart" };
  const order = ["10.0.0.5", "10.0.0.3", "10.0.0.1", "10.0.0.2", "10.0.0.4"];
  expect(batchesOf(planJobControl(state, running, request, order.join(",")))).toEqual(["53", "12", "4"]);
  expect(batchesOf(planJobControl(state, running, request, order.slice(1).join(",")))).toEqual([
    "12",
    "34",
    "5",
  ]);
  const narrowed = { ...request, allocations: ["10.0.0.1", "10.0.0.4", "10.0.0.5"] };
  expect(batchesOf(planJobControl(state, running, narrowed, order.join(", ")))).toEqual(["51", "4"]);
});

test("removed and disabled allocations are left out", () => {
  const some = [rows[0]!, { ...rows[1]!, disabled: true }, { ...rows[2]!, removed: true }];
  const plan = planJobControl(catalogState(hosts, [job], some), running, { job: "api", target: "stop" });
  expect(batchesOf(plan)).toEqual(["1"]);
});

test("a disabled one that is named: stop and status only", () => {
  const some = catalogState(hosts, [job], [rows[0]!, { ...rows[1]!, disabled: true }]);
  const named = (target: string) =>
    planJobControl(some, running, { job: "api", target, allocations: ["10.0.0.2"] });
  for (const target of ["stop", "status"]) expect(batchesOf(named(target))).toEqual(["2"]);
  for (const target of ["start", "restart", "reload", "backup"])
    expect(usage(() => named(target)).message).toContain("disabled");
});

test("names that are not there are refused with the nearest one", () => {
  expect(usage(() => planJobControl(state, running, { job: "apu", target: "stop" })).hint).toContain('"api"');
  expect(usage(() => planJobControl(state, running, { job: "old", target: "stop" })).message).toContain(
    "left the workspace",
  );
  const elsewhere = { job: "api", target: "stop", allocations: ["10.0.0.9"] };
  expect(usage(() => planJobControl(state, running, elsewhere)).hint).toContain("10.0.0.");
});

test("a target that make would take for an option, or a shell for more, is refused", () => {
  for (const target of ["-n", "", "a b", "a;b", "A=1", "$(x)"])
    usage(() => planJobControl(state, running, { job: "api", target }));
});

const refusedIn: Record<RuntimeState, { start: boolean; stop: boolean }> = {
  absent: { start: true, stop: true },
  cleaned: { start: true, stop: true },
  drained: { start: true, stop: false },
  unknown: { start: false, stop: false },
  running: { start: false, stop: false },
  health_failed: { start: false, stop: false },
  stopped: { start: false, stop: false },
};

test.each(Object.entries(refusedIn))("in state %s", (runtime, refused) => {
  const deployments = deploymentsOf(rows, runtime as RuntimeState);
  for (const [target, kind] of [
    ["start", "start"],
    ["restart", "start"],
    ["backup", "start"],
    ["stop", "stop"],
    ["status", "stop"],
  ] as const) {
    const plan = planJobControl(state, deployments, { job: "api", target });
    expect([target, plan.refused.length]).toEqual([target, refused[kind] ? rows.length : 0]);
    for (const { error } of plan.refused) expect(error.hint).toContain("maand deploy");
  }
});

test("every chosen allocation is in exactly one batch or refused, and no batch exceeds its width", () => {
  const states = fc.constantFrom<RuntimeState>("absent", "running", "stopped", "drained", "health_failed");
  const allocation = fc.record({ disabled: fc.boolean(), removed: fc.boolean(), state: states });
  fc.assert(
    fc.property(
      fc.array(allocation, { minLength: 5, maxLength: 5 }),
      fc.constantFrom("start", "stop", "restart", "status", "other"),
      fc.record({ maxConcurrentStarts: fc.nat(4), maxConcurrentUpgrades: fc.integer({ min: 1, max: 4 }) }),
      fc.shuffledSubarray(hosts),
      (found, target, of, order) => {
        const some = rows.map((row, i) => ({
          ...row,
          disabled: found[i]!.disabled,
          removed: found[i]!.removed,
        }));
        const deployments = new Map(
          some.map((row, i) => [row.allocId, { allocId: row.allocId, state: found[i]!.state }]),
        );
        const plan = planJobControl(
          catalogState(hosts, [jobRow("api", {}, of)], some),
          deployments,
          { job: "api", target },
          order.join(","),
        );
        const seen = [
          ...plan.batches.flat().map(({ row }) => row.workerIp),
          ...plan.refused.map(({ row }) => row.workerIp),
        ];
        const active = some.filter((row) => !row.disabled && !row.removed).map((row) => row.workerIp);
        expect([...seen].sort()).toEqual(active);
        const width =
          target === "start" ? of.maxConcurrentStarts : target === "restart" ? of.maxConcurrentUpgrades : 0;
        for (const batch of plan.batches)
          expect(batch.length).toBeLessThanOrEqual(width === 0 ? hosts.length : width);
      },
    ),
  );
});
