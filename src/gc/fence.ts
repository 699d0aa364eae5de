// Whose machine each visited worker is, by what it says of itself: gc deletes nothing on another one. Pure.

import { isOlderCatalog, judgeKnown, olderCatalog } from "../lifecycle/fence.ts";
import { MaandError } from "../model/error.ts";
import type { CatalogState } from "../model/state.ts";
import type { FoundIdentity, WorkerIdentity } from "../model/worker-identity.ts";
import type { GcVisit } from "./plan.ts";

/** What gc may do at an address. */
export type GcStanding =
  /** It is the worker that is meant. */
  | { kind: "ours"; identity: WorkerIdentity }
  /** It has left the workspace, and its machine answers under a new address: what is there belongs to that worker now. */
  | { kind: "moved"; to: string }
  /** It has left the workspace, and what answers there is not it: it counts as dead, and what answers is left alone. */
  | { kind: "replaced"; why: string }
  | { kind: "refused"; error: MaandError };

/** What answered at the addresses of newcomers, by address; undefined where one could not be asked. */
export type Newcomers = ReadonlyMap<string, FoundIdentity | undefined>;

/** @param found undefined where the worker was not reached */
export function judgeVisit(
  visit: GcVisit,
  expected: WorkerIdentity,
  found: FoundIdentity | undefined,
  newcomers: Newcomers,
  state: Pick<CatalogState, "workers" | "allocations">,
): GcStanding | undefined {
  const { departed, workerIp } = visit;
  if (departed) {
    const moved = [...newcomers].find(
      ([, other]) => other?.kind === "says" && other.identity.workerId === expected.workerId,
    );
    if (moved !== undefined) return { kind: "moved", to: moved[0] };
  }
  if (found === undefined) return undefined;
  if (found.kind !== "says") {
    if (!departed) return { kind: "ours", identity: expected };
    const why = found.kind === "none" ? "no worker.json is there" : `its worker.json ${found.why}`;
    return { kind: "replaced", why };
  }
  const { identity } = found;
  if (identity.bucketId === expected.bucketId && identity.workerId === expected.workerId) {
    const unknown = departed ? [...newcomers].filter(([, other]) => other === undefined) : [];
    return unknown.length === 0
      ? { kind: "ours", identity }
      : {
          kind: "refused",
          error: mayHaveMoved(
            workerIp,
            unknown.map(([host]) => host),
          ),
        };
  }
  const verdict = judgeKnown(found, { ...expected, ...markOf(identity) }, state);
  const why = verdict.pass ? "" : verdict.reason;
  if (departed) return { kind: "replaced", why };
  const error = new MaandError(
    "remote",
    "another machine answers than the one that is meant: nothing is deleted there",
    {
      where: { worker: workerIp },
      why,
      ...(verdict.pass ? {} : { hint: verdict.hint }),
    },
  );
  return { kind: "refused", error };
}

/** The error that ends gc before anything is done, where a worker was deployed to by another copy of the catalog. */
export function judgeCatalogAge(
  answers: readonly { workerIp: string; expected: WorkerIdentity; found: FoundIdentity | undefined }[],
): MaandError | undefined {
  const newer = answers.flatMap(({ workerIp, expected, found }) =>
    found?.kind === "says" &&
    found.identity.bucketId === expected.bucketId &&
    isOlderCatalog(expected, found.identity)
      ? [{ workerIp, expected, found: found.identity }]
      : [],
  );
  return newer.length === 0 ? undefined : olderCatalog(newer);
}

function markOf({ updateSeq, runId }: WorkerIdentity): Pick<WorkerIdentity, "updateSeq" | "runId"> {
  return { updateSeq, ...(runId === undefined ? {} : { runId }) };
}

function mayHaveMoved(workerIp: string, hosts: readonly string[]): MaandError {
  return new MaandError("remote", "its machine may have a new address: nothing is deleted there", {
    where: { worker: workerIp },
    why: `${hosts.join(", ")} cannot be asked, and nothing has been deployed there yet`,
    hint: "run maand gc again once that worker answers",
  });
}
