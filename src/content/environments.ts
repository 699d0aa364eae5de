// What each allocation's templates see: one environment per render, over one catalog.

import type { KvStore } from "../kv/store.ts";
import type { AllocationRow, CatalogState, JobRow } from "../model/state.ts";
import type { TemplateData, TemplateEnvironment } from "../templates/environment.ts";
import { type GuardedStore, guardStore } from "./store.ts";

export interface EnvironmentSource {
  state: CatalogState;
  kv: Pick<KvStore, "get" | "keys">;
  /** `<worker_root>/<bucket_id>`. */
  remoteDirectory: string;
}

export interface RenderFor {
  job: JobRow;
  allocation: AllocationRow;
  /** What the template sees as CurrentVersion. */
  currentVersion: string;
  /** False: secrets are `***` from the start. */
  revealSecrets: boolean;
}

/** An environment whose store tells afterwards whether a secret was read. */
export type AllocationEnvironment = TemplateEnvironment & { readonly store: GuardedStore };

/** Makes environments; what all allocations share is looked up once. */
export function createEnvironments(source: EnvironmentSource): (render: RenderFor) => AllocationEnvironment {
  const { state, kv, remoteDirectory } = source;
  const workers = new Map(state.workers.map((worker) => [worker.host, worker]));
  const live = Map.groupBy(
    state.allocations.filter((allocation) => !allocation.removed),
    (allocation) => allocation.job,
  );
  return ({ job, allocation, currentVersion, revealSecrets }) => {
    // Undefined for an allocation whose worker has left.
    const worker = workers.get(allocation.workerIp);
    const peers = (live.get(job.name) ?? []).filter((other) => other.allocId !== allocation.allocId);
    const data: TemplateData = {
      AllocationID: allocation.allocId,
      Job: job.name,
      CurrentVersion: currentVersion,
      NewVersion: job.version,
      WorkerIP: allocation.workerIp,
      WorkerID: allocation.workerId,
      Labels: worker?.labels ?? [],
      BucketPath: remoteDirectory,
      JobPath: `${remoteDirectory}/jobs/${job.name}`,
      AllocationIndex: allocation.index,
      Hostname: worker?.hostname ?? allocation.workerIp,
      Zone: allocation.zone ?? "",
      Tags: worker?.tags ?? {},
      Peers: peers.map((peer) => peer.workerIp),
    };
    return { data, store: guardStore(kv, state, job), revealSecrets };
  };
}
