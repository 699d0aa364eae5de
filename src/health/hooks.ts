// `health_check` hooks as checks: asked after the probes, again only for what has not passed.

import type { HookCall, HookTarget } from "../hooks/call.ts";
import type { HookHost } from "../hooks/host.ts";
import type { MaandError } from "../model/error.ts";
import type { CheckResult, Wait } from "./gate.ts";
import { pause } from "./gate.ts";

/** A hook's verdict, with the error that a gate reports as its cause. */
export interface HookCheckResult extends CheckResult {
  allocId: string;
  cause?: MaandError;
}

/** The allocations to ask about; `batch`, `phase` and `finishing` as in `HookCall`. */
export type HealthHookCall = Omit<HookCall, "event" | "targets"> & { targets: readonly HookTarget[] };

/** Asks until all pass, the attempts are used up or the signal is aborted. One result per hook and allocation. */
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
        ok: status === "done",
        attempts: round,
        ...(status === "done" ? {} : { error: textOf(error) }),
        ...(error === undefined ? {} : { cause: error }),
      });
    }
    const failed = new Set(
      results.filter((result) => result.status !== "done").map((result) => result.allocId),
    );
    waiting = waiting.filter((target) => failed.has(target.allocation.allocId));
    if (round >= wait.attempts || signal.aborted) break;
    if (waiting.length > 0) await pause(wait.intervalSeconds, signal);
  }
  return [...verdicts.values()];
}

function textOf(error: MaandError | undefined): string {
  if (error === undefined) return "not asked: interrupted";
  return error.why === undefined ? error.message : `${error.message}: ${error.why}`;
}
