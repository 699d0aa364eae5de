// Workspaces as values, single ones and generated ones, and the build plan over them without a disk.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { type BuildInput, type BuildPlan, planBuild } from "../../../src/build/plan.ts";
import type { Diagnostic } from "../../../src/model/diagnostic.ts";
import type { Manifest } from "../../../src/model/manifest.ts";
import type { CatalogState, RuntimeState } from "../../../src/model/state.ts";
import type {
  Workspace,
  WorkspaceJob,
  WorkspacePlaces,
  WorkspaceWorker,
} from "../../../src/workspace/types.ts";
import { errors, warnings } from "../checked.ts";
import { catalogState } from "./catalog.ts";
import { manifest } from "./manifest.ts";

/** Places in files for messages, as if nothing were known but the file. */
export const noPlaces: WorkspacePlaces = { place: (file) => ({ file }) };

/** A job whose only file is a Makefile with this text. */
export function workspaceJob(name: string, overrides: Partial<Manifest> = {}, text = name): WorkspaceJob {
  const content = new TextEncoder().encode(text);
  const sha256 = createHash("sha256").update(content).digest("hex");
  return {
    name,
    manifest: manifest(overrides),
    files: [{ kind: "file", path: "Makefile", mode: 0o644, sha256, content }],
    vars: {},
  };
}

/** A worker with these labels and `worker`. */
export function workspaceWorker(host: string, index: number, labels: string[] = []): WorkspaceWorker {
  return { host, labels: [...new Set([...labels, "worker"])].sort(), tags: {}, position: index, index };
}

/** Jobs are put in the order of their names, as a read workspace has them. */
export function workspace(
  workers: WorkspaceWorker[],
  jobs: WorkspaceJob[],
  overrides: Partial<Workspace> = {},
): Workspace {
  return {
    workers,
    jobs: [...jobs].sort((a, b) => (a.name < b.name ? -1 : 1)),
    disabled: { jobs: new Map(), workers: [] },
    portRange: { min: 30_000, max: 30_999 },
    bucketVars: {},
    reservations: new Map(),
    ...overrides,
  };
}

let minted = 0;

/** What a build leads to, or what stands in its way. */
interface Built extends BuildPlan {
  errors: Diagnostic[];
  warnings: Diagnostic[];
}

/** Plans a build of a workspace on top of an earlier state; with errors there is no plan to look at. */
export function build(
  ws: Workspace,
  previous: CatalogState = catalogState(),
  runtime: ReadonlyMap<string, RuntimeState> = new Map(),
  overrides: Partial<BuildInput> = {},
): Built {
  const planned = planBuild({
    workspace: ws,
    places: noPlaces,
    previous,
    runtime,
    jobConfigSelector: "",
    caCert: "CA\n",
    newWorkerId: () => `id-${minted++}`,
    ...overrides,
  });
  const found = { errors: errors(planned), warnings: warnings(planned) };
  return planned.ok ? { ...planned.value, ...found } : (found as unknown as Built);
}

const labels = ["a", "b", "c"];

/** A workspace of up to 8 workers and 6 jobs with labels, ports and demands that form no circle. */
export const workspaces: fc.Arbitrary<Workspace> = fc
  .record({
    workers: fc.array(fc.subarray(labels), { maxLength: 8 }),
    jobs: fc.array(
      fc.record({
        selectors: fc.subarray([...labels, "worker"], { minLength: 1, maxLength: 2 }),
        ports: fc.subarray(["http", "admin", "peer"]),
        demandsEarlier: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
      }),
      { maxLength: 6 },
    ),
    disabledWorkers: fc.subarray([0, 1, 2, 3]),
    disabledJobs: fc.subarray([0, 1, 2]),
  })
  .map(({ workers, jobs, disabledWorkers, disabledJobs }) =>
    workspace(
      workers.map((own, i) => workspaceWorker(`10.0.0.${i + 1}`, i, own)),
      jobs.map((job, i) => {
        const upstream = job.demandsEarlier === undefined || i === 0 ? undefined : job.demandsEarlier % i;
        const executedOn: "cli"[] = ["cli"];
        return workspaceJob(`job${i}`, {
          selectors: job.selectors,
          ports: Object.fromEntries(job.ports.map((name) => [name, "pool" as const])),
          hooks: [
            {
              name: "hook_x",
              executedOn,
              file: "hook_x.ts",
              ...(upstream === undefined
                ? {}
                : { demand: { job: `job${upstream}`, hook: "hook_x", config: {} } }),
            },
          ],
        });
      }),
      {
        disabled: {
          workers: disabledWorkers.map((i) => `10.0.0.${i + 1}`),
          jobs: new Map(disabledJobs.map((i) => [`job${i}`, "all" as const])),
        },
      },
    ),
  );
