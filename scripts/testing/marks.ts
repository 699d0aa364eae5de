// Finds and ends the processes of a test run by a mark that every one of them inherits.

import { readdirSync, readFileSync } from "node:fs";

/** The environment variable that holds the mark. */
export const markName = "MAAND_TEST_TASK";

/**
 * Ends every process, this one aside, whose mark `matches`, by its id, and returns how many they were. Repeated a few
 * times, because a process may start another while it is being looked for.
 */
export function endMarked(matches: (mark: string) => boolean): number {
  const seen = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const found = readdirSync("/proc")
      .map(Number)
      .filter((pid) => hasMark(pid, matches));
    if (found.length === 0) break;
    for (const pid of found) {
      seen.add(pid);
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in the meantime.
      }
    }
  }
  return seen.size;
}

function hasMark(pid: number, matches: (mark: string) => boolean): boolean {
  if (!Number.isInteger(pid) || pid === process.pid) return false;
  try {
    const settings = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    const setting = settings.find((entry) => entry.startsWith(`${markName}=`));
    return setting !== undefined && matches(setting.slice(markName.length + 1));
  } catch {
    // Gone, another user's, or no process at all.
    return false;
  }
}
