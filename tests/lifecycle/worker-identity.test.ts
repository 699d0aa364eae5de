// worker.json against what the catalog expects.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { judgeIdentity } from "../../src/lifecycle/worker.ts";

const expected = { bucketId: "b", workerId: "w", updateSeq: 7 };
const text = (changes: Record<string, unknown> = {}) =>
  JSON.stringify({ bucket_id: "b", worker_id: "w", update_seq: 7, worker_ip: "x", labels: [], ...changes });

test("the same ids and the same deploy", () => {
  expect(judgeIdentity(`${text()}\n`, expected)).toEqual({ pass: true });
});

test.each([
  ["nothing there", "", "nothing was deployed"],
  ["not JSON", "{", "not JSON"],
  ["another bucket", text({ bucket_id: "c" }), '"c"'],
  ["another worker", text({ worker_id: "v" }), '"v"'],
  ["an older deploy", text({ update_seq: 6 }), "deploy 6"],
  ["a newer deploy", text({ update_seq: 8 }), "another copy of the bucket has deployed"],
  ["a number as text", text({ update_seq: "7" }), '"7"'],
  ["fields missing", "{}", "nothing"],
])("%s", (_, found, said) => {
  const verdict = judgeIdentity(found, expected);
  expect(verdict.pass ? "passed" : verdict.reason).toContain(said);
});

test("no text but the right one passes, and none throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (found) => {
      expect(judgeIdentity(found, expected).pass).toBe(false);
    }),
  );
});
