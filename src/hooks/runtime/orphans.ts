// Processes that a hook has started and left behind: found by the hook's token in their environment, and ended.

import { readdirSync, readFileSync } from "node:fs";

/** Processes whose environment holds `entry`, such as `HOOK_API_TOKEN=...`; none where there is no /proc. */
function processesWith(entry: string, among: readonly number[]): number[] {
  const needle = Buffer.from(`${entry}\0`);
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

/** Whether this process has any child: the cheap question before the dear one. */
export function hasChildren(): boolean {
  try {
    return readdirSync("/proc/self/task").some((task) => {
      try {
        return readFileSync(`/proc/self/task/${task}/children`, "utf8").trim() !== "";
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
  const ended = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const found = processesWith(entry, allProcesses()).filter((pid) => !ended.has(pid));
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
