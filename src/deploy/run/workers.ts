// The workers of one deploy while it runs: how each is connected to, and what came in the way.

import type { WorkerSlots } from "../../lifecycle/batches.ts";
import { workError } from "../../lifecycle/errors.ts";
import type { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { DeployMark, WorkerIdentity } from "../../model/worker-identity.ts";
import { liveConnection } from "../../session/connect.ts";
import type { Session } from "../../session/session.ts";
import { expectedIdentity, remoteDirectory } from "../../session/session.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import type { JobDirectory } from "../../worker/check.ts";
import type { SyncContext } from "./transfers.ts";
import { createSyncQueues } from "./transfers.ts";

/** One worker in one deploy. */
export interface WorkerLink {
  workerIp: string;
  /** No longer in the workspace: failing to reach it is no failure. */
  departed: boolean;
  /** Why the worker cannot take part, or no longer: not reached, lost, or unfit for a deploy. */
  failure?: MaandError;
  /** It answers, and is not the machine that is meant. */
  isRefused?: boolean;
  /** Set while it has not answered yet: settles, without an error, once it takes part or has failed. */
  late?: Promise<void>;
  /** Job directories as they were found there, by job. */
  jobs: ReadonlyMap<string, JobDirectory>;
}

export interface Links {
  /** Every worker this deploy knows, by address. */
  all: ReadonlyMap<string, WorkerLink>;
  /** What the `worker.json` of a worker says in this deploy. */
  identityOf(workerIp: string): WorkerIdentity;
  /** A worker once it has answered or failed; at once for all but those that are slow to answer. */
  join(workerIp: string): Promise<WorkerLink>;
  /** Waits until every worker has answered or failed. */
  settled(): Promise<void>;
  /**
   * The connection to a worker; a new one when it was lost, tried once: from then on the worker takes no further part.
   * @throws the worker's failure
   */
  connect(workerIp: string): Promise<Connection>;
  /**
   * Sends the staged tree of a job; calls for one worker that are due together share one transfer.
   * @param hash of the content, whose mark stays on the worker once all of it has arrived
   */
  sync(workerIp: string, job: string, hash: string): Promise<void>;
}

export interface LinksOptions {
  state: CatalogState;
  deploy: DeployMark;
  slots: WorkerSlots;
  wasDeployed: SyncContext["wasDeployed"];
}

/** What a running deploy has its workers by. */
export function createLinks(
  session: Session,
  workers: readonly WorkerLink[],
  { state, deploy, slots, wasDeployed }: LinksOptions,
): Links {
  const all = new Map(workers.map((link) => [link.workerIp, link]));
  const linkOf = (workerIp: string): WorkerLink => {
    const link = all.get(workerIp);
    if (link === undefined) throw new Error(`worker ${workerIp} was not linked`);
    return link;
  };
  const connect = async (workerIp: string): Promise<Connection> => {
    const link = linkOf(workerIp);
    await link.late;
    if (link.failure !== undefined) throw link.failure;
    try {
      return await liveConnection(session, workerIp);
    } catch (error) {
      link.failure ??= workError(session, error, { worker: workerIp });
      throw link.failure;
    }
  };
  const directory = remoteDirectory(session);
  return {
    all,
    identityOf: (workerIp) => ({ ...expectedIdentity(session, state, workerIp), ...deploy }),
    async join(workerIp) {
      const link = linkOf(workerIp);
      await link.late;
      return link;
    },
    async settled() {
      await Promise.all(workers.map(({ late }) => late));
    },
    connect,
    sync: createSyncQueues(session, { connect, links: all, wasDeployed, directory, slots }),
  };
}
