// bucket.jobs*.conf: one table per job with this environment's reservation and variables.

import type { TomlTable, TomlValue } from "smol-toml";
import { TomlDate } from "smol-toml";
import type { TomlDocument } from "../bucket/toml.ts";
import { type Checked, checked, type Diagnostic, errorAt, warningAt } from "../model/diagnostic.ts";
import { parseCpu, parseMemory } from "../model/units.ts";
import { suggestName } from "../support/nearest.ts";
import type { JobReservation } from "./types.ts";
import { varsOf } from "./vars.ts";

/**
 * Reservations by job.
 * @param jobs names of the jobs of the workspace: a table for any other is a warning
 */
export function checkJobsConf(
  document: TomlDocument,
  table: TomlTable,
  jobs: readonly string[],
): Checked<Map<string, JobReservation>> {
  const reservations = new Map<string, JobReservation>();
  const diagnostics: Diagnostic[] = [];
  for (const [job, value] of Object.entries(table)) {
    const place = () => document.place([job], "key");
    if (!isTable(value)) {
      const hint = "put it below a line [<job>], or into bucket.conf";
      diagnostics.push(errorAt(place(), `${JSON.stringify(job)} belongs to no job`, hint));
      continue;
    }
    if (!jobs.includes(job)) {
      const message = `there is no job ${JSON.stringify(job)}, so this table has no effect`;
      diagnostics.push(warningAt(place(), message, suggestName(job, jobs)));
    }
    const reservation = checkReservation(document, job, value);
    diagnostics.push(...reservation.diagnostics);
    if (reservation.ok) reservations.set(job, reservation.value);
  }
  return checked(reservations, diagnostics);
}

const quantities = {
  memory: { parse: parseMemory, use: 'use MB as a number, or text such as "512 mb" or "2 gb"' },
  cpu: { parse: parseCpu, use: 'use MHz as a number, or text such as "500 mhz" or "2.4 ghz"' },
};

function checkReservation(document: TomlDocument, job: string, table: TomlTable): Checked<JobReservation> {
  const memory = quantity(document, job, "memory", table);
  const cpu = quantity(document, job, "cpu", table);
  const vars = varsOf(document, [job], table);
  const diagnostics = [...memory.diagnostics, ...cpu.diagnostics, ...vars.diagnostics];
  if (!memory.ok || !cpu.ok || !vars.ok) return { ok: false, diagnostics };
  return checked({
    ...(memory.value === undefined ? {} : { memoryMb: memory.value }),
    ...(cpu.value === undefined ? {} : { cpuMhz: cpu.value }),
    vars: vars.value,
  });
}

function quantity(
  document: TomlDocument,
  job: string,
  key: keyof typeof quantities,
  table: TomlTable,
): Checked<number | undefined> {
  const value = table[key];
  // Of lists, tables and numbers that are not finite `varsOf` tells.
  if (value === undefined || typeof value === "object") return checked(undefined);
  if (typeof value === "number" && !Number.isFinite(value)) return checked(undefined);
  const { parse, use } = quantities[key];
  const plain = typeof value === "bigint" ? Number(value) : value;
  const amount = typeof plain === "boolean" ? undefined : parse(plain);
  if (amount !== undefined) return checked(amount);
  const source = document.source([job, key])?.slice(0, 60) ?? "not an amount";
  const place = document.place([job, key]);
  return { ok: false, diagnostics: [errorAt(place, `"${key}" of ${job} is ${source}`, use)] };
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof TomlDate);
}
