// Values of the TOML files as the text that goes into the KV, which holds nothing but text.

import { TomlDate, type TomlTable, type TomlValue } from "smol-toml";
import type { TomlDocument } from "../bucket/toml.ts";
import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import { isKeyName } from "../model/names.ts";

/**
 * Every key of a table as text: strings as they are, integers exactly, floats in plain decimal with the digits
 * that were written, booleans `true` and `false`, dates as written. Lists and tables are errors.
 * @param at path of the table inside the document, `[]` for the top
 */
export function varsOf(
  document: TomlDocument,
  at: readonly string[],
  table: TomlTable,
): Checked<Record<string, string>> {
  const vars: Record<string, string> = {};
  const diagnostics: Diagnostic[] = [];
  for (const [key, value] of Object.entries(table)) {
    const path = [...at, key];
    if (!isKeyName(key) || key === "__proto__") {
      const message = `the name ${JSON.stringify(key.slice(0, 60))} is not allowed`;
      diagnostics.push(errorAt(document.place(path, "key"), message, "use 1 to 253 printable characters"));
      continue;
    }
    const text = asText(value, () => document.source(path));
    if (typeof text === "string") vars[key] = text;
    else diagnostics.push(errorAt(document.place(path), `"${key}" is ${text.what}`, text.hint));
  }
  return checked(vars, diagnostics);
}

/** @param written the value as it stands in the file: asked for only where digits could get lost */
function asText(
  value: TomlValue,
  written: () => string | undefined,
): string | { what: string; hint: string } {
  if (typeof value === "string") return value;
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof TomlDate) return written() ?? value.toISOString();
  if (typeof value === "number") {
    if (Number.isFinite(value)) return plainDecimalText(written() ?? String(value));
    return { what: "not a finite number", hint: "use a finite number, or put it in quotes as text" };
  }
  if (Array.isArray(value))
    return { what: "a list", hint: 'write it as one text, such as "a,b,c"; templates can split it' };
  return { what: "a table", hint: 'write flat keys; a key with a dot needs quotes: "a.b" = "text"' };
}

/**
 * A TOML float in plain decimal, without rounding: `1e3` is `1000`, `-2.5e-3` is `-0.0025`, `1.10` stays `1.10`.
 * The value is finite, so the result has at most a few hundred digits, whatever exponent is written.
 */
export function plainDecimalText(written: string): string {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(written.replaceAll("_", ""));
  if (match === null) return written;
  const [, sign, whole = "", fraction = "", exponent] = match;
  const minus = sign === "-" ? "-" : "";
  if (exponent === undefined) return `${minus}${whole}${fraction === "" ? "" : `.${fraction}`}`;
  const digits = whole + fraction;
  if (/^0*$/.test(digits)) return "0";
  // Beyond this a double is 0 or infinite, and infinite ones were refused before.
  const shift = Math.max(-400, Math.min(400, Number(exponent)));
  const point = whole.length + shift;
  const padded = point <= 0 ? "0".repeat(1 - point) + digits : digits.padEnd(point, "0");
  const cut = point <= 0 ? 1 : point;
  const left = padded.slice(0, cut).replace(/^0+(?=\d)/, "");
  const right = padded.slice(cut).replace(/0+$/, "");
  return `${minus}${left}${right === "" ? "" : `.${right}`}`;
}
