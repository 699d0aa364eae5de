// disabled.json: what is drained. Unknown names are warnings: a drained host may be removed later.

import type { Fault } from "../model/fault.ts";
import { suggestName } from "../support/nearest.ts";
import { checkAgainst } from "./issues.ts";
import type { JsonDocument, JsonPath } from "./json.ts";
import { disabledSchema } from "./schema.ts";
import type { Disabled } from "./types.ts";
import { canonicalHost } from "./workers.ts";

/**
 * Hosts come out in the spelling of workers.json where it has them, else as written.
 * @param hosts hosts of workers.json; undefined when that file cannot be read, then no host counts as unknown
 * @param jobs names of the jobs of the workspace
 */
export function checkDisabled(
  document: JsonDocument,
  hosts: readonly string[] | undefined,
  jobs: readonly string[],
): { disabled?: Disabled; faults: Fault[]; warnings: Fault[] } {
  const { value, faults } = checkAgainst(disabledSchema, document);
  const warnings: Fault[] = [];
  if (value === undefined) return { faults, warnings };
  const spelling = new Map((hosts ?? []).map((host) => [canonicalHost(host), host]));
  const known = (host: string, path: JsonPath): string => {
    const found = spelling.get(canonicalHost(host));
    if (found === undefined && hosts !== undefined) {
      const what = `there is no worker ${JSON.stringify(host)}, so this line has no effect`;
      warnings.push({ ...document.place(path), what, hint: suggestName(host, hosts) });
    }
    return found ?? host;
  };
  const disabled: Disabled = { jobs: new Map(), workers: [] };
  for (const [job, { allocations }] of Object.entries(value.jobs)) {
    const path = ["jobs", job];
    if (!jobs.includes(job)) {
      const what = `there is no job ${JSON.stringify(job)}, so this line has no effect`;
      warnings.push({ ...document.place(path, "key"), what, hint: suggestName(job, jobs) });
    }
    if (allocations?.length === 0) {
      const what = `"allocations" of ${job} is empty, so nothing of it is disabled`;
      const hint = `write "${job}": {} to disable the whole job, or list hosts`;
      warnings.push({ ...document.place([...path, "allocations"]), what, hint });
    }
    const on = allocations?.map((host, i) => known(host, [...path, "allocations", i]));
    disabled.jobs.set(job, on === undefined ? "all" : [...new Set(on)]);
  }
  disabled.workers = [...new Set(value.workers.map((host, i) => known(host, ["workers", i])))];
  return { disabled, faults, warnings };
}
