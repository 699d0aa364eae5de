// Runs the rsync program of this host over a connection that we already have.

import { type ChildProcess, spawn } from "node:child_process";
import { MaandError, reasonOf } from "../../model/error.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { selfCommand } from "../../support/self.ts";
import type { Connection } from "../connect/connection.ts";
import { interruptedOn } from "../connect/step.ts";
import { createLineSplitter, createTail } from "../exec/capture.ts";
import type { OutputStream } from "../exec/exec.ts";
import { type ShellText, sh, sudo } from "../exec/quote.ts";
import { openBridge } from "./bridge.ts";

/** How a path on the worker begins in the arguments of rsync: the name says nothing, the connection is fixed. */
export const remotePrefix = "worker:";

export interface RsyncOptions {
  cwd: string;
  /** Options, sources and destination; the remote side is `remotePrefix` + path. No `-e` and no `--rsync-path`. */
  args: string[];
  timeoutSeconds: number;
  /** Run the remote rsync through `sudo -n`. */
  remoteSudo: boolean;
  /** Made on the worker before its rsync starts, in the same round trip. */
  makeDirectory?: string;
  /** The whole command for the worker, made of the words of its rsync; `makeDirectory` and `remoteSudo` are then its business. */
  receive?: (server: readonly string[]) => ShellText;
  onLine?: (stream: OutputStream, line: string) => void;
  signal?: AbortSignal;
  /** Command line of this maand; the default is right everywhere but in tests. */
  self?: string[];
}

export interface RsyncResult {
  /** rsync(1), "EXIT VALUES". */
  exitCode: number;
  stdout: string;
  /** Of both rsyncs, in the order of arrival. */
  stderr: string;
}

/** Bytes of output that are kept. */
const maxCapture = 256 * 1024;

/**
 * Runs one rsync and resolves with its exit code. Throws "local" when there is no rsync on this host, "unreachable"
 * when the connection is lost, "remote" when the deadline passes, "interrupted" when the signal is aborted. In each
 * case neither rsync nor its child is left behind.
 */
export async function runRsync(connection: Connection, options: RsyncOptions): Promise<RsyncResult> {
  const worker = connection.host;
  if (options.signal?.aborted === true) throw interruptedOn(worker);
  if (connection.lost !== undefined) throw connection.lost;
  const output = collector(options);
  const bridge = await openBridge(connection, (command) => remoteCommand(command, options), output.stderr);
  try {
    const shell = [...(options.self ?? selfCommand()), "__rsh", ...bridge.args].map(rsyncWord).join(" ");
    const exitCode = await runLocal(["-e", shell, ...options.args], options, worker, output);
    const carried = bridge.carried();
    if (!carried.ok) throw carried.error;
    return { exitCode, ...output.end() };
  } finally {
    await bridge.close();
  }
}

/** rsync's own words for the remote side, with the directory made first; they are shell text that rsync has quoted. */
function remoteCommand(command: string, options: RsyncOptions): ShellText {
  // `-s` in our arguments keeps every path out of this line: it is `rsync --server` and options.
  const words = command.split(" ");
  if (options.receive !== undefined) return options.receive(words);
  const server = sudo(options.remoteSudo, sh`${words}`);
  if (options.makeDirectory === undefined) return server;
  // Mostly it is there already, and the shell's own test costs no process.
  const test = sh`[ -d ${options.makeDirectory} ]`;
  const make = sudo(options.remoteSudo, sh`mkdir -p -- ${options.makeDirectory}`);
  return sh`${test} || ${make} && ${server}`;
}

function runLocal(
  args: string[],
  options: RsyncOptions,
  worker: string,
  output: ReturnType<typeof collector>,
): Promise<number> {
  const { signal, timeoutSeconds } = options;
  return new Promise((resolve, reject) => {
    const child = spawn("rsync", args, {
      cwd: options.cwd,
      env: rsyncEnvironment(),
      stdio: ["ignore", "pipe", "pipe"],
      // Ctrl-C in the operator's terminal is for maand, which lets a transfer that is under way finish.
      detached: true,
    });
    let stopped: MaandError | undefined;
    let hardStop: NodeJS.Timeout | undefined;
    const stop = (error: MaandError) => {
      if (stopped !== undefined) return;
      stopped = error;
      signalGroup(child, "SIGTERM");
      hardStop = setTimeout(() => signalGroup(child, "SIGKILL"), 2000);
    };
    const abort = () => stop(interruptedOn(worker));
    const disarm = afterRunning(timeoutSeconds * 1000, () => stop(tooSlow(worker, timeoutSeconds)));
    const settle = (act: () => void) => {
      disarm();
      clearTimeout(hardStop);
      signal?.removeEventListener("abort", abort);
      act();
    };
    signal?.addEventListener("abort", abort, { once: true });
    child.stdout.on("data", output.stdout);
    child.stderr.on("data", output.stderr);
    child.once("error", (cause) => settle(() => reject(noRsync(cause, options.cwd))));
    child.once("close", (code) => {
      settle(() => (stopped === undefined ? resolve(code ?? killedExit) : reject(stopped)));
    });
  });
}

/** rsync forks, and its remote shell is a child of its own: they are one process group, which it leads. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // All of them have just ended.
  }
}

/** rsync's own exit code for "received a signal". */
const killedExit = 20;

function collector(options: RsyncOptions) {
  const tails = { stdout: createTail(maxCapture), stderr: createTail(maxCapture) };
  const lines = {
    stdout: createLineSplitter((line) => options.onLine?.("stdout", line)),
    stderr: createLineSplitter((line) => options.onLine?.("stderr", line)),
  };
  const take = (stream: OutputStream) => (chunk: Buffer) => {
    tails[stream].push(chunk);
    lines[stream].push(chunk);
  };
  return {
    stdout: take("stdout"),
    stderr: take("stderr"),
    end() {
      lines.stdout.end();
      lines.stderr.end();
      const text = (stream: OutputStream) => new TextDecoder().decode(tails[stream].bytes());
      return { stdout: text("stdout"), stderr: text("stderr") };
    },
  };
}

/** rsync splits the value of `-e` at blanks and knows both quotes, doubled inside themselves. */
function rsyncWord(word: string): string {
  return /^[A-Za-z0-9_/.,:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "''")}'`;
}

/** The operator's RSYNC_* variables would change what our options mean. */
function rsyncEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("RSYNC_")));
}

function noRsync(cause: NodeJS.ErrnoException, cwd: string): MaandError {
  if (cause.code === "ENOENT") {
    return new MaandError("local", "rsync could not be started", {
      why: `the program rsync is not installed on this host, or the directory ${cwd} does not exist`,
      hint: "install rsync (apt install rsync, dnf install rsync, brew install rsync)",
      cause,
    });
  }
  return new MaandError("local", "rsync could not be started", {
    why: reasonOf(cause),
    hint: "see that rsync of this host runs",
    cause,
  });
}

function tooSlow(worker: string, seconds: number): MaandError {
  return new MaandError("remote", "the sync did not end in time", {
    where: { worker },
    why: `rsync was given ${seconds} s and was stopped`,
    hint: "see why the link or the worker is slow, or raise command_timeout in maand.conf",
  });
}
