// The word in the column `rollout`: one for every state that an allocation can be in.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { rolloutOf } from "../../src/commands/cat/deployment-rows.ts";
import { type AllocationFacts, decideActions } from "../../src/deploy/plan/action.ts";
import type { RuntimeState } from "../../src/model/state.ts";
import { runtimeStates } from "../support/builders/catalog.ts";

interface Given {
  state: RuntimeState;
  /** Whether something was ever promoted, and whether the catalog says the same now. */
  promoted: "never" | "same" | "other content" | "other version";
  disabled?: boolean;
  removed?: boolean;
  policy?: "always" | "reload" | "never";
}

function factsOf({
  state,
  promoted,
  disabled = false,
  removed = false,
  policy = "always",
}: Given): AllocationFacts {
  const manifest = { restartPolicy: policy, restartGlobs: [] };
  return {
    row: { allocId: "a", job: "api", workerIp: "10.0.0.1", workerId: "w", index: 0, disabled, removed },
    deployment: {
      allocId: "a",
      state,
      ...(promoted === "never"
        ? {}
        : {
            promotedHash: promoted === "other content" ? "h0" : "h1",
            promotedVersion: promoted === "other version" ? "1.0.0" : "2.0.0",
          }),
    },
    job: { name: "api", version: "2.0.0", manifest } as unknown as AllocationFacts["job"],
    ...(removed ? {} : { content: { hash: "h1", files: [] } }),
  };
}

test.each([
  [{ state: "absent", promoted: "never" }, "new"],
  [{ state: "unknown", promoted: "never" }, "new"],
  [{ state: "drained", promoted: "same" }, "new"],
  [{ state: "running", promoted: "same" }, "promoted"],
  [{ state: "running", promoted: "other content" }, "restart"],
  [{ state: "running", promoted: "other version" }, "restart"],
  [{ state: "running", promoted: "other content", policy: "reload" }, "restart"],
  [{ state: "running", promoted: "other content", policy: "never" }, "restart"],
  [{ state: "unknown", promoted: "same" }, "restart"],
  [{ state: "health_failed", promoted: "never" }, "health_failed"],
  [{ state: "health_failed", promoted: "other content" }, "health_failed"],
  [{ state: "stopped", promoted: "same" }, "stopped"],
  [{ state: "stopped", promoted: "other content" }, "restart"],
  [{ state: "running", promoted: "same", disabled: true }, "disabled"],
  [{ state: "drained", promoted: "same", disabled: true }, "disabled"],
  [{ state: "drained", promoted: "other version", disabled: true }, "disabled_restart"],
  [{ state: "absent", promoted: "never", disabled: true }, "disabled_restart"],
  [{ state: "running", promoted: "same", removed: true }, "removed"],
  [{ state: "cleaned", promoted: "never", removed: true }, "removed"],
] as [Given, string][])("%p is %s", (given, word) => {
  expect(rolloutOf(factsOf(given))).toBe(word as ReturnType<typeof rolloutOf>);
});

test("whatever the state: an active allocation that the next deploy acts on is never called settled", () => {
  const given = fc.record({
    state: fc.constantFrom(...runtimeStates),
    promoted: fc.constantFrom("never", "same", "other content", "other version") as fc.Arbitrary<
      Given["promoted"]
    >,
    policy: fc.constantFrom("always", "reload", "never") as fc.Arbitrary<"always" | "reload" | "never">,
    disabled: fc.boolean(),
    removed: fc.boolean(),
  });
  fc.assert(
    fc.property(given, (values) => {
      const facts = factsOf(values);
      const word = rolloutOf(facts);
      const { rollout } = decideActions(facts, { force: false, syncOnly: false });
      if (values.removed) expect(word).toBe("removed");
      else if (values.disabled) expect(["disabled", "disabled_restart"]).toContain(word);
      else expect(rollout?.kind === "skip").toBe(word === "promoted" || word === "stopped");
    }),
  );
});
