// Waiting for a connection before any work has begun on a worker: the first Ctrl-C ends it, for nothing is running there.

import { MaandError } from "../model/error.ts";
import type { Session } from "./session.ts";

/**
 * What `connecting` gives, unless Ctrl-C comes first; the connection that was being made is closed with the session.
 * @throws MaandError("interrupted") after the first Ctrl-C, else what `connecting` throws.
 */
export function untilStopped<T>(session: Session, workerIp: string, connecting: Promise<T>): Promise<T> {
  const { graceful } = session.shutdown;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      const why = "interrupted before the worker answered";
      reject(new MaandError("interrupted", "not started", { where: { worker: workerIp }, why }));
    };
    if (graceful.aborted) stop();
    else graceful.addEventListener("abort", stop, { once: true });
    connecting.then(resolve, reject).finally(() => graceful.removeEventListener("abort", stop));
  });
}
