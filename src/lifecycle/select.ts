// What a command works on: workers by address or label, jobs by name; what is not there is refused with the nearest name.

import { MaandError } from "../model/error.ts";
import { canonicalLabel } from "../model/names.ts";
import type { CatalogState, JobRow } from "../model/state.ts";
import { suggestName } from "../support/nearest.ts";

/** A worker that can be chosen. */
export interface Candidate {
  host: string;
  /** Canonical, as the catalog has them. */
  labels: readonly string[];
}

/** What the operator asked for; the two exclude each other, neither means all. */
export interface WorkerChoice {
  /** `-w` */
  workers?: readonly string[] | undefined;
  /** `-l` */
  labels?: readonly string[] | undefined;
}

/**
 * The chosen hosts, each once, in the order of `known`; named hosts that are not in `known` apart, in the order named.
 * @throws MaandError("usage") when both kinds are given, or for a label that no worker has.
 */
export function splitChoice(
  known: readonly Candidate[],
  choice: WorkerChoice,
): { hosts: string[]; unknown: string[] } {
  const { workers, labels } = choice;
  if (workers !== undefined && labels !== undefined) {
    throw new MaandError("usage", "--workers and --labels exclude each other", {
      hint: "name the workers, or give labels that select them",
    });
  }
  if (workers !== undefined) {
    const named = new Set(workers);
    const hosts = known.map((worker) => worker.host).filter((host) => named.has(host));
    const found = new Set(hosts);
    return { hosts, unknown: [...named].filter((host) => !found.has(host)) };
  }
  if (labels === undefined) return { hosts: known.map((worker) => worker.host), unknown: [] };
  const wanted = labels.map(canonicalLabel);
  const existing = [...new Set(known.flatMap((worker) => worker.labels))].sort();
  for (const label of wanted) {
    if (existing.includes(label)) continue;
    throw new MaandError("usage", `no worker has the label "${label}"`, {
      hint: suggestName(label, existing),
    });
  }
  const hosts = known.filter((worker) => wanted.some((label) => worker.labels.includes(label)));
  return { hosts: hosts.map((worker) => worker.host), unknown: [] };
}

/**
 * As `splitChoice`, for commands that work on known workers only.
 * @throws MaandError("usage") for an unknown host as well, with the nearest known one.
 */
export function chooseWorkers(known: readonly Candidate[], choice: WorkerChoice): string[] {
  const { hosts, unknown } = splitChoice(known, choice);
  if (unknown.length === 0) return hosts;
  const all = known.map((worker) => worker.host);
  throw new MaandError("usage", `--workers names "${unknown[0]}", which is not in the catalog`, {
    hint: `${suggestName(unknown[0]!, all)} (a new worker needs "maand build" first)`,
  });
}

/**
 * How many workers are worked on at once.
 * @throws MaandError("usage") for less than one.
 */
export function chooseConcurrency(asked: number | undefined, byDefault: number): number {
  if (asked === undefined) return byDefault;
  if (asked >= 1) return asked;
  throw new MaandError("usage", "--concurrency must be at least 1", {
    hint: "leave it out to use max_parallel_workers",
  });
}

/** What to do about a job that the catalog does not have. */
function unknownJobHint(name: string, known: readonly string[]): string {
  return `${suggestName(name, known)} (a new job needs "maand build" first)`;
}

/**
 * A job of the workspace, by the name that was given as an argument.
 * @throws MaandError("usage") when the catalog has no such job, or only what is left of one that was removed
 */
export function findJob(state: Pick<CatalogState, "jobs">, name: string): JobRow {
  const job = state.jobs.find((candidate) => candidate.name === name);
  if (job !== undefined && !job.removed) return job;
  if (job !== undefined) {
    throw new MaandError("usage", `job "${name}" has left the workspace`, {
      hint: "maand deploy stops what still runs of it, maand gc deletes the rest",
    });
  }
  const known = state.jobs.filter((candidate) => !candidate.removed).map((candidate) => candidate.name);
  throw new MaandError("usage", `job "${name}" is not in the catalog`, {
    hint: unknownJobHint(name, known),
  });
}

/**
 * Holds the names given with `--jobs` against the catalog.
 * @param removed whether jobs that have left the workspace count: a deploy still stops those
 * @throws MaandError("usage") for the first that is not there
 */
export function requireJobs(
  state: Pick<CatalogState, "jobs">,
  names: readonly string[] | undefined,
  { removed }: { removed: boolean },
): void {
  const known = state.jobs.filter((job) => removed || !job.removed).map((job) => job.name);
  const unknown = names?.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new MaandError("usage", `--jobs names "${unknown}", which is not in the catalog`, {
    hint: unknownJobHint(unknown, known),
  });
}
