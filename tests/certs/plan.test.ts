// Which leaves are made, kept and dropped: the rules one by one, then over generated fleets.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { backdateMs, dayMs } from "../../src/certs/lifetime.ts";
import {
  type CertJob,
  type CertPlan,
  type CertPlanInput,
  planCertificates,
  type StoredLeaf,
  storedLeaves,
} from "../../src/certs/plan.ts";
import type { CertDeclaration } from "../../src/model/manifest.ts";
import { declaration, now } from "../support/builders/certs.ts";

const authority = { fingerprint: "ca1", notAfter: now + 3650 * dayMs };

function input(
  jobs: CertJob[],
  stored: StoredLeaf[] = [],
  change: Partial<CertPlanInput> = {},
): CertPlanInput {
  return { jobs, stored, authority, now, ttlDays: 60, renewalBufferDays: 10, ...change };
}

/** What the catalog holds after the plan: kept copies as they were, new ones that end `ttlDays` after now. */
function apply(before: CertPlanInput, plan: CertPlan): StoredLeaf[] {
  const end = Math.min(before.now + before.ttlDays * dayMs, before.authority.notAfter);
  const kept = plan.reuse.map(({ job, cert, worker, from }) => {
    const source = before.stored.find((l) => l.job === job && l.cert === cert && l.worker === from)!;
    return { ...source, worker };
  });
  return [
    ...kept,
    ...plan.issue.flatMap((request) =>
      storedLeaves(request, { notBefore: before.now - backdateMs, notAfter: end }),
    ),
  ];
}

/** The same fleet after its first build. */
function built(
  jobs: CertJob[],
  change: Partial<CertPlanInput> = {},
): CertPlanInput & { stored: StoredLeaf[] } {
  const first = input(jobs, [], change);
  return { ...first, stored: apply(first, planCertificates(first)) };
}

const api = (change: Partial<CertDeclaration> = {}, workers = ["10.0.0.1", "10.0.0.2"]): CertJob => {
  return { job: "api", certs: [declaration(change)], workers };
};
const issued = (plan: CertPlan) => plan.issue.map(({ workers, reason }) => [workers.join(), reason]);

describe("an own pair for each allocation", () => {
  test("the first build makes one per worker with its own names", () => {
    const plan = planCertificates(input([api({ dns: ["api.example.com"] }, ["node1", "10.0.0.2"])]));
    expect(issued(plan)).toEqual([
      ["10.0.0.2", "missing"],
      ["node1", "missing"],
    ]);
    expect(plan.issue[1]!.names).toEqual([
      { type: "ip", value: "127.0.0.1" },
      { type: "dns", value: "node1" },
      { type: "dns", value: "localhost" },
      { type: "dns", value: "api.example.com" },
    ]);
  });

  test("a new worker gets its own, the others keep theirs", () => {
    const plan = planCertificates({
      ...built([api()]),
      jobs: [api({}, ["10.0.0.3", "10.0.0.2", "10.0.0.1"])],
    });
    expect(issued(plan)).toEqual([["10.0.0.3", "missing"]]);
    expect(plan.reuse.map(({ worker, from }) => [worker, from])).toEqual([
      ["10.0.0.1", "10.0.0.1"],
      ["10.0.0.2", "10.0.0.2"],
    ]);
  });

  test("a worker that left is dropped and touches nothing else", () => {
    const plan = planCertificates({ ...built([api()]), jobs: [api({}, ["10.0.0.2"])] });
    expect(plan.issue).toEqual([]);
    expect(plan.drop).toEqual([{ job: "api", cert: "tls", worker: "10.0.0.1", reason: "allocation_gone" }]);
  });
});

describe("one pair for all allocations", () => {
  test("is made once, with the names of all workers", () => {
    const plan = planCertificates(input([api({ one: true })]));
    expect(issued(plan)).toEqual([["10.0.0.1,10.0.0.2", "missing"]]);
    expect(plan.issue[0]!.names.map(({ value }) => value)).toEqual([
      "127.0.0.1",
      "10.0.0.1",
      "10.0.0.2",
      "localhost",
    ]);
  });

  test.each([["10.0.0.1,10.0.0.2,10.0.0.3"], ["10.0.0.2"]])(
    "is made again when the workers become %s",
    (workers) => {
      const plan = planCertificates({
        ...built([api({ one: true })]),
        jobs: [api({ one: true }, workers.split(","))],
      });
      expect(issued(plan)).toEqual([[workers, "inputs_changed"]]);
    },
  );

  test("a lost copy is taken from another worker", () => {
    const before = built([api({ one: true })]);
    const plan = planCertificates({
      ...before,
      stored: before.stored.filter((l) => l.worker !== "10.0.0.1"),
    });
    expect(plan.issue).toEqual([]);
    expect(plan.reuse.map(({ worker, from }) => [worker, from])).toEqual([
      ["10.0.0.1", "10.0.0.2"],
      ["10.0.0.2", "10.0.0.2"],
    ]);
  });

  test("copies that are not of one pair are replaced by one", () => {
    const before = built([api({ one: true })]);
    const stored = before.stored.map((l, i) => ({ ...l, notAfter: l.notAfter + i }));
    expect(issued(planCertificates({ ...before, stored }))).toEqual([
      ["10.0.0.1,10.0.0.2", "inputs_changed"],
    ]);
  });

  test("a worker that comes back does not bring the old pair back", () => {
    const before = built([api({ one: true })]);
    const left = { ...before, jobs: [api({ one: true }, ["10.0.0.1"])] };
    const old = before.stored.filter((l) => l.worker === "10.0.0.2");
    const stored = [...apply(left, planCertificates(left)), ...old];
    const back = planCertificates({ ...before, stored });
    expect(issued(back)).toEqual([["10.0.0.1,10.0.0.2", "inputs_changed"]]);
  });

  test("without workers nothing is made", () => {
    expect(planCertificates(input([api({ one: true }, [])]))).toEqual({ issue: [], reuse: [], drop: [] });
  });
});

describe("made again only for the reasons of 03", () => {
  const changes: [string, Partial<CertDeclaration>][] = [
    ["subject", { subject: { common_name: "api", organization: "x" } }],
    ["common name", { subject: { common_name: "other" } }],
    ["one", { one: true }],
    ["pkcs8", { pkcs8: true }],
    ["key", { key: "rsa-4096" }],
    ["dns", { dns: ["x.example.com"] }],
  ];
  test.each(changes)("another %s", (_, change) => {
    const plan = planCertificates({ ...built([api()]), jobs: [api(change)] });
    expect(plan.reuse).toEqual([]);
    expect(new Set(plan.issue.map(({ reason }) => reason))).toEqual(new Set(["inputs_changed"]));
  });

  test("`one` counts as a change even where it changes no name", () => {
    const plan = planCertificates({ ...built([api({}, ["a"])]), jobs: [api({ one: true }, ["a"])] });
    expect(issued(plan)).toEqual([["a", "inputs_changed"]]);
  });

  test("another CA", () => {
    const plan = planCertificates({ ...built([api()]), authority: { ...authority, fingerprint: "ca2" } });
    expect(issued(plan)).toEqual([
      ["10.0.0.1", "authority_changed"],
      ["10.0.0.2", "authority_changed"],
    ]);
    expect(plan.issue[0]!.authority).toBe("ca2");
  });

  test("not for another lifetime, order or spelling", () => {
    const subject = { common_name: "api", state: "BY", country: "DE" };
    const before = built([api({ subject, dns: ["b.example", "a.example"] })], { renewalBufferDays: 0 });
    const same = { country: "DE", province: "BY", common_name: "api" };
    const jobs = [
      api({ subject: same, dns: ["A.example", "b.example", "b.example"] }, ["10.0.0.2", "10.0.0.1"]),
    ];
    const plan = planCertificates({ ...before, jobs, ttlDays: 5 });
    expect([plan.issue, plan.drop]).toEqual([[], []]);
  });

  test.each([
    [10, 50 * dayMs - 1, 0],
    [10, 50 * dayMs, 2],
    [0, 60 * dayMs - 1, 0],
    [0, 60 * dayMs, 2],
  ])("with a buffer of %d days, %d ms later: %d are due", (renewalBufferDays, later, count) => {
    const plan = planCertificates({ ...built([api()]), renewalBufferDays, now: now + later });
    expect(plan.issue.map(({ reason }) => reason)).toEqual(Array(count).fill("due"));
    expect(plan.reuse.length).toBe(2 - count);
  });

  test("not when the leaf already lasts as long as its CA", () => {
    const ending = { fingerprint: "ca1", notAfter: now + 5 * dayMs };
    const before = built([api()], { authority: ending });
    expect(before.stored.map(({ notAfter }) => notAfter)).toEqual([ending.notAfter, ending.notAfter]);
    expect(planCertificates({ ...before, now: now + dayMs }).issue).toEqual([]);
  });

  test("a dropped entry and a dropped job drop their keys", () => {
    const before = built([api(), { ...api(), job: "web" }]);
    const plan = planCertificates({ ...before, jobs: [{ ...api(), certs: [] }] });
    expect(plan.issue).toEqual([]);
    expect(plan.drop.map(({ job, worker, reason }) => [job, worker, reason])).toEqual([
      ["api", "10.0.0.1", "entry_gone"],
      ["api", "10.0.0.2", "entry_gone"],
      ["web", "10.0.0.1", "entry_gone"],
      ["web", "10.0.0.2", "entry_gone"],
    ]);
  });
});

const host = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.10", "fd00::1", "node1", "node2.example");
const entry = fc.record({
  name: fc.constantFrom("tls", "peer", "web"),
  subject: fc.record({ common_name: fc.constantFrom("a", "b") }),
  one: fc.boolean(),
  pkcs8: fc.boolean(),
  key: fc.constantFrom("rsa-2048" as const, "ecdsa-p256" as const),
  dns: fc.uniqueArray(fc.constantFrom("x.example", "y.example"), { maxLength: 2 }),
});
const job = fc.record({
  job: fc.constantFrom("api", "web", "db"),
  certs: fc.uniqueArray(entry, { selector: (e) => e.name, maxLength: 3 }),
  workers: fc.uniqueArray(host, { maxLength: 5 }),
});
const fleet = fc.uniqueArray(job, { selector: (j) => j.job, maxLength: 3 });
const placesOf = (jobs: readonly CertJob[]) =>
  jobs
    .flatMap(({ job, certs, workers }) => certs.flatMap((c) => workers.map((w) => `${job}/${c.name}/${w}`)))
    .sort();
const names = (leaves: readonly { job: string; cert: string; worker: string }[]) =>
  leaves.map(({ job, cert, worker }) => `${job}/${cert}/${worker}`).sort();

describe("over generated fleets", () => {
  test("after any change every place has exactly one pair, and a second build changes nothing", () => {
    fc.assert(
      fc.property(fleet, fleet, fc.nat({ max: 80 }), (before, after, days) => {
        const next = { ...built(before), jobs: after, now: now + days * dayMs };
        const stored = apply(next, planCertificates(next));
        expect(names(stored)).toEqual(placesOf(after));
        const again = planCertificates({ ...next, stored });
        expect([again.issue, again.drop]).toEqual([[], []]);
        expect(again.reuse.every(({ worker, from }) => worker === from)).toBe(true);
      }),
    );
  });

  test("every stored leaf is kept, replaced or dropped, and only one of these", () => {
    fc.assert(
      fc.property(fleet, fleet, (before, after) => {
        const next = { ...built(before), jobs: after };
        const plan = planCertificates(next);
        const made = plan.issue.flatMap(({ job, cert, workers }) =>
          workers.map((worker) => ({ job, cert, worker })),
        );
        expect(names([...plan.reuse, ...made])).toEqual(placesOf(after));
        const gone = names(next.stored).filter((name) => !placesOf(after).includes(name));
        expect(names(plan.drop)).toEqual(gone);
      }),
    );
  });

  test("a new worker never touches the pairs of others", () => {
    fc.assert(
      fc.property(fleet, (before) => {
        const jobs = before.map((j) => ({ ...j, workers: [...j.workers, "10.9.9.9"] }));
        const plan = planCertificates({ ...built(before), jobs });
        const own = plan.issue.filter(({ job, cert }) => {
          return before.find((j) => j.job === job)!.certs.find((c) => c.name === cert)!.one === false;
        });
        expect(own.every(({ workers }) => workers.join() === "10.9.9.9")).toBe(true);
        expect(plan.drop).toEqual([]);
      }),
    );
  });

  test("the order of the input does not matter", () => {
    const shuffled = fleet.chain((jobs) =>
      fc.tuple(
        fc.constant(jobs),
        fc
          .shuffledSubarray(jobs, { minLength: jobs.length })
          .map((all) =>
            all.map((j) => ({ ...j, certs: j.certs.toReversed(), workers: j.workers.toReversed() })),
          ),
      ),
    );
    fc.assert(
      fc.property(shuffled, fleet, ([one, other], before) => {
        const { stored } = built(before);
        expect(planCertificates(input(other, stored.toReversed()))).toEqual(
          planCertificates(input(one, stored)),
        );
      }),
    );
  });
});

test("a leaf of the future is made again once; one within the tolerance for clocks that were set back is not", () => {
  const jobs: CertJob[] = [{ job: "api", certs: [declaration()], workers: ["10.0.0.1", "10.0.0.2"] }];
  const before = built(jobs);
  const back = (ms: number) => planCertificates({ ...before, now: now - ms });
  expect(back(backdateMs).issue).toEqual([]);
  const ahead = back(backdateMs + 1);
  expect(ahead.issue.map(({ reason, workers }) => [reason, workers])).toEqual([
    ["not_yet_valid", ["10.0.0.1"]],
    ["not_yet_valid", ["10.0.0.2"]],
  ]);
  const after = { ...before, now: now - backdateMs - 1 };
  expect(planCertificates({ ...after, stored: apply(after, ahead) }).issue).toEqual([]);
});
