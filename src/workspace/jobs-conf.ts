// bucket.jobs*.conf: one table per job with this environment's reservation and variables.

import type { TomlTable, TomlValue } from "smol-toml";
import { TomlDate } from "smol-toml";
import type { TomlDocument } from "../bucket/toml.ts";
import type { Fault } from "../model/fault.ts";
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
  faults: Fault[],
  warnings: Fault[],
): Map<string, JobReservation> {
  const reservations = new Map<string, JobReservation>();
  for (const [job, value] of Object.entries(table)) {
    if (!isTable(value)) {
      const place = document.place([job], "key");
      const what = `${JSON.stringify(job)} belongs to no job`;
      faults.push({ ...place, what, hint: "put it below a line [<job>], or into bucket.conf" });
      continue;
    }
    if (!jobs.includes(job)) {
      const place = document.place([job], "key");
      const what = `there is no job ${JSON.stringify(job)}, so this table has no effect`;
      warnings.push({ ...place, what, hint: suggestName(job, jobs) });
    }
    const memoryMb = quantity(document, job, "memory", value, faults);
    const cpuMhz = quantity(document, job, "cpu", value, faults);
    reservations.set(job, {
      ...(memoryMb === undefined ? {} : { memoryMb }),
      ...(cpuMhz === undefined ? {} : { cpuMhz }),
      vars: varsOf(document, [job], value, faults),
    });
  }
  return reservations;
}

const quantities = {
  memory: { parse: parseMemory, use: 'use MB as a number, or text such as "512 mb" or "2 gb"' },
  cpu: { parse: parseCpu, use: 'use MHz as a number, or text such as "500 mhz" or "2.4 ghz"' },
};

function quantity(
  document: TomlDocument,
  job: string,
  key: keyof typeof quantities,
  table: TomlTable,
  faults: Fault[],
): number | undefined {
  const value = table[key];
  // Lists, tables and numbers that are not finite have their fault from `varsOf`.
  if (value === undefined || typeof value === "object") return undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  const { parse, use } = quantities[key];
  const plain = typeof value === "bigint" ? Number(value) : value;
  const amount = typeof plain === "boolean" ? undefined : parse(plain);
  if (amount !== undefined) return amount;
  const source = document.source([job, key])?.slice(0, 60);
  faults.push({
    ...document.place([job, key]),
    what: `"${key}" of ${job} is ${source ?? "not an amount"}`,
    hint: use,
  });
  return undefined;
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof TomlDate);
}
