// `health_check` hooks as checks: asked after the probes, again only for what has not passed.

import type { HookCall, HookTarget } from "../hooks/call.ts";
import type { HookHost } from "../hooks/host.ts";
import type { MaandError } from "../model/error.ts";
import { failed, passed } from "../model/result.ts";
import { pause } from "../support/pause.ts";
import type { CheckResult, Wait } from "./gate.ts";

/** A hook's verdict, with the error that a gate reports as its cause. */
export type HookCheckResult = CheckResult & {
  allocId: string;
  cause?: MaandError;
};

/** The allocations to ask about; `batch`, `phase` and `finishing` as in `HookCall`. */
export type HealthHookCall = Omit<HookCall, "event" | "targets"> & { targets: readonly HookTarget[] };

/**
 * Asks until all pass, the attempts are used up or the signal is aborted. One result per hook and allocation; an
 * allocation that no hook was asked about has one that failed.
 */
export async function askHealthHooks(
  host: HookHost,
  call: HealthHookCall,
  wait: Wait,
  signal: AbortSignal,
): Promise<HookCheckResult[]> {
  const verdicts = new Map<string, HookCheckResult>();
  let waiting = [...call.targets];
  for (let round = 1; waiting.length > 0; round++) {
    const { results } = await host.run({ ...call, event: "health_check", targets: waiting });
    for (const { hook, job, workerIp, allocId, status, error } of results) {
      verdicts.set(`${hook} ${allocId}`, {
        job,
        workerIp,
        allocId,
        check: `hook ${hook}`,
        attempts: round,
        ...(status === "done" ? passed : failed(textOf(error))),
        ...(error === undefined ? {} : { cause: error }),
      });
    }
    for (const { allocation } of waiting) {
      if (results.some((result) => result.allocId === allocation.allocId)) continue;
      const { job, workerIp, allocId } = allocation;
      const unasked = failed("no hook was asked");
      verdicts.set(`- ${allocId}`, { job, workerIp, allocId, check: "hooks", attempts: round, ...unasked });
    }
    const again = new Set(
      results.filter((result) => result.status !== "done").map((result) => result.allocId),
    );
    waiting = waiting.filter((target) => again.has(target.allocation.allocId));
    if (round >= wait.attempts || signal.aborted) break;
    if (waiting.length > 0) await pause(wait.intervalSeconds, signal);
  }
  return [...verdicts.values()];
}

function textOf(error: MaandError | undefined): string {
  if (error === undefined) return "not asked: interrupted";
  return error.why === undefined ? error.message : `${error.message}: ${error.why}`;
}
