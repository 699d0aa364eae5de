// What a command on a bucket works with: its files, catalog, connections, events and the operator's Ctrl-C.

import type { MaandConf } from "../bucket/conf.ts";
import type { BucketPaths } from "../bucket/locate.ts";
import type { BlobStore } from "../catalog/blobs.ts";
import { readLastDeploy } from "../catalog/deployments.ts";
import type { Catalog } from "../catalog/open.ts";
import type { EventStream, RunIdentity } from "../events/event.ts";
import type { KvStore } from "../kv/store.ts";
import type { CatalogState } from "../model/state.ts";
import type { WorkerIdentity } from "../model/worker-identity.ts";
import type { ConnectionPool } from "../ssh/connect/pool.ts";

/** Ctrl-C, in its two strengths. */
export interface Shutdown {
  /** Aborted by the first Ctrl-C: launch nothing new. */
  graceful: AbortSignal;
  /** Aborted by the second: do not wait for what is running. */
  forced: AbortSignal;
}

/** Opened by the command line, passed to every operation. */
export interface Session {
  paths: BucketPaths;
  conf: MaandConf;
  bucketId: string;
  catalog: Catalog;
  kv: KvStore;
  blobs: BlobStore;
  /** Connections to workers; nothing is dialled before it is asked for. */
  pool: ConnectionPool;
  events: EventStream;
  identity: RunIdentity;
  shutdown: Shutdown;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What `worker.json` says on a worker that the last deploy of this catalog came to. */
export function expectedIdentity(
  session: Pick<Session, "bucketId" | "catalog">,
  { workers, allocations }: Pick<CatalogState, "workers" | "allocations">,
  workerIp: string,
): WorkerIdentity {
  // A worker that has left is known by what is still to be stopped there.
  const workerId =
    workers.find((worker) => worker.host === workerIp)?.workerId ??
    allocations.find((allocation) => allocation.workerIp === workerIp)?.workerId ??
    "";
  return { bucketId: session.bucketId, workerId, ...readLastDeploy(session.catalog) };
}

/** Where the bucket lives on a worker. */
export function remoteDirectory(session: Session): string {
  return `${session.conf.workerRoot}/${session.bucketId}`;
}
