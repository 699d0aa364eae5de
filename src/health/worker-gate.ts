// The worker gate: every worker must let us in, because a job's probes say nothing about the way to its worker.

import { MaandError } from "../model/error.ts";
import { failed, passed, type Verdict } from "../model/result.ts";
import { isComingUp, liveConnection, untilStopped } from "../session/connect.ts";
import type { Session } from "../session/session.ts";
import { pause } from "../support/pause.ts";
import { failureText } from "./failure.ts";
import type { Wait } from "./gate.ts";

/** Whether a worker let us in; a failure is that of the last attempt, with what to do about it where that is known. */
export type WorkerVerdict = Verdict & { hint?: string };

export type WorkerCheck = { workerIp: string } & WorkerVerdict;

/** Connects to every worker; a bare dial would earn a ban from newer sshd. Never throws. */
export async function runWorkerGate(
  session: Session,
  workerIps: readonly string[],
  wait: Wait,
): Promise<WorkerCheck[]> {
  // All at once: whoever does not answer keeps nobody waiting, and is waited for no longer than one alone would be.
  const checks = workerIps.map(async (workerIp) => {
    const scope = { worker: workerIp, phase: "health" as const };
    session.events.emit({ type: "progress", scope, text: "connect", state: "begin" });
    const verdict = await connectWithin(session, workerIp, wait);
    const reason = verdict.pass ? {} : { reason: verdict.reason };
    session.events.emit({
      type: "progress",
      scope,
      text: "connect",
      state: "end",
      ok: verdict.pass,
      ...reason,
    });
    return { workerIp, ...verdict };
  });
  return Promise.all(checks);
}

async function connectWithin(session: Session, workerIp: string, wait: Wait): Promise<WorkerVerdict> {
  const { graceful } = session.shutdown;
  // An attempt may take as long as connect_timeout: the time counts as well as the number.
  const until = performance.now() + wait.attempts * wait.intervalSeconds * 1000;
  for (let attempt = 1; ; attempt++) {
    try {
      const connecting = attempt === 1 ? liveConnection(session, workerIp) : session.pool.reconnect(workerIp);
      await untilStopped(session, workerIp, connecting);
      return passed;
    } catch (thrown) {
      const isLast = attempt >= wait.attempts || performance.now() >= until || graceful.aborted;
      if (isLast || !isComingUp(thrown)) return refused(thrown);
      if (attempt === 1) {
        const text = `waiting up to ${wait.attempts * wait.intervalSeconds} s for it to come up: ${failureText(thrown)}`;
        session.events.emit({ type: "step", scope: { worker: workerIp, phase: "health" }, text });
      }
      await pause(wait.intervalSeconds, graceful);
    }
  }
}

function refused(thrown: unknown): WorkerVerdict {
  const hint = thrown instanceof MaandError ? thrown.hint : undefined;
  return hint === undefined ? failed(failureText(thrown)) : failed(failureText(thrown), hint);
}
