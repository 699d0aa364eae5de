// Transfers of staged files: per worker one at a time, and everything that is due at the same moment in one.

import { join } from "node:path";
import { stageWorkerFiles, workerStaging } from "../../content/stage.ts";
import type { Phase } from "../../events/event.ts";
import type { WorkerSlots } from "../../lifecycle/batches.ts";
import type { Session } from "../../session/session.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import { syncTree } from "../../ssh/rsync/sync.ts";
import { createLimiter } from "../../support/parallel.ts";
import type { WorkerFiles } from "../../worker/commands.ts";

/** Local rsync processes at once: more gain nothing on a small host and each takes memory. */
const parallelTransfers = 16;

/** What transfers need of the workers that they go to. */
export interface SyncContext {
  filesOf(workerIp: string): WorkerFiles;
  connect(workerIp: string): Promise<Connection>;
  slots: WorkerSlots;
  /** Hears that the worker has what belongs beside the jobs as well. */
  onRefreshed(workerIp: string): void;
  directory: string;
}

/** Per worker: jobs that ask for a transfer while one is under way, or in the same moment, go together in the next. */
export function createSyncQueues(
  session: Session,
  context: SyncContext,
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
      context.onRefreshed(workerIp);
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
