// One command on one channel: opening it in spite of MaxSessions, its streams, and how it ended.

import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { ClientChannel, Client as SshClient } from "ssh2";
import { MaandError } from "../../model/error.ts";
import type { Slot, Slots } from "../../support/parallel.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { interruptedOn } from "../connect/step.ts";
import type { ShellText } from "./quote.ts";

/** How a remote command ended. */
export interface Exit {
  /** As the worker reported it; 128 + n when signal n ended the command, as a shell would report it. */
  exitCode: number;
  /** Such as "SIGKILL"; absent when the command exited by itself. */
  signal?: string;
}

/** A remote command that is under way. Both outputs must be read, else it never ends. */
export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the command has ended and its output is through. Rejects with "unreachable" when the connection
   * is lost first, with "remote" when the worker closed the channel without telling how the command ended.
   */
  readonly done: Promise<Exit>;
  /** How it ended, as soon as the worker has told so; output may still follow. */
  readonly exited: Promise<Exit>;
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
}

/** Linux gives one argument of a program at most 128 KiB (MAX_ARG_STRLEN); sshd passes the command as one. */
export const maxCommandBytes = 128 * 1024 - 1;

/** Refusals in a row, with no other channel of ours open, after which opening is given up: about 5 s. */
const maxRefusals = 24;

/** Starts a command. Throws what `RemoteProcess.done` would, "interrupted" when the signal comes first. */
export async function startProcess(
  carrier: Carrier,
  command: ShellText,
  signal?: AbortSignal,
): Promise<RemoteProcess> {
  const bytes = Buffer.byteLength(command.text);
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
      const process = await openExec(carrier, command, place);
      if (process !== "refused") return process;
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
function openExec(carrier: Carrier, command: ShellText, place: Slot): Promise<RemoteProcess | "refused"> {
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
      carrier.client.exec(command.text, (error, channel) => {
        if (error !== undefined && error !== null) return failed(error);
        if (late) return channel.close();
        disarm();
        unsubscribe();
        carrier.countExec();
        // At once: the exit code may stand in the same packet as this answer.
        resolve(wrap(carrier, channel, place));
      });
    } catch (error) {
      failed(error as Error);
    }
  });
}

function wrap(carrier: Carrier, channel: ClientChannel, place: Slot): RemoteProcess {
  let exit: Exit | undefined;
  let told: (exit: Exit) => void = () => undefined;
  const exited = new Promise<Exit>((resolve) => {
    told = resolve;
  });
  channel.on("exit", (code: number | null, name?: string) => {
    exit = exitOf(code, name);
    told(exit);
  });
  // Writing to a command that has gone is no fault of ours: its exit code tells the story.
  channel.on("error", () => undefined);
  channel.stderr.on("error", () => undefined);

  let giveUp: () => void = () => undefined;
  const done = new Promise<Exit>((resolve, reject) => {
    const settle = (act: () => void) => {
      unsubscribe();
      clearTimeout(timer);
      place.leave();
      act();
    };
    let timer: NodeJS.Timeout | undefined;
    const unsubscribe = carrier.onLost((error) => settle(() => reject(error)));
    const ended = () => {
      const lost = carrier.lost();
      if (exit !== undefined) settle(() => resolve(exit as Exit));
      else settle(() => reject(lost ?? noExit(carrier.worker)));
    };
    let open = 2;
    const closed = () => {
      open--;
      if (open === 0) ended();
    };
    channel.once("close", closed);
    channel.stderr.once("close", closed);
    giveUp = () => {
      // sshd answers the closing of a channel only once the command has ended, and it may not care to.
      timer ??= setTimeout(ended, 250);
    };
  });
  // Whoever never asks must not turn a lost connection into an unhandled rejection.
  done.catch(() => undefined);
  return {
    stdin: channel.stdin,
    stdout: channel.stdout,
    stderr: channel.stderr,
    done,
    exited,
    stop() {
      giveUp();
      if (carrier.lost() !== undefined) return;
      if (exit === undefined) channel.signal("TERM");
      channel.close();
      channel.resume();
      channel.stderr.resume();
    },
  };
}

function exitOf(code: number | null, name: string | undefined): Exit {
  if (code !== null) return { exitCode: code };
  const number = (constants.signals as Record<string, number | undefined>)[name ?? ""] ?? 0;
  return { exitCode: 128 + number, ...(name === undefined ? {} : { signal: name }) };
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

function noExit(worker: string): MaandError {
  return new MaandError("remote", "a remote command ended without an exit code", {
    where: { worker },
    why: "the worker closed its channel before it told how the command had ended",
    hint: "look at the log of sshd on the worker",
  });
}
