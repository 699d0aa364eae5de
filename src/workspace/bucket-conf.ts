// bucket.conf: the pool of port numbers and the bucket's variables.

import type { TomlTable } from "smol-toml";
import type { TomlDocument } from "../bucket/toml.ts";
import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import type { Bounds } from "../model/manifest.ts";
import { varsOf } from "./vars.ts";

export interface BucketConf {
  portRange?: Bounds;
  vars: Record<string, string>;
}

const rangeUse = 'use "<first>,<last>" with ports from 1 to 65535, such as "30000,39999"';

/** Every key as text, and the port pool from `port_range` or the older `port_min` with `port_max`. */
export function checkBucketConf(document: TomlDocument, table: TomlTable): Checked<BucketConf> {
  const vars = varsOf(document, [], table);
  const current = readRange(document, table);
  const older = readOlderRange(document, table);
  const diagnostics = [...vars.diagnostics, ...current.diagnostics, ...older.diagnostics];
  const range = current.ok ? current.value : undefined;
  const old = older.ok ? older.value : undefined;
  if (range !== undefined && old !== undefined && (range.min !== old.min || range.max !== old.max)) {
    const message = `port_min and port_max say ${old.min},${old.max} where port_range says ${range.min},${range.max}`;
    const place = document.place(["port_min"], "key");
    diagnostics.push(errorAt(place, message, "remove port_min and port_max"));
  }
  if (!vars.ok) return { ok: false, diagnostics };
  const portRange = range ?? old;
  return checked({ ...(portRange === undefined ? {} : { portRange }), vars: vars.value }, diagnostics);
}

function readRange(document: TomlDocument, table: TomlTable): Checked<Bounds | undefined> {
  const value = table.port_range;
  if (value === undefined) return checked(undefined);
  const match = typeof value === "string" ? /^\s*(\d{1,5})\s*,\s*(\d{1,5})\s*$/.exec(value) : null;
  const range = { min: Number(match?.[1]), max: Number(match?.[2]) };
  if (isPort(range.min) && isPort(range.max) && range.min <= range.max) return checked(range);
  return { ok: false, diagnostics: wrong(document, table, "port_range", rangeUse) };
}

function readOlderRange(document: TomlDocument, table: TomlTable): Checked<Bounds | undefined> {
  if (table.port_min === undefined && table.port_max === undefined) return checked(undefined);
  const min = readOlderPort(document, table, "port_min");
  const max = readOlderPort(document, table, "port_max");
  if (!min.ok || !max.ok) return { ok: false, diagnostics: [...min.diagnostics, ...max.diagnostics] };
  if (min.value <= max.value) return checked({ min: min.value, max: max.value });
  const hint = `use a number that is not above port_max (${max.value})`;
  return { ok: false, diagnostics: wrong(document, table, "port_min", hint) };
}

function readOlderPort(
  document: TomlDocument,
  table: TomlTable,
  key: "port_min" | "port_max",
): Checked<number> {
  const value = table[key];
  if (value === undefined) {
    const other = key === "port_min" ? "port_max" : "port_min";
    const hint = `add ${key}, or better use port_range = "<first>,<last>"`;
    const place = document.place([other], "key");
    return { ok: false, diagnostics: [errorAt(place, `"${other}" stands without "${key}"`, hint)] };
  }
  const port = /^\d{1,5}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (typeof value !== "object" && isPort(port)) return checked(port);
  return { ok: false, diagnostics: wrong(document, table, key, "use a port from 1 to 65535") };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

/** Nothing for lists and tables: `varsOf` has said of them that they are none of a variable's values. */
function wrong(document: TomlDocument, table: TomlTable, key: string, hint: string): Diagnostic[] {
  if (typeof table[key] === "object") return [];
  const source = document.source([key])?.slice(0, 60);
  return [errorAt(document.place([key]), `"${key}" is ${source ?? "not a range"}`, hint)];
}
