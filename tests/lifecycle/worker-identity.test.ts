// worker.json against what the catalog expects: one worker for what is done by hand, all workers for a deploy.

import { expect, test } from "bun:test";
import fc from "fast-check";
import type { FenceAnswer } from "../../src/lifecycle/fence.ts";
import { judgeFence, judgeKnown } from "../../src/lifecycle/fence.ts";
import { lostAllocations } from "../../src/lifecycle/lost.ts";
import type { AllocationRow, WorkerRow } from "../../src/model/state.ts";
import { readIdentity } from "../../src/model/worker-identity.ts";

const expected = { bucketId: "b", workerId: "w", updateSeq: 7, runId: "r7" };
const text = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({ bucket_id: "b", worker_id: "w", update_seq: 7, run_id: "r7", labels: [], ...changes });
const worker = (host: string, workerId: string): WorkerRow => ({
  host,
  workerId,
  position: 0,
  labels: [],
  tags: {},
});
const allocation = (
  workerIp: string,
  workerId: string,
  changes: Partial<AllocationRow> = {},
): AllocationRow => ({
  allocId: `web@${workerIp}`,
  job: "web",
  workerIp,
  workerId,
  index: 0,
  disabled: false,
  removed: false,
  ...changes,
});
const names = {
  workers: [worker("10.0.0.1", "w"), worker("10.0.0.2", "v")],
  allocations: [allocation("10.0.0.9", "gone", { removed: true })],
};
const known = (found: string) => judgeKnown(readIdentity(found), expected, names);

test("the same ids and the same deploy", () => {
  expect(known(`${text()}\n`)).toEqual({ pass: true });
});

test.each([
  ["nothing there", "", "nothing was deployed", "maand deploy"],
  ["not JSON", "{", "not JSON", "maand deploy"],
  ["another bucket", text({ bucket_id: "c" }), '"c"', "delete it"],
  ["another worker", text({ worker_id: "v" }), "worker v (10.0.0.2)", "correct workspace/workers.json"],
  ["one that left", text({ worker_id: "gone" }), "10.0.0.9, which has left", "run maand gc"],
  ["nobody's", text({ worker_id: "x" }), "worker x, which this catalog does not know", "workers.json"],
  ["an older deploy", text({ update_seq: 6, run_id: "r6" }), "deploy 6 (run r6)", "run maand deploy"],
  ["a newer deploy", text({ update_seq: 8 }), "another copy of the bucket has deployed", "maand recover"],
  ["another's of the same number", text({ run_id: "s7" }), "deploy 7 (run s7)", "maand recover"],
  ["an older maand's of the same number", text({ run_id: undefined }), "deploy 7,", "maand recover"],
  ["a number as text", text({ update_seq: "7" }), '"7"', "maand deploy"],
  ["fields missing", "{}", "nothing", "maand deploy"],
])("%s", (_, found, said, hint) => {
  const verdict = known(found);
  expect(verdict.pass ? ["passed", ""] : [verdict.reason, verdict.hint]).toEqual([
    expect.stringContaining(said),
    expect.stringContaining(hint),
  ]);
});

test("no text but the right one passes, and none throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (found) => {
      expect(known(found).pass).toBe(false);
    }),
  );
});

const answer = (number: number, found: string, marks = [number]): FenceAnswer => {
  const { host, workerId } = names.workers[number]!;
  return {
    workerIp: host,
    number,
    found: readIdentity(found),
    marks,
    expected: { ...expected, workerId },
  };
};

test("a deploy may begin where nobody says otherwise, and on workers that missed some", () => {
  expect(judgeFence([answer(0, text()), answer(1, "")], names)).toEqual({ refused: new Map() });
  expect(judgeFence([answer(0, text({ update_seq: 3, run_id: "r3" }))], names)).toEqual({
    refused: new Map(),
  });
});

test("one newer number refuses everything, before anything else that is wrong", () => {
  const { refusal: error } = judgeFence(
    [answer(0, text({ worker_id: "v", update_seq: 8, run_id: "r8" })), answer(1, text({ worker_id: "v" }))],
    names,
  );
  expect([error?.message, error?.why]).toEqual([
    expect.stringContaining("this catalog is older"),
    expect.stringMatching(/^10\.0\.0\.1: .*deploy 8 \(run r8\).*deploy 7 \(run r7\)[^\n]*$/),
  ]);
});

test("swapped addresses name both workers at both", () => {
  const { refusal, refused } = judgeFence([answer(0, text({ worker_id: "v" })), answer(1, text())], names);
  expect(refusal).toBeUndefined();
  expect([...refused].map(([address, { why }]) => `${address}: ${why}`)).toEqual([
    "10.0.0.1: its worker.json is of worker v (10.0.0.2); at this address the catalog has worker w (10.0.0.1)",
    "10.0.0.2: its worker.json is of worker w (10.0.0.1); at this address the catalog has worker v (10.0.0.2)",
  ]);
});

test("one machine at two addresses: whoever looked second has seen both marks", () => {
  for (const marks of [
    [[0], [0, 1]],
    [[0, 1], [1]],
    [
      [0, 1],
      [0, 1],
    ],
  ]) {
    const { refusal: error } = judgeFence([answer(0, "", marks[0]), answer(1, "", marks[1])], names);
    expect(error?.why).toBe("10.0.0.1 and 10.0.0.2 are the same machine");
  }
});

const running = { allocId: "web@10.0.0.1", state: "running" as const, promotedHash: "h", syncedHash: "h" };
const row = allocation("10.0.0.1", "w");
const found = readIdentity(text());
const whole = { mark: "h", bare: false, begun: true, isLink: false };

test.each([
  ["as it was synced", running, found, whole, undefined],
  ["moved to another disk", running, found, { ...whole, isLink: true }, undefined],
  [
    "promoted by an older maand",
    { ...running, syncedHash: undefined },
    found,
    { ...whole, mark: undefined },
    undefined,
  ],
  ["never promoted", { ...running, promotedHash: undefined }, found, undefined, undefined],
  ["an attempt under way", { ...running, attemptHash: "i" }, found, { ...whole, mark: "i" }, undefined],
  ["no directory", running, found, undefined, "missing"],
  ["nothing in it", running, found, { ...whole, bare: true }, "empty"],
  ["another sync's", running, found, { ...whole, mark: "g" }, "another sync"],
  ["a sync cut short", running, found, { ...whole, mark: undefined }, "not complete"],
  ["no worker.json", running, readIdentity(""), whole, "no worker.json"],
] as const)("what a worker has lost: %s", (_, deployment, said, directory, why) => {
  const jobs = new Map(directory === undefined ? [] : [["web", directory as typeof whole]]);
  const { syncedHash, promotedHash, ...rest } = deployment;
  const given = {
    ...rest,
    ...(syncedHash === undefined ? {} : { syncedHash }),
    ...(promotedHash === undefined ? {} : { promotedHash }),
  };
  const lost = lostAllocations([row], new Map([[row.allocId, given]]), { found: said, jobs }, () => true);
  expect(lost.map((entry) => entry.why)).toEqual(why === undefined ? [] : [expect.stringContaining(why)]);
});
