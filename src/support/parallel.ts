// Work on many items with a cap on how many are under way at once.

/**
 * Calls `work` for every item, at most `limit` (at least 1) at a time, and returns the results in the order of the
 * items. After the first rejection no further item is begun; those under way are awaited, then it is thrown.
 */
export async function mapLimited<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let failure: { reason: unknown } | undefined;
  const lane = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++;
      try {
        results[index] = await work(items[index]!, index);
      } catch (reason) {
        failure ??= { reason };
      }
    }
  };
  const lanes = Math.max(1, Math.min(Math.floor(limit) || 1, items.length));
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failure !== undefined) throw failure.reason;
  return results;
}

/** A gate that lets at most `limit` pieces of work through at once, first come first served. */
export function createLimiter(limit: number): <R>(work: () => Promise<R>) => Promise<R> {
  let free = Math.max(1, Math.floor(limit) || 1);
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
