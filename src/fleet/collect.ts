// collect facts: asks workers for their memory and CPU, and makes the workers.json that holds them.

import { readState } from "../catalog/state.ts";
import { failureText } from "../health/failure.ts";
import { workError } from "../lifecycle/errors.ts";
import { chooseConcurrency, splitChoice, type WorkerChoice } from "../lifecycle/select.ts";
import { reachWorker } from "../lifecycle/worker.ts";
import { MaandError } from "../model/error.ts";
import { hostKind } from "../model/names.ts";
import type { Result } from "../model/result.ts";
import type { WorkerRow as CatalogWorker } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import { mapLimited } from "../support/parallel.ts";
import { workersPath } from "../workspace/paths.ts";
import { canonicalHost } from "../workspace/workers.ts";
import type { WorkerEntry } from "../workspace/workers-file.ts";
import { cpuCapacity, type Facts, factsCommand, parseFacts } from "./facts.ts";
import { type Capacity, mergeFacts } from "./merge-facts.ts";
import { readWorkersFile, type WorkersFile, writeWorkersFile } from "./workers-source.ts";

export interface CollectRequest extends WorkerChoice {
  concurrency?: number | undefined;
  /** A complete workers.json is wanted, so that the workers without new facts matter too. */
  generate: boolean;
  /** Update workers.json in place. */
  write: boolean;
}

/** What one worker told. */
export type FactsResult = { workerIp: string } & Result<Facts>;

export interface CollectOutcome {
  /** In the order of workers.json, then what was named besides. */
  workers: FactsResult[];
  /** Rows of the complete workers.json; present with `generate` and `write`. */
  rows?: WorkerEntry[];
  /** What became of the file; present with `write`. */
  file?: "updated" | "unchanged" | "not_written";
  interrupted: boolean;
}

/** Seconds for the one command that asks a worker; it reads a few files. */
const askSeconds = 60;

/**
 * Asks the chosen workers: those of workers.json, or of the catalog when that file is empty, and any host named.
 * @throws MaandError("usage" or "workspace") before anything is contacted.
 */
export async function collectFacts(session: Session, request: CollectRequest): Promise<CollectOutcome> {
  const { root } = session.paths;
  const file = readWorkersFile(root);
  const catalog = readState(session.catalog).workers;
  const hosts = chooseHosts(file, catalog, request);
  const width = chooseConcurrency(request.concurrency, session.conf.maxParallelWorkers);
  session.pool.dial(hosts);
  const workers = await mapLimited(hosts, width, (workerIp) => askWorker(session, workerIp));
  const { aborted: interrupted } = session.shutdown.graceful;
  warn(session, workers, request.generate || request.write);
  if (!request.generate && !request.write) return { workers, interrupted };

  // Whoever edited the file meanwhile is right; a file that was emptied meanwhile is what `>` and `tee` leave.
  const now = readWorkersFile(root) ?? file;
  const rows = mergeFacts(now?.rows, catalog, capacities(workers));
  if (!request.write) return { workers, rows, interrupted };
  if (interrupted) return { workers, rows, file: "not_written", interrupted };
  const isSame = now !== undefined && JSON.stringify(now.rows) === JSON.stringify(rows);
  if (!isSame) writeWorkersFile(root, rows);
  return { workers, rows, file: isSame ? "unchanged" : "updated", interrupted };
}

function chooseHosts(
  file: WorkersFile | undefined,
  catalog: readonly CatalogWorker[],
  request: CollectRequest,
): string[] {
  const known = file?.candidates ?? catalog;
  if (file === undefined && catalog.length === 0 && request.workers === undefined) {
    throw new MaandError(
      "workspace",
      `${workersPath} is empty and the catalog has no workers: there is nobody to ask`,
      {
        why: 'a shell empties the file of "> workspace/workers.json" before maand starts, and no build has read it yet',
        hint: "restore the file or name the workers with -w; --write updates the file in place and never empties it",
      },
    );
  }
  const spelling = new Map([...catalog, ...known].map((worker) => [canonicalHost(worker.host), worker.host]));
  const workers = request.workers?.map((host) => spelling.get(canonicalHost(host)) ?? host);
  const { hosts, unknown } = splitChoice(known, { workers, labels: request.labels });
  for (const host of unknown) {
    if (hostKind(host) !== undefined) continue;
    throw new MaandError("usage", `--workers names "${host}", which is no address`, {
      hint: "use an IPv4 address, an IPv6 address or a DNS name",
    });
  }
  return [...hosts, ...unknown];
}

async function askWorker(session: Session, workerIp: string): Promise<FactsResult> {
  const { events, shutdown } = session;
  const scope = { worker: workerIp, phase: "collect" as const };
  if (shutdown.graceful.aborted) {
    const where = { worker: workerIp };
    const error = new MaandError("interrupted", "not asked", { where, why: "interrupted" });
    return { workerIp, ok: false, error };
  }
  events.emit({ type: "progress", scope, text: "facts", state: "begin" });
  const result = await ask(session, workerIp);
  events.emit({ type: "progress", scope, text: "facts", state: "end", ok: result.ok });
  return { workerIp, ...result };
}

async function ask(session: Session, workerIp: string): Promise<Result<Facts>> {
  try {
    const connection = await reachWorker(session, workerIp);
    const answer = await connection.exec(factsCommand(remoteDirectory(session)), {
      timeoutSeconds: Math.min(askSeconds, session.conf.commandTimeoutSeconds),
      signal: session.shutdown.forced,
      label: "asking for facts",
    });
    const facts = parseFacts(answer.stdout);
    if (facts !== undefined) return { ok: true, value: facts };
    throw new MaandError("remote", "the worker did not tell its facts", {
      where: { worker: workerIp },
      why: failureText(answer.stderr) || `exit status ${answer.exitCode}`,
      hint: "see that the ssh user has a POSIX shell there",
    });
  } catch (thrown) {
    return { ok: false, error: workError(session, thrown, { worker: workerIp }) };
  }
}

function warn(session: Session, workers: readonly FactsResult[], keeps: boolean): void {
  const kept = keeps ? "; its last known values are kept" : "";
  for (const result of workers) {
    const scope = { worker: result.workerIp, phase: "collect" as const };
    const say = (text: string): void =>
      session.events.emit({ type: "warning", scope, text: `${text}${kept}` });
    if (!result.ok) {
      say(failureText(result.error));
      continue;
    }
    if (cpuCapacity(result.value) === undefined) say("it does not tell the MHz of its CPU");
    if (result.value.memoryMb === undefined) say("it does not tell its memory");
  }
}

function capacities(workers: readonly FactsResult[]): Map<string, Capacity> {
  const found = new Map<string, Capacity>();
  for (const result of workers) {
    const facts = result.ok ? result.value : undefined;
    const cpuMhz = facts === undefined ? undefined : cpuCapacity(facts);
    found.set(result.workerIp, {
      ...(facts?.memoryMb === undefined ? {} : { memoryMb: facts.memoryMb }),
      ...(cpuMhz === undefined ? {} : { cpuMhz }),
    });
  }
  return found;
}
