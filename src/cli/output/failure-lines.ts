// One failure of several, as lines of a command's result: who, what, why, what to do.

import type { MaandError } from "../../model/error.ts";
import { visible } from "../../support/visible.ts";

/** Lines that end in a newline each; `who` is such as `api@10.0.0.1`. */
export function failureLines(who: string, error: MaandError): string {
  const lines = [`failed: ${who}: ${error.message}`];
  if (error.why !== undefined) lines.push(...error.why.split("\n").map((line) => `  | ${line}`));
  if (error.hint !== undefined) lines.push(`  do: ${error.hint}`);
  return lines.map((line) => `${visible(line)}\n`).join("");
}
