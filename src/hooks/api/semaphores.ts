// Semaphores of one maand process: scoped by job and event, first come first served, released with their holder.

import { afterRunning } from "../../support/running-clock.ts";

/** What is known of one semaphore. `holders` are allocation ids. */
export interface SemaphoreStatus {
  capacity: number;
  holders: string[];
  waiting: number;
  available: number;
}

/** Who asks: one invocation of a hook. */
export interface SemaphoreUser {
  /** Unique to the invocation. */
  invocation: string;
  allocId: string;
}

export type Acquired = "acquired" | "timeout" | "ended" | { otherCapacity: number };

export interface Semaphores {
  /**
   * Waits for a place. Holding one already is as good as getting one. "ended" when the asking hook ended, or its
   * request was dropped, before a place was free; `otherCapacity` when the semaphore is in use with another capacity.
   */
  acquire(
    scope: string,
    user: SemaphoreUser,
    options: { capacity: number; timeoutSeconds: number; signal?: AbortSignal },
  ): Promise<Acquired>;
  /** Whether the user held a place, which is free now. */
  release(scope: string, user: SemaphoreUser): boolean;
  status(scope: string): SemaphoreStatus;
  /** Takes back all that an invocation holds or waits for. */
  endInvocation(invocation: string): void;
}

interface Waiter {
  user: SemaphoreUser;
  settle(outcome: Acquired): void;
}

interface Semaphore {
  capacity: number;
  holders: SemaphoreUser[];
  waiting: Waiter[];
}

/** The key under which a semaphore is known: the same name of another job or event is another semaphore. */
export function semaphoreScope(job: string, event: string, name: string): string {
  return JSON.stringify([job, event, name]);
}

/** No semaphore exists before it is first asked for, and none stays that nobody uses. */
export function createSemaphores(): Semaphores {
  const all = new Map<string, Semaphore>();

  const holds = (semaphore: Semaphore, invocation: string): boolean =>
    semaphore.holders.some((holder) => holder.invocation === invocation);
  const fill = (scope: string, semaphore: Semaphore): void => {
    while (semaphore.holders.length < semaphore.capacity && semaphore.waiting.length > 0) {
      const waiter = semaphore.waiting.shift()!;
      if (!holds(semaphore, waiter.user.invocation)) semaphore.holders.push(waiter.user);
      waiter.settle("acquired");
    }
    if (semaphore.holders.length === 0 && semaphore.waiting.length === 0) all.delete(scope);
  };
  const leave = (scope: string, semaphore: Semaphore, waiter: Waiter, outcome: Acquired): void => {
    semaphore.waiting = semaphore.waiting.filter((other) => other !== waiter);
    waiter.settle(outcome);
    fill(scope, semaphore);
  };

  return {
    acquire(scope, user, { capacity, timeoutSeconds, signal }) {
      let semaphore = all.get(scope);
      if (semaphore === undefined) {
        semaphore = { capacity, holders: [], waiting: [] };
        all.set(scope, semaphore);
      }
      const used = semaphore;
      if (used.capacity !== capacity) return Promise.resolve({ otherCapacity: used.capacity });
      if (holds(used, user.invocation)) return Promise.resolve("acquired");
      return new Promise((resolve) => {
        const onAbort = (): void => leave(scope, used, waiter, "ended");
        const disarm = afterRunning(timeoutSeconds * 1000, () => leave(scope, used, waiter, "timeout"));
        const waiter: Waiter = {
          user,
          settle(outcome) {
            disarm();
            signal?.removeEventListener("abort", onAbort);
            resolve(outcome);
          },
        };
        used.waiting.push(waiter);
        signal?.addEventListener("abort", onAbort, { once: true });
        if (signal?.aborted === true) onAbort();
        else fill(scope, used);
      });
    },
    release(scope, user) {
      const semaphore = all.get(scope);
      if (semaphore === undefined || !holds(semaphore, user.invocation)) return false;
      semaphore.holders = semaphore.holders.filter((holder) => holder.invocation !== user.invocation);
      fill(scope, semaphore);
      return true;
    },
    status(scope) {
      const semaphore = all.get(scope) ?? { capacity: 1, holders: [], waiting: [] };
      return {
        capacity: semaphore.capacity,
        holders: semaphore.holders.map((holder) => holder.allocId),
        waiting: semaphore.waiting.length,
        available: semaphore.capacity - semaphore.holders.length,
      };
    },
    endInvocation(invocation) {
      for (const [scope, semaphore] of [...all]) {
        for (const waiter of semaphore.waiting.filter((w) => w.user.invocation === invocation)) {
          leave(scope, semaphore, waiter, "ended");
        }
        semaphore.holders = semaphore.holders.filter((holder) => holder.invocation !== invocation);
        fill(scope, semaphore);
      }
    },
  };
}
