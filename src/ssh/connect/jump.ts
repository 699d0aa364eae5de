// Jump hosts: one connection to each is shared by all workers behind it (ProxyJump).

import type { Client as SshClient } from "ssh2";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { Slots } from "../../support/parallel.ts";
import { afterRunning } from "../../support/running-clock.ts";
import { dial, endpointText } from "./dial.ts";
import type { Endpoint, SshSettings } from "./settings.ts";
import { signIn } from "./sign-in.ts";
import { type FailedStep, givenUp, type OpenStream } from "./step.ts";

/** The jump hosts of one run. */
export interface JumpHosts {
  /** The way to open a stream to an endpoint through these hosts, the first one first; straight when there is none. */
  streamTo(endpoint: Endpoint, jumps: readonly Endpoint[], worker: string): OpenStream;
  /** Ends the connections to all of them. */
  close(): void;
}

/** No connection is made before it is needed. */
export function createJumpHosts(settings: SshSettings, exchanges?: Slots): JumpHosts {
  const clients = new Map<string, Promise<SshClient>>();

  const connectTo = (chain: readonly Endpoint[], worker: string): Promise<SshClient> => {
    const key = chain.map(endpointText).join(" ");
    const known = clients.get(key);
    if (known !== undefined) return known;
    const endpoint = chain.at(-1)!;
    const openStream = streamTo(endpoint, chain.slice(0, -1), worker);
    // No signal: the other workers behind this host still want it.
    const made = signIn({
      endpoint,
      worker,
      settings,
      openStream,
      ...(exchanges === undefined ? {} : { exchanges }),
    }).then(({ client }) => {
      client.once("close", () => clients.delete(key));
      return client;
    });
    clients.set(key, made);
    return made;
  };

  const streamTo: JumpHosts["streamTo"] = (endpoint, jumps, worker) => async (deadline) => {
    if (jumps.length === 0) {
      return await dial(endpoint, worker, settings, deadline);
    }
    const jump = jumps.at(-1)!;
    let client: SshClient;
    try {
      client = await deadline.race(connectTo(jumps, worker));
    } catch (cause) {
      return notThrough(jump, worker, cause);
    }
    return await new Promise((resolve) => {
      let late = false;
      const disarm = afterRunning(deadline.leftMs(), () => {
        late = true;
        resolve(notThrough(jump, worker, new Error("it did not connect us in time (connect_timeout)")));
      });
      try {
        client.forwardOut("127.0.0.1", 0, endpoint.host, endpoint.port, (error, stream) => {
          disarm();
          if (error === undefined || error === null) {
            stream.on("error", () => undefined);
            if (late) stream.destroy();
            else resolve({ ok: true, value: stream });
          } else resolve(notThrough(jump, worker, error));
        });
      } catch (cause) {
        disarm();
        resolve(notThrough(jump, worker, cause));
      }
    });
  };

  return {
    streamTo,
    close() {
      for (const made of clients.values()) {
        made.then(
          (client) => client.end(),
          () => undefined,
        );
      }
      clients.clear();
    },
  };
}

function notThrough(jump: Endpoint, worker: string, cause: unknown): FailedStep {
  const own = cause instanceof MaandError ? cause : undefined;
  const why = [reasonOf(cause), own?.why].filter((t) => t !== undefined).join(": ");
  const error = new MaandError("unreachable", "the worker cannot be reached through its jump host", {
    where: { ...own?.where, worker },
    why: `${endpointText(jump)}: ${why}`,
    hint: own?.hint ?? "see that the jump host is up, allows TCP forwarding and reaches the worker",
    cause,
  });
  return givenUp(error);
}
