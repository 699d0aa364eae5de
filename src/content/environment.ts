// What the templates of one allocation see, its data and the KV as its job may read it, with a record of what was read.
//
// The record is why a render can be used again. A template has no clock, no chance, no files and no network: what comes
// out follows from the template, the allocation, the catalog's rows and what it read of the things that change within
// a run, which are the KV and the version that is called current. So where every recorded read would be answered as
// it was, rendering again could only take the same way to the same text. Nobody has to announce a change: a hook's
// write, a discard, a checkpoint and a deletion all show in the answers, and what is written to keys that were not
// read shows nowhere. The price is that the reads are done again, which costs a fraction of a render.

import { createHash } from "node:crypto";
import { mayRead } from "../kv/read-rules.ts";
import type { KvStore } from "../kv/store.ts";
import { MaandError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import { type AllocationRow, type CatalogState, demandsOf, type JobRow } from "../model/state.ts";
import type { TemplateData, TemplateEnvironment, TemplateStore } from "../templates/environment.ts";

/** The part of the KV that templates read. */
export type ReadableKv = Pick<KvStore, "get" | "keys">;

export interface EnvironmentSource {
  state: CatalogState;
  kv: ReadableKv;
  /** `<worker_root>/<bucket_id>`. */
  remoteDirectory: string;
}

export interface RenderFor {
  job: JobRow;
  allocation: AllocationRow;
  /** What the template sees as CurrentVersion. */
  currentVersion: string;
  /** False: secrets are `***` from the start. */
  revealSecrets: boolean;
}

/** What one render has read of what can change within a run. */
export interface ReadRecord {
  /** What it was told that CurrentVersion is; undefined where it did not ask. */
  currentVersion: string | undefined;
  /** Keys and listings of the KV, each once, in the order in which they were first asked for. */
  reads: readonly Read[];
  /** SHA-256 over the answers. */
  answers: string;
  /** Whether a secret was among them. */
  secret: boolean;
}

interface Read {
  kind: "key" | "listing";
  namespace: string;
  /** "" for a listing. */
  key: string;
}

/** An environment for one render, and what has been read through it so far. */
export interface RecordingEnvironment extends TemplateEnvironment {
  record(): ReadRecord;
}

/** Makes environments, one per render; what all allocations share is looked up once. */
export function createEnvironments(source: EnvironmentSource): (render: RenderFor) => RecordingEnvironment {
  const { state, remoteDirectory } = source;
  const known = new Map<string, Read>();
  const workers = new Map(state.workers.map((worker) => [worker.host, worker]));
  const live = Map.groupBy(
    state.allocations.filter((allocation) => !allocation.removed),
    (allocation) => allocation.job,
  );
  return ({ job, allocation, currentVersion, revealSecrets }) => {
    // Undefined for an allocation whose worker has left.
    const worker = workers.get(allocation.workerIp);
    let versionRead = false;
    const data: TemplateData = {
      AllocationID: allocation.allocId,
      Job: job.name,
      get CurrentVersion() {
        versionRead = true;
        return currentVersion;
      },
      NewVersion: job.version,
      WorkerIP: allocation.workerIp,
      WorkerID: allocation.workerId,
      Labels: worker?.labels ?? [],
      BucketPath: remoteDirectory,
      JobPath: `${remoteDirectory}/jobs/${job.name}`,
      AllocationIndex: allocation.index,
      Hostname: worker?.hostname ?? allocation.workerIp,
      Zone: allocation.zone ?? "",
      Tags: worker?.tags ?? {},
      get Peers() {
        const others = (live.get(job.name) ?? []).filter((other) => other.allocId !== allocation.allocId);
        return others.map((other) => other.workerIp);
      },
    };
    const store = recordingStore(source, job, known);
    return {
      data,
      store,
      revealSecrets,
      record: () => ({ currentVersion: versionRead ? currentVersion : undefined, ...store.record() }),
    };
  };
}

/** Whether every read of a record would be answered as it was. */
export function stillHolds(record: ReadRecord, kv: ReadableKv, currentVersion: string): boolean {
  if (record.currentVersion !== undefined && record.currentVersion !== currentVersion) return false;
  const answers = record.reads.map(({ kind, namespace, key }) =>
    kind === "key" ? kv.get(namespace, key) : kv.keys(namespace),
  );
  return hashOf(answers) === record.answers;
}

type Answer = string | Secret | undefined | readonly string[];

/** Text and secret of the same letters differ: the one may be shown. */
function hashOf(answers: readonly Answer[]): string {
  const values = answers.map((answer) =>
    answer instanceof Secret ? { secret: answer.reveal() } : (answer ?? null),
  );
  return createHash("sha256").update(JSON.stringify(values)).digest("hex");
}

/**
 * A store that refuses what the read rules forbid. Within one render the same question has the same answer.
 * @param known the reads of all renders so far, to be shared: those of one allocation are mostly those of the next, and a
 *   fleet's worth of records is large
 */
function recordingStore(
  { kv, state }: EnvironmentSource,
  job: JobRow,
  known: Map<string, Read>,
): TemplateStore & { record(): Omit<ReadRecord, "currentVersion"> } {
  const reader = { job: job.name, demands: demandsOf(job) };
  const asked = new Map<Read, Answer>();
  const require = (namespace: string): void => {
    if (mayRead(reader, namespace)) return;
    throw new MaandError("render", `job "${job.name}" may not read ${namespace}`, {
      hint: 'see "maand help kv" for what a job may read; a demand on another job opens its namespaces',
    });
  };
  const readOf = (kind: Read["kind"], namespace: string, key: string): Read => {
    const place = `${kind} ${namespace.length} ${namespace}${key}`;
    const read = known.get(place) ?? { kind, namespace, key };
    known.set(place, read);
    return read;
  };
  const once = <T extends Answer>(kind: Read["kind"], namespace: string, key: string, ask: () => T): T => {
    require(namespace);
    const read = readOf(kind, namespace, key);
    // What is there was put there below, for a read of this kind.
    if (asked.has(read)) return asked.get(read) as T;
    const answer = ask();
    asked.set(read, answer);
    return answer;
  };
  return {
    get: (namespace, key) => once("key", namespace, key, () => kv.get(namespace, key)),
    keys: (namespace) => once("listing", namespace, "", () => kv.keys(namespace)),
    exists: (name) => state.jobs.some((candidate) => candidate.name === name && !candidate.removed),
    ambiguous(key) {
      const users = state.ports.filter((port) => port.name === key).map((port) => port.job);
      return users.length > 1 ? users : [];
    },
    record() {
      const answers = [...asked.values()];
      return {
        reads: [...asked.keys()],
        answers: hashOf(answers),
        secret: answers.some((answer) => answer instanceof Secret),
      };
    },
  };
}
