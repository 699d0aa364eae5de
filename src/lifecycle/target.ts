// Running one Makefile target of one allocation on its worker, with its output streamed and its failure explained.

import type { Phase } from "../events/event.ts";
import { MaandError } from "../model/error.ts";
import type { JobRow } from "../model/state.ts";
import type { WorkerIdentity } from "../model/worker-identity.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Connection, ExecResult } from "../ssh/connect/connection.ts";
import type { ShellText } from "../ssh/exec/quote.ts";
import {
  graceSeconds,
  isMakeStatus,
  stopCommand,
  targetCommand,
  timedOutStatus,
} from "../worker/commands.ts";

/** How many of the last lines of output go into an error: a screenful. */
const shownLines = 20;

/** What a target is told of its allocation: the version that ran last and the one that comes. */
export interface Versions {
  currentVersion: string;
  newVersion: string;
}

/** One target of one allocation. */
export interface TargetRun extends Versions {
  job: JobRow;
  workerIp: string;
  target: string;
  phase: Phase;
  /** For stops: where the job has no Makefile there is nothing to stop. */
  onlyIfPresent?: boolean;
  /** What the worker said of itself when it was asked: the runner compares it again. */
  identity: WorkerIdentity;
  /** The command that goes on after a failure was fixed, such as `maand deploy`. */
  retry: string;
}

/** Seconds that one target of the job may take. */
function targetSeconds(session: Session, job: JobRow): number {
  return job.manifest.lifecycleTimeout ?? session.conf.commandTimeoutSeconds;
}

/** Runs a target; its exit status and output as they were. Throws only when the worker could not be asked. */
export async function runTarget(
  session: Session,
  connection: Connection,
  run: TargetRun,
): Promise<ExecResult> {
  const timeoutSeconds = targetSeconds(session, run.job);
  const options = {
    directory: remoteDirectory(session),
    identity: run.identity,
    useSudo: session.conf.useSudo,
    job: run.job.name,
    workerIp: run.workerIp,
    target: run.target,
    currentVersion: run.currentVersion,
    newVersion: run.newVersion,
    timeoutSeconds,
  };
  const command = run.onlyIfPresent === true ? stopCommand(options) : targetCommand(options);
  return runLogged(session, connection, {
    scope: { worker: run.workerIp, job: run.job.name, phase: run.phase, action: run.target },
    title: `runner.py ${run.target} ${run.job.name}`,
    command,
    timeoutSeconds: timeoutSeconds + graceSeconds,
  });
}

/**
 * Runs a target to a good end.
 * @throws MaandError that says what happened and shows the last output, when it ended with a status other than 0
 */
export async function requireTarget(session: Session, connection: Connection, run: TargetRun): Promise<void> {
  const result = await runTarget(session, connection, run);
  if (result.exitCode !== 0) throw targetError(session, run, result);
}

/** The error for a target that ended with a status other than 0. */
export function targetError(session: Session, run: TargetRun, result: ExecResult): MaandError {
  const lines = `${result.stdout}${result.stderr}`.trimEnd().split("\n").slice(-shownLines).join("\n");
  const timedOut = result.exitCode === timedOutStatus;
  const ran = timedOut || isMakeStatus(result.exitCode);
  const what = timedOut
    ? `make ${run.target} did not end within ${targetSeconds(session, run.job)} s`
    : ran
      ? `make ${run.target} ended with status ${result.exitCode}`
      : `make ${run.target} was not run (status ${result.exitCode})`;
  return new MaandError("remote", what, {
    where: { job: run.job.name, worker: run.workerIp },
    ...(lines.trim() === "" ? {} : { why: lines }),
    hint: timedOut
      ? "raise command_timeout in maand.conf or lifecycle_timeout in the manifest, or find out what it waits for"
      : ran
        ? `fix the job's Makefile or the worker, then run ${run.retry} again`
        : `mend on the worker what is named here, then run ${run.retry} again`,
  });
}

export interface LoggedCommand {
  scope: { worker: string; job?: string; phase: Phase; action?: string };
  /** The command as the log names it. */
  title: string;
  command: ShellText;
  timeoutSeconds: number;
  stdin?: Uint8Array;
}

/** Runs any command on a worker with its begin, output and end on the event stream. */
export async function runLogged(
  session: Session,
  connection: Connection,
  run: LoggedCommand,
): Promise<ExecResult> {
  const { scope } = run;
  const id = session.events.nextId();
  const started = performance.now();
  session.events.emit({ type: "command_begin", scope, id, cmd: run.title });
  let exit = -1;
  try {
    const result = await connection.exec(run.command, {
      timeoutSeconds: run.timeoutSeconds,
      signal: session.shutdown.forced,
      onLine: (stream, line) => session.events.emit({ type: "output", scope, id, stream, line }),
      ...(run.stdin === undefined ? {} : { stdin: run.stdin }),
    });
    exit = result.exitCode;
    return result;
  } finally {
    const durationMs = Math.round(performance.now() - started);
    session.events.emit({ type: "command_end", scope, id, exit, durationMs });
  }
}
