// A TOML file as values that know where they stand.

import { parse, TomlError, type TomlTable } from "smol-toml";
import { type Checked, checked, type Diagnostic, type FilePlace, refused } from "../model/diagnostic.ts";
import { positionsIn } from "../support/position.ts";
import { findTomlRanges, type TomlRange } from "./toml-ranges.ts";

type Keys = readonly (string | number)[];

export interface TomlDocument {
  path: string;
  /** Integers are bigints, so that none loses a digit; undefined when the file is not TOML. */
  values: TomlTable | undefined;
  /** The syntax error, when there is one: the parser stops at the first. */
  diagnostics: Diagnostic[];
  /** Place of the key or value at `keys`, or of its nearest ancestor that has one. */
  place(keys: Keys, part?: "key" | "value"): FilePlace;
  /** The value as it is written, without quotes removed; undefined when it has no place of its own. */
  source(keys: Keys): string | undefined;
}

/** Deepest nesting that a file may have: far beyond any real one, far below what a recursive parser survives. */
const maxDepth = 64;

/** Parses TOML text; `path` is the file's path as the user knows it. Never throws. */
export function parseToml(path: string, text: string): TomlDocument {
  const positionOf = positionsIn(text);
  let ranges: Map<string, TomlRange> | undefined;
  const rangeOf = (keys: Keys) => {
    ranges ??= findTomlRanges(text);
    return ranges.get(JSON.stringify(keys));
  };
  const parsed = parseValues(path, text);
  const values = parsed.ok ? parsed.value : undefined;
  return {
    path,
    values,
    diagnostics: parsed.diagnostics,
    place(keys, part = "value") {
      if (values === undefined) return { file: path };
      for (let length = keys.length; length > 0; length--) {
        const range = rangeOf(keys.slice(0, length));
        if (range !== undefined) return { file: path, ...positionOf(range[part]) };
      }
      return { file: path };
    },
    source(keys) {
      const range = values === undefined ? undefined : rangeOf(keys);
      return range === undefined ? undefined : text.slice(range.value, range.end);
    },
  };
}

/**
 * Offset of the dot that is one too many in a key or header: each part is a table in another, which the parser's own limit
 * on nesting does not count.
 */
function tooManyParts(text: string): number | undefined {
  let dots = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case "#":
        at = endOf(text, "\n", at) - 1;
        break;
      case '"':
      case "'":
        at = endOfString(text, at) - 1;
        break;
      case ".":
        dots += 1;
        if (dots >= maxDepth) return at;
        break;
      case "\n":
      case "=":
      case ",":
      case "[":
      case "]":
      case "{":
      case "}":
        dots = 0;
    }
  }
  return undefined;
}

/** Where `mark` stands from `from` on, else the end of the text. */
function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found;
}

/** Behind the string that begins at `start`; one that is not closed ends with its line, or with the text. */
function endOfString(text: string, start: number): number {
  const quote = text[start]!;
  const long = quote.repeat(3);
  if (quote === "'") {
    if (text.startsWith(long, start)) return endOf(text, long, start + 3) + 3;
    return Math.min(endOf(text, quote, start + 1) + 1, endOf(text, "\n", start));
  }
  const isLong = text.startsWith(long, start);
  for (let at = start + (isLong ? 3 : 1); at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (isLong ? text.startsWith(long, at) : text[at] === quote) return at + (isLong ? 3 : 1);
    else if (!isLong && text[at] === "\n") return at;
  }
  return text.length;
}

function parseValues(path: string, text: string): Checked<TomlTable> {
  const deep = tooManyParts(text);
  if (deep !== undefined) {
    const place = { file: path, ...positionsIn(text)(deep) };
    return refused(place, `this key has more than ${maxDepth} parts with dots between them`, "flatten it");
  }
  try {
    return checked(parse(text, { integersAsBigInt: true, maxDepth }));
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    // The first line says what is wrong; the rest quotes the file, which may hold what must not be shown.
    const reason = thrown.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "");
    const place = { file: path, line: thrown.line, column: thrown.column };
    const hint = 'fix this line: key = "text", key = 12, or [table]';
    return refused(place, `not valid TOML: ${reason}`, hint);
  }
}
