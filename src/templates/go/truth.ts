// What counts as true: everything but zero, "", nothing, and what is empty.

import { unhide, type Value } from "./value.ts";

/** Go's truth of a value, as `if`, `with`, `and`, `or` and `not` use it. */
export function isTrue(value: Value): boolean {
  const plain = unhide(value);
  if (plain === undefined || plain === null) return false;
  switch (typeof plain) {
    case "boolean":
      return plain;
    case "string":
      return plain !== "";
    case "bigint":
      return plain !== 0n;
    case "number":
      return plain !== 0;
    default:
  }
  switch (plain.kind) {
    case "list":
      return plain.items.length > 0;
    case "map":
      return plain.entries.size > 0;
    case "byte":
      return plain.value !== 0;
    case "complex":
      return plain.real !== 0 || plain.imaginary !== 0;
    default:
      return true;
  }
}
