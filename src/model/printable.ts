// Diagnostics quote what the user wrote: here that text is made fit for a terminal and one line of a log.

import { visibleQuote } from "../support/visible.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** Longest message or hint: enough for every list of names that one has. */
const longest = 500;

/** The same with control, invisible and half characters of its texts shown as escapes, and long texts cut. */
export function printable({ severity, place, message, hint }: Diagnostic): Diagnostic {
  return {
    severity,
    place: { ...place, file: visibleQuote(place.file) },
    message: short(message),
    hint: short(hint),
  };
}

function short(text: string): string {
  const shown = visibleQuote(text);
  return shown.length <= longest ? shown : `${shown.slice(0, longest - 3)}...`;
}
