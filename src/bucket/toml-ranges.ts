// Source ranges: where keys and values stand in a TOML text that is known to be well-formed.

import type { AST } from "toml-eslint-parser";

/** Offsets in UTF-16 units; `end` is behind the value. The header of a table is its key and its value. */
export interface TomlRange {
  key: number;
  value: number;
  end: number;
}

type Keys = readonly (string | number)[];

/**
 * Ranges by path (`JSON.stringify` of the key parts; an element of a list has its index). Empty for a text that the
 * parser does not take: then what is said about it names the file alone.
 */
export function findTomlRanges(text: string): Map<string, TomlRange> {
  const ranges = new Map<string, TomlRange>();
  const add = (keys: Keys, range: TomlRange): void => {
    const name = JSON.stringify(keys);
    if (!ranges.has(name)) ranges.set(name, range);
  };
  const addPair = (holder: Keys, pair: AST.TOMLKeyValue): void => {
    const key = pair.range[0];
    const [value, end] = pair.value.range;
    const names = namesOf(pair.key);
    for (let length = 1; length <= names.length; length++)
      add([...holder, ...names.slice(0, length)], { key, value, end });
    addInner([...holder, ...names], pair.value);
  };
  const addInner = (keys: Keys, node: AST.TOMLContentNode): void => {
    if (node.type === "TOMLInlineTable") for (const pair of node.body) addPair(keys, pair);
    if (node.type !== "TOMLArray") return;
    for (const [i, element] of node.elements.entries()) {
      const [value, end] = element.range;
      add([...keys, i], { key: value, value, end });
      addInner([...keys, i], element);
    }
  };
  for (const node of parse(text)) {
    if (node.type === "TOMLKeyValue") {
      addPair([], node);
      continue;
    }
    const start = node.range[0];
    const range = { key: start, value: start, end: text.indexOf("]", node.key.range[1]) + 1 };
    // The list as a whole stands where its first table does.
    if (node.kind === "array") add(node.resolvedKey.slice(0, -1), range);
    add(node.resolvedKey, range);
    for (const pair of node.body) addPair(node.resolvedKey, pair);
  }
  return ranges;
}

function parse(text: string): AST.TOMLTopLevelTable["body"] {
  // Loaded only here: a workspace without mistakes never needs to know where anything stands.
  const { parseTOML } = require("toml-eslint-parser") as typeof import("toml-eslint-parser");
  try {
    return parseTOML(text, { tomlVersion: "1.1" }).body[0].body;
  } catch {
    return [];
  }
}

function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map((part) => (part.type === "TOMLBare" ? part.name : part.value));
}
