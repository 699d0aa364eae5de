// Functions on text: split, join, trim, upper, lower, replace, contains, hasPrefix, hasSuffix, default, quote, indent.

import { CallFault } from "../go/fault.ts";
import { printValue } from "../go/format/print.ts";
import { quoteText } from "../go/format/quote.ts";
import { type Budget, spendSize, spendWork } from "../go/limits.ts";
import { normalizeText } from "../go/text.ts";
import { isTrue } from "../go/truth.ts";
import type { FunctionTable, TemplateFunction } from "../go/value.ts";
import { stringList, typeName, type Value } from "../go/value.ts";

// What Go counts as space at the ends of a string (Unicode White_Space).
const space = /^[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/;

/** Text functions; the order of arguments is that of Sprig. */
export const textFunctions: FunctionTable = new Map<string, TemplateFunction>([
  ["split", strings(2, ([s, separator], budget) => split(s!, separator!, budget))],
  ["join", { parameters: ["any", "any"], call: ([a, b], budget) => join(a, b, budget) }],
  ["trim", strings(1, ([s]) => trim(s!))],
  ["upper", strings(1, ([s], budget) => (isAscii(s!) ? s!.toUpperCase() : mapRunes(s!, upperRune, budget)))],
  ["lower", strings(1, ([s], budget) => (isAscii(s!) ? s!.toLowerCase() : mapRunes(s!, lowerRune, budget)))],
  ["replace", strings(3, ([old, fresh, s], budget) => replace(old!, fresh!, s!, budget))],
  ["contains", strings(2, ([part, s]) => s!.includes(part!))],
  ["hasPrefix", strings(2, ([prefix, s]) => s!.startsWith(prefix!))],
  ["hasSuffix", strings(2, ([suffix, s]) => s!.endsWith(suffix!))],
  [
    "default",
    {
      parameters: ["any", "any"],
      least: 1,
      call: ([fallback, given]) => (isTrue(given) ? given : fallback),
    },
  ],
  ["quote", { parameters: [], rest: "any", call: quote }],
  [
    "indent",
    { parameters: ["int", "string"], call: ([n, s], budget) => indent(n as bigint, s as string, budget) },
  ],
  [
    "nindent",
    {
      parameters: ["int", "string"],
      call: ([n, s], budget) => `\n${indent(n as bigint, s as string, budget)}`,
    },
  ],
]);

function strings(count: number, body: (args: readonly string[], budget: Budget) => Value): TemplateFunction {
  return {
    parameters: new Array<"string">(count).fill("string"),
    call: (args, budget) => {
      const result = body(args as readonly string[], budget);
      if (typeof result !== "string") return result;
      spendSize(budget, result.length);
      return normalizeText(result);
    },
  };
}

function split(text: string, separator: string, budget: Budget): Value {
  // Without a separator, each rune on its own; a JavaScript split would tear surrogate pairs.
  spendSize(budget, text.length);
  return stringList(separator === "" ? [...text] : text.split(separator));
}

// `join list sep`, and in a pipeline `list | join sep`: the types tell which is which. A missing list is an empty one.
function join(a: Value, b: Value, budget: Budget): string {
  const [items, separator] = typeof b === "string" ? [a, b] : [b, a];
  if (typeof separator !== "string" || !(isList(items) || isNil(items))) {
    throw new CallFault(`join needs a list and a string, not ${describe(a)} and ${describe(b)}`);
  }
  if (isNil(items)) return "";
  const texts = items.items.map((item) => printValue(item, budget));
  const size = texts.reduce((sum, text) => sum + text.length + separator.length, 0);
  spendSize(budget, size);
  return normalizeText(texts.join(separator));
}

function isNil(value: Value): value is null | undefined {
  return value === null || value === undefined;
}

function isList(value: Value): value is Extract<Value, { kind: "list" }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "list";
}

function describe(value: Value): string {
  return value === null || value === undefined ? "nothing (nil)" : `a value of type ${typeName(value)}`;
}

// Go maps case rune by rune: a mapping to several ("ß" to "SS") is not one, and what is no UTF-8 becomes U+FFFD.
function mapRunes(text: string, change: (rune: string) => string, budget: Budget): string {
  spendWork(budget, text.length * 16);
  let out = "";
  for (const rune of text) {
    const changed = change(rune);
    out += ([...changed].length === 1 ? changed : rune).toWellFormed();
  }
  return out;
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what ASCII has
  return /^[\x00-\x7f]*$/.test(text);
}

// Greek letters with iota below have a capital of their own, which JavaScript passes over for two letters.
function upperRune(rune: string): string {
  const code = rune.codePointAt(0)!;
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCodePoint(code + 9);
  const hasIota = code >= 0x1f80 && code <= 0x1faf && (code & 8) === 0;
  return hasIota ? String.fromCodePoint(code + 8) : rune.toUpperCase();
}

// The dotted capital I becomes a plain i, where JavaScript keeps the dot as a second character.
function lowerRune(rune: string): string {
  return rune === "\u0130" ? "i" : rune.toLowerCase();
}

function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && space.test(text[from]!)) from++;
  while (to > from && space.test(text[to - 1]!)) to--;
  return text.slice(from, to);
}

function replace(old: string, fresh: string, text: string, budget: Budget): string {
  const parts = old === "" ? ["", ...text, ""] : text.split(old);
  if (old === "" && text === "") return fresh;
  spendSize(budget, text.length + fresh.length * (parts.length - 1));
  return parts.join(fresh);
}

function quote(args: readonly Value[], budget: Budget): string {
  const quoted = args
    .filter((value) => value !== null && value !== undefined)
    .map((value) => {
      const plain = printValue(value, budget);
      spendWork(budget, plain.length * 16);
      return quoteText(plain);
    });
  const text = quoted.join(" ");
  spendSize(budget, text.length);
  return text;
}

function indent(count: bigint, text: string, budget: Budget): string {
  if (count < 0n) throw new CallFault("the indentation is negative", { shown: String(count) });
  const lines = text.split("\n");
  const width = count > 1_000_000n ? 1_000_000_000 : Number(count);
  spendSize(budget, text.length + lines.length * width);
  const pad = " ".repeat(width);
  return pad + lines.join(`\n${pad}`);
}
