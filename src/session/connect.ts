// Getting at a connection to a worker: while nothing runs there yet, after the one at hand has died, while it is coming up.

import { MaandError, notStarted } from "../model/error.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { Session } from "./session.ts";

/**
 * What `connecting` gives, unless Ctrl-C comes first: nothing is running on the worker yet. The connection that was being
 * made is closed with the session.
 * @throws MaandError("interrupted") after the first Ctrl-C, else what `connecting` throws.
 */
export function untilStopped<T>(session: Session, workerIp: string, connecting: Promise<T>): Promise<T> {
  const { graceful } = session.shutdown;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      reject(notStarted("interrupted before the worker answered", { worker: workerIp }));
    };
    if (graceful.aborted) stop();
    else graceful.addEventListener("abort", stop, { once: true });
    connecting.then(resolve, reject).finally(() => graceful.removeEventListener("abort", stop));
  });
}

/** What a worker that is coming up answers for a while. */
const comingUp: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);

/** The connection to a worker, a new one when the one at hand has died since. Throws what `ConnectionPool` throws. */
export async function liveConnection(session: Session, workerIp: string): Promise<Connection> {
  const connection = await session.pool.connect(workerIp);
  return connection.lost === undefined ? connection : session.pool.reconnect(workerIp);
}

/** As `liveConnection`, and tries again where an earlier attempt of this run found a worker that was coming up. */
export async function patientConnection(session: Session, workerIp: string): Promise<Connection> {
  try {
    return await liveConnection(session, workerIp);
  } catch (thrown) {
    if (!isComingUp(thrown)) throw thrown;
    return session.pool.reconnect(workerIp);
  }
}

/** A refused key or an unknown host key does not fix itself, and asking again and again earns a ban. */
export function isComingUp(thrown: unknown): boolean {
  if (!(thrown instanceof MaandError) || thrown.kind !== "unreachable") return false;
  return comingUp.has((thrown.cause as { code?: unknown } | undefined)?.code);
}
