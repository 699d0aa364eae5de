// disabled.json: what is drained. Unknown names are warnings: a drained host may be removed later.

import { type Checked, checked, type Diagnostic, warningAt } from "../model/diagnostic.ts";
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
): Checked<Disabled> {
  const read = checkAgainst(disabledSchema, document);
  if (!read.ok) return read;
  const warnings: Diagnostic[] = [];
  const spelling = new Map((hosts ?? []).map((host) => [canonicalHost(host), host]));
  const known = (host: string, path: JsonPath): string => {
    const found = spelling.get(canonicalHost(host));
    if (found === undefined && hosts !== undefined) {
      const message = `there is no worker ${JSON.stringify(host)}, so this line has no effect`;
      warnings.push(warningAt(document.place(path), message, suggestName(host, hosts)));
    }
    return found ?? host;
  };
  const disabled: Disabled = { jobs: new Map(), workers: [] };
  for (const [job, { allocations }] of Object.entries(read.value.jobs)) {
    const path = ["jobs", job];
    if (!jobs.includes(job)) {
      const message = `there is no job ${JSON.stringify(job)}, so this line has no effect`;
      warnings.push(warningAt(document.place(path, "key"), message, suggestName(job, jobs)));
    }
    if (allocations?.length === 0) {
      const message = `"allocations" of ${job} is empty, so nothing of it is disabled`;
      const hint = `write "${job}": {} to disable the whole job, or list hosts`;
      warnings.push(warningAt(document.place([...path, "allocations"]), message, hint));
    }
    const on = allocations?.map((host, i) => known(host, [...path, "allocations", i]));
    disabled.jobs.set(job, on === undefined ? "all" : [...new Set(on)]);
  }
  disabled.workers = [...new Set(read.value.workers.map((host, i) => known(host, ["workers", i])))];
  return checked(disabled, warnings);
}
