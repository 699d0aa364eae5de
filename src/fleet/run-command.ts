// run_command: one shell command on many workers, some at a time, with its output as it comes.

import { readCatalog } from "../catalog/read.ts";
import { failureText } from "../health/failure.ts";
import type { HealthReport } from "../health/run.ts";
import { checkHealth, isHealthy } from "../health/run.ts";
import type { HookHost } from "../hooks/host.ts";
import { withHookHost } from "../hooks/with-host.ts";
import { leftRunning, workError } from "../lifecycle/errors.ts";
import { chooseConcurrency, chooseWorkers, type WorkerChoice } from "../lifecycle/select.ts";
import { reachWorker } from "../lifecycle/worker.ts";
import { MaandError, notStarted } from "../model/error.ts";
import type { CatalogState } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import { enclosedBytes } from "../ssh/exec/envelope.ts";
import type { ShellText } from "../ssh/exec/quote.ts";
import { runScript, script, withEnv } from "../ssh/exec/quote.ts";
import { maxCommandBytes } from "../ssh/exec/remote-process.ts";
import { createLimiter, mapLimited } from "../support/parallel.ts";
import runCommandFile from "./run-command.sh" with { type: "text" };
import type { SharedInput } from "./shared-input.ts";

export interface RunCommandRequest extends WorkerChoice {
  shell: string;
  /** Workers at a time; `max_parallel_workers` when absent. */
  concurrency?: number | undefined;
  /** Run all health checks after each batch, and go no further when one fails. */
  healthCheck: boolean;
  /** What every worker's command reads; nothing when absent. */
  input?: SharedInput;
}

/** How the command went on one worker. */
export interface ShellResult {
  workerIp: string;
  /** The command's own exit code; absent when it has none. */
  exit?: number;
  /** The last `keptBytes` of each output. */
  stdout: string;
  stderr: string;
  /** Some output is missing from the beginning of `stdout` or `stderr`. */
  truncated: boolean;
  /** Why there is no exit code: not reached, out of time, interrupted, not started. */
  error?: MaandError;
  durationMs: number;
}

export interface RunCommandOutcome {
  /** By worker position. */
  workers: ShellResult[];
  /** The last health check that was run. */
  health?: HealthReport;
  interrupted: boolean;
}

/** Bytes of each output of each worker that are kept for the summary; the log and the stream have all of it. */
export const keptBytes = 1024 * 1024;

/** Whether the command did what it should on a worker. */
export function hasSucceeded(result: ShellResult): boolean {
  return result.exit === 0;
}

/**
 * Runs the command on the chosen workers. What goes wrong on a worker is in its result.
 * @throws MaandError("usage") for a bad choice of workers and for a command that no worker could take, before anything
 * is contacted.
 */
export function runCommand(session: Session, request: RunCommandRequest): Promise<RunCommandOutcome> {
  const read = readCatalog(session.catalog);
  return withHookHost(session, read, (hooks) => runBatches(session, read.state, hooks, request));
}

async function runBatches(
  session: Session,
  state: CatalogState,
  hooks: HookHost,
  request: RunCommandRequest,
): Promise<RunCommandOutcome> {
  const hosts = chooseWorkers(state.workers, request);
  const width = chooseConcurrency(request.concurrency, session.conf.maxParallelWorkers);
  refuseUnusable(session, request.shell);

  const workers: ShellResult[] = [];
  let health: HealthReport | undefined;
  // Without health checks nothing separates one batch from the next: the next worker begins as soon as one is done.
  const batchSize = request.healthCheck ? width : Math.max(1, hosts.length);
  for (let from = 0; from < hosts.length; from += batchSize) {
    const batch = hosts.slice(from, from + batchSize);
    const unhealthy = health !== undefined && !isHealthy(health);
    workers.push(
      ...(unhealthy
        ? batch.map((workerIp) => notBegun(workerIp, "the health check after an earlier batch failed"))
        : await runOnWorkers(session, request, batch, width)),
    );
    if (request.healthCheck && !unhealthy && !session.shutdown.graceful.aborted)
      health = await checkHealth(session, state, hooks, { wait: true });
  }
  return {
    workers,
    ...(health === undefined ? {} : { health }),
    interrupted: session.shutdown.graceful.aborted,
  };
}

/**
 * Runs the command on each of these, `width` at a time. With a number that the user gave they come in their order; else
 * in the order in which they answer, so that nobody waits for one that does not.
 */
async function runOnWorkers(
  session: Session,
  request: RunCommandRequest,
  hosts: readonly string[],
  width: number,
): Promise<ShellResult[]> {
  session.pool.dial(hosts);
  if (request.concurrency !== undefined)
    return mapLimited(hosts, width, (workerIp) => runOnWorker(session, request, workerIp, (work) => work()));
  const limited = createLimiter(width);
  return Promise.all(hosts.map((workerIp) => runOnWorker(session, request, workerIp, limited)));
}

/** The user's text as one argument of `bash -c`, in the bucket's directory when it is there. */
export function shellCommand(
  directory: string,
  bucketId: string,
  workerIp: string,
  shell: string,
): ShellText {
  return withEnv(
    { BUCKET_ID: bucketId, WORKER_IP: workerIp },
    runScript("bash", script(runCommandFile), directory, shell),
  );
}

function refuseUnusable(session: Session, shell: string): void {
  if (shell.trim() === "") {
    throw new MaandError("usage", "the command is empty", {
      hint: 'write it in quotes: maand run_command "uptime"',
    });
  }
  const bytes = enclosedBytes(shellCommand(remoteDirectory(session), session.bucketId, "", shell).text) + 256;
  if (bytes <= maxCommandBytes) return;
  throw new MaandError("usage", "the command is too long", {
    why: `it takes ${bytes} bytes, Linux allows ${maxCommandBytes}`,
    hint: 'send it on standard input: maand run_command "bash -s" < script.sh',
  });
}

async function runOnWorker(
  session: Session,
  request: RunCommandRequest,
  workerIp: string,
  inItsTurn: <R>(work: () => Promise<R>) => Promise<R>,
): Promise<ShellResult> {
  const { events, shutdown, conf } = session;
  if (shutdown.graceful.aborted) return notBegun(workerIp, "interrupted");
  const scope = { worker: workerIp, phase: "run_command" as const };
  const started = performance.now();
  const took = (): number => Math.round(performance.now() - started);
  const broken = request.input?.broken;
  let id: number | undefined;
  let exit = -1;
  const sizes = { stdout: 0, stderr: 0 };
  try {
    const connection = await reachWorker(session, workerIp);
    const result = await inItsTurn(async () => {
      if (shutdown.graceful.aborted) return undefined;
      const lineId = events.nextId();
      id = lineId;
      events.emit({ type: "command_begin", scope, id, cmd: request.shell });
      return connection.exec(
        shellCommand(remoteDirectory(session), session.bucketId, workerIp, request.shell),
        {
          timeoutSeconds: conf.commandTimeoutSeconds,
          maxCapture: keptBytes,
          label: "the command",
          signal: broken === undefined ? shutdown.forced : AbortSignal.any([shutdown.forced, broken]),
          ...(request.input === undefined ? {} : { stdin: request.input.open() }),
          onStdout: (chunk) => (sizes.stdout += chunk.byteLength),
          onStderr: (chunk) => (sizes.stderr += chunk.byteLength),
          onLine: (stream, line) => events.emit({ type: "output", scope, id: lineId, stream, line }),
        },
      );
    });
    if (result === undefined) return notBegun(workerIp, "interrupted");
    // The worker may have seen the end of a cut input before it was told to stop.
    if (broken?.aborted === true) throw broken.reason;
    exit = result.exitCode;
    const truncated = sizes.stdout > keptBytes || sizes.stderr > keptBytes;
    return { workerIp, exit, stdout: result.stdout, stderr: result.stderr, truncated, durationMs: took() };
  } catch (thrown) {
    const where = { worker: workerIp };
    const failure = workError(session, broken?.aborted === true ? broken.reason : thrown, where);
    const isLeft = id !== undefined && failure.kind === "interrupted";
    const error = isLeft ? leftRunning("the command", where, failure) : failure;
    events.emit({ type: "error", scope, text: failureText(error) });
    return { workerIp, stdout: "", stderr: "", truncated: false, error, durationMs: took() };
  } finally {
    if (id !== undefined) events.emit({ type: "command_end", scope, id, exit, durationMs: took() });
  }
}

function notBegun(workerIp: string, why: string): ShellResult {
  const error = notStarted(why, { worker: workerIp });
  return { workerIp, stdout: "", stderr: "", truncated: false, error, durationMs: 0 };
}
