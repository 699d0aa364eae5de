// The workers of one deploy: all asked before any is written to, then each given the files of its root.

import { randomBytes } from "node:crypto";
import { liveConnection } from "../../health/worker-gate.ts";
import { workError } from "../../lifecycle/errors.ts";
import type { FenceAnswer } from "../../lifecycle/fence.ts";
import { jobsJson, reachWorker, workerJson } from "../../lifecycle/worker.ts";
import type { WorkerSlots } from "../../lifecycle/worker-slots.ts";
import { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { DeployMark, WorkerIdentity } from "../../model/worker-identity.ts";
import { readIdentity } from "../../model/worker-identity.ts";
import type { Session } from "../../session/session.ts";
import { expectedIdentity, remoteDirectory } from "../../session/session.ts";
import type { Connection } from "../../ssh/connect/connection.ts";
import { mapLimited } from "../../support/parallel.ts";
import type { CheckAnswer, JobDirectory } from "../../worker/commands.ts";
import type { OpenCheck } from "./check.ts";
import { openCheck } from "./check.ts";
import { createSyncQueues } from "./transfers.ts";

/** One worker in one deploy. */
export interface WorkerLink {
  workerIp: string;
  /** No longer in the workspace: failing to reach it is no failure. */
  departed: boolean;
  /** Why the worker cannot take part, or no longer: not reached, lost, or unfit for a deploy. */
  failure?: MaandError;
  /** Job directories as they were found there, by job. */
  jobs: ReadonlyMap<string, JobDirectory>;
}

export interface Links {
  /** Every worker this deploy knows, by address. */
  all: ReadonlyMap<string, WorkerLink>;
  /** What the `worker.json` of a worker says in this deploy. */
  identityOf(workerIp: string): WorkerIdentity;
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

export interface AskOptions {
  state: CatalogState;
  /** Workers that files will be sent to. */
  receiving: ReadonlySet<string>;
  /** Workers to reach that have left the workspace. */
  departed: ReadonlySet<string>;
  /** All workers to reach. */
  workers: readonly string[];
}

/** All workers of a deploy, asked and waiting for its word. Exactly one of the two functions has to be called. */
export interface AskedWorkers {
  /** What those that answered said of themselves. */
  answers: readonly FenceAnswer[];
  /** What was found on those that can take part, by address. */
  found: ReadonlyMap<string, Pick<WorkerLink, "jobs"> & Pick<FenceAnswer, "found">>;
  /**
   * Goes on as the deploy that has been counted: `worker.json`, `jobs.json` and `bin/` are put in place.
   * @param isBegun whether anything is to be done at all; after Ctrl-C the workers are left as they were
   */
  enter(deploy: DeployMark, slots: WorkerSlots, isBegun: boolean): Promise<Links>;
  /** Leaves all workers as they were. */
  leave(): Promise<void>;
}

interface Asked extends WorkerLink {
  number: number;
  check?: OpenCheck;
  answer?: FenceAnswer;
}

/** Reaches and asks all workers in parallel. Failures are kept per worker, nothing is thrown. */
export async function askWorkers(session: Session, options: AskOptions): Promise<AskedWorkers> {
  const { state } = options;
  const limit = session.conf.maxParallelWorkers;
  const run = randomBytes(8).toString("hex");
  const all = options.workers.map((workerIp, number): Asked => {
    const departed = options.departed.has(workerIp);
    return { workerIp, number, departed, jobs: new Map() };
  });
  await mapLimited(all, limit, async (asked) => {
    const { workerIp, number } = asked;
    try {
      const connection = await reachWorker(session, workerIp);
      const check = await openCheck(session, connection, {
        space: options.receiving.has(workerIp),
        mark: { run, number },
        ...(asked.departed ? {} : { jobsJson: jobsJson(state, workerIp) }),
      });
      const { findings, workerJson: text, marks, jobs } = check.answer;
      asked.check = check;
      asked.jobs = jobs;
      const expected = expectedIdentity(session, state, workerIp);
      asked.answer = { workerIp, number, found: readIdentity(text), marks, expected };
      if (findings.length > 0) asked.failure = unfit(workerIp, remoteDirectory(session), check.answer);
    } catch (error) {
      asked.failure = workError(session, error, { worker: workerIp });
    }
  });

  const enter: AskedWorkers["enter"] = async (deploy, slots, isBegun) => {
    const identityOf = (workerIp: string): WorkerIdentity => ({
      ...expectedIdentity(session, state, workerIp),
      ...deploy,
    });
    await mapLimited(all, limit, async (asked) => {
      const { workerIp, check } = asked;
      if (check === undefined) return;
      if (asked.failure !== undefined || !isBegun) return check.leave();
      try {
        const answer = await check.goOn(workerJson(state, workerIp, identityOf(workerIp)));
        if (answer.findings.length > 0) asked.failure = unfit(workerIp, remoteDirectory(session), answer);
      } catch (error) {
        asked.failure = workError(session, error, { worker: workerIp });
      }
    });
    return createLinks(session, all, identityOf, slots);
  };
  return {
    answers: all.flatMap(({ answer }) => answer ?? []),
    found: new Map(
      all.flatMap(({ workerIp, answer, failure, jobs }) =>
        answer === undefined || failure !== undefined
          ? []
          : [[workerIp, { found: answer.found, jobs }] as const],
      ),
    ),
    enter,
    leave: async () => void (await Promise.all(all.map(({ check }) => check?.leave()))),
  };
}

function createLinks(
  session: Session,
  asked: readonly Asked[],
  identityOf: Links["identityOf"],
  slots: WorkerSlots,
): Links {
  const all = new Map<string, WorkerLink>(asked.map((link) => [link.workerIp, link]));
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
  const directory = remoteDirectory(session);
  return {
    all,
    identityOf,
    connect,
    sync: createSyncQueues(session, { connect, links: all, directory, slots }),
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
