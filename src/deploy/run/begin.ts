// What is settled between the answers of the workers and the first write: the fence, what was lost, the deploy's number.

import type { Forced } from "../../catalog/deployments.ts";
import {
  countDeploy,
  forgetPromotions,
  noteForced,
  readLastDeploy,
  readTree,
} from "../../catalog/deployments.ts";
import type { CatalogRead } from "../../catalog/read.ts";
import { type FenceAnswer, judgeFence } from "../../lifecycle/fence.ts";
import type { LostAllocation } from "../../lifecycle/lost.ts";
import { lostAllocations } from "../../lifecycle/lost.ts";
import { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import { isActive } from "../../model/state.ts";
import type { DeployMark } from "../../model/worker-identity.ts";
import type { Session } from "../../session/session.ts";
import type { AskedWorkers, FoundWorker, LateRefusal } from "./ask.ts";

/**
 * Leaves out the workers that are not the machines that are meant.
 * @throws MaandError("remote") where no worker may be touched
 */
export function passFence(asked: AskedWorkers, state: CatalogState): void {
  const { refusal, refused } = judgeFence(asked.answers, state);
  if (refusal !== undefined) throw refusal;
  for (const [workerIp, error] of refused) asked.refuse(workerIp, error);
}

/** Judges a worker that answered when the deploy had begun on others; undefined where it may take part. */
export function judgeLate(
  session: Session,
  read: CatalogRead,
  worker: FoundWorker,
  answers: readonly FenceAnswer[],
): LateRefusal | undefined {
  const { refusal, refused } = judgeFence(answers, read.state, true);
  if (refusal !== undefined) return { error: refusal, endsDeploy: true };
  const other = refused.get(worker.workerIp);
  if (other !== undefined) return { error: other, endsDeploy: false };
  const lost = findLost(session, read, [worker]);
  if (lost.length === 0) return undefined;
  // The plan is made and others are at work by it: what has to begin as new here is for a plan that knows of it.
  const error = new MaandError("remote", "what was deployed to this worker is not there any more", {
    where: { worker: worker.workerIp },
    why: `it answered only when the deploy had begun: ${jobsOf(lost)}`,
    hint: "run maand deploy again: it starts them as new",
  });
  return { error, endsDeploy: false };
}

export interface Beginning {
  /** One that reaches nobody is not counted: an old catalog must never count itself up past the fleet's number. */
  isCounted: boolean;
  lost: readonly LostAllocation[];
  /** Allocations that --force acts on, and what it was asked for. */
  forced: readonly string[];
  forcedAs: Forced;
}

/** Counts the deploy once everybody who answered has passed the fence, and before the first write, in one commit. */
export function beginDeploy(
  { catalog, identity }: Session,
  { isCounted, lost, forced, forcedAs }: Beginning,
): DeployMark {
  return catalog.transaction(() => {
    forgetPromotions(
      catalog,
      lost.map(({ row }) => row.allocId),
    );
    noteForced(catalog, forced, forcedAs);
    return isCounted ? countDeploy(catalog, identity.runId) : readLastDeploy(catalog);
  })();
}

/** What workers have lost since they were deployed to. */
export function findLost(
  session: Session,
  { state, deployments }: CatalogRead,
  found: readonly FoundWorker[],
): LostAllocation[] {
  const showsFiles = (hash: string): boolean =>
    readTree(session.catalog, hash)?.some(({ path }) => !path.startsWith(".")) ?? false;
  const byWorker = Map.groupBy(state.allocations, (allocation) => allocation.workerIp);
  return found.flatMap((worker) =>
    lostAllocations(byWorker.get(worker.workerIp) ?? [], deployments, worker, showsFiles),
  );
}

/** One warning per worker, which names its jobs. */
export function tellLost(session: Session, lost: readonly LostAllocation[]): void {
  const active = lost.filter(({ row }) => isActive(row));
  for (const [worker, rows] of Map.groupBy(active, ({ row }) => row.workerIp)) {
    const text = `what was deployed to ${worker} is not there any more: it was set up anew, emptied or restored; started again as new: ${jobsOf(rows)}`;
    session.events.emit({ type: "warning", scope: { worker }, text });
  }
}

const jobsOf = (lost: readonly LostAllocation[]): string =>
  lost.map(({ row, why }) => `${row.job} (${why})`).join(", ");

/** What the catalog has as promoted before this deploy begins anything, and after what was lost is forgotten. */
export function deployedBefore({
  state,
  deployments,
}: CatalogRead): (workerIp: string, job: string) => boolean {
  const promoted = state.allocations.filter(
    ({ allocId }) => deployments.get(allocId)?.promotedHash !== undefined,
  );
  const known = new Set(promoted.map(({ workerIp, job }) => `${job}@${workerIp}`));
  return (workerIp, job) => known.has(`${job}@${workerIp}`);
}
