// Runs one remote command to its end: input in, output out, never longer than its deadline.

import { MaandError } from "../../model/error.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { interruptedOn } from "../connect/step.ts";
import { createLineSplitter, createTail } from "./capture.ts";
import { readAtPace } from "./pace.ts";
import type { ShellText } from "./quote.ts";
import { type Carrier, type Exit, type RemoteProcess, startProcess } from "./remote-process.ts";

export type OutputStream = "stdout" | "stderr";

export interface ExecOptions {
  /** Sent to the command, then end of file; without it the command's standard input is empty. */
  stdin?: Uint8Array | string | ReadableStream<Uint8Array>;
  onStdout?: (chunk: Uint8Array) => void;
  onStderr?: (chunk: Uint8Array) => void;
  /** Each line as it comes, without its newline. */
  onLine?: (stream: OutputStream, line: string) => void;
  /** Seconds from the moment the command gets a channel; `command_timeout` when absent. */
  timeoutSeconds?: number;
  /** Bytes of each output that are kept for the result, the last ones; 4 MiB when absent. */
  maxCapture?: number;
  signal?: AbortSignal;
  /** What the command is for, in messages: "make start of job api". Never put a secret here. */
  label?: string;
}

export interface ExecResult extends Exit {
  /** The last `maxCapture` bytes, decoded as UTF-8. */
  stdout: string;
  stderr: string;
}

const defaultCapture = 4 * 1024 * 1024;

/**
 * Milliseconds without output after which a command that has exited counts as ended although something it started
 * still holds its output open (sshd waits for that, an operator does not want to).
 */
const quietAfterExit = 2000;

/**
 * Runs `command` and resolves with its exit code, whatever that is. Throws "unreachable" when the connection is lost,
 * "remote" when the deadline passes or the worker would not run it, "interrupted" when the signal is aborted.
 */
export async function execOn(
  carrier: Carrier,
  command: ShellText,
  options: ExecOptions,
  defaultTimeoutSeconds: number,
): Promise<ExecResult> {
  const { signal } = options;
  const process = await startProcess(carrier, command, { signal, noInput: options.stdin === undefined });
  const stdout = collect(process, "stdout", options);
  const stderr = collect(process, "stderr", options);
  const stopReading = () => {
    stdout.close();
    stderr.close();
  };
  void feed(process, options.stdin);

  const seconds = options.timeoutSeconds ?? defaultTimeoutSeconds;
  const exit = await new Promise<Exit>((resolve, reject) => {
    let quiet: NodeJS.Timeout | undefined;
    let exited = false;
    const settle = (act: () => void) => {
      disarm();
      clearTimeout(quiet);
      signal?.removeEventListener("abort", abort);
      act();
    };
    const leave = (act: () => void) => {
      settle(act);
      // What still comes of a flood is let go unread.
      stopReading();
      process.stop();
    };
    const abort = () => leave(() => reject(interruptedOn(carrier.worker)));
    const leaveAsEnded = () => {
      const ended = process.ending();
      leave(() => (ended.ok ? resolve(ended.value) : reject(ended.error)));
    };
    const disarm = afterRunning(seconds * 1000, () => {
      if (exited) leaveAsEnded();
      else leave(() => reject(tooLong(carrier.worker, seconds, options.label)));
    });
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();

    const restartQuiet = () => {
      if (!exited) return;
      clearTimeout(quiet);
      quiet = setTimeout(leaveAsEnded, quietAfterExit);
    };
    process.stdout.on("data", restartQuiet);
    process.stderr.on("data", restartQuiet);
    void process.exited.then(() => {
      exited = true;
      restartQuiet();
    });
    process.done.then(
      (ended) => settle(() => resolve(ended)),
      (error) => settle(() => reject(error)),
    );
  });
  stopReading();
  return { ...exit, stdout: stdout.kept(), stderr: stderr.kept() };
}

/** Reads one output until it is closed, which hands on the last line. */
function collect(
  process: RemoteProcess,
  name: OutputStream,
  options: ExecOptions,
): { close(): void; kept(): string } {
  const tail = createTail(options.maxCapture ?? defaultCapture);
  const lines = createLineSplitter((line) => options.onLine?.(name, line));
  const onChunk = name === "stdout" ? options.onStdout : options.onStderr;
  let closed = false;
  readAtPace(process[name], (chunk) => {
    if (closed) return;
    tail.push(chunk);
    onChunk?.(chunk);
    if (options.onLine !== undefined) lines.push(chunk);
  });
  return {
    close() {
      if (!closed) lines.end();
      closed = true;
    },
    kept: () => new TextDecoder().decode(tail.bytes()),
  };
}

/** Sends the input; stops without a fuss when the command has gone. */
async function feed(process: RemoteProcess, input: ExecOptions["stdin"]): Promise<void> {
  const { stdin } = process;
  if (input === undefined) return;
  if (!(input instanceof ReadableStream)) return void stdin.end(input);
  const reader = input.getReader();
  const gone = process.exited.then(
    () => "gone" as const,
    () => "gone" as const,
  );
  const lost = process.done.then(
    () => "gone" as const,
    () => "gone" as const,
  );
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), gone, lost]);
      if (next === "gone" || next.done) break;
      if (stdin.write(next.value)) continue;
      const drained = new Promise<"drained">((resolve) => stdin.once("drain", () => resolve("drained")));
      if ((await Promise.race([drained, gone, lost])) === "gone") break;
    }
  } catch {
    // The source failed: the command sees the end of its input, as it would of a broken pipe.
  } finally {
    reader.cancel().catch(() => undefined);
    stdin.end();
  }
}

function tooLong(worker: string, seconds: number, label: string | undefined): MaandError {
  const what = label ?? "a remote command";
  return new MaandError("remote", `${what} did not end in time`, {
    where: { worker },
    why: `it was given ${seconds} s and was told to stop; what it started may still run`,
    hint: "look at it on the worker, or raise command_timeout in maand.conf (lifecycle_timeout for one job)",
  });
}
