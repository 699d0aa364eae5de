// Why something failed, in one line: for results that are told in a list.

import { MaandError, reasonOf } from "../model/error.ts";

/** The message of anything thrown, with the cause in words where there is one. Line breaks become "; ". */
export function failureText(thrown: unknown): string {
  const why = thrown instanceof MaandError ? thrown.why : undefined;
  const text = why === undefined ? reasonOf(thrown) : `${reasonOf(thrown)}: ${why}`;
  return text
    .trim()
    .split(/\s*[\r\n]+\s*/)
    .join("; ");
}
