// The pure parts: which hooks run, in which order and batches, and what each invocation sees in its environment.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { demandsOn } from "../../src/hooks/choose.ts";
import type { EnvironmentInput } from "../../src/hooks/environment.ts";
import { hookEnvironment } from "../../src/hooks/environment.ts";
import { eventRules, hookBatches, hooksFor } from "../../src/hooks/plan.ts";
import { inRolloutOrder, rolloutOrder, storedOrder } from "../../src/lifecycle/order.ts";
import { hookEvents } from "../../src/model/manifest.ts";
import type { AllocationRow, JobRow } from "../../src/model/state.ts";
import { allocationRow, jobRow } from "../support/builders/catalog.ts";

const job = (name: string, of: Parameters<typeof jobRow>[2] = {}) => jobRow(name, {}, of);
const allocation = (ip: string, index = 0, change: Partial<AllocationRow> = {}) =>
  allocationRow("api", ip, { allocId: `id-${ip}`, workerId: `w-${ip}`, index, ...change });

const kvWith = (order: string | undefined) => ({ get: () => order });

test("hooks of an event come by name, others not at all", () => {
  const declared = job("api", {
    hooks: [
      { name: "hook_b", executedOn: ["cli"], file: "hook_b.py" },
      { name: "hook_a", executedOn: ["cli", "post_build"], file: "hook_a.ts" },
      { name: "hook_c", executedOn: ["post_deploy"], file: "hook_c.ts" },
    ],
  });
  expect(hooksFor(declared, "cli").map(({ name }) => name)).toEqual(["hook_a", "hook_b"]);
  expect(hooksFor(declared, "post_build").map(({ name }) => name)).toEqual(["hook_a"]);
  expect(hooksFor(declared, "health_check")).toEqual([]);
});

describe("the rollout order", () => {
  const all = [
    allocation("10.0.0.1"),
    allocation("10.0.0.2"),
    allocation("10.0.0.3", 2, { disabled: true }),
    allocation("10.0.0.4", 3, { removed: true }),
  ];
  const table: [string | undefined, string[], string, string | undefined][] = [
    [undefined, ["10.0.0.1", "10.0.0.2"], "default", undefined],
    ["", ["10.0.0.1", "10.0.0.2"], "default", undefined],
    ["10.0.0.1,10.0.0.2", ["10.0.0.1", "10.0.0.2"], "default", undefined],
    [" 10.0.0.2 , 10.0.0.1", ["10.0.0.2", "10.0.0.1"], "kv", undefined],
    ["10.0.0.2", ["10.0.0.1", "10.0.0.2"], "default", "10.0.0.2"],
    ["10.0.0.2,10.0.0.2", ["10.0.0.1", "10.0.0.2"], "default", "10.0.0.2,10.0.0.2"],
    ["10.0.0.2,10.0.0.3", ["10.0.0.1", "10.0.0.2"], "default", "10.0.0.2,10.0.0.3"],
  ];
  test.each(table)("%p in the KV", (stored, workers, source, ignored) => {
    const order = rolloutOrder(storedOrder(kvWith(stored), "api"), all);
    expect(order.workers).toEqual(workers);
    expect(order.source).toBe(source as "kv" | "default");
    expect(order.ignored).toBe(ignored as string);
  });

  test("what it does not name comes last, in its own order", () => {
    const ips = all.map(({ workerIp }) => workerIp);
    const sorted = inRolloutOrder(ips, rolloutOrder("10.0.0.2,10.0.0.1", all), (ip) => ip);
    expect(sorted).toEqual(["10.0.0.2", "10.0.0.1", "10.0.0.3", "10.0.0.4"]);
  });
});

test("batches keep order and width, count themselves, and lose nobody", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 0, max: 5 }), (members, width) => {
      const batches = hookBatches(members, width);
      expect(batches.flatMap((batch) => batch.members)).toEqual(members);
      for (const [index, batch] of batches.entries()) {
        expect([batch.index, batch.count]).toEqual([index, batches.length]);
        expect(batch.members.length).toBeGreaterThan(0);
        if (width > 0) expect(batch.members.length).toBeLessThanOrEqual(width);
      }
      if (width === 0) expect(batches.length).toBeLessThanOrEqual(1);
    }),
  );
});

test("a batch of a rollout stays whole and keeps its place", () => {
  expect(hookBatches(["a", "b", "c"], 1, { index: 2, count: 5 })).toEqual([
    { index: 2, count: 5, members: ["a", "b", "c"] },
  ]);
});

test("only gates and stops go on after a failure", () => {
  expect(hookEvents.filter((event) => !eventRules[event].stopsAtFailure)).toEqual([
    "after_allocation_stopped",
    "health_check",
  ]);
});

describe("the environment", () => {
  const input: EnvironmentInput = {
    event: "pre_deploy",
    hook: "hook_a",
    allocation: allocation("10.0.0.1", 4, { disabled: true }),
    currentVersion: "0.0.0",
    newVersion: "1.2.3",
    bucketRoot: "/bucket",
    bucketId: "bucket-id",
    batch: { index: 1, count: 3, workers: ["10.0.0.1", "10.0.0.2"] },
    phase: "new",
    order: { workers: ["10.0.0.2", "10.0.0.1"], source: "kv" },
    rollback: false,
    api: { host: "127.0.0.1", port: 4711, token: "t" },
    inherited: {
      PATH: "/bin",
      HOME: "/root",
      LANG: "C",
      TERM: "dumb",
      SSH_AUTH_SOCK: "/agent",
      MAAND_X: "y",
      AWS_SECRET: "leak",
      JOB: "caller",
      PYTHONPATH: "/evil",
    },
  };

  test("is exactly what help lists", () => {
    expect(hookEnvironment(input)).toEqual({
      PATH: "/bin",
      HOME: "/root",
      LANG: "C",
      TERM: "dumb",
      SSH_AUTH_SOCK: "/agent",
      MAAND_X: "y",
      ALLOCATION_ID: "id-10.0.0.1",
      ALLOCATION_IP: "10.0.0.1",
      ALLOCATION_INDEX: "4",
      JOB: "api",
      EVENT: "pre_deploy",
      HOOK: "hook_a",
      COMMAND: "hook_a",
      DISABLED: "1",
      CURRENT_VERSION: "0.0.0",
      NEW_VERSION: "1.2.3",
      BUCKET_ROOT: "/bucket",
      BUCKET_ID: "bucket-id",
      BATCH_ALLOCATIONS: "10.0.0.1,10.0.0.2",
      BATCH_INDEX: "1",
      BATCH_COUNT: "3",
      DEPLOY_PHASE: "new",
      ROLLOUT_ORDER: "10.0.0.2,10.0.0.1",
      ROLLOUT_ORDER_SOURCE: "kv",
      HOOK_API_HOST: "127.0.0.1",
      HOOK_API_PORT: "4711",
      HOOK_API_TOKEN: "t",
    });
  });

  test("has what job_control needs, and says of a rollback that it is one", () => {
    const control = {
      target: "deploy",
      newAllocations: ["10.0.0.1"],
      updatedAllocations: ["10.0.0.2", "10.0.0.3"],
      stoppedAllocations: [],
    };
    const environment = hookEnvironment({ ...input, event: "job_control", control, rollback: true });
    expect(environment).toMatchObject({
      TARGET: "deploy",
      NEW_ALLOCATIONS: "10.0.0.1",
      UPDATED_ALLOCATIONS: "10.0.0.2,10.0.0.3",
      STOPPED_ALLOCATIONS: "",
      ROLLBACK: "1",
    });
  });
});

test("demands on a hook come from the jobs of the workspace, by job and hook", () => {
  const demanding = (name: string, hook: string, removed = false): JobRow => ({
    ...job(name, {
      hooks: [
        {
          name: hook,
          executedOn: ["post_deploy"],
          file: `${hook}.py`,
          demand: { job: "db", hook: "hook_user", config: { user: name } },
        },
      ],
    }),
    removed,
  });
  const state = {
    bucketId: "b",
    workers: [],
    jobs: [
      job("db"),
      demanding("web", "hook_b"),
      demanding("api", "hook_a"),
      demanding("old", "hook_o", true),
    ],
    allocations: [],
    ports: [],
    files: new Map(),
  };
  expect(demandsOn(state, "db", "hook_user")).toEqual([
    { job: "api", hook: "hook_a", demand_config: { user: "api" } },
    { job: "web", hook: "hook_b", demand_config: { user: "web" } },
  ]);
  expect(demandsOn(state, "db", "hook_other")).toEqual([]);
});
