// Integers under the verbs v d b o O x X c q U.

import { spendSize } from "../limits.ts";
import { type Directive, pad } from "./directive.ts";
import { isPrintable, quoteRune } from "./quote.ts";

const bases: Record<string, number> = { v: 10, d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 };

/** The integer under `verb`, or undefined when integers do not have that verb. `unsigned` is for `uint8`. */
export function formatInteger(
  directive: Directive,
  value: bigint,
  verb: string,
  unsigned: boolean,
): string | undefined {
  if (verb === "v" && unsigned && directive.sharpV) {
    return digits({ ...directive, sharp: true }, value, 16, "v");
  }
  const base = bases[verb];
  if (base !== undefined) return digits(directive, value, base, verb);
  switch (verb) {
    case "c":
      return pad(directive, isCharacter(value) ? String.fromCodePoint(Number(value)) : "\ufffd");
    case "q":
      return pad(directive, quoteRune(isCharacter(value) ? Number(value) : 0xfffd, directive.plus));
    case "U":
      return unicode(directive, value);
    default:
      return undefined;
  }
}

function isCharacter(value: bigint): boolean {
  return value >= 0n && value <= 0x10ffffn && !(value >= 0xd800n && value <= 0xdfffn);
}

function digits(directive: Directive, value: bigint, base: number, verb: string): string {
  const negative = value < 0n;
  let length = directive.precision ?? 0;
  if (directive.precision === 0 && value === 0n) return pad(directive, "", false);
  if (
    directive.precision === undefined &&
    directive.zero &&
    !directive.minus &&
    directive.width !== undefined
  ) {
    length = directive.width - (negative || directive.plus || directive.space ? 1 : 0);
  }
  if (length > 0) spendSize(directive.budget, length);
  let text = (negative ? -value : value).toString(base).padStart(length, "0");
  if (directive.sharp) {
    if (base === 2) text = `0b${text}`;
    else if (base === 8 && !text.startsWith("0")) text = `0${text}`;
    else if (base === 16) text = `0x${text}`;
  }
  if (verb === "O") text = `0o${text}`;
  if (verb === "X") text = text.toUpperCase();
  const sign = negative ? "-" : directive.plus ? "+" : directive.space ? " " : "";
  return pad(directive, sign + text, false);
}

function unicode(directive: Directive, value: bigint): string {
  const length = Math.max(directive.precision ?? 4, 4);
  spendSize(directive.budget, length);
  const code = BigInt.asUintN(64, value);
  let text = `U+${code.toString(16).toUpperCase().padStart(length, "0")}`;
  if (directive.sharp && isCharacter(code) && isPrintable(Number(code))) {
    text += ` '${String.fromCodePoint(Number(code))}'`;
  }
  return pad(directive, text, false);
}
