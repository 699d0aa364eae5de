// A TOML file as values that know where they stand.

import { parse, TomlError, type TomlTable } from "smol-toml";
import type { Fault } from "../model/fault.ts";
import { positionAt } from "../support/position.ts";
import { findTomlSpots, type TomlSpot } from "./toml-spots.ts";

export interface TomlDocument {
  path: string;
  /** Integers are bigints, so that none loses a digit; undefined when the file is not TOML. */
  values: TomlTable | undefined;
  /** The syntax fault, when there is one: the parser stops at the first. */
  faults: Fault[];
  /** Place of the key or value at `keys`, or of its nearest ancestor that has one. */
  place(
    keys: readonly (string | number)[],
    part?: "key" | "value",
  ): { path: string; line?: number; column?: number };
  /** The value as it is written, without quotes removed; undefined when it has no place of its own. */
  source(keys: readonly (string | number)[]): string | undefined;
}

/** Deepest nesting that a file may have: far beyond any real one, far below what a recursive parser survives. */
const maxDepth = 64;

/** Parses TOML text; `path` is the file's path as the user knows it. Never throws. */
export function parseToml(path: string, text: string): TomlDocument {
  let spots: Map<string, TomlSpot> | undefined;
  const spotOf = (keys: readonly (string | number)[]) => {
    spots ??= findTomlSpots(text);
    return spots.get(JSON.stringify(keys));
  };
  const faults: Fault[] = [];
  const values = parseValues(path, text, faults);
  return {
    path,
    values,
    faults,
    place(keys, part = "value") {
      if (values === undefined) return { path };
      for (let length = keys.length; length > 0; length--) {
        const spot = spotOf(keys.slice(0, length));
        if (spot !== undefined) return { path, ...positionAt(text, part === "key" ? spot.key : spot.value) };
      }
      return { path };
    },
    source(keys) {
      const spot = values === undefined ? undefined : spotOf(keys);
      return spot === undefined ? undefined : text.slice(spot.value, spot.end);
    },
  };
}

function parseValues(path: string, text: string, faults: Fault[]): TomlTable | undefined {
  try {
    return parse(text, { integersAsBigInt: true, maxDepth });
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    // The first line says what is wrong; the rest quotes the file, which may hold what must not be shown.
    const reason = thrown.message.split("\n", 1)[0]!.replace("Invalid TOML document: ", "");
    faults.push({
      path,
      line: thrown.line,
      column: thrown.column,
      what: `not valid TOML: ${reason}`,
      hint: 'fix this line: key = "text", key = 12, or [table]',
    });
    return undefined;
  }
}
