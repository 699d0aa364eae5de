// printf: the format string, its flags, widths, precisions and argument indexes, and Go's marks for what does not fit.

import { type Budget, spendSize } from "../limits.ts";
import { typeName, unhide, type Value } from "../value.ts";
import { type Directive, newDirective } from "./directive.ts";
import { finishText, formatValue } from "./value.ts";

interface Scan {
  readonly format: string;
  readonly args: readonly Value[];
  at: number;
  /** Index of the argument that comes next. */
  argument: number;
  /** Whether an explicit index `[n]` was used anywhere: then unused arguments are no mistake. */
  reordered: boolean;
  /** Whether every index of the current directive was in range and well placed. */
  goodIndex: boolean;
  /** Whether the last thing read was an index, which must stand right before what it is for. */
  afterIndex: boolean;
}

// Numbers in the format are read while they are at most this (Go's bound on width and precision).
const maxNumber = 1_000_000;

/** What `fmt.Sprintf(format, args...)` gives. */
export function sprintf(format: string, args: readonly Value[], budget: Budget): string {
  const scan: Scan = {
    format,
    args,
    at: 0,
    argument: 0,
    reordered: false,
    goodIndex: true,
    afterIndex: false,
  };
  let text = "";
  while (scan.at < format.length) {
    const percent = format.indexOf("%", scan.at);
    const end = percent < 0 ? format.length : percent;
    text += format.slice(scan.at, end);
    scan.at = end + 1;
    if (percent >= 0) {
      const piece = formatDirective(scan, budget);
      spendSize(budget, piece.length);
      text += piece;
    }
  }
  if (!scan.reordered && scan.argument < args.length) text += extra(args.slice(scan.argument), budget);
  return finishText({ budget }, text);
}

function extra(args: readonly Value[], budget: Budget): string {
  const shown = args.map((value) => {
    const plain = unhide(value);
    if (plain === undefined || plain === null) return "<nil>";
    return `${typeName(plain)}=${formatValue(newDirective(budget), "v", plain)}`;
  });
  return `%!(EXTRA ${shown.join(", ")})`;
}

// From after the `%` to after the verb.
function formatDirective(scan: Scan, budget: Budget): string {
  const directive = newDirective(budget);
  scan.goodIndex = true;
  scan.afterIndex = false;
  readFlags(scan, directive);
  const complaint = readWidth(scan, directive) + readPrecision(scan, directive);
  if (!scan.afterIndex) readIndex(scan);
  const codePoint = scan.format.codePointAt(scan.at);
  if (codePoint === undefined) return `${complaint}%!(NOVERB)`;
  const verb = String.fromCodePoint(codePoint);
  scan.at += verb.length;
  return complaint + applyVerb(scan, directive, verb);
}

function applyVerb(scan: Scan, directive: Directive, verb: string): string {
  if (verb === "%") return "%";
  if (!scan.goodIndex) return `%!${verb}(BADINDEX)`;
  if (scan.argument >= scan.args.length) return `%!${verb}(MISSING)`;
  // Go takes %w, which only its errors have, for a %v up to the point where it refuses it.
  if (verb === "v" || verb === "w") {
    directive.sharpV = directive.sharp;
    directive.sharp = false;
    directive.plusV = directive.plus;
    directive.plus = false;
  }
  const value = scan.args[scan.argument];
  scan.argument++;
  return formatValue(directive, verb, value);
}

function readFlags(scan: Scan, directive: Directive): void {
  for (; ; scan.at++) {
    switch (scan.format[scan.at]) {
      case "#":
        directive.sharp = true;
        break;
      case "0":
        directive.zero = true;
        break;
      case "+":
        directive.plus = true;
        break;
      case "-":
        directive.minus = true;
        break;
      case " ":
        directive.space = true;
        break;
      default:
        return;
    }
  }
}

function readWidth(scan: Scan, directive: Directive): string {
  readIndex(scan);
  if (scan.format[scan.at] === "*") {
    scan.at++;
    scan.afterIndex = false;
    const width = numberArgument(scan);
    if (width === undefined) return "%!(BADWIDTH)";
    if (width < 0) directive.minus = true;
    directive.width = Math.abs(width);
    return "";
  }
  directive.width = readNumber(scan);
  if (scan.afterIndex && directive.width !== undefined) scan.goodIndex = false;
  return "";
}

function readPrecision(scan: Scan, directive: Directive): string {
  // A point at the very end is taken for the verb.
  if (scan.format[scan.at] !== "." || scan.at + 1 === scan.format.length) return "";
  scan.at++;
  if (scan.afterIndex) scan.goodIndex = false;
  readIndex(scan);
  if (scan.format[scan.at] === "*") {
    scan.at++;
    scan.afterIndex = false;
    const precision = numberArgument(scan);
    if (precision === undefined || precision < 0) return "%!(BADPREC)";
    directive.precision = precision;
    return "";
  }
  directive.precision = readNumber(scan) ?? 0;
  return "";
}

// `[n]`, counted from 1. A broken one spoils the directive but is still skipped.
function readIndex(scan: Scan): void {
  if (scan.format[scan.at] !== "[") {
    scan.afterIndex = false;
    return;
  }
  scan.reordered = true;
  const close = scan.format.indexOf("]", scan.at);
  // Without a `]`, or with nothing but `[]` left, only the `[` is skipped.
  if (close < 0 || scan.at + 2 >= scan.format.length) {
    scan.at++;
    scan.goodIndex = false;
    scan.afterIndex = false;
    return;
  }
  const text = scan.format.slice(scan.at + 1, close);
  scan.at = close + 1;
  const index = /^[0-9]+$/.test(text) ? Number(text) - 1 : Number.NaN;
  const inRange = index >= 0 && index < scan.args.length;
  if (inRange) scan.argument = index;
  else scan.goodIndex = false;
  scan.afterIndex = !Number.isNaN(index);
}

function readNumber(scan: Scan): number | undefined {
  let value: number | undefined;
  for (; ; scan.at++) {
    const digit = scan.format.charCodeAt(scan.at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return value;
    if (value !== undefined && value > maxNumber) {
      // Too large: nothing after it is read.
      scan.at = scan.format.length;
      return undefined;
    }
    value = (value ?? 0) * 10 + digit;
  }
}

// The argument of `*`: taken even when it is no number.
function numberArgument(scan: Scan): number | undefined {
  if (scan.argument >= scan.args.length) return undefined;
  const value = unhide(scan.args[scan.argument]);
  scan.argument++;
  if (typeof value === "object" && value !== null && value.kind === "byte") return value.value;
  if (typeof value !== "bigint") return undefined;
  return value > maxNumber || value < -maxNumber ? undefined : Number(value);
}
