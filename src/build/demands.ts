// Waves: which job must be deployed before which.

import type { Fault } from "../model/fault.ts";
import type { HookDemand } from "../model/manifest.ts";
import { compareVersions, formatVersion, parseVersion } from "../model/version.ts";
import { suggestName } from "../support/nearest.ts";
import { manifestPath } from "../workspace/paths.ts";
import type { WorkspaceJob, WorkspacePlaces } from "../workspace/types.ts";

/**
 * The `deployment_seq` of every job: the length of the longest chain of demands below it.
 * @param jobs by name
 */
export function sequenceJobs(
  jobs: readonly WorkspaceJob[],
  places: WorkspacePlaces,
): { sequence: Map<string, number>; faults: Fault[] } {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const faults: Fault[] = [];
  const edges = new Map<string, Set<string>>(jobs.map((job) => [job.name, new Set()]));
  const unversioned = new Set<string>();
  for (const job of jobs) {
    for (const hook of job.manifest.hooks) {
      if (hook.demand === undefined) continue;
      faults.push(...checkDemand(job, hook.name, hook.demand, byName, places));
      faults.push(...checkVersions(job, byName.get(hook.demand.job), unversioned, places));
      if (byName.has(hook.demand.job) && hook.demand.job !== job.name)
        edges.get(job.name)!.add(hook.demand.job);
    }
  }
  const cycle = findCycle(edges);
  if (cycle !== undefined) {
    const [first, second] = cycle;
    const hook = byName.get(first!)!.manifest.hooks.find(({ demand }) => demand?.job === second)!;
    faults.push({
      ...places.place(manifestPath(first!), ["hooks", hook.name, "demands", "job"]),
      what: `jobs demand each other in a circle: ${cycle.join(" → ")}`,
      hint: "drop one of these demands",
    });
    return { sequence: new Map(), faults };
  }
  const sequence = new Map<string, number>();
  const measure = (name: string): number => {
    const known = sequence.get(name);
    if (known !== undefined) return known;
    let seq = 0;
    for (const upstream of edges.get(name)!) seq = Math.max(seq, measure(upstream) + 1);
    sequence.set(name, seq);
    return seq;
  };
  for (const job of jobs) measure(job.name);
  return { sequence, faults };
}

function checkDemand(
  job: WorkspaceJob,
  hook: string,
  demand: HookDemand,
  byName: ReadonlyMap<string, WorkspaceJob>,
  places: WorkspacePlaces,
): Fault[] {
  const at = (...path: string[]) => places.place(manifestPath(job.name), ["hooks", hook, "demands", ...path]);
  if (demand.job === job.name) {
    return [
      {
        ...at("job"),
        what: `job "${job.name}" demands itself`,
        hint: "name another job or drop the demand",
      },
    ];
  }
  const upstream = byName.get(demand.job);
  if (upstream === undefined) {
    return [
      {
        ...at("job"),
        what: `${hook} demands job "${demand.job}", which is not in the workspace`,
        hint: suggestName(demand.job, [...byName.keys()]),
      },
    ];
  }
  const faults: Fault[] = [];
  if (!upstream.manifest.hooks.some((candidate) => candidate.name === demand.hook)) {
    faults.push({
      ...at("hook"),
      what: `${hook} demands hook "${demand.hook}" of job "${demand.job}", which has no such hook`,
      hint: suggestName(
        demand.hook,
        upstream.manifest.hooks.map((candidate) => candidate.name),
      ),
    });
  }
  faults.push(...checkRange(demand, upstream, at));
  return faults;
}

/** Both sides of a demand need a version; a job without one is told once. */
function checkVersions(
  job: WorkspaceJob,
  upstream: WorkspaceJob | undefined,
  told: Set<string>,
  places: WorkspacePlaces,
): Fault[] {
  if (upstream === undefined || upstream === job) return [];
  return [job, upstream].flatMap((side) => {
    if (side.manifest.versionDeclared || told.has(side.name)) return [];
    told.add(side.name);
    const why = side === job ? `it demands job "${upstream.name}"` : `job "${job.name}" demands it`;
    return [
      {
        ...places.place(manifestPath(side.name), []),
        what: `job "${side.name}" has no version, but ${why}`,
        hint: 'add "version"',
      },
    ];
  });
}

function checkRange(
  demand: HookDemand,
  upstream: WorkspaceJob,
  at: (...path: string[]) => { path: string },
): Fault[] {
  const version = parseVersion(upstream.manifest.version);
  if (version === undefined || !upstream.manifest.versionDeclared) return [];
  const faults: Fault[] = [];
  for (const [bound, isOutside] of [
    ["min_version", (difference: number) => difference < 0],
    ["max_version", (difference: number) => difference > 0],
  ] as const) {
    const written = demand.config[bound];
    if (written === undefined) continue;
    const limit = parseVersion(String(written));
    if (limit === undefined) continue; // the manifest check has said so already
    if (!isOutside(compareVersions(version, limit))) continue;
    faults.push({
      ...at("config", bound),
      what: `job "${upstream.name}" has version ${upstream.manifest.version}, the demand says ${bound} ${formatVersion(limit)}`,
      hint: `change the version of "${upstream.name}" or this bound`,
    });
  }
  return faults;
}

/** One cycle as a closed path `a, b, c, a`, starting at its first name in order; undefined when there is none. */
function findCycle(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): string[] | undefined => {
    const start = path.indexOf(name);
    if (start >= 0) return [...path.slice(start), name];
    if (done.has(name)) return undefined;
    path.push(name);
    for (const upstream of [...edges.get(name)!].sort()) {
      const cycle = visit(upstream);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(name);
    return undefined;
  };
  for (const name of [...edges.keys()].sort()) {
    const cycle = visit(name);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
