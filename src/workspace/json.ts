// A JSON file as a value that knows where each of its parts stands.

import { type Node, parseTree } from "jsonc-parser";
import type { Fault } from "../model/fault.ts";
import { positionAt } from "../support/position.ts";
import { describeSyntax, isSurvivable } from "./json-syntax.ts";

export type JsonPath = readonly (string | number)[];

/** A place in the form that faults and `WorkspacePlaces` have. */
export interface FilePlace {
  path: string;
  line?: number;
  column?: number;
}

export interface JsonDocument {
  path: string;
  /** The parsed value; undefined when the text cannot be understood. Objects have no prototype. */
  value: unknown;
  /** Syntax faults, duplicate keys and excessive nesting. */
  faults: Fault[];
  /** Place of the value (or of its key) at `keys`, or of its nearest existing ancestor. */
  place(keys: JsonPath, part?: "key" | "value"): FilePlace;
  /** The value at `keys` as it is written; undefined when there is none. */
  source(keys: JsonPath): string | undefined;
}

/** Deepest nesting accepted: beyond any real file, and safe for parsers that recurse. */
const maxDepth = 64;

/**
 * Parses strict JSON (no comments, no trailing commas, no duplicate keys). Never throws. A byte order mark is
 * skipped. Faults after which the rest is still understood leave `value` set, so that it can be checked too.
 */
export function parseJson(path: string, content: string): JsonDocument {
  const text = content.startsWith("\uFEFF") ? content.slice(1) : content;
  const faults: Fault[] = [];
  const at = (offset: number): FilePlace => ({ path, ...positionAt(text, offset) });
  const root = parseRoot(text, at, faults);
  const value = root === undefined ? undefined : toValue(root, at, faults);
  return {
    path,
    value,
    faults,
    place(keys, part = "value") {
      if (root === undefined) return { path };
      const found = descend(root, keys);
      const node = part === "key" && found.complete && found.key !== undefined ? found.key : found.node;
      return at(node.offset);
    },
    source(keys) {
      const found = root === undefined ? undefined : descend(root, keys);
      if (found === undefined || !found.complete) return undefined;
      return text.slice(found.node.offset, found.node.offset + found.node.length);
    },
  };
}

function parseRoot(text: string, at: (offset: number) => FilePlace, faults: Fault[]): Node | undefined {
  const deep = tooDeep(text);
  if (deep !== undefined) {
    const what = `nested more than ${maxDepth} levels deep`;
    faults.push({ ...at(deep), what, hint: "flatten it" });
    return undefined;
  }
  const errors: Parameters<typeof parseTree>[1] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  const seen = new Set<number>();
  for (const error of errors) {
    const fault = describeSyntax(text, error);
    if (!seen.has(fault.offset)) faults.push({ ...at(fault.offset), what: fault.what, hint: fault.hint });
    seen.add(fault.offset);
    // What a parser says after it has lost its way only confuses.
    if (!isSurvivable(text, error)) return undefined;
  }
  return root;
}

/** Offset of the bracket that goes one level too deep. */
function tooDeep(text: string): number | undefined {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      for (i += 1; i < text.length && text[i] !== '"' && text[i] !== "\n"; i++) if (text[i] === "\\") i += 1;
    } else if (c === "{" || c === "[") {
      depth += 1;
      if (depth > maxDepth) return i;
    } else if (c === "}" || c === "]") depth -= 1;
  }
  return undefined;
}

function toValue(node: Node, at: (offset: number) => FilePlace, faults: Fault[]): unknown {
  if (node.type === "array") return (node.children ?? []).map((child) => toValue(child, at, faults));
  if (node.type !== "object") return node.value;
  const value: Record<string, unknown> = Object.create(null);
  for (const { key, child } of properties(node)) {
    const name = String(key.value);
    if (Object.hasOwn(value, name)) {
      const what = `${JSON.stringify(name)} is there twice`;
      faults.push({ ...at(key.offset), what, hint: "remove one of the two" });
    }
    // Assigning this key sets a prototype in most places that a value passes through.
    if (name === "__proto__")
      faults.push({ ...at(key.offset), what: '"__proto__" is not a usable name', hint: "rename it" });
    else if (child !== undefined) value[name] = toValue(child, at, faults);
  }
  return value;
}

function* properties(node: Node): Generator<{ key: Node; child: Node | undefined }> {
  for (const property of node.children ?? []) {
    const key = property.children?.[0];
    if (key !== undefined) yield { key, child: property.children?.[1] };
  }
}

function descend(root: Node, keys: JsonPath): { node: Node; key: Node | undefined; complete: boolean } {
  let node = root;
  let key: Node | undefined;
  for (const name of keys) {
    let next: Node | undefined;
    let nextKey: Node | undefined;
    if (node.type === "array" && typeof name === "number") next = node.children?.[name];
    if (node.type === "object") {
      for (const property of properties(node)) {
        if (property.key.value !== name || property.child === undefined) continue;
        next = property.child;
        nextKey = property.key;
      }
    }
    if (next === undefined) return { node, key, complete: false };
    node = next;
    key = nextKey;
  }
  return { node, key, complete: true };
}
