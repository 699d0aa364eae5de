// Transfers of staged files: per worker one at a time, and everything that is due at the same moment in one.

import { join } from "node:path";
import { workerStaging } from "../../content/stage.ts";
import type { Phase } from "../../events/event.ts";
import type { WorkerSlots } from "../../lifecycle/batches.ts";
import { MaandError } from "../../model/error.ts";
import { runtimeDirectories } from "../../model/job-paths.ts";
import type { Session } from "../../session/session.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import type { SyncOptions } from "../../ssh/rsync/sync.ts";
import { syncTree } from "../../ssh/rsync/sync.ts";
import { createLimiter } from "../../support/parallel.ts";
import type { JobDirectory } from "../../worker/check.ts";
import { receiveCommand, syncMark, syncMarkFile } from "../../worker/receive.ts";
import type { WorkerLink } from "./workers.ts";

/** Local rsync processes at once: more gain nothing on a small host and each takes memory. */
const parallelTransfers = 16;

/** What transfers need of the workers that they go to. */
export interface SyncContext {
  connect(workerIp: string): Promise<Connection>;
  slots: WorkerSlots;
  links: ReadonlyMap<string, WorkerLink>;
  /** Whether a job was deployed there, by a maand that left no mark of it too. */
  wasDeployed(workerIp: string, job: string): boolean;
  directory: string;
}

type Destination = Pick<SyncOptions, "cwd" | "sources" | "destination" | "protect">;

/** What a sync neither sends nor deletes in a job's directory. */
const kept = [...runtimeDirectories, syncMarkFile];

function besideEachOther(staging: string, directory: string, jobs: readonly string[]): Destination {
  return {
    cwd: staging,
    sources: jobs.map((job) => `./${join("jobs", job)}`),
    destination: directory,
    protect: kept.map((name) => `/jobs/*/${name}`),
  };
}

function intoOne(staging: string, directory: string, job: string): Destination {
  return {
    cwd: join(staging, "jobs", job),
    sources: ["./."],
    destination: `${directory}/jobs/${job}`,
    protect: kept.map((name) => `/${name}`),
  };
}

/** A link that leads to files which no sync has put there: a sync would delete them. */
function isForeign({ isLink, begun, bare }: JobDirectory): boolean {
  return isLink && !begun && !bare;
}

function foreignLink(directory: string, workerIp: string, job: string): MaandError {
  return new MaandError(
    "remote",
    "the job's directory is a link to a directory with files that no sync has put there",
    {
      where: { worker: workerIp, job },
      why: `${directory}/jobs/${job} would be synced into, which deletes what is not of the job (data/, logs/ and bin/ stay)`,
      hint: "see where the link leads to; move the other files away, or let the link lead to an empty directory",
    },
  );
}

/** Per worker: jobs that ask for a transfer while one is under way, or in the same moment, go together in the next. */
export function createSyncQueues(
  session: Session,
  context: SyncContext,
): (workerIp: string, job: string, hash: string) => Promise<void> {
  interface Queue {
    waiting: { job: string; hash: string; resolve: () => void; reject: (error: unknown) => void }[];
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
          await transfer(workerIp, new Map(together.map(({ job, hash }) => [job, syncMark(hash)])));
          for (const entry of together) entry.resolve();
        } catch (error) {
          for (const entry of together) entry.reject(error);
        }
      };
      await context.slots(workerIp, () => transferLimit(next));
    }
    queue.busy = false;
  };

  /** @param marks by job */
  const transfer = async (workerIp: string, marks: ReadonlyMap<string, string>): Promise<void> => {
    const jobs = [...marks.keys()].sort();
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
    const send = async (connection: Connection, together: readonly string[], into: Destination) =>
      syncTree(connection, {
        ...into,
        receive: (server) =>
          receiveCommand(
            context.directory,
            new Map(together.map((job) => [job, marks.get(job)!])),
            session.conf.useSudo,
            server,
          ),
        useSudo: session.conf.useSudo,
        timeoutSeconds: session.conf.commandTimeoutSeconds,
        signal: session.shutdown.forced,
        reconnect: () => context.connect(workerIp),
        onLine: (stream, line) => session.events.emit({ type: "output", scope, id, stream, line }),
      });
    let exit = -1;
    try {
      const connection = await context.connect(workerIp);
      const staging = workerStaging(session.paths.staging, workerIp);
      const isLink = (job: string): boolean => context.links.get(workerIp)?.jobs.get(job)?.isLink === true;
      const plain = jobs.filter((job) => !isLink(job));
      if (plain.length > 0) await send(connection, plain, besideEachOther(staging, context.directory, plain));
      // rsync would put a directory in the place of a link, and its data would be left behind: it is sent into.
      for (const job of jobs.filter(isLink))
        await send(await context.connect(workerIp), [job], intoOne(staging, context.directory, job));
      exit = 0;
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

  return (workerIp, job, hash) =>
    new Promise((resolve, reject) => {
      const found = context.links.get(workerIp)?.jobs.get(job);
      if (found !== undefined && isForeign(found) && !context.wasDeployed(workerIp, job))
        throw foreignLink(context.directory, workerIp, job);
      let queue = queues.get(workerIp);
      if (queue === undefined) {
        queue = { waiting: [], busy: false };
        queues.set(workerIp, queue);
      }
      queue.waiting.push({ job, hash, resolve, reject });
      if (!queue.busy) void drain(workerIp, queue);
    });
}
