// Expected texts that are kept in files, so that they can be read and reviewed as what they are.

import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";

/** Whether this run records expectations instead of holding what it got against them: `UPDATE_GOLDEN=1`. */
export const isUpdating = (): boolean => process.env.UPDATE_GOLDEN === "1";

/**
 * Fails the test unless `actual` is the text of the file. With `UPDATE_GOLDEN=1` it is written there instead, for
 * `git diff` to show what has changed; a run without it has the last word.
 */
export function golden(path: string, actual: string): void {
  if (isUpdating()) writeFileSync(path, actual);
  expect(actual).toBe(readFileSync(path, "utf8"));
}
