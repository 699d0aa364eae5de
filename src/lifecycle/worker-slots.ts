// How many workers are touched at once: work on a worker that is being touched already takes no further place.

/** Runs work on a worker once it has a place; places are given in the order in which workers were first asked for. */
export type WorkerSlots = <R>(workerIp: string, work: () => Promise<R>) => Promise<R>;

/** @param limit `max_parallel_workers`; at least 1 */
export function createWorkerSlots(limit: number): WorkerSlots {
  let free = Math.max(1, Math.floor(limit) || 1);
  const inside = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();

  const enter = async (workerIp: string): Promise<void> => {
    const busy = inside.get(workerIp);
    if (busy !== undefined) return void inside.set(workerIp, busy + 1);
    if (free > 0) {
      free--;
      inside.set(workerIp, 1);
      return;
    }
    await new Promise<void>((resolve) => {
      const queue = waiting.get(workerIp);
      if (queue === undefined) waiting.set(workerIp, [resolve]);
      else queue.push(resolve);
    });
  };
  const leave = (workerIp: string): void => {
    const left = inside.get(workerIp)! - 1;
    if (left > 0) return void inside.set(workerIp, left);
    inside.delete(workerIp);
    const [next] = waiting;
    if (next === undefined) {
      free++;
      return;
    }
    // All that waits for the worker goes in together: it shares the one place.
    const [host, queue] = next;
    waiting.delete(host);
    inside.set(host, queue.length);
    for (const admit of queue) admit();
  };
  return async (workerIp, work) => {
    await enter(workerIp);
    try {
      return await work();
    } finally {
      leave(workerIp);
    }
  };
}
