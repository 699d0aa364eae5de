// Port numbers: fixed ones as written, pool ones stable and the same for the same workspace.

import { type Checked, checked, type Diagnostic, errorAt } from "../model/diagnostic.ts";
import type { Bounds } from "../model/manifest.ts";
import type { PortRow } from "../model/state.ts";
import { compareText } from "../support/order.ts";
import { bucketConfPath, manifestPath } from "../workspace/paths.ts";
import type { WorkspaceJob, WorkspacePlaces } from "../workspace/types.ts";

const portName = (port: { job: string; name: string }): string => `${port.job}.${port.name}`;

/**
 * The ports after this build. Fixed numbers come first, then every pool port keeps its number if it can, then the
 * rest take the lowest free numbers in the order of job and name. Numbers of jobs that leave are free.
 * @param jobs by name
 */
export function assignPorts(
  jobs: readonly WorkspaceJob[],
  pool: Bounds | undefined,
  previous: readonly PortRow[],
  places: WorkspacePlaces,
): Checked<PortRow[]> {
  const diagnostics: Diagnostic[] = [];
  const holders = new Map<number, PortRow>();
  const ports: PortRow[] = [];
  const wanted: { job: string; name: string }[] = [];
  const take = (port: PortRow): void => {
    holders.set(port.number, port);
    ports.push(port);
  };
  const placeOf = (port: { job: string; name: string }) =>
    places.place(manifestPath(port.job), ["resources", "ports", port.name]);

  for (const job of jobs) {
    for (const [name, number] of Object.entries(job.manifest.ports)) {
      if (number === "pool") {
        wanted.push({ job: job.name, name });
        continue;
      }
      const holder = holders.get(number);
      if (holder === undefined) take({ job: job.name, name, number, source: "fixed" });
      else {
        const port = { job: job.name, name };
        const message = `port ${number} of ${portName(port)} is already the fixed port of ${portName(holder)}`;
        const hint = "give one of them another number, or {} for one from the pool";
        diagnostics.push(errorAt(placeOf(port), message, hint));
      }
    }
  }
  wanted.sort((a, b) => compareText(a.job, b.job) || compareText(a.name, b.name));

  const earlier = new Map(previous.map((port) => [portName(port), port.number]));
  const homeless = wanted.filter((port) => {
    const number = earlier.get(portName(port));
    if (number === undefined || pool === undefined) return true;
    if (number < pool.min || number > pool.max || holders.has(number)) return true;
    take({ ...port, number, source: "pool" });
    return false;
  });

  let next = pool?.min ?? 0;
  for (const port of homeless) {
    if (pool === undefined) {
      const message = `port ${portName(port)} is to come from the pool, but there is no pool`;
      const hint = `set port_range = "30000,39999" in ${bucketConfPath}, or give the port a number`;
      diagnostics.push(errorAt(placeOf(port), message, hint));
      continue;
    }
    while (next <= pool.max && holders.has(next)) next++;
    if (next > pool.max) {
      const message = `no number is left for port ${portName(port)}: the pool ${pool.min},${pool.max} is taken by ${holdersIn(pool, holders)}`;
      diagnostics.push(errorAt(placeOf(port), message, `widen port_range in ${bucketConfPath}`));
      continue;
    }
    take({ ...port, number: next, source: "pool" });
  }
  ports.sort((a, b) => compareText(a.job, b.job) || compareText(a.name, b.name));
  return checked(ports, diagnostics);
}

/** Who holds the numbers of the pool, by number; a long list is cut. */
function holdersIn(pool: Bounds, holders: ReadonlyMap<number, PortRow>): string {
  const shown = 8;
  const names: string[] = [];
  for (let number = pool.min; number <= pool.max && names.length < shown; number++) {
    names.push(`${portName(holders.get(number)!)} (${number})`);
  }
  const more = pool.max - pool.min + 1 - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
