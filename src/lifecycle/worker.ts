// A worker as commands meet it: reached, compared with what the last deploy left there, given its files.

import { failureText } from "../health/failure.ts";
import { MaandError } from "../model/error.ts";
import { failed, passed, type Verdict } from "../model/result.ts";
import type { CatalogState } from "../model/state.ts";
import { untilStopped } from "../session/connect.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { WorkerFiles } from "../worker/commands.ts";
import { readWorkerJsonCommand, runnerText } from "../worker/commands.ts";

/**
 * The connection to a worker, before any work has begun there: the first Ctrl-C ends the wait for it.
 * @throws MaandError("interrupted") after Ctrl-C, else what `ConnectionPool` throws
 */
export function reachWorker(session: Session, workerIp: string): Promise<Connection> {
  return untilStopped(session, workerIp, session.pool.connect(workerIp));
}

/** `worker.json`, `jobs.json` and the runner as they shall lie on a worker after a deploy. */
export function workerFiles(state: CatalogState, workerIp: string, updateSeq: number): WorkerFiles {
  const worker = state.workers.find((candidate) => candidate.host === workerIp);
  const here = state.allocations.filter((a) => a.workerIp === workerIp && !a.removed);
  return {
    workerJson: `${JSON.stringify({
      bucket_id: state.bucketId,
      worker_id: worker?.workerId ?? "",
      worker_ip: workerIp,
      update_seq: updateSeq,
      labels: worker?.labels ?? [],
    })}\n`,
    jobsJson: `${JSON.stringify(here.map((a) => ({ job: a.job, disabled: a.disabled ? 1 : 0 })))}\n`,
    runner: runnerText,
  };
}

/** What `worker.json` must say before anything is done to jobs by hand. */
export interface WorkerIdentity {
  bucketId: string;
  workerId: string;
  updateSeq: number;
}

/** Whether the text of `worker.json` is that of the last deploy. */
export function judgeIdentity(text: string, expected: WorkerIdentity): Verdict {
  if (text.trim() === "") return failed("no worker.json is there: nothing was deployed to this worker");
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return failed("its worker.json is not JSON");
  }
  const { bucket_id, worker_id, update_seq } = (found ?? {}) as Record<string, unknown>;
  if (bucket_id !== expected.bucketId)
    return failed(`its worker.json is of bucket ${shown(bucket_id)}, not ${expected.bucketId}`);
  if (worker_id !== expected.workerId)
    return failed(`its worker.json is of worker ${shown(worker_id)}, the catalog has ${expected.workerId}`);
  if (typeof update_seq === "number" && update_seq > expected.updateSeq)
    return failed(
      `its worker.json is of deploy ${update_seq}, this catalog knows of ${expected.updateSeq}: another copy of the bucket has deployed since`,
    );
  if (update_seq !== expected.updateSeq)
    return failed(
      `its worker.json is of deploy ${shown(update_seq)}, the last deploy was ${expected.updateSeq}`,
    );
  return passed;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}

/**
 * The connection to a worker that is as the last deploy left it.
 * @throws MaandError("unreachable" or "remote") when it cannot be reached or asked, or carries something else.
 */
export async function connectKnownWorker(
  session: Session,
  workerIp: string,
  expected: WorkerIdentity,
): Promise<Connection> {
  const connection = await reachWorker(session, workerIp);
  const result = await connection.exec(
    readWorkerJsonCommand(remoteDirectory(session), session.conf.useSudo),
    {
      signal: session.shutdown.forced,
      label: "reading worker.json",
    },
  );
  if (result.exitCode !== 0) {
    throw new MaandError("remote", "worker.json could not be read", {
      where: { worker: workerIp },
      why: failureText(result.stderr) || `exit status ${result.exitCode}`,
      hint: "see that sudo -n works for the ssh user there, or set use_sudo = false in maand.conf",
    });
  }
  const verdict = judgeIdentity(result.stdout, expected);
  if (verdict.pass) return connection;
  throw new MaandError("remote", "the worker is not as the last deploy left it", {
    where: { worker: workerIp },
    why: verdict.reason,
    hint: "run maand deploy",
  });
}
