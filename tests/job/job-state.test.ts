// What a manual action is known to have done: the table of states, and that it never claims more.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { type HealthVerdict, hasPromotedFiles, makesUnknown, stateAfter } from "../../src/job/state.ts";
import type { Effect } from "../../src/lifecycle/stop.ts";
import type { DeploymentRow, RuntimeState } from "../../src/model/state.ts";
import { mayRun } from "../../src/model/state.ts";

const row = (state: RuntimeState, hashes: Partial<DeploymentRow> = {}): DeploymentRow => ({
  allocId: "x",
  state,
  promotedHash: "a",
  promotedVersion: "1.0.0",
  ...hashes,
});
const never: DeploymentRow = { allocId: "x", state: "health_failed", attemptHash: "b", failure: "sick" };

test.each<[string, DeploymentRow, Effect, boolean, HealthVerdict, RuntimeState]>([
  ["stop of a running one", row("running"), "stop", true, "not_asked", "stopped"],
  ["stop that failed", row("running"), "stop", false, "not_asked", "unknown"],
  ["stop of a stopped one", row("stopped"), "stop", true, "not_asked", "stopped"],
  ["stop that failed on a stopped one", row("stopped"), "stop", false, "not_asked", "stopped"],
  [
    "stop of one whose gate failed on the promoted files",
    row("health_failed"),
    "stop",
    true,
    "not_asked",
    "stopped",
  ],
  [
    "stop of one with files that were not promoted",
    row("health_failed", { attemptHash: "b" }),
    "stop",
    true,
    "not_asked",
    "health_failed",
  ],
  ["stop of one that was never promoted", never, "stop", true, "not_asked", "health_failed"],
  [
    "stop of one whose sync may have been cut off",
    row("unknown", { attemptHash: "a" }),
    "stop",
    true,
    "not_asked",
    "unknown",
  ],
  ["stop of one whose manual restart was cut off", row("unknown"), "stop", true, "not_asked", "stopped"],
  ["start of a stopped one", row("stopped"), "start", true, "not_asked", "running"],
  ["start that failed", row("stopped"), "start", false, "not_asked", "unknown"],
  ["start of one that turns out sick", row("stopped"), "start", true, "failed", "health_failed"],
  ["restart of a running one", row("running"), "restart", true, "not_asked", "running"],
  ["restart that failed", row("running"), "restart", false, "not_asked", "unknown"],
  [
    "restart of one whose gate failed, not asked again",
    row("health_failed"),
    "restart",
    true,
    "not_asked",
    "health_failed",
  ],
  [
    "restart of one whose gate failed, and now passes",
    row("health_failed"),
    "restart",
    true,
    "passed",
    "running",
  ],
  [
    "the same with files that were not promoted",
    row("health_failed", { attemptHash: "b" }),
    "restart",
    true,
    "passed",
    "health_failed",
  ],
  [
    "restart of an unknown one of a job without checks",
    row("unknown"),
    "restart",
    true,
    "no_checks",
    "running",
  ],
  ["restart of an unknown one, not asked", row("unknown"), "restart", true, "not_asked", "unknown"],
  [
    "restart of one never promoted",
    { allocId: "x", state: "unknown", attemptHash: "b" },
    "restart",
    true,
    "no_checks",
    "unknown",
  ],
  ["reload of a stopped one", row("stopped"), "reload", true, "not_asked", "stopped"],
  ["reload that failed", row("running"), "reload", false, "not_asked", "unknown"],
  ["any other target that failed", row("running"), "none", false, "not_asked", "running"],
])("%s", (_, before, effect, ok, health, expected) => {
  expect(stateAfter(before, effect, false, { ok, health }).state).toBe(expected);
});

test("a disabled one that is stopped by hand is as a deploy would leave it, so that enabling it starts it", () => {
  expect(stateAfter(row("running"), "stop", true, { ok: true, health: "not_asked" }).state).toBe("drained");
  expect(stateAfter(never, "stop", true, { ok: true, health: "not_asked" }).state).toBe("drained");
  expect(stateAfter(row("drained"), "stop", true, { ok: true, health: "not_asked" }).state).toBe("drained");
});

test("the reason of a failure is kept, and an unchanged state keeps its own", () => {
  expect(
    stateAfter(row("running"), "restart", false, { ok: false, health: "not_asked", failure: "boom" }),
  ).toEqual({
    state: "unknown",
    failure: "boom",
  });
  expect(stateAfter(never, "restart", false, { ok: true, health: "passed" })).toEqual({
    state: "health_failed",
    failure: "sick",
  });
});

const states = fc.constantFrom<RuntimeState>("unknown", "running", "health_failed", "stopped", "drained");
const deployment = fc
  .record(
    {
      state: states,
      promotedHash: fc.constantFrom("a", "b"),
      attemptHash: fc.constantFrom("a", "b"),
      failure: fc.constant("f"),
    },
    { requiredKeys: ["state"] },
  )
  .map((found): DeploymentRow => ({ allocId: "x", ...found }));
const effect = fc.constantFrom<Effect>("start", "restart", "reload", "stop", "none");
const health = fc.constantFrom<HealthVerdict>("passed", "failed", "not_asked", "no_checks");

test("`running` and `stopped` are claimed only of the promoted files, `stopped` only after a stop", () => {
  fc.assert(
    fc.property(
      deployment,
      effect,
      fc.boolean(),
      fc.boolean(),
      health,
      (before, did, disabled, ok, verdict) => {
        const after = stateAfter(before, did, disabled, { ok, health: verdict });
        if (after.state === before.state) return;
        if (after.state === "running" || after.state === "stopped")
          expect(hasPromotedFiles(before)).toBe(true);
        if (after.state === "running") expect(ok && verdict !== "failed" && did !== "stop").toBe(true);
        if (after.state === "stopped" || after.state === "drained") expect(ok && did === "stop").toBe(true);
      },
    ),
  );
});

test("whatever may be alive stays so unless a stop succeeded; what is noted before covers every change", () => {
  fc.assert(
    fc.property(deployment, effect, fc.boolean(), health, (before, did, ok, verdict) => {
      const after = stateAfter(before, did, false, { ok, health: verdict });
      if (mayRun(before.state) && !mayRun(after.state)) expect(ok && did === "stop").toBe(true);
      if (!makesUnknown(before, did)) expect(after.state).toBe(before.state);
    }),
  );
});
