// Strings under the verbs v s q x X.

import { spendSize, spendWork } from "../limits.ts";
import { encodeText } from "../text.ts";
import { type Directive, pad } from "./directive.ts";
import { fitsBackquotes, quoteText } from "./quote.ts";

/** The string under `verb`, or undefined when strings do not have that verb. */
export function formatString(directive: Directive, value: string, verb: string): string | undefined {
  switch (verb) {
    case "v":
      return directive.sharpV ? quoted(directive, value) : pad(directive, truncated(directive, value));
    case "s":
      return pad(directive, truncated(directive, value));
    case "q":
      return quoted(directive, value);
    case "x":
      return hex(directive, value);
    case "X":
      return hex(directive, value).toUpperCase();
    default:
      return undefined;
  }
}

// The precision is the longest length, in runes.
function truncated(directive: Directive, value: string): string {
  if (directive.precision === undefined || directive.precision >= value.length) return value;
  let end = 0;
  let count = 0;
  for (const character of value) {
    if (count === directive.precision) break;
    end += character.length;
    count++;
  }
  return value.slice(0, end);
}

function quoted(directive: Directive, value: string): string {
  const text = truncated(directive, value);
  spendWork(directive.budget, text.length * 16);
  const quotedText =
    directive.sharp && fitsBackquotes(text) ? `\`${text}\`` : quoteText(text, directive.plus);
  return pad(directive, quotedText);
}

function hex(directive: Directive, value: string): string {
  let bytes = encodeText(value);
  if (directive.precision !== undefined) bytes = bytes.subarray(0, directive.precision);
  spendSize(directive.budget, bytes.length * 5);
  const pairs = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
  if (pairs === "") return pad(directive, "");
  const prefix = directive.sharp ? "0x" : "";
  if (!directive.space) return pad(directive, prefix + pairs);
  return pad(directive, pairs.replace(/../g, (pair) => ` ${prefix}${pair}`).slice(1));
}
