// A moment by which something must be done, together with the caller's wish to stop earlier.

import { afterRunning, runningNow } from "../../support/running-clock.ts";

/** One point in time that several steps share. */
export interface Deadline {
  readonly signal: AbortSignal | undefined;
  /** Milliseconds left, never negative. */
  leftMs(): number;
  /** Whether the time is up or the caller wants to stop. */
  passed(): boolean;
  /** `work`, or a rejection when the deadline comes first. The work itself is not stopped. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Waits that long, or until the deadline. */
  pause(ms: number): Promise<void>;
  /** `work` with the clock standing still: for waiting that is our own doing. Begin no `race` or `pause` beside it. */
  unclocked<T>(work: Promise<T>): Promise<T>;
}

/** A deadline that many seconds from now. */
export function deadlineIn(seconds: number, signal?: AbortSignal): Deadline {
  let end = runningNow() + seconds * 1000;
  const leftMs = () => Math.max(0, end - runningNow());
  const until = (ms: number, begin: (stop: () => void) => void) =>
    new Promise<void>((resolve) => {
      const stop = () => {
        disarm();
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const disarm = afterRunning(ms, stop);
      signal?.addEventListener("abort", stop, { once: true });
      if (signal?.aborted === true) stop();
      begin(stop);
    });
  return {
    signal,
    leftMs,
    passed: () => signal?.aborted === true || leftMs() === 0,
    race<T>(work: Promise<T>): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        void until(leftMs(), (stop) => {
          work.then(resolve, reject).finally(stop);
        }).then(() => reject(new Error("the deadline has passed")));
      });
    },
    pause: (ms) => until(Math.min(ms, leftMs()), () => undefined),
    async unclocked(work) {
      const begin = runningNow();
      try {
        return await work;
      } finally {
        end += runningNow() - begin;
      }
    },
  };
}
