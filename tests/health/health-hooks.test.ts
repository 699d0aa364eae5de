// `health_check` hooks as checks: who has to answer before an allocation counts as healthy.

import { expect, test } from "bun:test";
import { noWait } from "../../src/health/gate.ts";
import { askHealthHooks } from "../../src/health/hooks.ts";
import type { HookResult } from "../../src/hooks/call.ts";
import type { HookHost } from "../../src/hooks/host.ts";

const allocation = {
  allocId: "a1",
  job: "api",
  workerIp: "10.0.0.1",
  workerId: "w1",
  index: 0,
  disabled: false,
  removed: false,
};

function hostThatAnswers(results: HookResult[]): HookHost {
  return { run: async () => ({ results, interrupted: false }) } as unknown as HookHost;
}

const ask = (results: HookResult[]) =>
  askHealthHooks(
    hostThatAnswers(results),
    { job: "api", targets: [{ allocation }] },
    noWait,
    new AbortController().signal,
  );

const answer = { hook: "ready", job: "api", workerIp: "10.0.0.1", allocId: "a1", durationMs: 1 };

test("a hook that ran to its end is a check that passed; one that was skipped did not", async () => {
  expect(await ask([{ ...answer, status: "done" }])).toMatchObject([{ check: "hook ready", pass: true }]);
  expect(await ask([{ ...answer, status: "skipped" }])).toMatchObject([
    { check: "hook ready", pass: false, reason: "not asked: interrupted" },
  ]);
});

test("an allocation that no hook answers for has not passed", async () => {
  expect(await ask([])).toMatchObject([{ allocId: "a1", pass: false, reason: "no hook was asked" }]);
});
