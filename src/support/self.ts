// How maand starts itself again: the executable, or bun with the entry file.

import { fileURLToPath } from "node:url";

/** The words of a command line that runs this same maand; its arguments come after them. */
export function selfCommand(): string[] {
  if (Bun.isStandaloneExecutable) return [process.execPath];
  return [process.execPath, fileURLToPath(new URL("../main.ts", import.meta.url))];
}
