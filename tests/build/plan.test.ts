// Properties of the build plan: a function of its input, stable under repetition and growth.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { diffKv } from "../../src/build/plan.ts";
import { diffState } from "../../src/catalog/state.ts";
import { planCertificates, type StoredLeaf, storedLeaves } from "../../src/certs/plan.ts";
import type { KvEntry } from "../../src/kv/store.ts";
import type { AllocationRow, CatalogState, KvValues } from "../../src/model/state.ts";
import { catalogState } from "../support/builders/catalog.ts";
import {
  build,
  workspace,
  workspaceJob,
  workspaces,
  workspaceWorker,
} from "../support/builders/workspace.ts";

function entriesOf(values: KvValues): KvEntry[] {
  return [...values].flatMap(([namespace, keys]) =>
    [...keys].map(([key, value]) => ({ namespace, key, value, version: 1, deleted: false })),
  );
}

test("the same workspace gives the same catalog, and building twice changes nothing", () => {
  fc.assert(
    fc.property(workspaces, (ws) => {
      const first = build(ws);
      expect(first.errors).toEqual([]);
      const again = build(ws, first.next);
      expect(diffState(first.next, again.next)).toEqual([]);
      const keys = diffKv(again, entriesOf(first.kv), () => false, false);
      expect(keys).toEqual({ puts: [], deletes: [] });
    }),
  );
});

test("a job's allocations are exactly the workers that carry all of its selectors", () => {
  fc.assert(
    fc.property(workspaces, (ws) => {
      const { next } = build(ws);
      const placed = next.allocations.map((a) => `${a.job}@${a.workerIp}`);
      const wanted = ws.jobs.flatMap((job) =>
        ws.workers
          .filter((worker) => job.manifest.selectors.every((selector) => worker.labels.includes(selector)))
          .map((worker) => `${job.name}@${worker.host}`),
      );
      expect(placed.toSorted()).toEqual(wanted.toSorted());
    }),
  );
});

test("a job's sequence is one more than the highest of the jobs it demands", () => {
  fc.assert(
    fc.property(workspaces, (ws) => {
      const { next } = build(ws);
      const seq = new Map(next.jobs.map((job) => [job.name, job.deploymentSeq]));
      for (const job of ws.jobs) {
        const upstream = job.manifest.hooks.flatMap((hook) =>
          hook.demand ? [seq.get(hook.demand.job)!] : [],
        );
        expect(seq.get(job.name)).toBe(upstream.length === 0 ? 0 : Math.max(...upstream) + 1);
      }
    }),
  );
});

test("a worker added at the end changes no port, no identity and no index of the others", () => {
  fc.assert(
    fc.property(workspaces, fc.subarray(["a", "b", "c"]), (ws, labels) => {
      const before = build(ws).next;
      const grown = {
        ...ws,
        workers: [...ws.workers, workspaceWorker("10.0.0.99", ws.workers.length, labels)],
      };
      const after = build(grown, before).next;
      expect(after.ports).toEqual(before.ports);
      expect(after.workers.filter((w) => w.host !== "10.0.0.99")).toEqual(before.workers);
      expect(after.allocations.filter((a) => a.workerIp !== "10.0.0.99")).toEqual(before.allocations);
    }),
  );
});

test("a worker added anywhere changes no port, no identity, no label and no certificate of the others", () => {
  const certs = ["own", "shared"].map((name) => ({
    name,
    subject: { common_name: name },
    one: name === "shared",
    pkcs8: false,
    key: "ecdsa-p256" as const,
    dns: [],
  }));
  const certJobs = (state: CatalogState) =>
    state.jobs.map((job) => ({
      job: job.name,
      certs,
      workers: state.allocations.filter((a) => a.job === job.name && !a.removed).map((a) => a.workerIp),
    }));
  const plan = (state: CatalogState, stored: readonly StoredLeaf[]) =>
    planCertificates({
      jobs: certJobs(state),
      stored,
      authority: { fingerprint: "ca", notAfter: 4e12 },
      now: 1e12,
      ttlDays: 60,
      renewalBufferDays: 10,
    });
  fc.assert(
    fc.property(workspaces, fc.subarray(["a", "b", "c"]), fc.nat(), (ws, labels, at) => {
      const before = build(ws).next;
      const index = at % (ws.workers.length + 1);
      const added = workspaceWorker("10.0.0.99", index, labels);
      const moved = ws.workers.map((w, i) => (i < index ? w : { ...w, position: i + 1, index: i + 1 }));
      const after = build({ ...ws, workers: moved.toSpliced(index, 0, added) }, before).next;
      expect(after.ports).toEqual(before.ports);
      const identity = ({ index: _, ...rest }: AllocationRow) => rest;
      const others = after.allocations.filter((a) => a.workerIp !== "10.0.0.99");
      expect(others.map(identity)).toEqual(before.allocations.map(identity));
      const ids = (state: CatalogState) =>
        state.workers.filter((w) => w.host !== "10.0.0.99").map((w) => [w.host, w.workerId, w.labels]);
      expect(ids(after)).toEqual(ids(before));
      // Certificates: the new worker's own, and those that all workers of a job share.
      const stored = plan(before, []).issue.flatMap((request) =>
        storedLeaves(request, { notBefore: 0, notAfter: 3e12 }),
      );
      const grown = new Set(after.allocations.filter((a) => a.workerIp === "10.0.0.99").map((a) => a.job));
      const wanted = [...grown].flatMap((job) => [`${job} own 10.0.0.99`, `${job} shared`]);
      const issued = plan(after, stored).issue.map(({ job, cert, workers }) =>
        cert === "own" ? `${job} own ${workers.join()}` : `${job} shared`,
      );
      expect(issued.toSorted()).toEqual(wanted.toSorted());
    }),
  );
});

test("the order in which jobs are listed does not matter", () => {
  fc.assert(
    fc.property(workspaces, fc.infiniteStream(fc.nat()), (ws, dice) => {
      const keys = new Map(ws.jobs.map((job) => [job.name, dice.next().value]));
      const shuffled = ws.jobs.toSorted((a, b) => keys.get(a.name)! - keys.get(b.name)!);
      const ids = { newWorkerId: (host: string) => `id of ${host}` };
      const first = build(ws, catalogState(), new Map(), ids).next;
      const second = build({ ...ws, jobs: shuffled }, catalogState(), new Map(), ids).next;
      const sorted = (state: CatalogState) => ({ ...state, files: [...state.files].toSorted() });
      expect(sorted(second)).toEqual(sorted(first));
    }),
  );
});

test("an allocation's indices are 0, 1, 2, ... over what is not removed, by worker position", () => {
  fc.assert(
    fc.property(workspaces, workspaces, (first, second) => {
      const { next } = build(second, build(first).next);
      const position = new Map(next.workers.map((w) => [w.host, w.position]));
      for (const job of next.jobs) {
        const live = next.allocations.filter((a) => a.job === job.name && !a.removed);
        expect(live.map((a) => a.index)).toEqual(live.map((_, i) => i));
        const positions = live.map((a) => position.get(a.workerIp)!);
        expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      }
    }),
  );
});

test("after any two builds every allocation of the first is still there, removed or not", () => {
  fc.assert(
    fc.property(workspaces, workspaces, (first, second) => {
      const before = build(first).next;
      const { next } = build(second, before);
      const ids = new Set(next.allocations.map((a) => a.allocId));
      expect(ids.size).toBe(next.allocations.length);
      expect(before.allocations.filter((a) => !ids.has(a.allocId))).toEqual([]);
      // Every allocation has its job's row, so that it can still be stopped.
      const jobs = new Set(next.jobs.map((job) => job.name));
      expect(next.allocations.filter((a) => !jobs.has(a.job))).toEqual([]);
    }),
  );
});

test("removed allocations stay, and the pair that comes back is the same allocation", () => {
  fc.assert(
    fc.property(workspaces, (ws) => {
      const full = build(ws).next;
      const emptied = build({ ...ws, workers: [] }, full).next;
      expect(emptied.allocations.length).toBe(full.allocations.length);
      expect(emptied.allocations.every((a) => a.removed)).toBe(true);
      const back = build(ws, emptied).next;
      const identity = (a: { allocId: string; removed: boolean }) => `${a.allocId} ${a.removed}`;
      expect(back.allocations.map(identity)).toEqual(full.allocations.map(identity));
    }),
  );
});

test("every number of the pool serves one port, and jobs keep theirs when another job comes or goes", () => {
  fc.assert(
    fc.property(workspaces, (ws) => {
      const { ports } = build(ws).next;
      expect(new Set(ports.map((p) => p.number)).size).toBe(ports.length);
      const grown = workspace(ws.workers, [...ws.jobs, workspaceJob("aaa", { ports: { http: "pool" } })]);
      const after = build(grown, build(ws).next).next.ports;
      for (const port of ports) expect(after).toContainEqual(port);
    }),
  );
});

test("two jobs swap fixed and pool numbers in one build", () => {
  const worker = workspaceWorker("10.0.0.1", 0);
  const job = (name: string, port: number | "pool") => workspaceJob(name, { ports: { http: port } });
  const first = build(workspace([worker], [job("a", 30_000), job("b", "pool")]));
  expect(first.next.ports.map((p) => [p.job, p.number])).toEqual([
    ["a", 30_000],
    ["b", 30_001],
  ]);
  const swapped = build(workspace([worker], [job("a", "pool"), job("b", 30_000)]), first.next);
  expect(swapped.errors).toEqual([]);
  expect(swapped.next.ports.map((p) => [p.job, p.number])).toEqual([
    ["a", 30_001],
    ["b", 30_000],
  ]);
});

test("an exhausted pool and a clash name both sides", () => {
  const worker = workspaceWorker("10.0.0.1", 0);
  const tight = workspace(
    [worker],
    [workspaceJob("a", { ports: { http: "pool" } }), workspaceJob("b", { ports: { http: "pool" } })],
    { portRange: { min: 30_000, max: 30_000 } },
  );
  expect(build(tight).errors.map((f) => f.message)).toEqual([
    "no number is left for port b.http: the pool 30000,30000 is taken by a.http (30000)",
  ]);
  const clash = workspace(
    [worker],
    [workspaceJob("a", { ports: { http: 8080 } }), workspaceJob("b", { ports: { web: 8080 } })],
  );
  expect(build(clash).errors.map((f) => f.message)).toEqual([
    "port 8080 of b.web is already the fixed port of a.http",
  ]);
});

test("a port name that two jobs use has no flat key, and a warning names both", () => {
  const worker = workspaceWorker("10.0.0.1", 0);
  const plan = build(
    workspace(
      [worker],
      [
        workspaceJob("a", { ports: { http: "pool", admin: "pool" } }),
        workspaceJob("b", { ports: { http: "pool" } }),
      ],
    ),
  );
  expect(plan.kv.get("maand/bucket")?.has("http")).toBe(false);
  expect(plan.kv.get("maand/bucket")?.get("admin")).toBe("30000");
  expect(plan.kv.get("maand/job/b")?.get("port_http")).toBe("30002");
  expect(plan.warnings.map((w) => w.message)).toEqual([
    'port name "http" is used by a and b, so maand/bucket has no key "http"',
  ]);
});

test("a cycle is printed as the closed path", () => {
  const demanding = (name: string, job: string) =>
    workspaceJob(name, {
      hooks: [
        {
          name: "hook_x",
          executedOn: ["cli"],
          file: "hook_x.ts",
          demand: { job, hook: "hook_x", config: {} },
        },
      ],
    });
  const plan = build(workspace([], [demanding("a", "b"), demanding("b", "c"), demanding("c", "a")]));
  expect(plan.errors.map((f) => f.message)).toEqual(["jobs demand each other in a circle: a → b → c → a"]);
});

test("namespaces of a removed allocation stay until it is stopped, then go", () => {
  const ws = workspace([workspaceWorker("10.0.0.1", 0)], [workspaceJob("a")]);
  const first = build(ws);
  const gone = { ...ws, jobs: [] };
  const running = new Map([[first.next.allocations[0]!.allocId, "running" as const]]);
  const waiting = build(gone, first.next, running);
  expect([...waiting.retained].toSorted()).toEqual([
    "maand/job/a",
    "maand/job/a/worker/10.0.0.1",
    "vars/bucket/job/a",
  ]);
  expect(waiting.next.files.get("a")).toEqual(first.next.files.get("a")!);
  const kept = diffKv(waiting, entriesOf(first.kv), () => false, true);
  expect(kept.deletes).toEqual([]);
  const stopped = new Map([[first.next.allocations[0]!.allocId, "cleaned" as const]]);
  const after = build(gone, first.next, stopped);
  expect(after.retained.size).toBe(0);
  expect(after.next.files.has("a")).toBe(false);
  expect(diffKv(after, entriesOf(first.kv), () => false, true).deletes).toContainEqual({
    namespace: "maand/job/a",
    key: "version",
  });
});

test("rollout_order that a hook has set survives a build that changes nothing else, and no other", () => {
  const ws = workspace([workspaceWorker("10.0.0.1", 0), workspaceWorker("10.0.0.2", 1)], [workspaceJob("a")]);
  const plan = build(ws);
  const entries = entriesOf(plan.kv).map((entry) =>
    entry.key === "rollout_order" ? { ...entry, value: "10.0.0.2,10.0.0.1" } : entry,
  );
  expect(diffKv(plan, entries, () => false, false)).toEqual({ puts: [], deletes: [] });
  expect(diffKv(plan, entries, () => false, true).puts).toEqual([
    { namespace: "maand/job/a", key: "rollout_order", value: "10.0.0.1,10.0.0.2" },
  ]);
});

test("capacity: the message shows worker, available, required and the jobs that make up the sum", () => {
  const worker = { ...workspaceWorker("10.0.0.1", 0), memoryMb: 1000 };
  const jobs = [
    workspaceJob("a", { memory: { min: 100, max: 600 } }),
    workspaceJob("b", { memory: { min: 100, max: 500 } }),
  ];
  expect(build(workspace([worker], jobs)).errors.map((f) => f.message)).toEqual([
    "worker 10.0.0.1 has 1000 mb of memory, its jobs reserve 1100 mb of memory (a 600 + b 500)",
  ]);
  const lower = workspace([worker], jobs, {
    reservations: new Map([["a", { memoryMb: 450, vars: { memory: "450" } }]]),
  });
  expect(build(lower).errors).toEqual([]);
  expect(build(lower).warnings.map((f) => f.message)).toEqual([
    "worker 10.0.0.1 has 1000 mb of memory, its jobs reserve 950 mb of memory (a 450 + b 500): over 90 %",
  ]);
  const disabled = workspace([worker], jobs, { disabled: { jobs: new Map([["b", "all"]]), workers: [] } });
  expect(build(disabled).errors).toEqual([]);
  const outside = workspace([worker], [jobs[0]!], {
    reservations: new Map([["a", { memoryMb: 50, vars: { memory: "50" } }]]),
  });
  expect(build(outside).errors[0]?.message).toContain("outside the manifest's 100 to 600 mb");
  expect(build(workspace([workspaceWorker("10.0.0.1", 0)], [jobs[0]!])).errors[0]?.message).toContain(
    "declares no memory",
  );
});

test("min_allocations_count counts what is not removed", () => {
  const ws = workspace([workspaceWorker("10.0.0.1", 0)], [workspaceJob("a", { minAllocationsCount: 2 })]);
  expect(build(ws).errors.map((f) => f.message)).toEqual([
    'job "a" is allocated to 1 of at least 2 workers (selectors worker)',
  ]);
});

test("an empty bucket builds to nothing but its own keys", () => {
  const plan = build(workspace([], []), catalogState());
  expect([...plan.kv.keys()]).toEqual(["maand/bucket", "vars/bucket", "maand/worker"]);
});
