// The workers of one deploy: reached or not, checked once, refreshed once.

import type { WorkerSlots } from "../../lifecycle/batches.ts";
import { workError } from "../../lifecycle/errors.ts";
import { reachWorker, workerFiles } from "../../lifecycle/worker.ts";
import { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import { liveConnection } from "../../session/connect.ts";
import type { Session } from "../../session/session.ts";
import { remoteDirectory } from "../../session/session.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import { createLimiter, mapLimited } from "../../support/parallel.ts";
import type { CheckAnswer, WorkerFiles } from "../../worker/commands.ts";
import { checkCommand, readCheck, runnerText } from "../../worker/commands.ts";
import { createSyncQueues } from "./transfers.ts";

/** One worker in one deploy. */
export interface WorkerLink {
  workerIp: string;
  /** No longer in the workspace: failing to reach it is no failure. */
  departed: boolean;
  /** Why the worker cannot take part, or no longer: not reached, lost, or unfit for a deploy. */
  failure?: MaandError;
  /** `worker.json` and its neighbours are already those of this deploy. */
  refreshed: boolean;
}

export interface Links {
  /** Every worker this deploy knows, by address. */
  all: ReadonlyMap<string, WorkerLink>;
  /**
   * The connection to a worker; a new one when it was lost, tried once: from then on the worker takes no further part.
   * @throws the worker's failure
   */
  connect(workerIp: string): Promise<Connection>;
  /** Sends the staged tree of a job; calls for one worker that are due together share one transfer. */
  sync(workerIp: string, job: string): Promise<void>;
  /** Brings `worker.json`, `jobs.json` and `bin/` up to date where no sync has done it. */
  refreshRest(): Promise<void>;
}

export interface LinkOptions {
  state: CatalogState;
  updateSeq: number;
  /** Workers with something to do; the others are refreshed in the same round trip as their check. */
  due: ReadonlySet<string>;
  /** Workers that files will be sent to. */
  receiving: ReadonlySet<string>;
  /** Lets no more workers be touched at once than `max_parallel_workers`. */
  slots: WorkerSlots;
  /** Workers to reach that have left the workspace. */
  departed: ReadonlySet<string>;
  /** All workers to reach. */
  workers: readonly string[];
}

/** Reaches and checks all workers in parallel. Failures are kept per worker, nothing is thrown. */
export async function linkWorkers(session: Session, options: LinkOptions): Promise<Links> {
  const directory = remoteDirectory(session);
  const { useSudo } = session.conf;
  const filesOf = (workerIp: string): WorkerFiles => workerFiles(options.state, workerIp, options.updateSeq);
  const all = new Map<string, WorkerLink>();

  const check = async (
    link: WorkerLink,
    connection: Connection,
    { refresh, space }: { refresh: boolean; space: boolean },
  ): Promise<void> => {
    const files = refresh && !link.departed ? { refresh: filesOf(link.workerIp) } : {};
    const result = await connection.exec(checkCommand(directory, useSudo, runnerText, { space, ...files }), {
      signal: session.shutdown.forced,
    });
    const answer = readCheck(result, useSudo);
    if (answer.findings.length > 0) throw unfit(link.workerIp, directory, answer);
    link.refreshed = answer.refreshed;
  };

  for (const workerIp of options.workers) {
    all.set(workerIp, { workerIp, departed: options.departed.has(workerIp), refreshed: false });
  }
  const limited = createLimiter(session.conf.maxParallelWorkers);
  const reach = async (link: WorkerLink): Promise<void> => {
    const { workerIp } = link;
    try {
      const wanted = { refresh: !options.due.has(workerIp), space: options.receiving.has(workerIp) };
      // Not limited: all that do not answer are waited for together, and take nobody's place.
      const connection = await reachWorker(session, workerIp);
      await limited(() => check(link, connection, wanted));
    } catch (error) {
      link.failure = workError(session, error, { worker: workerIp });
    }
  };
  await Promise.all([...all.values()].map(reach));

  const connect = async (workerIp: string): Promise<Connection> => {
    const link = all.get(workerIp);
    if (link === undefined) throw new Error(`worker ${workerIp} was not linked`);
    if (link.failure !== undefined) throw link.failure;
    try {
      return await liveConnection(session, workerIp);
    } catch (error) {
      link.failure ??= workError(session, error, { worker: workerIp });
      throw link.failure;
    }
  };
  const onRefreshed = (workerIp: string): void => {
    all.get(workerIp)!.refreshed = true;
  };
  return {
    all,
    connect,
    sync: createSyncQueues(session, { filesOf, connect, onRefreshed, directory, slots: options.slots }),
    async refreshRest() {
      const rest = [...all.values()].filter(
        (link) => !link.refreshed && !link.departed && link.failure === undefined,
      );
      await mapLimited(rest, session.conf.maxParallelWorkers, async (link) => {
        try {
          await check(link, await connect(link.workerIp), { refresh: true, space: false });
        } catch (error) {
          link.failure ??= workError(session, error, { worker: link.workerIp });
        }
      });
    },
  };
}

/** The error for a worker that answers and cannot be deployed to, with everything that stands in the way. */
function unfit(workerIp: string, directory: string, { findings, missing }: CheckAnswer): MaandError {
  const what =
    missing.length > 0 ? "the worker is missing required tools" : "the worker cannot take a deploy";
  return new MaandError("remote", what, {
    where: { worker: workerIp },
    why: findings
      .map((finding) => finding.replace(/^cannot write there/, `cannot write ${directory}`))
      .join("; "),
    hint: "fix it on the worker, then run maand deploy again",
  });
}
