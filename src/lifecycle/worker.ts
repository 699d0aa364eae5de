// A worker as commands meet it: reached, asked who it is, given its files.

import { failureText } from "../health/failure.ts";
import { MaandError } from "../model/error.ts";
import type { CatalogState } from "../model/state.ts";
import type { FoundIdentity, WorkerIdentity } from "../model/worker-identity.ts";
import { readIdentity } from "../model/worker-identity.ts";
import { untilStopped } from "../session/connect.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import { readWorkerJsonCommand } from "../worker/commands.ts";
import { judgeKnown } from "./fence.ts";

/**
 * The connection to a worker, before any work has begun there: the first Ctrl-C ends the wait for it.
 * @throws MaandError("interrupted") after Ctrl-C, else what `ConnectionPool` throws
 */
export function reachWorker(session: Session, workerIp: string): Promise<Connection> {
  return untilStopped(session, workerIp, session.pool.connect(workerIp));
}

/** `worker.json` as a deploy writes it: one line. */
export function workerJson(state: CatalogState, workerIp: string, identity: WorkerIdentity): string {
  return JSON.stringify({
    bucket_id: identity.bucketId,
    worker_id: identity.workerId,
    worker_ip: workerIp,
    update_seq: identity.updateSeq,
    ...(identity.runId === undefined ? {} : { run_id: identity.runId }),
    labels: state.workers.find((worker) => worker.host === workerIp)?.labels ?? [],
  });
}

/** `jobs.json` of a worker: one line. */
export function jobsJson(state: CatalogState, workerIp: string): string {
  const here = state.allocations.filter((a) => a.workerIp === workerIp && !a.removed);
  return JSON.stringify(here.map((a) => ({ job: a.job, disabled: a.disabled ? 1 : 0 })));
}

/**
 * What a worker that was reached says of itself.
 * @throws MaandError("unreachable" or "remote") when it cannot be asked
 */
export async function askIdentity(session: Session, connection: Connection): Promise<FoundIdentity> {
  const command = readWorkerJsonCommand(remoteDirectory(session), session.conf.useSudo);
  const result = await connection.exec(command, {
    signal: session.shutdown.forced,
    label: "reading worker.json",
  });
  if (result.exitCode === 0) return readIdentity(result.stdout);
  throw new MaandError("remote", "worker.json could not be read", {
    where: { worker: connection.host },
    why: failureText(result.stderr) || `exit status ${result.exitCode}`,
    hint: "see that sudo -n works for the ssh user there, or set use_sudo = false in maand.conf",
  });
}

/**
 * The connection to a worker that is as the last deploy left it.
 * @throws MaandError("unreachable" or "remote") when it cannot be reached or asked, or carries something else.
 */
export async function connectKnownWorker(
  session: Session,
  state: CatalogState,
  workerIp: string,
  expected: WorkerIdentity,
): Promise<Connection> {
  const connection = await reachWorker(session, workerIp);
  const verdict = judgeKnown(await askIdentity(session, connection), expected, state);
  if (verdict.pass) return connection;
  throw new MaandError("remote", "the worker is not as the last deploy left it", {
    where: { worker: workerIp },
    why: verdict.reason,
    hint: verdict.hint,
  });
}
