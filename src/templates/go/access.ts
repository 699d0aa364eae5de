// index, slice and len: reaching into strings, lists and maps.

import { CallFault } from "./fault.ts";
import { decodeText, encodeText, textLength } from "./text.ts";
import { type ListValue, typeName, unhide, type Value } from "./value.ts";

/** Number of bytes, items or keys. */
export function lengthOf(hidden: Value): bigint {
  const value = unhide(hidden);
  if (typeof value === "string") return BigInt(textLength(value));
  if (typeof value === "object" && value !== null) {
    if (value.kind === "list") return BigInt(value.items.length);
    if (value.kind === "map") return BigInt(value.entries.size);
  }
  throw new CallFault(`${describe(value)} has no length`);
}

/** `index item i j k`: item[i][j][k]. A key that a map does not have gives its empty element, not a fault. */
export function indexInto(item: Value, indexes: readonly Value[]): Value {
  let current = unhide(item);
  if (current === undefined || current === null) throw new CallFault("nil cannot be indexed");
  for (const index of indexes) current = unhide(indexOnce(current, unhide(index)));
  return current;
}

function indexOnce(item: Value, index: Value): Value {
  const value = unhide(item);
  if (typeof value === "string") {
    const bytes = encodeText(value);
    return { kind: "byte", value: bytes[position(index, bytes.length - 1)]! };
  }
  if (typeof value === "object" && value !== null) {
    if (value.kind === "list") return value.items[position(index, value.items.length - 1)];
    if (value.kind === "map") {
      if (typeof index !== "string") throw new CallFault(`a key must be a string, not ${describe(index)}`);
      return value.entries.has(index) ? value.entries.get(index) : value.element === "string" ? "" : null;
    }
  }
  throw new CallFault(`${describe(value)} cannot be indexed`);
}

/** `slice item i j k`: item[i:j:k], strings by bytes. */
export function sliceOf(item: Value, indexes: readonly Value[]): Value {
  const value = unhide(item);
  if (value === undefined || value === null) throw new CallFault("nil cannot be sliced");
  if (indexes.length > 3) throw new CallFault(`slice takes at most 3 indexes, not ${indexes.length}`);
  if (typeof value === "string") {
    if (indexes.length === 3) throw new CallFault("a string is sliced with at most 2 indexes");
    const bytes = encodeText(value);
    const [from, to] = bounds(indexes, bytes.length, bytes.length);
    return decodeText(bytes.subarray(from, to));
  }
  if (typeof value === "object" && value.kind === "list") return sliceList(value, indexes);
  throw new CallFault(`${describe(value)} cannot be sliced`);
}

function sliceList(value: ListValue, indexes: readonly Value[]): ListValue {
  const all = value.spare === undefined ? value.items : [...value.items, ...value.spare];
  const [from, to, capacity] = bounds(indexes, value.items.length, all.length);
  return {
    kind: "list",
    element: value.element,
    items: all.slice(from, to),
    spare: all.slice(to, capacity),
  };
}

function bounds(indexes: readonly Value[], length: number, capacity: number): [number, number, number] {
  const given = indexes.map((index) => position(unhide(index), capacity));
  const from = given[0] ?? 0;
  const to = given[1] ?? length;
  const limit = given[2] ?? capacity;
  if (from > to || to > limit) throw new CallFault("the slice would end before it begins");
  return [from, to, limit];
}

function position(index: Value, last: number): number {
  let at: bigint | undefined;
  if (typeof index === "bigint") at = index;
  else if (typeof index === "object" && index !== null && "kind" in index && index.kind === "byte") {
    at = BigInt(index.value);
  }
  if (at === undefined) throw new CallFault(`an index must be an integer, not ${describe(index)}`);
  if (at < 0n || at > BigInt(last)) throw new CallFault("the index is out of range", { shown: String(at) });
  return Number(at);
}

function describe(value: Value): string {
  return value === undefined || value === null ? "nil" : `a value of type ${typeName(value)}`;
}
