// Waiting for a connection before any work has begun on a worker: the first Ctrl-C ends it, for nothing is running there.

import { MaandError } from "../model/error.ts";
import type { Session } from "./session.ts";

/**
 * What `connecting` gives, unless Ctrl-C comes first; the connection that was being made is closed with the session.
 * @throws MaandError("interrupted") after the first Ctrl-C, else what `connecting` throws.
 */
export function untilStopped<T>(session: Session, workerIp: string, connecting: Promise<T>): Promise<T> {
  const { stopping } = session.interrupt;
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      const why = "interrupted before the worker answered";
      reject(new MaandError("interrupted", "not begun", { where: { worker: workerIp }, why }));
    };
    if (stopping.aborted) stop();
    else stopping.addEventListener("abort", stop, { once: true });
    connecting.then(resolve, reject).finally(() => stopping.removeEventListener("abort", stop));
  });
}
