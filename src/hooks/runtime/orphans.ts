// Processes that a hook has started and left behind: found by the hook's token in their environment, and ended.

import { readdirSync, readFileSync } from "node:fs";

/** Processes whose environment holds `needle`; none where there is no /proc. */
function processesWith(needle: Buffer, among: readonly number[]): number[] {
  return among.filter((pid) => {
    if (pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`).includes(needle);
    } catch {
      // It has ended, or is another user's and then none of ours.
      return false;
    }
  });
}

function allProcesses(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

const expected = new Set<string>();

/** A child of our own that is none of any hook. */
export function expectChild(pid: number): void {
  expected.add(String(pid));
}

/** Whether this process has any child that is not expected: the cheap question before the dear one. */
export function hasChildren(): boolean {
  try {
    return readdirSync("/proc/self/task").some((task) => {
      try {
        const children = readFileSync(`/proc/self/task/${task}/children`, "utf8").trim().split(" ");
        return children.some((pid) => pid !== "" && !expected.has(pid));
      } catch {
        // The thread has just ended.
        return false;
      }
    });
  } catch {
    return false;
  }
}

/**
 * Kills every process with `entry` in its environment, again until none is left, for a fork may slip through.
 * Returns how many there were.
 */
export function endProcessesWith(entry: string): number {
  return endMatching(Buffer.from(`${entry}\0`));
}

/** What the id of every invocation of a run begins with, and so every token: the run's mark on all that its hooks start. */
export function markOfRun(runId: string): string {
  return `${runId}-`;
}

/** Milliseconds that a killed process may take to be gone: one that waits for a dead disk or network takes longer. */
const goneMs = 2000;

/**
 * Ends everything that hooks of another run have left, that of a maand which was killed, and waits until it is gone.
 * `left` are processes that would not go.
 */
export async function endHooksOfRun(runId: string): Promise<{ ended: number; left: number[] }> {
  const needle = Buffer.from(`HOOK_API_TOKEN=${markOfRun(runId)}`);
  const ended = endMatching(needle);
  let left = ended === 0 ? [] : processesWith(needle, allProcesses());
  const until = performance.now() + goneMs;
  while (left.length > 0 && performance.now() < until) {
    await Bun.sleep(10);
    left = processesWith(needle, left);
  }
  return { ended, left };
}

function endMatching(needle: Buffer): number {
  const ended = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const found = processesWith(needle, allProcesses()).filter((pid) => !ended.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      ended.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    }
  }
  return ended.size;
}

/** The entry by which everything that an invocation starts is known: its token, which every child inherits. */
export function markOf(environment: Readonly<Record<string, string>>): string {
  return `HOOK_API_TOKEN=${environment.HOOK_API_TOKEN}`;
}

/** Kills a whole process group; whether there was anything to kill. */
export function endGroup(leader: number): boolean {
  try {
    process.kill(-leader, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
