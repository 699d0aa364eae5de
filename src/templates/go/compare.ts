// eq ne lt le gt ge: only values of one kind compare, and integers whatever their size.

import { CallFault } from "./fault.ts";
import { compareBytes } from "./order.ts";
import { type PlainValue, typeName, unhide, type Value } from "./value.ts";

type Basic =
  | { kind: "bool"; value: boolean }
  | { kind: "int"; value: bigint }
  | { kind: "float"; value: number }
  | { kind: "string"; value: string }
  | { kind: "complex"; real: number; imaginary: number };

function basicOf(value: PlainValue): Basic | undefined {
  switch (typeof value) {
    case "boolean":
      return { kind: "bool", value };
    case "bigint":
      return { kind: "int", value };
    case "number":
      return { kind: "float", value };
    case "string":
      return { kind: "string", value };
    default:
  }
  if (value === undefined || value === null) return undefined;
  if (value.kind === "byte") return { kind: "int", value: BigInt(value.value) };
  if (value.kind === "complex") return { kind: "complex", real: value.real, imaginary: value.imaginary };
  return undefined;
}

/** Whether `first` equals any of the others. */
export function equalsAny(first: Value, others: readonly Value[]): boolean {
  if (others.length === 0) throw new CallFault("there is nothing to compare with");
  return others.some((other) => areEqual(unhide(first), unhide(other)));
}

/** Whether two values are equal; values of different kinds are a mistake, not unequal. */
function areEqual(a: PlainValue, b: PlainValue): boolean {
  const x = basicOf(a);
  const y = basicOf(b);
  const aIsNil = a === undefined || a === null;
  const bIsNil = b === undefined || b === null;
  if (aIsNil || bIsNil) return aIsNil === bIsNil;
  if (x === undefined && y === undefined) {
    if (typeName(a) !== typeName(b)) incompatible(a, b);
    throw new CallFault(`values of type ${typeName(a)} cannot be compared`);
  }
  if (x === undefined || y === undefined || x.kind !== y.kind) incompatible(a, b);
  if (x.kind === "complex" && y.kind === "complex") return x.real === y.real && x.imaginary === y.imaginary;
  return x.kind !== "complex" && y.kind !== "complex" && x.value === y.value;
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`. */
export function order(a: Value, b: Value): number {
  const x = basicOf(unhide(a));
  const y = basicOf(unhide(b));
  if (x === undefined || y === undefined) {
    throw new CallFault(`values of type ${typeName(x === undefined ? a : b)} have no order`);
  }
  if (x.kind !== y.kind) incompatible(unhide(a), unhide(b));
  if (x.kind === "int" && y.kind === "int") return x.value < y.value ? -1 : x.value > y.value ? 1 : 0;
  if (x.kind === "float" && y.kind === "float") return x.value < y.value ? -1 : x.value > y.value ? 1 : 0;
  if (x.kind === "string" && y.kind === "string") return compareBytes(x.value, y.value);
  throw new CallFault(`values of type ${typeName(a)} have no order`);
}

function incompatible(a: PlainValue, b: PlainValue): never {
  throw new CallFault(`${typeName(a)} and ${typeName(b)} cannot be compared`, {
    hint: "make both the same type first, for example with `int` or `print`",
  });
}
