// bucket.conf: the pool of port numbers and the bucket's variables.

import type { TomlTable } from "smol-toml";
import type { TomlDocument } from "../bucket/toml.ts";
import type { Fault } from "../model/fault.ts";
import type { Bounds } from "../model/manifest.ts";
import { varsOf } from "./vars.ts";

export interface BucketConf {
  portRange?: Bounds;
  vars: Record<string, string>;
}

const rangeUse = 'use "<first>,<last>" with ports from 1 to 65535, such as "30000,39999"';

/** Every key as text, and the port pool from `port_range` or the older `port_min` with `port_max`. */
export function checkBucketConf(document: TomlDocument, table: TomlTable, faults: Fault[]): BucketConf {
  const vars = varsOf(document, [], table, faults);
  const current = readRange(document, table, faults);
  const older = readOlderRange(document, table, faults);
  if (current && older && (current.min !== older.min || current.max !== older.max))
    faults.push({
      ...document.place(["port_min"], "key"),
      what: `port_min and port_max say ${older.min},${older.max} where port_range says ${current.min},${current.max}`,
      hint: "remove port_min and port_max",
    });
  const portRange = current ?? older;
  return { ...(portRange === undefined ? {} : { portRange }), vars };
}

function readRange(document: TomlDocument, table: TomlTable, faults: Fault[]): Bounds | undefined {
  const value = table.port_range;
  if (value === undefined) return undefined;
  const match = typeof value === "string" ? /^\s*(\d{1,5})\s*,\s*(\d{1,5})\s*$/.exec(value) : null;
  const range = { min: Number(match?.[1]), max: Number(match?.[2]) };
  if (isPort(range.min) && isPort(range.max) && range.min <= range.max) return range;
  if (isPlain(value)) faults.push(wrong(document, "port_range", rangeUse));
  return undefined;
}

function readOlderRange(document: TomlDocument, table: TomlTable, faults: Fault[]): Bounds | undefined {
  if (table.port_min === undefined && table.port_max === undefined) return undefined;
  const read = (key: "port_min" | "port_max"): number | undefined => {
    const value = table[key];
    if (value === undefined) {
      const other = key === "port_min" ? "port_max" : "port_min";
      faults.push({
        ...document.place([other], "key"),
        what: `"${other}" stands without "${key}"`,
        hint: `add ${key}, or better use port_range = "<first>,<last>"`,
      });
      return undefined;
    }
    const port = /^\d{1,5}$/.test(String(value)) ? Number(value) : Number.NaN;
    if (typeof value !== "object" && isPort(port)) return port;
    if (isPlain(value)) faults.push(wrong(document, key, "use a port from 1 to 65535"));
    return undefined;
  };
  const min = read("port_min");
  const max = read("port_max");
  if (min === undefined || max === undefined) return undefined;
  if (min <= max) return { min, max };
  faults.push(wrong(document, "port_min", `use a number that is not above port_max (${max})`));
  return undefined;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65535;
}

/** Lists and tables already have their fault from `varsOf`. */
function isPlain(value: unknown): boolean {
  return typeof value !== "object";
}

function wrong(document: TomlDocument, key: string, hint: string): Fault {
  const source = document.source([key])?.slice(0, 60);
  return { ...document.place([key]), what: `"${key}" is ${source ?? "not a range"}`, hint };
}
