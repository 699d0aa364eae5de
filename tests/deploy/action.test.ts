// Every row of the plan table, and the policies below it.

import { describe, expect, test } from "bun:test";
import type { Deployment } from "../../src/catalog/deployments.ts";
import { type ActionOptions, type AllocationFacts, decideActions } from "../../src/deploy/plan/action.ts";
import type { Manifest } from "../../src/model/manifest.ts";
import type { RuntimeState } from "../../src/model/state.ts";
import type { TreeFile } from "../../src/model/tree.ts";
import { treeHash } from "../../src/model/tree.ts";
import { allocationRow, jobRow } from "../support/builders/catalog.ts";

const file = (path: string, ref: string): TreeFile => ({ path, kind: "file", mode: 0o644, ref });
const oldTree = [file("Makefile", "m"), file("app.conf", "1"), file("bin.sh", "1")];
const newTree = [file("Makefile", "m"), file("app.conf", "2"), file("bin.sh", "1")];

interface Case {
  state: RuntimeState;
  removed?: boolean;
  disabled?: boolean;
  /** What is promoted; "same" is the content and version of now. */
  promoted?: "none" | "same" | "old content" | "old version";
  policy?: Partial<Manifest>;
  attempt?: readonly TreeFile[];
  begun?: Deployment["begun"];
  forced?: Deployment["forced"];
  /** Whether the promoted file list is known. */
  listKnown?: boolean;
}

function facts(c: Case): AllocationFacts {
  const promoted = c.promoted ?? "same";
  const promotedTree = promoted === "old content" ? oldTree : newTree;
  return {
    row: allocationRow("api", "10.0.0.1", { disabled: c.disabled ?? false, removed: c.removed ?? false }),
    job: jobRow("api", { version: "2.0.0" }, c.policy),
    deployment: {
      allocId: "id",
      state: c.state,
      ...(c.begun === undefined ? {} : { begun: c.begun }),
      ...(c.forced === undefined ? {} : { forced: c.forced }),
      ...(c.attempt === undefined ? {} : { attemptHash: treeHash(c.attempt) }),
      ...(promoted === "none"
        ? {}
        : {
            promotedHash: treeHash(promotedTree),
            promotedVersion: promoted === "old version" ? "1.0.0" : "2.0.0",
          }),
    },
    ...(c.removed === true ? {} : { content: { hash: treeHash(newTree), files: newTree } }),
    ...(promoted === "none" || c.listKnown === false ? {} : { promotedFiles: promotedTree }),
    ...(c.attempt === undefined ? {} : { attemptFiles: c.attempt }),
  };
}

function decide(c: Case, options: Partial<ActionOptions> = {}): string {
  const { reconcile, rollout } = decideActions(facts(c), { force: false, syncOnly: false, ...options });
  return [reconcile?.kind, rollout?.kind].filter((kind) => kind !== undefined).join(" then ") || "nothing";
}

describe("the table", () => {
  const rows: [string, Case, string][] = [
    ["removed, was deployed", { removed: true, state: "running" }, "remove"],
    ["removed, stopped by hand", { removed: true, state: "stopped" }, "remove"],
    ["removed, attempt never promoted", { removed: true, state: "unknown", promoted: "none" }, "remove"],
    ["removed, never deployed", { removed: true, state: "absent", promoted: "none" }, "nothing"],
    ["removed and cleaned already", { removed: true, state: "cleaned", promoted: "none" }, "nothing"],
    ["disabled, was running, content current", { disabled: true, state: "running" }, "stop then skip"],
    [
      "disabled, was running, content differs",
      { disabled: true, state: "running", promoted: "old content" },
      "stop then promote",
    ],
    ["disabled, stopped by an earlier deploy", { disabled: true, state: "drained" }, "skip"],
    ["disabled, content differs", { disabled: true, state: "drained", promoted: "old content" }, "promote"],
    ["disabled, never deployed", { disabled: true, state: "absent", promoted: "none" }, "promote"],
    ["stopped by hand, content differs", { state: "stopped", promoted: "old content" }, "restart"],
    ["stopped by hand, version differs", { state: "stopped", promoted: "old version" }, "restart"],
    ["stopped by hand, equal", { state: "stopped" }, "skip"],
    ["active, never promoted", { state: "absent", promoted: "none" }, "start"],
    ["active, promoted while it was disabled, never started", { state: "absent" }, "start"],
    ["active, stopped by an earlier disable", { state: "drained" }, "start"],
    ["active, came back after removal", { state: "cleaned", promoted: "none" }, "start"],
    ["active, first start not completed", { state: "unknown", promoted: "none" }, "start"],
    ["active, upgrade not completed", { state: "unknown", promoted: "old content" }, "restart"],
    ["active, upgrade not completed and taken back", { state: "unknown" }, "restart"],
    ["active, content differs", { state: "running", promoted: "old content" }, "restart"],
    ["active, version differs", { state: "running", promoted: "old version" }, "restart"],
    ["active, health gate failed", { state: "health_failed" }, "restart"],
    ["active, first start's health gate failed", { state: "health_failed", promoted: "none" }, "restart"],
    ["active, equal", { state: "running" }, "skip"],
  ];
  for (const [name, c, wanted] of rows) test(`${name}: ${wanted}`, () => expect(decide(c)).toBe(wanted));
});

describe("policies", () => {
  const reload = (globs: string[]): Partial<Manifest> => ({ restartPolicy: "reload", restartGlobs: globs });
  const changed: Case = { state: "running", promoted: "old content" };
  test("never is a sync", () =>
    expect(decide({ ...changed, policy: { restartPolicy: "never" } })).toBe("sync"));
  test("reload without a match is a reload", () =>
    expect(decide({ ...changed, policy: reload(["*.sh"]) })).toBe("reload"));
  test("reload with a match is a restart that names the paths", () => {
    const { rollout } = decideActions(facts({ ...changed, policy: reload(["*.conf"]) }), {
      force: false,
      syncOnly: false,
    });
    expect(rollout).toMatchObject({ kind: "restart", matched: ["app.conf"] });
  });
  test("a version bump alone is a reload", () =>
    expect(decide({ state: "running", promoted: "old version", policy: reload(["**"]) })).toBe("reload"));
  test("no recorded file list is a reload", () =>
    expect(decide({ ...changed, listKnown: false, policy: reload(["**"]) })).toBe("reload"));
  test("what an unfinished attempt put in place counts as changed", () => {
    const attempt = [file("Makefile", "m"), file("app.conf", "2"), file("bin.sh", "9")];
    const c: Case = { state: "unknown", promoted: "old content", attempt, policy: reload(["bin.sh"]) };
    expect(decide(c)).toBe("restart");
  });
  test("never keeps a hand-stopped process stopped", () => {
    const c = facts({ state: "stopped", promoted: "old content", policy: { restartPolicy: "never" } });
    expect(decideActions(c, { force: false, syncOnly: false }).rollout).toMatchObject({
      kind: "sync",
      leadsTo: "stopped",
    });
  });
});

describe("what was begun is unknown, and brought to a known state whatever the policy", () => {
  const never: Partial<Manifest> = { restartPolicy: "never" };
  const reload: Partial<Manifest> = { restartPolicy: "reload", restartGlobs: ["app.conf"] };
  const cut = (c: Omit<Case, "state">) => decide({ state: "unknown", ...c });
  const stopsFirst = (c: Omit<Case, "state">, options: Partial<ActionOptions> = {}) =>
    decideActions(facts({ state: "unknown", ...c }), { force: false, syncOnly: false, ...options }).rollout
      ?.stopFirst;
  test("a start of what was enabled again", () => {
    expect(cut({ begun: "start", policy: never })).toBe("restart");
    expect(stopsFirst({ begun: "start" })).toBe(false);
  });
  test("a first start of what was kept current while disabled", () => {
    expect(cut({ begun: "first_start", policy: reload })).toBe("start");
    expect(stopsFirst({ begun: "first_start" })).toBe(true);
  });
  test("a first start: a stop comes before the start, whatever the flags", () => {
    for (const flags of [{}, { force: true }, { syncOnly: true }])
      expect(stopsFirst({ promoted: "none", begun: "first_start" }, flags)).toBe(true);
    expect(stopsFirst({ promoted: "none" })).toBe(true);
  });
  test("nothing is stopped before the start of what is known to be down", () => {
    for (const state of ["absent", "drained", "cleaned"] as const) {
      const { rollout } = decideActions(facts({ state, promoted: "none" }), {
        force: false,
        syncOnly: false,
      });
      expect([state, rollout?.kind, rollout?.stopFirst]).toEqual([state, "start", false]);
    }
  });
  test("a stop or restart, of which nobody knows how far it came", () => {
    expect(cut({ policy: never })).toBe("restart");
    expect(cut({ policy: reload })).toBe("restart");
  });
  test("a sync that broke off leaves the state known and the files not", () => {
    const attempt = [file("Makefile", "m"), file("app.conf", "9")];
    expect(decide({ state: "running", attempt, policy: never })).toBe("sync");
    expect(decide({ state: "stopped", attempt, policy: never })).toBe("sync");
    expect(decide({ state: "running", attempt })).toBe("restart");
    expect(decide({ state: "running", attempt: newTree })).toBe("skip");
  });
});

describe("flags", () => {
  test("--force acts on what is equal", () =>
    expect(decide({ state: "running" }, { force: true })).toBe("restart"));
  test("--force still starts what never ran", () =>
    expect(decide({ state: "absent", promoted: "none" }, { force: true })).toBe("start"));
  test("what an earlier --force did not come to is due", () =>
    expect(decide({ state: "running", forced: "all" })).toBe("restart"));
  test("and only as files where it was given with --sync-only", () =>
    expect(decide({ state: "running", forced: "files" })).toBe("sync"));
  test("a change goes before files alone", () =>
    expect(decide({ state: "running", forced: "files", promoted: "old content" })).toBe("restart"));
  test("--force restarts what was stopped by hand", () =>
    expect(decide({ state: "stopped" }, { force: true })).toBe("restart"));
  test("--sync-only turns a restart into a sync that leaves the state as it is", () => {
    const c = facts({ state: "running", promoted: "old content" });
    expect(decideActions(c, { force: false, syncOnly: true }).rollout).toMatchObject({
      kind: "sync",
      leadsTo: "running",
    });
  });
  test("--sync-only claims no health for what failed its gate", () => {
    const c = facts({ state: "health_failed" });
    expect(decideActions(c, { force: false, syncOnly: true }).rollout).toMatchObject({
      kind: "sync",
      leadsTo: "health_failed",
    });
  });
});

test("the version that is running is the last promoted one, 0.0.0 before the first", () => {
  const first = decideActions(facts({ state: "absent", promoted: "none" }), {
    force: false,
    syncOnly: false,
  });
  expect(first.rollout).toMatchObject({ currentVersion: "0.0.0", newVersion: "2.0.0" });
  const keptCurrent = decideActions(facts({ state: "absent", promoted: "old version" }), {
    force: false,
    syncOnly: false,
  });
  expect(keptCurrent.rollout).toMatchObject({ kind: "start", currentVersion: "0.0.0" });
  const retry = decideActions(facts({ state: "health_failed", promoted: "old version" }), {
    force: false,
    syncOnly: false,
  });
  expect(retry.rollout).toMatchObject({ currentVersion: "1.0.0", newVersion: "2.0.0" });
});
