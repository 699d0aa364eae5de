// A command on its channel: its streams, and how it ended.

import { constants } from "node:os";
import type { ClientChannel } from "ssh2";
import type { Result } from "../../model/result.ts";
import type { Slot } from "../../support/parallel.ts";
import type { Envelope } from "./envelope.ts";
import { errorOutput } from "./last-word.ts";
import { type Heard, noLastWord } from "./not-run.ts";
import type { Carrier, Exit, RemoteProcess } from "./remote-process.ts";

/** A command that was asked for and may not have begun. */
export interface Opened {
  process: RemoteProcess;
  /** What is known of its session so far. */
  heard(): Heard;
}

/** The command that was asked for on an open channel; call it at once, for its exit code may be in the next packet. */
export function processOn(channel: ClientChannel, carrier: Carrier, place: Slot, envelope: Envelope): Opened {
  let exit: Exit | undefined;
  let tellExit: () => void = () => undefined;
  const exited = new Promise<void>((resolve) => {
    tellExit = resolve;
  });
  channel.on("exit", (code: number | null, name?: string) => {
    exit = exitOf(code, name);
    tellExit();
  });
  // Writing to a command that has gone is no fault of ours: its exit code tells the story.
  channel.on("error", () => undefined);
  channel.stderr.on("error", () => undefined);
  const stderr = errorOutput(envelope);
  channel.stderr.pipe(stderr);

  const heard = (): Heard => ({ exit, errors: stderr.noise });
  const ending = (): Result<Exit> => {
    if (stderr.status !== undefined) return { ok: true, value: { exitCode: stderr.status } };
    // Who ends the whole session leaves nobody to have a last word, and that is no success.
    if (exit?.signal !== undefined) return { ok: true, value: exit };
    return { ok: false, error: carrier.lost() ?? noLastWord(carrier.worker, heard()) };
  };
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
      const heard = ending();
      settle(() => (heard.ok ? resolve(heard.value) : reject(heard.error)));
    };
    let open = 2;
    const closed = () => {
      open--;
      if (open === 0) ended();
    };
    channel.once("close", closed);
    stderr.once("close", closed);
    giveUp = () => {
      // sshd answers the closing of a channel only once the command has ended, and it may not care to.
      timer ??= setTimeout(ended, 250);
    };
  });
  // Whoever never asks must not turn a lost connection into an unhandled rejection.
  done.catch(() => undefined);
  const process: RemoteProcess = {
    stdin: channel.stdin,
    stdout: channel.stdout,
    stderr,
    done,
    exited,
    ending,
    stop() {
      giveUp();
      if (carrier.lost() !== undefined) return;
      if (exit === undefined) channel.signal("TERM");
      channel.close();
      channel.resume();
      stderr.resume();
    },
  };
  return { process, heard };
}

function exitOf(code: number | null, name: string | undefined): Exit {
  if (code !== null) return { exitCode: code };
  const number = (constants.signals as Record<string, number | undefined>)[name ?? ""] ?? 0;
  return { exitCode: 128 + number, ...(name === undefined ? {} : { signal: name }) };
}
