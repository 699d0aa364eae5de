// Functions on integers: add, sub, mul, div, min, max, int. 64 bits, and a fault instead of a wrong number.

import { CallFault } from "../go/fault.ts";
import type { FunctionTable, TemplateFunction } from "../go/value.ts";
import { typeName, unhide, type Value } from "../go/value.ts";

/** Integer functions. Strings of decimal digits count as integers, because every value of the KV is a string. */
export const numberFunctions: FunctionTable = new Map<string, TemplateFunction>([
  ["add", fold((a, b) => a + b)],
  ["mul", fold((a, b) => a * b)],
  ["min", fold(smaller)],
  ["max", fold(larger)],
  ["sub", pair((a, b) => a - b)],
  ["div", pair(divide)],
  ["int", { parameters: ["any"], call: ([value]) => bounded(parse(value)) }],
]);

function fold(combine: (a: bigint, b: bigint) => bigint): TemplateFunction {
  return {
    parameters: ["any"],
    rest: "any",
    call: (args) => args.map(integerOf).reduce((a, b) => bounded(combine(a, b))),
  };
}

function pair(combine: (a: bigint, b: bigint) => bigint): TemplateFunction {
  return {
    parameters: ["any", "any"],
    call: ([a, b]) => bounded(combine(integerOf(a), integerOf(b))),
  };
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return smaller(a, b) === a ? b : a;
}

// Towards zero, as Go and C divide.
function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CallFault("division by zero");
  return a / b;
}

function bounded(value: bigint): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  throw new CallFault("the result does not fit 64 bits", { shown: String(value) });
}

function integerOf(given: Value): bigint {
  const value = unhide(given);
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string") return fromText(value);
  if (typeof value === "object" && value !== null && value.kind === "byte") return BigInt(value.value);
  throw notInteger(value);
}

// `int` also cuts off what stands behind the point of a float.
function parse(given: Value): bigint {
  const value = unhide(given);
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.trunc(value));
  return integerOf(value);
}

function fromText(text: string): bigint {
  const trimmed = text.trim();
  // More digits than 64 bits can have are not worth reading.
  if (/^[+-]?\d{1,40}$/.test(trimmed)) return BigInt(trimmed.replace("+", ""));
  const shown = trimmed.length > 40 ? `${trimmed.slice(0, 40)}...` : trimmed;
  throw new CallFault("the text is not an integer", { shown: JSON.stringify(shown) });
}

function notInteger(value: Value): CallFault {
  const got = value === null || value === undefined ? "nothing (nil)" : `a value of type ${typeName(value)}`;
  return new CallFault(`an integer is needed, not ${got}`, {
    shown: typeof value === "number" ? String(value) : undefined,
  });
}
