// Any value under any verb: lists and maps apply the verb to what is inside them.

import { CallFault } from "../fault.ts";
import { spendSize } from "../limits.ts";
import { keysInOrder } from "../order.ts";
import { normalizeText } from "../text.ts";
import { type PlainValue, typeName, unhide, type Value } from "../value.ts";
import { type Directive, pad } from "./directive.ts";
import { formatComplex, formatFloat } from "./float.ts";
import { formatInteger } from "./integer.ts";
import { formatString } from "./string.ts";

/**
 * A value under a verb, as `fmt.Sprintf` prints it; a verb that does not suit gives Go's `%!d(string=hi)`.
 * Throws `CallFault` where Go would print an address, which differs from run to run.
 */
export function formatValue(directive: Directive, verb: string, value: Value): string {
  const plain = unhide(value);
  if (plain === undefined || plain === null) {
    return verb === "v" || verb === "T" ? pad(directive, "<nil>") : `%!${verb}(<nil>)`;
  }
  if (verb === "T") return formatString(directive, typeName(plain), "s")!;
  const isAddress = typeof plain === "object" && ["list", "map", "function"].includes(plain.kind);
  if (verb === "p" && isAddress) refuseAddress();
  // %w is for errors; Go refuses lists and maps with it as a whole.
  if (verb === "w") return misfit(directive, verb, plain);
  return formatInside(directive, verb, plain);
}

function formatInside(directive: Directive, verb: string, value: PlainValue): string {
  if (value === undefined || value === null) {
    return directive.sharpV ? "interface {}(nil)" : "<nil>";
  }
  const text = formatBasic(directive, verb, value);
  if (text !== "container") return text ?? misfit(directive, verb, value);
  return formatContainer(directive, verb, value);
}

function formatBasic(
  directive: Directive,
  verb: string,
  value: PlainValue,
): string | undefined | "container" {
  switch (typeof value) {
    case "boolean":
      return verb === "v" || verb === "t" ? pad(directive, String(value)) : undefined;
    case "bigint":
      return formatInteger(directive, value, verb, false);
    case "number":
      return formatFloat(directive, value, verb);
    case "string":
      return formatString(directive, value, verb);
    default:
  }
  if (value === undefined || value === null) return "container";
  switch (value.kind) {
    case "byte":
      return formatInteger(directive, BigInt(value.value), verb, true);
    case "complex":
      return formatComplex(directive, value, verb);
    case "function":
      return refuseAddress();
    default:
      return "container";
  }
}

function misfit(directive: Directive, verb: string, value: PlainValue): string {
  return `%!${verb}(${typeName(value)}=${formatInside(directive, "v", value)})`;
}

function formatContainer(directive: Directive, verb: string, value: PlainValue): string {
  if (typeof value !== "object" || value === null) return "";
  const parts: string[] = [];
  const add = (name: string, item: Value) => {
    const text = name + formatInside(directive, verb, unhide(item));
    spendSize(directive.budget, text.length);
    parts.push(text);
  };
  const separator = directive.sharpV ? ", " : " ";
  if (value.kind === "list") {
    for (const item of value.items) add("", item);
    const inside = parts.join(separator);
    return directive.sharpV ? `${typeName(value)}{${inside}}` : `[${inside}]`;
  }
  if (value.kind === "map") {
    for (const key of keysInOrder(value))
      add(`${formatInside(directive, verb, key)}:`, value.entries.get(key));
    const inside = parts.join(separator);
    return directive.sharpV ? `${typeName(value)}{${inside}}` : `map[${inside}]`;
  }
  if (value.kind === "struct") {
    const named = directive.plusV || directive.sharpV;
    for (const [name, item] of value.fields) add(named ? `${name}:` : "", item);
    return `${directive.sharpV ? typeName(value) : ""}{${parts.join(separator)}}`;
  }
  return "";
}

function refuseAddress(): never {
  throw new CallFault("this would print a memory address, which differs from run to run");
}

/** The text of a printed value as one Go string again. */
export function finishText(directive: Pick<Directive, "budget">, text: string): string {
  spendSize(directive.budget, text.length);
  return normalizeText(text);
}
