// The workers of one deploy, asked who they are before any is written to; who is slow to answer joins when it does.

import { randomBytes } from "node:crypto";
import { workError } from "../../lifecycle/errors.ts";
import type { FenceAnswer } from "../../lifecycle/fence.ts";
import { jobsJson, reachWorker, workerJson } from "../../lifecycle/worker.ts";
import { MaandError } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { WorkerIdentity } from "../../model/worker-identity.ts";
import { readIdentity } from "../../model/worker-identity.ts";
import type { Session } from "../../session/session.ts";
import { expectedIdentity, remoteDirectory } from "../../session/session.ts";
import { createLimiter } from "../../support/parallel.ts";
import type { CheckAnswer } from "../../worker/check.ts";
import type { OpenCheck } from "./check.ts";
import { openCheck } from "./check.ts";
import type { Links, LinksOptions, WorkerLink } from "./workers.ts";
import { createLinks } from "./workers.ts";

/** Milliseconds without any further answer after which a deploy begins on the workers that have answered. */
const patienceMs = 1000;

export interface AskOptions {
  state: CatalogState;
  /** Workers that files will be sent to. */
  receiving: ReadonlySet<string>;
  /** Workers to reach that have left the workspace. */
  departed: ReadonlySet<string>;
  /** All workers to reach. */
  workers: readonly string[];
}

/** A worker that has answered, with what was found there. */
export type FoundWorker = Pick<WorkerLink, "jobs"> & FenceAnswer;

/** How workers are let in. */
export interface Entry extends Omit<LinksOptions, "state"> {
  /** Whether anything is to be done at all; after Ctrl-C the workers are left as they were. */
  isBegun: boolean;
  /** Asked of a worker that answered late, with all answers so far; undefined where it may take part. */
  judgeLate(worker: FoundWorker, answers: readonly FenceAnswer[]): LateRefusal | undefined;
}

/** Why a worker that answered late must not take part. */
export interface LateRefusal {
  error: MaandError;
  /** What it says is true of every worker: nothing more is begun anywhere. */
  endsDeploy: boolean;
}

/** The workers of a deploy, asked and waiting for its word. Exactly one of `enter` and `leave` has to be called. */
export interface AskedWorkers {
  /** What those that answered said of themselves. */
  answers: readonly FenceAnswer[];
  /** Those that can take part, so far. */
  found(): FoundWorker[];
  /** Leaves a worker out. */
  refuse(workerIp: string, error: MaandError): void;
  /**
   * Goes on as the deploy that has been counted: `worker.json`, `jobs.json` and `bin/` are put in place. Workers that
   * have not answered yet are let in when they do.
   */
  enter(entry: Entry): Promise<Links>;
  /** Leaves all workers as they were. */
  leave(): Promise<void>;
}

interface Asked extends WorkerLink {
  number: number;
  check?: OpenCheck;
  answer?: FenceAnswer;
  /** Whether it has answered, or will not. */
  settled: boolean;
}

/**
 * Reaches and asks all workers in parallel. Comes back when all have answered or failed, or some have and nothing more is
 * heard for a while: a dead worker must not hold the others up. Failures are kept per worker, nothing is thrown.
 */
export async function askWorkers(session: Session, options: AskOptions): Promise<AskedWorkers> {
  const { state } = options;
  const run = randomBytes(8).toString("hex");
  const directory = remoteDirectory(session);
  const all = options.workers.map((workerIp, number): Asked => {
    const departed = options.departed.has(workerIp);
    return { workerIp, number, departed, jobs: new Map(), settled: false };
  });
  const limited = createLimiter(session.conf.maxParallelWorkers);
  const ask = async (asked: Asked): Promise<void> => {
    const { workerIp, number } = asked;
    try {
      // Not limited: all that do not answer are waited for together, and take nobody's place.
      const connection = await reachWorker(session, workerIp);
      const check = await limited(() =>
        openCheck(session, connection, {
          space: options.receiving.has(workerIp),
          mark: { run, number },
          ...(asked.departed ? {} : { jobsJson: jobsJson(state, workerIp) }),
        }),
      );
      const { findings, workerJson: text, marks, jobs } = check.answer;
      asked.check = check;
      asked.jobs = jobs;
      const expected = expectedIdentity(session, state, workerIp);
      asked.answer = { workerIp, number, found: readIdentity(text), marks, expected };
      if (findings.length > 0) asked.failure = unfit(workerIp, directory, check.answer);
    } catch (error) {
      asked.failure = workError(session, error, { worker: workerIp });
    }
    asked.settled = true;
  };
  const asking = new Map(all.map((asked) => [asked, ask(asked)]));
  await untilQuiet(all, [...asking.values()]);

  const admit = async (asked: Asked, { deploy, isBegun }: Entry): Promise<void> => {
    const { workerIp, check } = asked;
    if (check === undefined) return;
    if (asked.failure !== undefined || !isBegun) return check.leave();
    const identity: WorkerIdentity = { ...expectedIdentity(session, state, workerIp), ...deploy };
    try {
      const answer = await check.goOn(workerJson(state, workerIp, identity));
      if (answer.findings.length > 0) asked.failure = unfit(workerIp, directory, answer);
    } catch (error) {
      asked.failure = workError(session, error, { worker: workerIp });
    }
  };
  const admitLate = async (asked: Asked, entry: Entry): Promise<void> => {
    await asking.get(asked);
    const [worker] = foundOf([asked]);
    const refusal = worker && entry.judgeLate(worker, answersOf(all));
    if (refusal !== undefined) {
      asked.failure = refusal.error;
      asked.isRefused = true;
      if (refusal.endsDeploy) for (const other of all) other.failure ??= refusal.error;
    }
    await limited(() => admit(asked, entry));
    delete asked.late;
  };
  return {
    answers: answersOf(all),
    found: () => foundOf(all),
    refuse(workerIp, error) {
      const asked = all.find((one) => one.workerIp === workerIp)!;
      asked.failure = error;
      asked.isRefused = true;
    },
    async enter(entry) {
      const present = all.filter(({ settled }) => settled);
      for (const asked of all) if (!asked.settled) asked.late = admitLate(asked, entry);
      await Promise.all(present.map((asked) => limited(() => admit(asked, entry))));
      return createLinks(session, all, { state, ...entry });
    },
    async leave() {
      // Who has not answered yet has nothing to be left; its connection closes with the session.
      await Promise.all(all.map(({ check }) => check?.leave()));
    },
  };
}

const answersOf = (all: readonly Asked[]): FenceAnswer[] => all.flatMap(({ answer }) => answer ?? []);

const foundOf = (all: readonly Asked[]): FoundWorker[] =>
  all.flatMap(({ answer, failure, jobs }) =>
    answer === undefined || failure !== undefined ? [] : [{ ...answer, jobs }],
  );

/** Until all have settled, or some have answered and no other has followed for a while. */
async function untilQuiet(all: readonly Asked[], asking: readonly Promise<void>[]): Promise<void> {
  const open = new Set(asking);
  for (const one of asking) void one.then(() => open.delete(one));
  while (open.size > 0) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const quiet = new Promise<"quiet">((resolve) => {
      timer = setTimeout(() => resolve("quiet"), patienceMs);
    });
    const next = await Promise.race([...open, quiet]);
    clearTimeout(timer);
    if (next === "quiet" && all.some(({ answer }) => answer !== undefined)) return;
  }
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
