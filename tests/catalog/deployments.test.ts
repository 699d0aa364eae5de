// What deploy records of an allocation: every transition of it, and what each leaves untouched.

import { expect, test } from "bun:test";
import {
  beginAttempts,
  countDeploy,
  forgetPromotions,
  promote,
  readDeployments,
  readLastDeploy,
  readTree,
  readUpdateSeq,
  setStates,
} from "../../src/catalog/deployments.ts";
import type { Catalog } from "../../src/catalog/open.ts";
import { type TreeFile, treeHash } from "../../src/model/tree.ts";
import { useCatalogs } from "../support/builders/new-catalog.ts";

const newCatalog = useCatalogs();

function catalogWith(...allocIds: string[]): Catalog {
  const catalog = newCatalog();
  const put = catalog.query("INSERT INTO allocation VALUES (?, 'job', ?, 'w', NULL, 0, 0, 0)");
  for (const id of allocIds) put.run(id, id);
  return catalog;
}

function content(text: string) {
  const files: TreeFile[] = [{ path: "conf", kind: "file", mode: 0o644, ref: text }];
  return { hash: treeHash(files), files };
}

const one = content("one");
const two = content("two");
const of = (catalog: Catalog) => readDeployments(catalog).get("a");

test("an allocation that was never acted on has no row", () => {
  expect(of(catalogWith("a"))).toBeUndefined();
});

test("an attempt is unknown and remembers its content before it is promoted", () => {
  const catalog = catalogWith("a");
  beginAttempts(catalog, [{ allocId: "a", content: one }]);
  expect(of(catalog)).toEqual({ allocId: "a", state: "unknown", attemptHash: one.hash });
  expect(readTree(catalog, one.hash)).toEqual(one.files);
  expect(readTree(catalog, two.hash)).toBeUndefined();
});

test("a promotion ends the attempt; the next one keeps the one before it", () => {
  const catalog = catalogWith("a");
  beginAttempts(catalog, [{ allocId: "a", content: one }]);
  promote(catalog, [{ allocId: "a", version: "1.0.0", content: one, state: "running" }]);
  expect(of(catalog)).toEqual({
    allocId: "a",
    state: "running",
    promotedHash: one.hash,
    promotedVersion: "1.0.0",
  });
  beginAttempts(catalog, [{ allocId: "a", content: two }]);
  expect(of(catalog)).toMatchObject({ state: "unknown", promotedHash: one.hash, attemptHash: two.hash });
  promote(catalog, [{ allocId: "a", version: "2.0.0", content: two, state: "running" }]);
  const second = {
    allocId: "a",
    state: "running" as const,
    promotedHash: two.hash,
    promotedVersion: "2.0.0",
    previousHash: one.hash,
    previousVersion: "1.0.0",
  };
  expect(of(catalog)).toEqual(second);
  // The same again (a restart with --force) is no new promotion: there would be nothing to roll back to.
  promote(catalog, [{ allocId: "a", version: "2.0.0", content: two, state: "running" }]);
  expect(of(catalog)).toEqual(second);
  // A version alone is one.
  promote(catalog, [{ allocId: "a", version: "2.1.0", content: two, state: "running" }]);
  expect(of(catalog)).toMatchObject({
    promotedVersion: "2.1.0",
    previousHash: two.hash,
    previousVersion: "2.0.0",
  });
});

test("a disabled allocation is promoted without a change of state", () => {
  const catalog = catalogWith("a");
  promote(catalog, [{ allocId: "a", version: "1.0.0", content: one }]);
  expect(of(catalog)).toMatchObject({ state: "absent", promotedHash: one.hash });
  setStates(catalog, [{ allocId: "a", state: "drained" }]);
  promote(catalog, [{ allocId: "a", version: "2.0.0", content: two }]);
  expect(of(catalog)).toMatchObject({ state: "drained", promotedHash: two.hash });
});

test("a failed gate keeps the attempt and says why; the next attempt clears the reason", () => {
  const catalog = catalogWith("a");
  beginAttempts(catalog, [{ allocId: "a", content: one }]);
  setStates(catalog, [{ allocId: "a", state: "health_failed", failure: "no answer" }]);
  expect(of(catalog)).toEqual({
    allocId: "a",
    state: "health_failed",
    attemptHash: one.hash,
    failure: "no answer",
  });
  beginAttempts(catalog, [{ allocId: "a" }]);
  // An attempt without new content (a stop) leaves the hash of what lies there.
  expect(of(catalog)).toEqual({ allocId: "a", state: "unknown", attemptHash: one.hash });
});

test("what a removed allocation had is forgotten, so that it comes back as new", () => {
  const catalog = catalogWith("a", "b");
  promote(catalog, [
    { allocId: "a", version: "1.0.0", content: one, state: "running" },
    { allocId: "b", version: "1.0.0", content: one, state: "running" },
  ]);
  forgetPromotions(catalog, ["a"]);
  expect(of(catalog)).toEqual({ allocId: "a", state: "cleaned" });
  expect(readDeployments(catalog).get("b")).toMatchObject({ state: "running" });
});

test("a batch is promoted as a whole or not at all", () => {
  const catalog = catalogWith("a");
  const batch = ["a", "nobody"].map((allocId) => ({
    allocId,
    version: "1",
    content: one,
    state: "running" as const,
  }));
  expect(() => promote(catalog, batch)).toThrow("FOREIGN KEY");
  expect(of(catalog)).toBeUndefined();
  expect(() => beginAttempts(catalog, [{ allocId: "a" }, { allocId: "nobody" }])).toThrow("FOREIGN KEY");
  expect(of(catalog)).toBeUndefined();
});

test("a deployment goes with its allocation", () => {
  const catalog = catalogWith("a");
  promote(catalog, [{ allocId: "a", version: "1", content: one, state: "running" }]);
  catalog.run("DELETE FROM allocation WHERE alloc_id = 'a'");
  expect(of(catalog)).toBeUndefined();
});

test("update_seq is 0 at first, and every deploy counts", () => {
  const catalog = catalogWith();
  expect(readUpdateSeq(catalog)).toBe(0);
  expect(countDeploy(catalog, "a")).toEqual({ updateSeq: 1, runId: "a" });
  expect(countDeploy(catalog, "b")).toEqual({ updateSeq: 2, runId: "b" });
  expect([readUpdateSeq(catalog), readLastDeploy(catalog)]).toEqual([2, { updateSeq: 2, runId: "b" }]);
});
