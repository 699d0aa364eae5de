// The values that a template works on, each with exactly one Go type.

import { Secret } from "../../model/secret.ts";
import type { Budget } from "./limits.ts";

/**
 * | here | in Go |
 * | --- | --- |
 * | `undefined` | no value at all, such as a key that a map does not have |
 * | `null` | a nil of interface type |
 * | `bigint` | `int`, within 64 bits | `number` | `float64` |
 * | `string` | `string`; bytes that are not UTF-8 as described in text.ts |
 * | `Secret`, `HiddenValue` | the value inside; it is printed to the output but never in an error |
 */
export type Value = PlainValue | Secret | HiddenValue;

/** A `Value` that hides nothing at its top: what `unhide` gives. */
export type PlainValue =
  | undefined
  | null
  | boolean
  | string
  | bigint
  | number
  | ListValue
  | MapValue
  | StructValue
  | ByteValue
  | ComplexValue
  | FunctionValue;

/** `[]any` or `[]string`. */
export interface ListValue {
  readonly kind: "list";
  readonly element: ElementType;
  readonly items: readonly Value[];
  /** Items behind the end that slicing may bring back, as Go's capacity does. */
  readonly spare?: readonly Value[];
}

/** `map[string]any` or `map[string]string`; visited in the order of its keys whatever the order here. */
export interface MapValue {
  readonly kind: "map";
  readonly element: ElementType;
  readonly entries: ReadonlyMap<string, Value>;
}

/** A struct: asking for a field that it does not have is an error. */
export interface StructValue {
  readonly kind: "struct";
  /** The name that `%T` prints, such as `main.Context`. */
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, Value>;
}

/** `uint8`, what indexing a string gives. */
export interface ByteValue {
  readonly kind: "byte";
  readonly value: number;
}

/** `complex128`, from constants such as `1i`. */
export interface ComplexValue {
  readonly kind: "complex";
  readonly real: number;
  readonly imaginary: number;
}

/** A function as data, for `call`. */
export interface FunctionValue {
  readonly kind: "function";
  /** The Go type, such as `func(string) string`. */
  readonly typeName: string;
  readonly target: TemplateFunction;
}

/**
 * The type of a parameter. `any` takes every value, nil included. `value` does so too and tells a value that is
 * missing (`undefined`) from nil (`null`), as Go's own built-ins do.
 */
export type ParameterType = "string" | "int" | "any" | "value" | "list";

export interface TemplateFunction {
  /** The parameters in order; a call may leave out the last ones down to `least`. */
  readonly parameters: readonly ParameterType[];
  /** Type of any further arguments; without it there may be none. */
  readonly rest?: ParameterType;
  /** How many arguments are needed. Default: all of `parameters`. */
  readonly least?: number;
  /**
   * The body. Arguments have the declared types and hide nothing: the caller covers the result again when one of them was
   * a secret. It throws `CallFault` for what the template's author did wrong.
   */
  call(args: readonly Value[], budget: Budget): Value;
}

/** Functions by the name that templates call them. A table may add to the built-ins but not replace them. */
export type FunctionTable = ReadonlyMap<string, TemplateFunction>;

/** What was made from a secret: a password in base64, the number in a PIN. */
export interface HiddenValue {
  readonly kind: "hidden";
  readonly value: PlainValue;
}

export type ElementType = "any" | "string";

/** A `[]any`. */
export function anyList(items: readonly Value[]): ListValue {
  return { kind: "list", element: "any", items };
}

/** A `[]string`. */
export function stringList(items: readonly (string | Secret | HiddenValue)[]): ListValue {
  return { kind: "list", element: "string", items };
}

/** A `map[string]any`. */
export function anyMap(entries: Iterable<readonly [string, Value]>): MapValue {
  return { kind: "map", element: "any", entries: new Map(entries) };
}

/** A `map[string]string`. */
export function stringMap(entries: Iterable<readonly [string, string]>): MapValue {
  return { kind: "map", element: "string", entries: new Map(entries) };
}

/** A struct with these fields, in this order. */
export function struct(typeName: string, fields: Iterable<readonly [string, Value]>): StructValue {
  return { kind: "struct", typeName, fields: new Map(fields) };
}

/** The value without its cover. Only printing to the output and calls may ask for this. */
export function unhide(value: Value): PlainValue {
  if (value instanceof Secret) return value.reveal();
  if (isObject(value) && value.kind === "hidden") return value.value;
  return value as PlainValue;
}

/** Covers a value, so that no error message shows it. Nothing and truth have nothing to hide. */
export function hide(value: Value): Value {
  if (value === undefined || value === null || typeof value === "boolean") return value;
  return isHidden(value) ? value : { kind: "hidden", value: value as PlainValue };
}

export function isHidden(value: Value): boolean {
  return value instanceof Secret || (isObject(value) && value.kind === "hidden");
}

// Values never change, so one look at a large list or map is enough.
const withoutSecrets = new WeakSet<object>();

/** Whether a secret is in the value or anywhere inside it. */
export function containsHidden(value: Value): boolean {
  if (!isObject(value)) return value instanceof Secret;
  if (value.kind === "hidden") return true;
  if (withoutSecrets.has(value)) return false;
  if ([...insideOf(value)].some(containsHidden)) return true;
  withoutSecrets.add(value);
  return false;
}

/** The value with every secret in it uncovered: only for a caller that covers what it makes of it again. */
export function unhideAll(value: Value): PlainValue {
  const plain = unhide(value);
  if (!isObject(plain) || !containsHidden(plain)) return plain;
  if (plain.kind === "list") return { ...plain, items: plain.items.map(unhideAll) };
  if (plain.kind === "map") return { ...plain, entries: mapValues(plain.entries) };
  if (plain.kind === "struct") return { ...plain, fields: mapValues(plain.fields) };
  return plain;
}

function mapValues(values: ReadonlyMap<string, Value>): Map<string, Value> {
  return new Map([...values].map(([key, item]) => [key, unhideAll(item)]));
}

function insideOf(value: ObjectValue): Iterable<Value> {
  if (value.kind === "list") return value.items;
  if (value.kind === "map") return value.entries.values();
  return value.kind === "struct" ? value.fields.values() : [];
}

/** The Go name of a value's type, as `%T` prints it. */
export function typeName(hidden: Value): string {
  const value = unhide(hidden);
  if (value === undefined || value === null) return "<nil>";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "string":
      return "string";
    case "bigint":
      return "int";
    case "number":
      return "float64";
    default:
  }
  switch (value.kind) {
    case "list":
      return value.element === "any" ? "[]interface {}" : "[]string";
    case "map":
      return value.element === "any" ? "map[string]interface {}" : "map[string]string";
    case "byte":
      return "uint8";
    case "complex":
      return "complex128";
    default:
      return value.typeName;
  }
}

type ObjectValue =
  | ListValue
  | MapValue
  | StructValue
  | ByteValue
  | ComplexValue
  | FunctionValue
  | HiddenValue;

function isObject(value: Value): value is ObjectValue {
  return typeof value === "object" && value !== null && !(value instanceof Secret);
}
