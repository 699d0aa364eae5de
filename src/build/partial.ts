// Errors between the sound parts of a workspace that has errors elsewhere: told in the same run, and none made up.

import { type Diagnostic, isError } from "../model/diagnostic.ts";
import type { CatalogState } from "../model/state.ts";
import type { SoundParts } from "../workspace/check.ts";
import { bucketConfPath, disabledPath, jobsConfPath, workersPath } from "../workspace/paths.ts";
import type { Workspace, WorkspaceJob, WorkspacePlaces } from "../workspace/types.ts";
import { planBuild } from "./plan.ts";

/** The plan's errors that hold whatever the broken parts turn out to say. */
export function errorsBetween(sound: SoundParts, places: WorkspacePlaces, selector: string): Diagnostic[] {
  const nothing: CatalogState = {
    bucketId: "",
    workers: [],
    jobs: [],
    allocations: [],
    ports: [],
    files: new Map(),
  };
  const { diagnostics } = planBuild({
    workspace: withoutUnknowns(sound, selector),
    places,
    previous: nothing,
    runtime: new Map(),
    jobConfigSelector: selector,
    caCert: "",
    newWorkerId: (host) => host,
  });
  return diagnostics.filter(isError);
}

/** Takes away every demand on the plan that a broken part might meet once it is fixed. */
function withoutUnknowns(sound: SoundParts, selector: string): Workspace {
  const { workspace, hasErrors } = sound;
  const broken = new Set(sound.brokenJobs);
  const isAmountKnown = !hasErrors(jobsConfPath(selector));
  const isPlacementKnown = !hasErrors(workersPath);
  const isPoolKnown = !hasErrors(bucketConfPath);
  const reduce = (job: WorkspaceJob): WorkspaceJob => {
    const { memory, cpu, ...rest } = job.manifest;
    const ports = Object.entries(rest.ports).filter(([, port]) => isPoolKnown || port !== "pool");
    return {
      ...job,
      manifest: {
        ...rest,
        ...(isAmountKnown && memory !== undefined ? { memory } : {}),
        ...(isAmountKnown && cpu !== undefined ? { cpu } : {}),
        ports: Object.fromEntries(ports),
        hooks: rest.hooks.map(({ demand, ...hook }) =>
          demand === undefined || broken.has(demand.job) ? hook : { ...hook, demand },
        ),
        minAllocationsCount: isPlacementKnown ? rest.minAllocationsCount : 0,
      },
    };
  };
  return {
    ...workspace,
    jobs: workspace.jobs.map(reduce),
    workers: isPlacementKnown ? workspace.workers : [],
    // With everything disabled no capacity is asked for.
    disabled: hasErrors(disabledPath)
      ? { jobs: new Map(workspace.jobs.map((job) => [job.name, "all" as const])), workers: [] }
      : workspace.disabled,
    reservations: isAmountKnown ? workspace.reservations : new Map(),
  };
}
