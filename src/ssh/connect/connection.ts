// One authenticated connection to one worker, used by everything that one run does there.

import { MaandError } from "../../model/error.ts";
import { createSlots, type Slots } from "../../support/parallel.ts";
import { type ExecOptions, type ExecResult, execOn } from "../exec/exec.ts";
import type { ShellText } from "../exec/quote.ts";
import { type Carrier, type RemoteProcess, startProcess } from "../exec/remote-process.ts";
import { defaultKeepaliveSeconds } from "./handshake.ts";
import { createJumpHosts, type JumpHosts } from "./jump.ts";
import { watchForSilence } from "./keepalive.ts";
import type { SshSettings, SshTarget } from "./settings.ts";
import { type SignedIn, signIn } from "./sign-in.ts";

export type { ExecOptions, ExecResult } from "../exec/exec.ts";

export interface Connection {
  /** The worker's `host` of workers.json. */
  readonly host: string;
  readonly settings: SshSettings;
  /** Exec requests that the worker has accepted so far, syncs included. */
  readonly execCount: number;
  /** Why the connection is gone; undefined while it lives. */
  readonly lost: MaandError | undefined;
  /** Runs a command to its end; `execOn` says what it throws. */
  exec(command: ShellText, options?: ExecOptions): Promise<ExecResult>;
  /** Starts a command whose streams the caller handles; `startProcess` says what it throws. */
  start(command: ShellText, signal?: AbortSignal): Promise<RemoteProcess>;
  /** Ends the connection; commands under way fail. Resolves when it is down, which takes a second at most. */
  close(): Promise<void>;
}

/** sshd frees a slot a little late, so that 8 of its default 10 (MaxSessions) already fail now and then. */
const channelsPerConnection = 4;

/** What several connections of one run share, and who hears of what is met on the way. */
export interface ConnectContext {
  jumps?: JumpHosts;
  /** How many key exchanges may go on at once; no limit when absent. */
  exchanges?: Slots;
  onPinned?(worker: string, key: Buffer): void;
  /** Told once per connection what login files print on the output of commands. */
  onNoise?(worker: string, noise: Buffer): void;
}

/**
 * Connects and signs in, within `connectTimeoutSeconds`. Throws "unreachable" (with worker, cause and hint) for
 * everything between here and a signed-in user, "interrupted" when the signal is aborted, "local" for files of ours.
 */
export async function openConnection(
  target: SshTarget,
  settings: SshSettings,
  signal?: AbortSignal,
  context: ConnectContext = {},
): Promise<Connection> {
  const { worker, endpoint } = target;
  const jumps = context.jumps ?? createJumpHosts(settings);
  const closeJumps = () => {
    if (context.jumps === undefined) jumps.close();
  };
  try {
    const signedIn = await signIn({
      endpoint,
      worker,
      settings,
      openStream: jumps.streamTo(endpoint, target.jumps, worker),
      ...(signal === undefined ? {} : { signal }),
      ...(context.exchanges === undefined ? {} : { exchanges: context.exchanges }),
      onPinned: (key) => context.onPinned?.(worker, key),
    });
    return manage(worker, settings, signedIn, closeJumps, context.onNoise);
  } catch (error) {
    closeJumps();
    throw error;
  }
}

function manage(
  worker: string,
  settings: SshSettings,
  { client, stream }: SignedIn,
  onDown: () => void,
  onNoise: ConnectContext["onNoise"],
): Connection {
  let execCount = 0;
  let noisy = false;
  let lost: MaandError | undefined;
  const listeners = new Set<(error: MaandError) => void>();
  let down: () => void = () => undefined;
  const isDown = new Promise<void>((resolve) => {
    down = resolve;
  });
  const lose = (error: MaandError) => {
    if (lost !== undefined) return;
    lost = error;
    stopWatching();
    for (const listener of [...listeners]) listener(error);
    listeners.clear();
  };
  const stopWatching = watchForSilence(
    stream,
    settings.keepaliveSeconds ?? defaultKeepaliveSeconds,
    (silent) => {
      lose(connectionLost(worker, `nothing was heard from it for ${silent} s`));
      // No farewell: nobody is there to read it.
      stream.destroy();
      client.destroy();
    },
  );
  client.on("error", (cause) => lose(connectionLost(worker, cause.message, cause)));
  client.on("end", () => lose(connectionLost(worker, "the worker closed it")));
  client.on("close", () => {
    lose(connectionLost(worker, "it was cut"));
    onDown();
    down();
  });

  const carrier: Carrier = {
    worker,
    client,
    channels: createSlots(channelsPerConnection),
    openTimeoutSeconds: settings.connectTimeoutSeconds,
    lost: () => lost,
    onLost(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    countExec: () => {
      execCount++;
    },
    onNoise(noise) {
      if (!noisy) onNoise?.(worker, noise);
      noisy = true;
    },
  };
  return {
    host: worker,
    settings,
    get execCount() {
      return execCount;
    },
    get lost() {
      return lost;
    },
    exec: (command, options = {}) => execOn(carrier, command, options, settings.commandTimeoutSeconds),
    start: (command, signal) => startProcess(carrier, command, { signal }),
    async close() {
      lose(connectionLost(worker, "maand has closed it"));
      client.end();
      const timer = setTimeout(() => {
        stream.destroy();
        client.destroy();
        down();
      }, 1000);
      await isDown;
      clearTimeout(timer);
    },
  };
}

function connectionLost(worker: string, why: string, cause?: Error): MaandError {
  return new MaandError("unreachable", "the connection to the worker was lost", {
    where: { worker },
    why,
    hint: "see that the worker and its sshd are up, then run the command again",
    ...(cause === undefined ? {} : { cause }),
  });
}
