// The connections of one run: at most one per worker, opened on demand, closed together.

import type { EventStream } from "../../events/event.ts";
import { createLimiter } from "../../support/parallel.ts";
import type { Connection } from "./connection.ts";
import type { JumpHosts } from "./jump.ts";
import type { SshSettings } from "./settings.ts";

export interface ConnectionPool {
  /**
   * The connection to a worker. The first call opens it, later ones get the same, and the same error when it failed:
   * one run tries an unreachable worker once. Throws what `resolveTarget` and `openConnection` throw.
   */
  connect(host: string): Promise<Connection>;
  /** Opens a new connection when the one at hand is lost or could not be made; else as `connect`. */
  reconnect(host: string): Promise<Connection>;
  /** Workers with a live connection, in the order in which they were first asked for. */
  connected(): string[];
  /** Ends all connections, those that are still being made included. The pool can be used no further. */
  closeAll(): Promise<void>;
}

/** More handshakes at once gain nothing on a small host, where each costs 10 ms of CPU. */
const maxHandshakes = 16;

/** Nothing is opened yet. `events` hears of every host key that is recorded; `signal` stops the opening of connections. */
export function createPool(
  settings: SshSettings,
  events?: EventStream,
  signal?: AbortSignal,
): ConnectionPool {
  let jumps: JumpHosts | undefined;
  const handshake = createLimiter(Math.min(maxHandshakes, settings.maxParallel));
  const made = new Map<string, Promise<Connection>>();
  const live = new Map<string, Connection>();
  const ending = new AbortController();
  const stop = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);

  const open = (host: string): Promise<Connection> => {
    const opening = handshake(async () => {
      // Loaded with the first connection: a command that reaches no worker does not wait for an SSH client.
      const [{ openConnection }, { createJumpHosts }, { resolveTarget }, { keyFingerprint, keyTypeOf }] =
        await Promise.all([
          import("./connection.ts"),
          import("./jump.ts"),
          import("./target.ts"),
          import("../host-keys/known-hosts.ts"),
        ]);
      jumps ??= createJumpHosts(settings);
      const onPinned = (worker: string, key: Buffer) => {
        const text = `host key recorded: ${keyTypeOf(key)} ${keyFingerprint(key)}`;
        events?.emit({ type: "step", scope: { worker }, text });
      };
      const target = await resolveTarget(host, settings);
      const connection = await openConnection(target, settings, stop, { jumps, onPinned });
      live.set(host, connection);
      return connection;
    });
    made.set(host, opening);
    return opening;
  };
  return {
    connect: (host) => made.get(host) ?? open(host),
    async reconnect(host) {
      const before = made.get(host);
      const connection = await before?.catch(() => undefined);
      if (connection !== undefined && connection.lost === undefined) return connection;
      // Several tasks may have found the loss at once; the first one replaces the connection for all.
      return made.get(host) === before ? open(host) : made.get(host)!;
    },
    connected: () => [...made.keys()].filter((host) => live.get(host)?.lost === undefined && live.has(host)),
    async closeAll() {
      ending.abort();
      const ended = [...made.values()].map((opening) =>
        opening.then(
          (connection) => connection.close(),
          () => undefined,
        ),
      );
      await Promise.all(ended);
      jumps?.close();
    },
  };
}
