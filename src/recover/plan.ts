// What a catalog that may be old can believe, worked out from what it holds and from what lies on the workers. Pure.

import type { Deployment } from "../catalog/deployments.ts";
import type { AllocationRow, CatalogState } from "../model/state.ts";
import { hasFiles } from "../model/state.ts";
import type { TreeFile } from "../model/tree.ts";
import type { FoundIdentity } from "../model/worker-identity.ts";
import { compareText } from "../support/order.ts";

/** An entry of a job's directory as it was found; `other` is a socket, a pipe or a device. */
export type FoundFile = readonly [path: string, kind: TreeFile["kind"] | "other", mode: number, ref: string];

/** What one worker holds. */
export interface Inventory {
  found: FoundIdentity;
  /** By job; the mark is what the last complete sync left. */
  jobs: ReadonlyMap<string, { mark?: string; files: readonly FoundFile[] }>;
}

/** Whose worker answered: `other` is not the one that is meant, `adopted` has an id that only the workers know. */
export type RecoveredWorker = { workerIp: string } & (
  | { kind: "known"; found: FoundIdentity }
  | { kind: "adopted"; workerId: string }
  | { kind: "other"; workerId: string }
);

/** What the catalog says of an allocation from now on. */
export interface RecoveredAllocation {
  row: AllocationRow;
  /** `kept`: what is there is what would be deployed. `unknown`: the next deploy acts on it. */
  status: "kept" | "unknown";
  mark?: string;
}

export interface RecoverPlan {
  /** Above every number that was found, and above the own one. */
  updateSeq: number;
  workers: RecoveredWorker[];
  allocations: RecoveredAllocation[];
  /** Jobs that lie on a worker and are not allocated to it in this catalog. */
  strays: { job: string; workerIp: string }[];
}

export interface RecoverFacts {
  state: CatalogState;
  deployments: ReadonlyMap<string, Deployment>;
  updateSeq: number;
  /** By address, of the workers that answered. */
  inventories: ReadonlyMap<string, Inventory>;
  /** What would be deployed, by allocation id; undefined where it cannot be rendered. */
  desired(allocId: string): readonly TreeFile[] | undefined;
}

export function planRecover(facts: RecoverFacts): RecoverPlan {
  const { state, deployments, inventories } = facts;
  const workers = judgeWorkers(state, inventories);
  const believed = new Set(workers.filter(({ kind }) => kind !== "other").map(({ workerIp }) => workerIp));
  const allocations = state.allocations.flatMap((row): RecoveredAllocation[] => {
    const there = believed.has(row.workerIp) ? inventories.get(row.workerIp)?.jobs.get(row.job) : undefined;
    const wanted = row.removed ? undefined : facts.desired(row.allocId);
    if (there !== undefined && wanted !== undefined && isSameTree(wanted, there.files))
      return [{ row, status: "kept", ...(there.mark === undefined ? {} : { mark: there.mark }) }];
    const isAny = hasFiles(deployments.get(row.allocId)?.state ?? "absent") || (there?.files.length ?? 0) > 0;
    return isAny ? [{ row, status: "unknown" }] : [];
  });
  const known = new Set(state.allocations.map(({ job, workerIp }) => `${job}@${workerIp}`));
  const strays = [...inventories].flatMap(([workerIp, { jobs }]) =>
    [...jobs.keys()].filter((job) => !known.has(`${job}@${workerIp}`)).map((job) => ({ job, workerIp })),
  );
  const numbers = [...inventories.values()].map(({ found }) =>
    found.kind === "says" ? found.identity.updateSeq : 0,
  );
  return {
    updateSeq: Math.max(facts.updateSeq, ...numbers) + 1,
    workers,
    allocations,
    strays: strays.sort((a, b) => compareText(a.job, b.job) || compareText(a.workerIp, b.workerIp)),
  };
}

/** A worker that was added after the backup has an id that this catalog has never seen: it is taken over. */
function judgeWorkers(state: CatalogState, inventories: RecoverFacts["inventories"]): RecoveredWorker[] {
  const taken = new Set([
    ...state.workers.map((worker) => worker.workerId),
    ...state.allocations.map((allocation) => allocation.workerId),
  ]);
  const said = [...inventories].flatMap(([workerIp, { found }]) =>
    found.kind === "says" ? [{ workerIp, id: found.identity.workerId }] : [],
  );
  return [...inventories].map(([workerIp, { found }]): RecoveredWorker => {
    const expected = state.workers.find((worker) => worker.host === workerIp)?.workerId;
    if (found.kind !== "says" || found.identity.workerId === expected)
      return { workerIp, kind: "known", found };
    const { workerId } = found.identity;
    const isSaidOnce = said.filter(({ id }) => id === workerId).length === 1;
    const isFree = isSaidOnce && !taken.has(workerId) && found.identity.bucketId === state.bucketId;
    return { workerIp, kind: isFree ? "adopted" : "other", workerId };
  });
}

/** The bits that a directory gets on the way to its worker, whatever it has in the catalog. */
const ownerBits = 0o700;

/** Whether a job's directory holds what would be deployed: every entry, and none besides. */
function isSameTree(wanted: readonly TreeFile[], found: readonly FoundFile[]): boolean {
  const left = new Map(found.map((entry) => [entry[0], entry]));
  const parents = new Set(wanted.flatMap(({ path }) => parentsOf(path)));
  for (const { path, kind, mode, ref } of wanted) {
    const entry = left.get(path);
    if (entry === undefined || entry[1] !== kind || entry[3] !== ref) return false;
    const sent = kind === "dir" ? mode | ownerBits : mode;
    if (kind !== "link" && entry[2] !== sent) return false;
    left.delete(path);
  }
  return [...left.values()].every(([path, kind]) => kind === "dir" && parents.has(path));
}

function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("/"));
}
