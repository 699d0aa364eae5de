// A JSON file as a value that knows where each of its parts stands.

import { type Node, type ParseError, parseTree } from "jsonc-parser";
import { type Diagnostic, errorAt, type FilePlace } from "../model/diagnostic.ts";
import { positionsIn } from "../support/position.ts";
import { describeSyntax, isSurvivable } from "./json-syntax.ts";

export type JsonPath = readonly (string | number)[];

export interface JsonDocument {
  path: string;
  /** The parsed value; undefined when the text cannot be understood. Objects have no prototype. */
  value: unknown;
  /** Syntax errors, duplicate keys and excessive nesting. */
  diagnostics: Diagnostic[];
  /** Place of the value (or of its key) at `keys`, or of its nearest existing ancestor. */
  place(keys: JsonPath, part?: "key" | "value"): FilePlace;
  /** The value at `keys` as it is written; undefined when there is none. */
  source(keys: JsonPath): string | undefined;
}

/** Deepest nesting accepted: beyond any real file, and safe for parsers that recurse. */
const maxDepth = 64;

/** Syntax errors of one file that are told: whoever has more has written something else than JSON. */
const maxSyntaxErrors = 20;

/**
 * Parses strict JSON (no comments, no trailing commas, no duplicate keys). Never throws. A byte order mark is
 * skipped. Errors after which the rest is still understood leave `value` set, so that it can be checked too.
 */
export function parseJson(path: string, content: string): JsonDocument {
  const text = content.startsWith("\uFEFF") ? content.slice(1) : content;
  const positionOf = positionsIn(text);
  const at: At = (offset) => ({ file: path, ...positionOf(offset) });
  const { root, diagnostics } = parseRoot(text, at);
  return {
    path,
    value: root === undefined ? undefined : toValue(root),
    diagnostics: root === undefined ? diagnostics : [...diagnostics, ...checkKeys(root, at)],
    place(keys, part = "value") {
      if (root === undefined) return { file: path };
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

type At = (offset: number) => FilePlace;

/** The tree, also with errors after which the rest is still understood. */
function parseRoot(text: string, at: At): { root: Node | undefined; diagnostics: Diagnostic[] } {
  const deep = tooDeep(text);
  if (deep !== undefined) {
    const message = `nested more than ${maxDepth} levels deep`;
    return { root: undefined, diagnostics: [errorAt(at(deep), message, "flatten it")] };
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true });
  const diagnostics: Diagnostic[] = [];
  const seen = new Set<number>();
  for (const error of errors) {
    // To word one the text is scanned up to it.
    if (diagnostics.length === maxSyntaxErrors) {
      const message = `${errors.length - diagnostics.length} more syntax errors follow`;
      return {
        root: undefined,
        diagnostics: [...diagnostics, errorAt(at(error.offset), message, "fix the first ones")],
      };
    }
    const { offset, message, hint } = describeSyntax(text, error);
    if (!seen.has(offset)) diagnostics.push(errorAt(at(offset), message, hint));
    seen.add(offset);
    // What a parser says after it has lost its way only confuses.
    if (!isSurvivable(text, error)) return { root: undefined, diagnostics };
  }
  return { root, diagnostics };
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

function toValue(node: Node): unknown {
  if (node.type === "array") return (node.children ?? []).map(toValue);
  if (node.type !== "object") return node.value;
  const value: Record<string, unknown> = Object.create(null);
  for (const { key, child } of properties(node)) {
    const name = String(key.value);
    if (name !== "__proto__" && child !== undefined) value[name] = toValue(child);
  }
  return value;
}

/** Keys that are there twice, and the one that is no name. */
function checkKeys(node: Node, at: At): Diagnostic[] {
  if (node.type === "array") return (node.children ?? []).flatMap((child) => checkKeys(child, at));
  if (node.type !== "object") return [];
  const seen = new Set<string>();
  return [...properties(node)].flatMap(({ key, child }) => {
    const name = String(key.value);
    const inner = child === undefined ? [] : checkKeys(child, at);
    // Assigning this key sets a prototype in most places that a value passes through.
    if (name === "__proto__")
      return [errorAt(at(key.offset), '"__proto__" is not a usable name', "rename it")];
    const isRepeated = seen.has(name);
    if (child !== undefined) seen.add(name);
    if (!isRepeated) return inner;
    const message = `${JSON.stringify(name)} is there twice`;
    return [errorAt(at(key.offset), message, "remove one of the two"), ...inner];
  });
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
