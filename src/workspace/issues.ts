// What a schema objects to, as diagnostics with a place, our words and a hint.

import { z } from "zod";
import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import { suggestName } from "../support/nearest.ts";
import type { JsonDocument, JsonPath } from "./json.ts";

/** Field names that older maand used, to what they are called now. */
export type RenamedFields = Readonly<Record<string, string>>;

/**
 * Checks a parsed file against its schema. Every schema carries its hints as its error texts ("use 1 or
 * more"); what is wrong is told from the file itself, so nothing of the schema library's own wording appears.
 * @returns the validated value, with defaults filled in and converted
 */
export function checkAgainst<S extends z.ZodType>(
  schema: S,
  document: JsonDocument,
  renamed: RenamedFields = {},
): Checked<z.output<S>> {
  const knownFields = new Map<string, string[]>();
  const result = schema.safeParse(document.value, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys" || !(issue.inst instanceof z.ZodObject)) return undefined;
      knownFields.set(JSON.stringify(issue.path ?? []), Object.keys(issue.inst.shape));
      return "";
    },
  });
  if (result.success) return checked(result.data);
  const diagnostics = result.error.issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
    if (issue.code === "unrecognized_keys") {
      const known = knownFields.get(JSON.stringify(path)) ?? [];
      return issue.keys.map((key) => unknownField(document, [...path, key], known, renamed));
    }
    if (issue.code === "invalid_key") return [wrongName(document, path, issue.issues[0]?.message ?? "")];
    return [wrongValue(document, path, issue.message)];
  });
  return { ok: false, diagnostics };
}

/** `hooks.hook_a.executed_on[1]`; the index of a row in a file that is a list is left out, the line says it. */
export function fieldName(path: JsonPath): string {
  let name = "";
  for (const [i, part] of path.entries()) {
    if (typeof part === "number") name += i === 0 ? "" : `[${part}]`;
    else name += name === "" ? part : `.${part}`;
  }
  return name;
}

/** `"field" is <what is written>`, shortened, or `is missing`. */
export function wrongValue(document: JsonDocument, path: JsonPath, hint: string): Diagnostic {
  const place = document.place(path);
  const name = fieldName(path);
  const source = document.source(path);
  if (source === undefined) return errorAt(place, `${quote(name)} is missing`, hint);
  return errorAt(place, `${name === "" ? "this" : quote(name)} is ${show(source)}`, hint);
}

function wrongName(document: JsonDocument, path: JsonPath, hint: string): Diagnostic {
  const inside = fieldName(path.slice(0, -1));
  const message = `the name ${show(JSON.stringify(path.at(-1)))} is not allowed${inside === "" ? "" : ` in "${inside}"`}`;
  return errorAt(document.place(path, "key"), message, hint);
}

function unknownField(
  document: JsonDocument,
  path: JsonPath,
  known: readonly string[],
  renamed: RenamedFields,
): Diagnostic {
  const key = String(path.at(-1));
  const now = Object.hasOwn(renamed, key) ? renamed[key]! : undefined;
  const hint =
    now !== undefined && known.includes(now)
      ? `it is called "${now}" now: rename it`
      : known.length === 0
        ? "remove it"
        : suggestName(key, known);
  return errorAt(document.place(path, "key"), `unknown field ${quote(fieldName(path))}`, hint);
}

function quote(name: string): string {
  return `"${name}"`;
}

function show(source: string): string {
  if (source.startsWith("{")) return /^\{\s*\}$/.test(source) ? "an empty object" : "an object";
  if (source.startsWith("[")) return /^\[\s*\]$/.test(source) ? "an empty list" : "a list";
  return source.length > 60 ? `${source.slice(0, 57)}...` : source;
}
