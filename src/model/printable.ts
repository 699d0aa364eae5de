// Faults quote what the user wrote: here that text is made fit for a terminal and one line of a log.

import { visibleQuote } from "../support/visible.ts";
import type { Fault } from "./fault.ts";

/** Longest `what` or `hint`: enough for every list of names that a message has. */
const longest = 500;

/** The fault with control, invisible and half characters of its texts shown as escapes, and long texts cut. */
export function printableFault(fault: Fault): Fault {
  return { ...fault, path: visibleQuote(fault.path), what: short(fault.what), hint: short(fault.hint) };
}

function short(text: string): string {
  const shown = visibleQuote(text);
  return shown.length <= longest ? shown : `${shown.slice(0, longest - 3)}...`;
}
