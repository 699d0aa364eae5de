// The workers of one deploy: reached or not, checked once, synced in as few transfers as possible, refreshed once.

import { join } from "node:path";
import { stageWorkerFiles, workerStaging } from "../../content/stage.ts";
import type { Phase } from "../../events/event.ts";
import { liveConnection } from "../../health/worker-gate.ts";
import { deployFault } from "../../lifecycle/fault.ts";
import type { WorkerSlots } from "../../lifecycle/worker-slots.ts";
import { MaandError } from "../../model/error.ts";
import type { AllocationRow, CatalogState } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";
import { remoteDirectory } from "../../session/session.ts";
import { untilStopped } from "../../session/until-stopped.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import { syncTree } from "../../ssh/rsync/sync.ts";
import { createLimiter, mapLimited } from "../../support/parallel.ts";
import type { WorkerFiles } from "../../worker/commands.ts";
import { checkCommand, readCheck, runnerText } from "../../worker/commands.ts";

/** Local rsync processes at once: more gain nothing on a small host and each takes memory. */
const parallelTransfers = 16;

/** One worker in one deploy. */
export interface WorkerLink {
  workerIp: string;
  /** No longer in the workspace: failing to reach it is no failure. */
  departed: boolean;
  /** Why the worker cannot take part, or no longer: not reached, lost, or is missing required tools. */
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

/** `worker.json`, `jobs.json` and the runner as they shall lie on a worker. */
function workerFiles(state: CatalogState, workerIp: string, updateSeq: number): WorkerFiles {
  const worker = state.workers.find((candidate) => candidate.host === workerIp);
  const here = state.allocations.filter((a) => a.workerIp === workerIp && !a.removed);
  return {
    workerJson: `${JSON.stringify({
      bucket_id: state.bucketId,
      worker_id: worker?.workerId ?? "",
      worker_ip: workerIp,
      update_seq: updateSeq,
      labels: worker?.labels ?? [],
    })}\n`,
    jobsJson: `${JSON.stringify(here.map((a: AllocationRow) => ({ job: a.job, disabled: a.disabled ? 1 : 0 })))}\n`,
    runner: runnerText,
  };
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
    if (answer.findings.length > 0) throw unfit(link.workerIp, directory, answer.findings);
    link.refreshed = answer.refreshed;
  };

  for (const workerIp of options.workers) {
    all.set(workerIp, { workerIp, departed: options.departed.has(workerIp), refreshed: false });
  }
  await mapLimited([...all.values()], session.conf.maxParallelWorkers, async (link) => {
    const { workerIp } = link;
    try {
      const wanted = { refresh: !options.due.has(workerIp), space: options.receiving.has(workerIp) };
      const connection = await untilStopped(session, workerIp, session.pool.connect(workerIp));
      await check(link, connection, wanted);
    } catch (error) {
      link.failure = deployFault(session, error, workerIp);
    }
  });

  const connect = async (workerIp: string): Promise<Connection> => {
    const link = all.get(workerIp);
    if (link === undefined) throw new Error(`worker ${workerIp} was not linked`);
    if (link.failure !== undefined) throw link.failure;
    try {
      return await liveConnection(session, workerIp);
    } catch (error) {
      link.failure ??= deployFault(session, error, workerIp);
      throw link.failure;
    }
  };
  return {
    all,
    connect,
    sync: createSyncQueues(session, { filesOf, connect, links: all, directory, slots: options.slots }),
    async refreshRest() {
      const rest = [...all.values()].filter(
        (link) => !link.refreshed && !link.departed && link.failure === undefined,
      );
      await mapLimited(rest, session.conf.maxParallelWorkers, async (link) => {
        try {
          await check(link, await connect(link.workerIp), { refresh: true, space: false });
        } catch (error) {
          link.failure ??= deployFault(session, error, link.workerIp);
        }
      });
    },
  };
}

interface QueueContext {
  filesOf(workerIp: string): WorkerFiles;
  connect(workerIp: string): Promise<Connection>;
  slots: WorkerSlots;
  links: ReadonlyMap<string, WorkerLink>;
  directory: string;
}

/** Per worker: jobs that ask for a transfer while one is under way, or in the same moment, go together in the next. */
function createSyncQueues(
  session: Session,
  context: QueueContext,
): (workerIp: string, job: string) => Promise<void> {
  interface Queue {
    waiting: { job: string; resolve: () => void; reject: (error: unknown) => void }[];
    busy: boolean;
  }
  const queues = new Map<string, Queue>();
  const transferLimit = createLimiter(Math.min(parallelTransfers, session.conf.maxParallelWorkers));

  const drain = async (workerIp: string, queue: Queue): Promise<void> => {
    queue.busy = true;
    // Let everything that becomes due in the same turn join.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.waiting.length > 0) {
      const next = async (): Promise<void> => {
        // Taken only when its turn has come: what became due while it waited goes along.
        const together = queue.waiting.splice(0);
        try {
          await transfer(workerIp, [...new Set(together.map((entry) => entry.job))].sort());
          for (const entry of together) entry.resolve();
        } catch (error) {
          for (const entry of together) entry.reject(error);
        }
      };
      await context.slots(workerIp, () => transferLimit(next));
    }
    queue.busy = false;
  };

  const transfer = async (workerIp: string, jobs: string[]): Promise<void> => {
    const connection = await context.connect(workerIp);
    const staging = workerStaging(session.paths.staging, workerIp);
    stageWorkerFiles(staging, context.filesOf(workerIp));
    const scope = {
      worker: workerIp,
      phase: "rsync" as Phase,
      action: "sync",
      ...(jobs.length === 1 ? { job: jobs[0]! } : {}),
    };
    const id = session.events.nextId();
    const started = performance.now();
    session.events.emit({
      type: "command_begin",
      scope,
      id,
      cmd: `rsync ${jobs.map((job) => `jobs/${job}`).join(" ")}`,
    });
    let exit = -1;
    try {
      await syncTree(connection, {
        cwd: staging,
        sources: ["./worker.json", "./jobs.json", "./bin", ...jobs.map((job) => `./${join("jobs", job)}`)],
        destination: context.directory,
        protect: ["/jobs/*/data", "/jobs/*/logs", "/jobs/*/bin"],
        useSudo: session.conf.useSudo,
        timeoutSeconds: session.conf.commandTimeoutSeconds,
        signal: session.shutdown.forced,
        reconnect: () => context.connect(workerIp),
        onLine: (stream, line) => session.events.emit({ type: "output", scope, id, stream, line }),
      });
      exit = 0;
      context.links.get(workerIp)!.refreshed = true;
    } finally {
      session.events.emit({
        type: "command_end",
        scope,
        id,
        exit,
        durationMs: Math.round(performance.now() - started),
      });
    }
  };

  return (workerIp, job) =>
    new Promise((resolve, reject) => {
      let queue = queues.get(workerIp);
      if (queue === undefined) {
        queue = { waiting: [], busy: false };
        queues.set(workerIp, queue);
      }
      queue.waiting.push({ job, resolve, reject });
      if (!queue.busy) void drain(workerIp, queue);
    });
}

function unfit(workerIp: string, directory: string, findings: readonly string[]): MaandError {
  return new MaandError("remote", "the worker is missing required tools", {
    where: { worker: workerIp },
    why: findings
      .map((finding) => finding.replace(/^cannot write there/, `cannot write ${directory}`))
      .join("; "),
    hint: "fix it on the worker, then run maand deploy again",
  });
}
