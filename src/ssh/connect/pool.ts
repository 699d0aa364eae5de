// The connections of one run: at most one per worker, opened on demand, closed together.

import type { EventStream } from "../../events/event.ts";
import { createLimiter, createSlots } from "../../support/parallel.ts";
import type { Connection } from "./connection.ts";
import type { JumpHosts } from "./jump.ts";
import type { SshSettings } from "./settings.ts";

export interface ConnectionPool {
  /**
   * The connection to a worker. The first call opens it, later ones get the same, and the same error when it failed:
   * one run tries an unreachable worker once. Throws what `resolveTarget` and `openConnection` throw.
   */
  connect(host: string): Promise<Connection>;
  /**
   * Begins to connect to all of these at once and waits for none. Whoever then works through them, some at a time, waits
   * for all that do not answer together as long as for one.
   */
  dial(hosts: Iterable<string>): void;
  /** Opens a new connection when the one at hand is lost or could not be made; else as `connect`. */
  reconnect(host: string): Promise<Connection>;
  /** Workers with a live connection, in the order in which they were first asked for. */
  connected(): string[];
  /** Ends all connections, those that are still being made included. The pool can be used no further. */
  closeAll(): Promise<void>;
}

/**
 * More key exchanges at once gain nothing on a small host, where each costs 10 ms of CPU. Dialling costs nothing and is
 * not limited: all dead workers together are waited for once.
 */
const maxExchanges = 16;

/** Programs (`ssh -G`) at once. */
const maxPrograms = 16;

/** Nothing is opened yet. `events` hears of every host key that is recorded; `signal` stops the opening of connections. */
export function createPool(
  settings: SshSettings,
  events?: EventStream,
  signal?: AbortSignal,
): ConnectionPool {
  let jumps: JumpHosts | undefined;
  const exchanges = createSlots(Math.min(maxExchanges, settings.maxParallel));
  const program = createLimiter(maxPrograms);
  let told = false;
  const made = new Map<string, Promise<Connection>>();
  const live = new Map<string, Connection>();
  const ending = new AbortController();
  const stop = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);

  const open = (host: string): Promise<Connection> => {
    const opening = (async () => {
      // Loaded with the first connection: a command that reaches no worker does not wait for an SSH client.
      const [
        { openConnection },
        { createJumpHosts },
        { resolveTarget },
        { keyFingerprint, keyTypeOf },
        { quoted },
      ] = await Promise.all([
        import("./connection.ts"),
        import("./jump.ts"),
        import("./target.ts"),
        import("../host-keys/known-hosts.ts"),
        import("../exec/not-run.ts"),
      ]);
      jumps ??= createJumpHosts(settings, exchanges);
      warnOnce();
      const onPinned = (worker: string, key: Buffer) => {
        const text = `host key recorded: ${keyTypeOf(key)} ${keyFingerprint(key)}`;
        events?.emit({ type: "step", scope: { worker }, text });
      };
      const onNoise = (worker: string, noise: Buffer) => {
        const text = `login files (.bashrc and the like) print ${quoted(noise)} before every command; maand leaves it out, other programs stumble over it: let them print at a terminal only`;
        events?.emit({ type: "warning", scope: { worker }, text });
      };
      const resolving = () => resolveTarget(host, settings, stop);
      const target = await (settings.sshConfigPath === undefined ? resolving() : program(resolving));
      const connection = await openConnection(target, settings, stop, {
        jumps,
        exchanges,
        onPinned,
        onNoise,
      });
      live.set(host, connection);
      return connection;
    })();
    made.set(host, opening);
    return opening;
  };
  const warnOnce = () => {
    if (told || settings.hostKeyChecking !== "off") return;
    told = true;
    const text =
      'host_key_checking is "off": whoever answers at the address of a worker is taken for it; set "accept-new" or "strict" in maand.conf';
    events?.emit({ type: "warning", scope: { worker: "-" }, text });
  };
  const connect = (host: string) => made.get(host) ?? open(host);
  return {
    connect,
    dial(hosts) {
      // Whoever needs the connection gets the error.
      for (const host of hosts) connect(host).catch(() => undefined);
    },
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
