// Keeps hooks from taking the memory that the run needs: their use is looked at, and who takes too much is named.

import { readFileSync, writeFileSync } from "node:fs";
import { freemem } from "node:os";
import type { Worker } from "node:worker_threads";

/** What the runtime's types leave out. */
type WorkerWithHeap = Worker & { getHeapStatistics(): Promise<{ used_heap_size: number }> };

const mebibyte = 1024 * 1024;
/** Enough for any script, little enough for a laptop; `MAAND_HOOK_MEMORY_MB` in the environment overrides it. */
const usualLimitMb = 1024;
const leastLimitMb = 128;
const lookEveryMs = 50;
/** How long a thread may take to tell its use of memory before it counts as too busy to tell. */
const askMs = 200;

/**
 * MiB that one hook in a process of its own, or all hooks in threads together, may use: 1 GiB, or half of what is
 * available when that is less.
 */
export function hookMemoryLimitMb(environment: Readonly<Record<string, string | undefined>>): number {
  const asked = environment.MAAND_HOOK_MEMORY_MB ?? "";
  if (/^[1-9]\d{0,6}$/.test(asked)) return Math.max(leastLimitMb, Number(asked));
  const availableMb = Math.floor(available() / mebibyte);
  return Math.max(leastLimitMb, Math.min(usualLimitMb, Math.floor(availableMb / 2)));
}

/** Bytes; the limits of a container count where the runtime knows them, which its types do not say. */
function available(): number {
  return (process as { availableMemory?(): number }).availableMemory?.() ?? freemem();
}

/** Calls back once when the process has more resident memory than allowed. Returns how to stop looking. */
export function watchProcess(pid: number, limitMb: number, onTooMuch: () => void): () => void {
  try {
    // Should memory run out before the next look, the kernel takes the hook and not maand.
    writeFileSync(`/proc/${pid}/oom_score_adj`, "1000");
  } catch {
    // No such file on this system, or the hook has ended already.
  }
  const timer = setInterval(() => {
    const mb = residentMb(pid);
    if (mb === undefined || mb <= limitMb) return;
    clearInterval(timer);
    onTooMuch();
  }, lookEveryMs);
  return () => clearInterval(timer);
}

/** Resident MiB of a process; undefined when that cannot be told (it has ended, or there is no /proc). */
function residentMb(pid: number): number | undefined {
  try {
    // In pages of 4 KiB on every platform that maand is built for but 64-bit ARM with large pages, which counts low.
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    return (pages * 4096) / mebibyte;
  } catch {
    return undefined;
  }
}

interface WatchedThread {
  worker: Worker;
  onTooMuch(): void;
}

const threads = new Set<WatchedThread>();
let timer: ReturnType<typeof setInterval> | undefined;
let before = 0;
let judging = false;

/**
 * Watches a thread together with all others of this process: they share one heap of pages, so the sum is what can be
 * seen from outside. When it is too much, the thread with the largest heap, or those too busy to answer, are named.
 */
export function watchThread(worker: Worker, limitMb: number, onTooMuch: () => void): () => void {
  const watched = { worker, onTooMuch };
  if (threads.size === 0) before = process.memoryUsage.rss();
  threads.add(watched);
  timer ??= setInterval(() => {
    if (judging || process.memoryUsage.rss() - before <= limitMb * mebibyte) return;
    judging = true;
    void judge().finally(() => {
      judging = false;
    });
  }, lookEveryMs);
  return () => {
    threads.delete(watched);
    if (threads.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

async function judge(): Promise<void> {
  const heaps = await Promise.all(
    [...threads].map(async (thread) => ({ thread, bytes: await heapOf(thread.worker) })),
  );
  const busy = heaps.filter((heap) => heap.bytes === undefined);
  const known = heaps.filter((heap) => heap.bytes !== undefined).sort((a, b) => b.bytes! - a.bytes!);
  const guilty = busy.length > 0 ? busy : known.slice(0, 1);
  for (const { thread } of guilty) if (threads.has(thread)) thread.onTooMuch();
}

/** Bytes of a thread's heap; undefined when it is too busy to answer. */
async function heapOf(worker: Worker): Promise<number | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const waiting = setTimeout(() => resolve(undefined), askMs);
  try {
    const statistics = await Promise.race([(worker as WorkerWithHeap).getHeapStatistics(), late]);
    return statistics?.used_heap_size;
  } catch {
    return 0;
  } finally {
    clearTimeout(waiting);
  }
}
