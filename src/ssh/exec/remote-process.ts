// Starting a command on a connection: a channel in spite of MaxSessions, and the wait until the command has begun.

import type { Readable, Writable } from "node:stream";
import type { Client as SshClient } from "ssh2";
import { MaandError } from "../../model/error.ts";
import type { Result } from "../../model/result.ts";
import type { Slot, Slots } from "../../support/parallel.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { interruptedOn } from "../connect/step.ts";
import { type Opened, processOn } from "./channel.ts";
import { type Envelope, seal } from "./envelope.ts";
import { firstWord } from "./first-word.ts";
import { notBegun, notBegunInTime } from "./not-run.ts";
import type { ShellText } from "./quote.ts";

/** How a remote command ended. */
export interface Exit {
  /** As the command's last word told it; 128 + n when signal n ended the command, as a shell reports it. */
  exitCode: number;
  /** Such as "SIGKILL" when the whole session was ended; absent when the command had its last word. */
  signal?: string;
}

/** A remote command that has begun. Both outputs must be read, else it never ends. */
export interface RemoteProcess {
  /** What is written here reaches the command and nobody else: no login file and no other shell. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the command has ended and its output is through. Rejects with "unreachable" when the connection
   * is lost first, with "remote" when the channel is closed and the command's last word did not come.
   */
  readonly done: Promise<Exit>;
  /** Settles as soon as the worker says that the command has ended; output may still follow. */
  readonly exited: Promise<void>;
  /** How it ended, once it has; the error of `done` while its last word has not come. */
  ending(): Result<Exit>;
  /** Asks the worker to end the command and gives the channel up; `done` settles in any case. */
  stop(): void;
}

/** What a process needs of the connection that it runs on. */
export interface Carrier {
  worker: string;
  client: SshClient;
  /** One place per channel that is open or being opened; fewer than at first once the worker has refused one. */
  channels: Slots;
  /** Seconds that the worker has to answer a request for a channel. */
  openTimeoutSeconds: number;
  /** Why the connection is gone; undefined while it lives. */
  lost(): MaandError | undefined;
  /** Calls back once when the connection is lost; returns the way to unsubscribe. */
  onLost(listener: (error: MaandError) => void): () => void;
  countExec(): void;
  /** Heard what login files print on the output of each command, before it begins. */
  onNoise?(noise: Buffer): void;
}

/** Linux gives one argument of a program at most 128 KiB (MAX_ARG_STRLEN); sshd passes the command as one. */
export const maxCommandBytes = 128 * 1024 - 1;

/** Refusals in a row, with no other channel of ours open, after which opening is given up: about 5 s. */
const maxRefusals = 24;

export interface StartOptions {
  signal?: AbortSignal | undefined;
  /** Nothing will be written to the command: the end of its input is told at once, to login files too. */
  noInput?: boolean;
}

/**
 * Starts a command and resolves when it has begun. Throws what `RemoteProcess.done` would, "remote" when the login shell
 * did not run it, "interrupted" when the signal comes first.
 */
export async function startProcess(
  carrier: Carrier,
  command: ShellText,
  { signal, noInput = false }: StartOptions = {},
): Promise<RemoteProcess> {
  const envelope = seal(command.text);
  const bytes = envelope.line.length;
  if (bytes > maxCommandBytes) {
    throw new MaandError("usage", "a remote command is too long", {
      where: { worker: carrier.worker },
      why: `it has ${bytes} bytes, Linux takes ${maxCommandBytes}`,
      hint: "send the bulk of it on standard input",
    });
  }
  let ticket: number | undefined;
  for (let refusals = 0; ; refusals++) {
    const place = await enter(carrier, signal, ticket);
    try {
      const opened = await openExec(carrier, envelope, place);
      if (opened !== "refused") {
        if (noInput) opened.process.stdin.end();
        return await begin(carrier, opened, envelope, signal);
      }
    } catch (error) {
      place.leave();
      throw error;
    }
    ticket = place.ticket;
    const others = carrier.channels.taken - 1;
    carrier.channels.lower(others);
    place.leave();
    // With others open, the next place comes free when one of them ends: that is progress, not a refusal.
    if (others > 0) refusals = 0;
    else if (refusals >= maxRefusals) throw noChannel(carrier.worker);
    await pause(Math.min(250, 5 * 2 ** Math.min(refusals, 6)) * (0.75 + Math.random() / 2), carrier);
  }
}

/** Waits until the command itself speaks; login files come first, and may take as long as opening the channel may. */
async function begin(
  carrier: Carrier,
  { process, heard }: Opened,
  envelope: Envelope,
  signal: AbortSignal | undefined,
): Promise<RemoteProcess> {
  const { worker, openTimeoutSeconds } = carrier;
  let leave: (error: MaandError) => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = reject;
  });
  const abort = () => leave(interruptedOn(worker));
  const timer = setTimeout(
    () => leave(notBegunInTime(worker, openTimeoutSeconds, heard())),
    openTimeoutSeconds * 1000,
  );
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  const unsubscribe = carrier.onLost(leave);
  try {
    const { begun, noise } = await Promise.race([firstWord(process.stdout, envelope), left]);
    if (begun) {
      if (noise.length > 0) carrier.onNoise?.(noise);
      return process;
    }
    process.stderr.resume();
    // How the session ended comes with its last packets.
    await Promise.race([process.done.catch(() => undefined), left]);
    throw carrier.lost() ?? notBegun(worker, { ...heard(), output: noise });
  } catch (error) {
    process.stop();
    throw error;
  } finally {
    clearTimeout(timer);
    unsubscribe();
    signal?.removeEventListener("abort", abort);
  }
}

async function enter(carrier: Carrier, signal: AbortSignal | undefined, ticket?: number): Promise<Slot> {
  let place: Slot;
  try {
    place = await carrier.channels.enter({ signal, ticket });
  } catch {
    throw interruptedOn(carrier.worker);
  }
  const lost = carrier.lost();
  if (lost === undefined) return place;
  place.leave();
  throw lost;
}

/** Opens a channel and asks for the command on it; "refused" when the server allows no further channel now. */
function openExec(carrier: Carrier, envelope: Envelope, place: Slot): Promise<Opened | "refused"> {
  return new Promise((resolve, reject) => {
    let late = false;
    const disarm = afterRunning(carrier.openTimeoutSeconds * 1000, () => {
      late = true;
      unsubscribe();
      reject(noAnswer(carrier));
    });
    const unsubscribe = carrier.onLost((error) => {
      disarm();
      reject(error);
    });
    const failed = (cause: Error & { reason?: unknown }) => {
      disarm();
      unsubscribe();
      const lost = carrier.lost();
      if (lost !== undefined) return reject(lost);
      // SSH_OPEN_CONNECT_FAILED is what sshd answers beyond MaxSessions; 4 is SSH_OPEN_RESOURCE_SHORTAGE.
      if (cause.reason === 2 || cause.reason === 4) return resolve("refused");
      reject(
        new MaandError("remote", "the worker would not run a command", {
          where: { worker: carrier.worker },
          why: cause.message,
          hint: "look at the log of sshd on the worker: ForceCommand, a full process table or a missing shell do this",
          cause,
        }),
      );
    };
    try {
      carrier.client.exec(envelope.line, (error, channel) => {
        if (error !== undefined && error !== null) return failed(error);
        if (late) return channel.close();
        disarm();
        unsubscribe();
        carrier.countExec();
        // At once: the exit code may stand in the same packet as this answer.
        resolve(processOn(channel, carrier, place, envelope));
      });
    } catch (error) {
      failed(error as Error);
    }
  });
}

function pause(ms: number, carrier: Carrier): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(over, ms);
    const unsubscribe = carrier.onLost(over);
  });
}

function noAnswer(carrier: Carrier): MaandError {
  return new MaandError("remote", "the worker did not start a command in time", {
    where: { worker: carrier.worker },
    why: `${carrier.openTimeoutSeconds} s (connect_timeout) went by while waiting for sshd to open a channel`,
    hint: "see whether the worker is overloaded, or raise connect_timeout in maand.conf",
  });
}

function noChannel(worker: string): MaandError {
  return new MaandError("remote", "the worker opens no session on our connection", {
    where: { worker },
    why: `sshd refused a channel ${maxRefusals} times although none of ours was open`,
    hint: "set MaxSessions to 1 or more (10 is the default) in sshd_config of the worker",
  });
}
