// The gate: checks that must all pass, asked again only where they have not passed yet.

import type { HealthCheck } from "../model/manifest.ts";
import type { Verdict } from "../model/result.ts";
import { createLimiter } from "../support/parallel.ts";
import { pause } from "../support/pause.ts";

/** One check of one allocation. */
export interface Check {
  job: string;
  workerIp: string;
  name: string;
  /** Runs it once; never throws. */
  run(): Promise<Verdict>;
}

/** A check with its last verdict. */
export type CheckResult = {
  job: string;
  workerIp: string;
  check: string;
  /** How often it was asked. */
  attempts: number;
} & Verdict;

/** A check that has not passed, with the reason of its last attempt. */
export type FailedCheck = Extract<CheckResult, { pass: false }>;

/** Whether the check has not passed. */
export function hasNotPassed<R extends CheckResult>(result: R): result is R & FailedCheck {
  return !result.pass;
}

/** How long a gate waits: attempts in all, seconds between them. */
export type Wait = HealthCheck["wait"];

/** What holds where a manifest says nothing. */
export const defaultWait: Wait = { attempts: 30, intervalSeconds: 1 };

/** Asks once and takes the first answer. */
export const noWait: Wait = { attempts: 1, intervalSeconds: 0 };

/** Hears of each check when it is first asked and when its last answer is known. */
export type GateObserver = (check: Check, result?: CheckResult) => void;

/** Checks asked at the same time: enough for a fleet, few enough for the host's file handles. */
const parallelChecks = 64;

/**
 * Runs all checks until each has passed or its attempts are used up. An aborted signal ends the waiting, never a
 * check that is under way; what has not passed by then is a failure.
 */
export async function runGate(
  checks: readonly Check[],
  wait: (job: string) => Wait,
  signal?: AbortSignal,
  observe: GateObserver = () => undefined,
): Promise<CheckResult[]> {
  const limited = createLimiter(parallelChecks);
  return Promise.all(
    checks.map(async (check) => {
      const { attempts, intervalSeconds } = wait(check.job);
      const of = { job: check.job, workerIp: check.workerIp, check: check.name };
      const end = (result: CheckResult): CheckResult => {
        observe(check, result);
        return result;
      };
      observe(check);
      for (let attempt = 1; ; attempt++) {
        const verdict = await limited(check.run);
        if (verdict.pass || attempt >= attempts || signal?.aborted === true)
          return end({ ...of, attempts: attempt, ...verdict });
        await pause(intervalSeconds, signal);
      }
    }),
  );
}
