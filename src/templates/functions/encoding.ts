// Functions between text and other forms: toJson, fromJson, b64enc, b64dec.

import { CallFault } from "../go/fault.ts";
import { type Budget, spendSize } from "../go/limits.ts";
import { keysInOrder } from "../go/order.ts";
import { decodeText, encodeText } from "../go/text.ts";
import type { FunctionTable, TemplateFunction } from "../go/value.ts";
import { anyList, anyMap, typeName, unhide, type Value } from "../go/value.ts";

/** Deepest nesting of JSON in either direction. */
const maxDepth = 200;

export const encodingFunctions: FunctionTable = new Map<string, TemplateFunction>([
  ["toJson", { parameters: ["any"], call: ([value], budget) => toJson(value, budget) }],
  ["fromJson", { parameters: ["string"], call: ([text], budget) => fromJson(text as string, budget) }],
  ["b64enc", { parameters: ["string"], call: ([text], budget) => encode64(text as string, budget) }],
  ["b64dec", { parameters: ["string"], call: ([text]) => decode64(text as string) }],
]);

function toJson(value: Value, budget: Budget): string {
  const text = jsonText(value, 0);
  spendSize(budget, text.length);
  return text;
}

// Keys in Go's order, no space, and `<`, `>` and `&` as they are: the result is for configuration files.
function jsonText(given: Value, depth: number): string {
  if (depth > maxDepth) throw new CallFault(`more than ${maxDepth} levels of nesting`);
  const value = unhide(given);
  if (value === undefined || value === null) return "null";
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.toWellFormed());
    case "bigint":
      return String(value);
    case "boolean":
    case "number":
      return JSON.stringify(value);
    default:
  }
  const member = (name: string, item: Value) => `${JSON.stringify(name)}:${jsonText(item, depth + 1)}`;
  switch (value.kind) {
    case "list":
      return `[${value.items.map((item) => jsonText(item, depth + 1)).join(",")}]`;
    case "map":
      return `{${keysInOrder(value)
        .map((key) => member(key, value.entries.get(key)))
        .join(",")}}`;
    case "struct":
      return `{${[...value.fields].map(([name, item]) => member(name, item)).join(",")}}`;
    case "byte":
      return String(value.value);
    default:
      throw new CallFault(`a ${typeName(value)} has no form in JSON`);
  }
}

function fromJson(text: string, budget: Budget): Value {
  spendSize(budget, text.length);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === "number" ? numberOf(value, context?.source) : value,
    );
  } catch {
    const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
    throw new CallFault("the text is not valid JSON", { shown: JSON.stringify(shown) });
  }
  return jsonValue(parsed, 0);
}

// A whole number stays an integer: nobody wants the port 8080 or the size 1e+06 as a float.
function numberOf(value: number, source: string | undefined): bigint | number {
  const digits = source ?? String(value);
  if (!/^-?\d+$/.test(digits)) return value;
  const whole = BigInt(digits);
  return BigInt.asIntN(64, whole) === whole ? whole : value;
}

function jsonValue(value: unknown, depth: number): Value {
  if (depth > maxDepth) throw new CallFault(`the JSON has more than ${maxDepth} levels of nesting`);
  switch (typeof value) {
    case "string":
      return value.toWellFormed();
    case "bigint":
    case "number":
    case "boolean":
      return value;
    default:
  }
  if (Array.isArray(value)) return anyList(value.map((item) => jsonValue(item, depth + 1)));
  if (value === null || value === undefined) return null;
  return anyMap(Object.entries(value).map(([key, item]) => [key.toWellFormed(), jsonValue(item, depth + 1)]));
}

function encode64(text: string, budget: Budget): string {
  const bytes = encodeText(text);
  spendSize(budget, bytes.length * 2);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

// Line breaks are allowed, as in PEM; anything else that is not base64 is a fault instead of a guess.
function decode64(text: string): string {
  const compact = text.replace(/[\r\n]/g, "");
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    throw new CallFault("the text is not base64");
  }
  return decodeText(Buffer.from(compact, "base64"));
}
