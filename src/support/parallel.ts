// How much work is under way at once: places that work waits for, and what is built on them.

export interface Slots {
  /**
   * Waits for a place: first come, first served. Work with the key of work that is inside shares its place and enters
   * at once; work with the key of work that waits enters together with it. Rejects with the reason of the signal when
   * that is aborted first.
   */
  enter(options?: EnterOptions): Promise<Slot>;
  /** Does the work in a place; it begins at once when one is free. Rejects as the work or as `enter` does. */
  run<R>(work: () => Promise<R>, options?: EnterOptions): Promise<R>;
  /** Places taken. */
  readonly taken: number;
  /** Allows no more than `limit` (at least 1) places from now on; those that are taken stay so. */
  lower(limit: number): void;
}

export interface EnterOptions {
  signal?: AbortSignal | undefined;
  /** Of a place that was given back too early: keeps its turn among those that wait. */
  ticket?: number | undefined;
  /** Work with the same key takes one place together. */
  key?: string | undefined;
}

/** A place that is taken, or a share of it; `leave` may be called more than once. */
export interface Slot {
  readonly ticket: number;
  leave(): void;
}

/** What is inside in one place; more than one where work shares a key. */
interface Occupied {
  key: string | undefined;
  shares: number;
}

interface Waiting {
  ticket: number;
  key: string | undefined;
  admit(place: Slot): void;
}

/** @param places how many at once; at least 1, fractions are cut */
export function createSlots(places: number): Slots {
  let limit = Math.max(1, Math.floor(places) || 1);
  let taken = 0;
  let nextTicket = 0;
  const byKey = new Map<string, Occupied>();
  const queue: Waiting[] = [];

  const occupy = (key: string | undefined): Occupied => {
    taken++;
    const occupied: Occupied = { key, shares: 0 };
    if (key !== undefined) byKey.set(key, occupied);
    return occupied;
  };
  const share = (occupied: Occupied, ticket: number): Slot => {
    occupied.shares++;
    let here = true;
    return {
      ticket,
      leave() {
        if (!here) return;
        here = false;
        occupied.shares--;
        if (occupied.shares > 0) return;
        if (occupied.key !== undefined) byKey.delete(occupied.key);
        taken--;
        admitNext();
      },
    };
  };
  const admitNext = (): void => {
    while (taken < limit) {
      const first = queue.shift();
      if (first === undefined) return;
      const occupied = occupy(first.key);
      const together = [first];
      for (let at = 0; first.key !== undefined && at < queue.length; )
        if (queue[at]!.key === first.key) together.push(...queue.splice(at, 1));
        else at++;
      for (const waiting of together) waiting.admit(share(occupied, waiting.ticket));
    }
  };
  /** A place without waiting; undefined when there is none. Nobody waits while a place is free. */
  const takeFree = ({ key }: EnterOptions, ticket: number): Slot | undefined => {
    const inside = key === undefined ? undefined : byKey.get(key);
    if (inside !== undefined) return share(inside, ticket);
    return taken < limit ? share(occupy(key), ticket) : undefined;
  };
  const queueUp = ({ signal, key }: EnterOptions, ticket: number): Promise<Slot> =>
    new Promise((resolve, reject) => {
      const waiting: Waiting = {
        ticket,
        key,
        admit(place) {
          signal?.removeEventListener("abort", abort);
          resolve(place);
        },
      };
      const abort = () => {
        const at = queue.indexOf(waiting);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const before = queue.findLastIndex((other) => other.ticket < ticket);
      queue.splice(before + 1, 0, waiting);
    });
  const take = (options: EnterOptions): Slot | Promise<Slot> => {
    options.signal?.throwIfAborted();
    const ticket = options.ticket ?? nextTicket++;
    return takeFree(options, ticket) ?? queueUp(options, ticket);
  };

  return {
    get taken() {
      return taken;
    },
    lower(wanted) {
      limit = Math.min(limit, Math.max(1, wanted));
    },
    enter: async (options = {}) => take(options),
    async run(work, options = {}) {
      const found = take(options);
      const place = found instanceof Promise ? await found : found;
      try {
        return await work();
      } finally {
        place.leave();
      }
    },
  };
}

/** Lets at most `limit` (at least 1) pieces of work through at once, first come, first served. */
export function createLimiter(limit: number): <R>(work: () => Promise<R>) => Promise<R> {
  const slots = createSlots(limit);
  return (work) => slots.run(work);
}

/**
 * Calls `work` for every item, at most `limit` (at least 1) at a time, and returns the results in the order of the
 * items. After the first rejection no further item is begun; those under way are awaited, then it is thrown.
 */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const limited = createLimiter(limit);
  const results = new Array<R>(items.length);
  let failure: { reason: unknown } | undefined;
  const all = items.map((item, index) =>
    limited(async () => {
      if (failure !== undefined) return;
      try {
        results[index] = await work(item, index);
      } catch (reason) {
        failure ??= { reason };
      }
    }),
  );
  await Promise.all(all);
  if (failure !== undefined) throw failure.reason;
  return results;
}
