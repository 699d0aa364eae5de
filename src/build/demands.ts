// Waves: which job must be deployed before which.

import { type Checked, checked, type Diagnostic, errorAt, type FilePlace } from "../model/diagnostic.ts";
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
): Checked<Map<string, number>> {
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const diagnostics: Diagnostic[] = [];
  const edges = new Map<string, Set<string>>(jobs.map((job) => [job.name, new Set()]));
  const unversioned = new Set<string>();
  for (const job of jobs) {
    for (const hook of job.manifest.hooks) {
      if (hook.demand === undefined) continue;
      diagnostics.push(...checkDemand(job, hook.name, hook.demand, byName, places));
      diagnostics.push(...checkVersions(job, byName.get(hook.demand.job), unversioned, places));
      if (byName.has(hook.demand.job) && hook.demand.job !== job.name)
        edges.get(job.name)!.add(hook.demand.job);
    }
  }
  const cycle = findCycle(edges);
  if (cycle !== undefined) {
    const [first, second] = cycle;
    const hook = byName.get(first!)!.manifest.hooks.find(({ demand }) => demand?.job === second)!;
    const place = places.place(manifestPath(first!), ["hooks", hook.name, "demands", "job"]);
    const message = `jobs demand each other in a circle: ${cycle.join(" → ")}`;
    const diagnostic = errorAt(place, message, "drop one of these demands");
    return { ok: false, diagnostics: [...diagnostics, diagnostic] };
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
  return checked(sequence, diagnostics);
}

function checkDemand(
  job: WorkspaceJob,
  hook: string,
  demand: HookDemand,
  byName: ReadonlyMap<string, WorkspaceJob>,
  places: WorkspacePlaces,
): Diagnostic[] {
  const at = (...path: string[]) => places.place(manifestPath(job.name), ["hooks", hook, "demands", ...path]);
  if (demand.job === job.name) {
    const message = `job "${job.name}" demands itself`;
    return [errorAt(at("job"), message, "name another job or drop the demand")];
  }
  const upstream = byName.get(demand.job);
  if (upstream === undefined) {
    const message = `${hook} demands job "${demand.job}", which is not in the workspace`;
    return [errorAt(at("job"), message, suggestName(demand.job, [...byName.keys()]))];
  }
  const range = checkRange(demand, upstream, at);
  if (!upstream.manifest.hooks.some((candidate) => candidate.name === demand.hook)) {
    const message = `${hook} demands hook "${demand.hook}" of job "${demand.job}", which has no such hook`;
    const hint = suggestName(
      demand.hook,
      upstream.manifest.hooks.map((candidate) => candidate.name),
    );
    return [errorAt(at("hook"), message, hint), ...range];
  }
  return range;
}

/** Both sides of a demand need a version; a job without one is told once. */
function checkVersions(
  job: WorkspaceJob,
  upstream: WorkspaceJob | undefined,
  reported: Set<string>,
  places: WorkspacePlaces,
): Diagnostic[] {
  if (upstream === undefined || upstream === job) return [];
  return [job, upstream].flatMap((side) => {
    if (side.manifest.versionDeclared || reported.has(side.name)) return [];
    reported.add(side.name);
    const why = side === job ? `it demands job "${upstream.name}"` : `job "${job.name}" demands it`;
    const place = places.place(manifestPath(side.name), []);
    return [errorAt(place, `job "${side.name}" has no version, but ${why}`, 'add "version"')];
  });
}

function checkRange(
  demand: HookDemand,
  upstream: WorkspaceJob,
  at: (...path: string[]) => FilePlace,
): Diagnostic[] {
  const version = parseVersion(upstream.manifest.version);
  if (version === undefined || !upstream.manifest.versionDeclared) return [];
  const diagnostics: Diagnostic[] = [];
  for (const [bound, isOutside] of [
    ["min_version", (difference: number) => difference < 0],
    ["max_version", (difference: number) => difference > 0],
  ] as const) {
    const written = demand.config[bound];
    if (written === undefined) continue;
    const limit = parseVersion(String(written));
    if (limit === undefined) continue; // the manifest check has said so already
    if (!isOutside(compareVersions(version, limit))) continue;
    const message = `job "${upstream.name}" has version ${upstream.manifest.version}, the demand says ${bound} ${formatVersion(limit)}`;
    const hint = `change the version of "${upstream.name}" or this bound`;
    diagnostics.push(errorAt(at("config", bound), message, hint));
  }
  return diagnostics;
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
