// What a catalog that may be old believes, from what it holds and what lies on the workers.

import { expect, test } from "bun:test";
import type { Deployment } from "../../src/catalog/deployments.ts";
import type { TreeFile } from "../../src/model/tree.ts";
import { readIdentity } from "../../src/model/worker-identity.ts";
import type { FoundFile, Inventory } from "../../src/recover/plan.ts";
import { planRecover } from "../../src/recover/plan.ts";
import { allocationRow, catalogState, jobRow } from "../support/builders/catalog.ts";

const wanted: TreeFile[] = [
  { path: "Makefile", kind: "file", mode: 0o644, ref: "aa" },
  { path: "etc/conf", kind: "file", mode: 0o600, ref: "bb" },
  { path: "empty", kind: "dir", mode: 0o555, ref: "" },
  { path: "link", kind: "link", mode: 0, ref: "Makefile" },
];
const there: FoundFile[] = [
  ["Makefile", "file", 0o644, "aa"],
  ["etc", "dir", 0o755, ""],
  ["etc/conf", "file", 0o600, "bb"],
  ["empty", "dir", 0o755, ""],
  ["link", "link", 0, "Makefile"],
];
const ip = "10.0.0.1";
const row = allocationRow("web", ip);
const state = catalogState([ip], [jobRow("web")], [row]);
const workerId = state.workers[0]!.workerId;
const says = (changes: object = {}) =>
  readIdentity(
    JSON.stringify({
      bucket_id: state.bucketId,
      worker_id: workerId,
      update_seq: 9,
      run_id: "r",
      ...changes,
    }),
  );

function plan(files: FoundFile[] | undefined, deployment?: Deployment, found = says()) {
  const jobs: Inventory["jobs"] = new Map(files === undefined ? [] : [["web", { mark: "m", files }]]);
  return planRecover({
    state,
    deployments: new Map(deployment === undefined ? [] : [[row.allocId, deployment]]),
    updateSeq: 3,
    inventories: new Map([[ip, { found, jobs }]]),
    desired: () => wanted,
  });
}
const running: Deployment = { allocId: row.allocId, state: "running", promotedHash: "h" };
const statusOf = (planned: ReturnType<typeof plan>) => planned.allocations.map(({ status }) => status);
const without = (path: string) => there.filter((entry) => entry[0] !== path);

test("what is there entry for entry is kept, with its mark, and the number goes above what was found", () => {
  const planned = plan(there);
  expect(planned).toMatchObject({ updateSeq: 10, allocations: [{ status: "kept", mark: "m" }], strays: [] });
  expect(plan(there, running, says({ update_seq: 1 })).updateSeq).toBe(4);
});

test.each<[string, FoundFile[]]>([
  ["a file is missing", without("Makefile")],
  ["a file has other content", [...without("Makefile"), ["Makefile", "file", 0o644, "cc"]]],
  ["a file has another mode", [...without("Makefile"), ["Makefile", "file", 0o755, "aa"]]],
  ["a file is a link", [...without("Makefile"), ["Makefile", "link", 0, "aa"]]],
  ["a link leads elsewhere", [...without("link"), ["link", "link", 0, "etc"]]],
  ["a file is too many", [...there, ["more", "file", 0o644, "dd"]]],
  ["an empty directory is too many", [...there, ["more", "dir", 0o755, ""]]],
  ["there is a socket", [...there, ["sock", "other", 0o755, ""]]],
  ["nothing is there", []],
])("%s: unknown", (_, files) => {
  expect(statusOf(plan(files, running))).toEqual(["unknown"]);
});

test("what never was anywhere stays out of it; what should be there and is not is unknown", () => {
  expect(statusOf(plan(undefined))).toEqual([]);
  expect(statusOf(plan(undefined, running))).toEqual(["unknown"]);
});

test("an id that nobody else has is taken over, another worker's files are not believed", () => {
  expect(plan(there, running, says({ worker_id: "new" })).workers).toEqual([
    { workerIp: ip, kind: "adopted", workerId: "new" },
  ]);
  const elsewhere = plan(there, running, says({ worker_id: "new", bucket_id: "another" }));
  expect([elsewhere.workers[0]!.kind, statusOf(elsewhere)]).toEqual(["other", ["unknown"]]);
});
