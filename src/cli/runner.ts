// The command runner: lock, session, signals, logs and history around every command; then the result or the error on the right stream.

import { resolve } from "node:path";
import { bucketPaths, locateBucket } from "../bucket/locate.ts";
import type { Lock, LockHolder } from "../bucket/lock.ts";
import { createEventStream } from "../events/event.ts";
import { MaandError } from "../model/error.ts";
import { operatorName } from "../session/operator.ts";
import type { Session } from "../session/session.ts";
import { countOf } from "../support/plural.ts";
import type { CommandCall } from "./declaration.ts";
import { exitCodeOf } from "./exit-codes.ts";
import type { BucketInvocation, Globals, Invocation, Outcome } from "./invocation.ts";
import { errorJson, formatError, toMaandError } from "./output/errors.ts";
import { createJsonOutput, type JsonOutput } from "./output/json.ts";
import type { Renderer } from "./output/renderer.ts";
import { createRenderer } from "./output/renderer.ts";
import type { Terminal } from "./output/terminal.ts";
import { watchSignals } from "./signals.ts";

/** Runs one command from lock to exit code; `typed` are its arguments for the history. Never throws. */
export async function executeCommand(
  command: CommandCall,
  typed: readonly string[],
  globals: Globals,
  terminal: Terminal,
): Promise<number> {
  const events = createEventStream();
  const renderer = createRenderer(terminal);
  events.subscribe(renderer.listen);
  const graceful = new AbortController();
  const forced = new AbortController();
  const identity = { runId: crypto.randomUUID(), command: command.name };
  const invocation: Invocation = {
    globals,
    terminal,
    events,
    identity,
    shutdown: { graceful: graceful.signal, forced: forced.signal },
    workingDirectory: process.cwd(),
    environment: process.env,
  };
  const json = createJsonOutput(terminal.stdout);
  const restoreSignals = command.graceful
    ? watchSignals({ graceful, forced, events, acts: command.acts })
    : () => undefined;
  terminal.stderr.onLost((why) => {
    const text = `standard error ${why}: the command goes on, and what is missing there is in the log: maand logs show --run last`;
    events.emit({ type: "warning", scope: { worker: "-" }, text });
  });
  try {
    const outcome =
      command.access === "none"
        ? await command.run(invocation as BucketInvocation)
        : await runOnBucket(command, typed, invocation);
    // The work is done and the bucket is free: whoever does not read the result may be left by an ordinary Ctrl-C.
    restoreSignals();
    return report(invocation, renderer, json, outcome);
  } catch (thrown) {
    restoreSignals();
    return reportError(invocation, renderer, json, toMaandError(thrown));
  } finally {
    renderer.close();
    terminal.stderr.finish();
  }
}

async function runOnBucket(
  command: CommandCall,
  typed: readonly string[],
  invocation: Invocation,
): Promise<Outcome> {
  const { globals, environment } = invocation;
  const paths = locateBucket({
    flag: globals.bucket,
    environment: environment.BUCKET_ROOT,
    workingDirectory: invocation.workingDirectory,
  });
  if (command.access === "write") refuseInsideHook(command.name, environment);
  // A command that only looks (a dry run) leaves no trace.
  const recorded = command.recorded && command.access === "write";
  const lock = command.access === "write" ? await lockBucket(paths.lock, command, invocation) : undefined;
  let session: Session | undefined;
  let closeLog: (() => void) | undefined;
  let exitCode = exitCodeOf("failed");
  const { closeSession, openSession } = await import("../session/open.ts");
  try {
    session = openSession({
      paths,
      events: invocation.events,
      identity: invocation.identity,
      shutdown: invocation.shutdown,
      readonly: command.access === "read",
    });
    if (command.access === "write") closeLog = await openLog(invocation, session);
    if (recorded) await recordStart(command, typed, session);
    const outcome = await command.run({ ...invocation, session });
    exitCode = exitCodeOf(outcome.ending ?? "done");
    return outcome;
  } catch (thrown) {
    const error = toMaandError(thrown);
    exitCode = exitCodeOf(error.kind);
    throw error;
  } finally {
    if (session !== undefined) {
      if (recorded) await recordEnd(session, exitCode);
      await closeSession(session);
    }
    closeLog?.();
    lock?.release();
  }
}

/** What the command did or failed at counts for more than this line of history: that it is missing is only a warning. */
async function recordEnd(session: Session, exitCode: number): Promise<void> {
  const { finishRun } = await import("../catalog/history.ts");
  try {
    finishRun(session.catalog, session.identity.runId, exitCode, session.now());
  } catch (thrown) {
    const { message, why } = toMaandError(thrown);
    const text = `the end of this run is missing from the history: ${message}${why === undefined ? "" : `: ${why}`}`;
    session.events.emit({ type: "warning", scope: { worker: "-" }, text });
  }
}

/** A hook runs inside a command that holds the lock: a second writer would wait for itself. */
export function refuseInsideHook(name: string, environment: Record<string, string | undefined>): void {
  if ((environment.HOOK_API_TOKEN ?? "") === "") return;
  throw new MaandError("usage", `"maand ${name}" cannot run inside a hook`, {
    why: "the command that runs the hook holds the bucket and waits for the hook to end",
    hint: "use the runtime API of the hook (maand help hooks), or run the command after this one",
  });
}

async function lockBucket(path: string, command: CommandCall, invocation: Invocation): Promise<Lock> {
  const { takeLock } = await import("../bucket/lock.ts");
  const { runId } = invocation.identity;
  const lock = await takeLock({
    path,
    holder: { pid: process.pid, command: command.name, started: new Date().toISOString(), runId },
    waitSeconds: invocation.globals.lockWaitSeconds,
    signal: invocation.shutdown.graceful,
  });
  if (lock.abandonedBy !== undefined) {
    try {
      await endLeftHooks(lock.abandonedBy, invocation);
    } catch (thrown) {
      lock.release();
      throw thrown;
    }
  }
  return lock;
}

/** A maand that was killed lost its lock at once, its hooks may still be ending: nothing is begun beside them. */
async function endLeftHooks({ command, pid, runId }: LockHolder, invocation: Invocation): Promise<void> {
  if (runId === undefined) return;
  const { endHooksOfRun } = await import("../hooks/runtime/orphans.ts");
  const { ended, left } = await endHooksOfRun(runId);
  const who = `maand ${command} (pid ${pid})`;
  if (left.length > 0) {
    throw new MaandError("local", `hooks of ${who} are still running, and it is gone`, {
      why: `${left.length === 1 ? "process" : "processes"} ${left.join(", ")} would not end`,
      hint: "end them, then run the command again",
    });
  }
  if (ended === 0) return;
  const text = `${who} was killed and left ${countOf(ended, "process")} of its hooks running; ended`;
  invocation.events.emit({ type: "warning", scope: { worker: "-" }, text });
}

async function openLog(invocation: Invocation, session: Session): Promise<() => void> {
  const { createLogWriter } = await import("../events/log-writer.ts");
  const { readUpdateSeq } = await import("../catalog/deployments.ts");
  const log = createLogWriter({
    logsDir: session.paths.logs,
    identity: invocation.identity,
    format: session.conf.logFormat,
    seq: () => readUpdateSeq(session.catalog),
    now: () => new Date(),
    onDisabled: (reason) =>
      invocation.events.emit({
        type: "warning",
        scope: { worker: "-" },
        text: `logging is off for the rest of this command, which goes on: ${reason}; free space or fix the modes of logs/`,
      }),
  });
  invocation.events.subscribe(log.listen);
  return () => log.close();
}

async function recordStart(command: CommandCall, typed: readonly string[], session: Session): Promise<void> {
  const { beginRun } = await import("../catalog/history.ts");
  const { readUpdateSeq } = await import("../catalog/deployments.ts");
  beginRun(session.catalog, {
    runId: session.identity.runId,
    command: command.name,
    arguments: typed,
    operator: operatorName(process.env),
    updateSeq: readUpdateSeq(session.catalog),
    startedAt: session.now(),
  });
}

function report(invocation: Invocation, renderer: Renderer, json: JsonOutput, outcome: Outcome): number {
  const { ending = "done" } = outcome;
  const { identity, terminal } = invocation;
  renderer.clear();
  if (terminal.json) {
    json.write({
      ok: ending === "done",
      command: identity.command,
      run_id: identity.runId,
      ...outcome.json,
    });
  } else if (outcome.text !== undefined) terminal.stdout.write(outcome.text);
  return exitCodeOf(ending);
}

function reportError(
  invocation: Invocation,
  renderer: Renderer,
  json: JsonOutput,
  error: MaandError,
): number {
  renderer.clear();
  const { identity, terminal } = invocation;
  terminal.stderr.write(formatError(error, terminal.stderr.paint));
  // What failed may have been the writing of the document itself.
  if (terminal.json && !json.written) {
    json.write({
      ok: false,
      command: identity.command,
      run_id: identity.runId,
      error: errorJson(error),
    });
  }
  return exitCodeOf(error.kind);
}

/** The paths of a bucket that may not exist yet: for `init`. */
export function intendedBucket(invocation: Invocation): ReturnType<typeof bucketPaths> {
  const { globals, environment, workingDirectory } = invocation;
  return bucketPaths(resolve(workingDirectory, globals.bucket ?? (environment.BUCKET_ROOT || ".")));
}
