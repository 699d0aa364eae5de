// What hooks have written and not yet made durable: one store for readers, checkpoints and discards per job.

import { Secret } from "../model/secret.ts";
import { compareText } from "../support/order.ts";
import { isSecretKey, parseNamespace } from "./namespaces.ts";
import type { KvChange, KvEntry, KvStore } from "./store.ts";

/** A KV that shows pending writes to every reader at once. `apply` keeps changes in memory until a checkpoint. */
export interface KvOverlay extends KvStore {
  /** Makes the pending writes of one job durable, in one transaction. Returns how many keys changed. */
  checkpoint(job: string, now: number): number;
  /** Forgets the pending writes of one job. */
  discard(job: string): void;
  /** Jobs with pending writes, sorted. */
  pending(): string[];
}

/** Changes of one job, by namespace and key; the last one of a key counts. */
type Pending = Map<string, Map<string, KvChange>>;

/** An overlay over `base`, which is touched by nothing but `checkpoint`. Only namespaces of a job can be written. */
export function overlayKv(base: KvStore): KvOverlay {
  const byJob = new Map<string, Pending>();

  const pendingOf = (namespace: string): ReadonlyMap<string, KvChange> => {
    const job = jobOf(namespace);
    return (job === undefined ? undefined : byJob.get(job)?.get(namespace)) ?? new Map();
  };
  const get = (namespace: string, key: string): string | Secret | undefined => {
    const change = pendingOf(namespace).get(key);
    return change === undefined ? base.get(namespace, key) : shown(change);
  };
  const keys = (namespace: string): string[] => {
    const all = new Set(base.keys(namespace));
    for (const change of pendingOf(namespace).values()) {
      if (change.value === undefined) all.delete(change.key);
      else all.add(change.key);
    }
    return [...all].sort(compareText);
  };

  return {
    get,
    keys,
    namespaces() {
      const all = new Set(base.namespaces());
      for (const pending of byJob.values()) for (const namespace of pending.keys()) all.add(namespace);
      return [...all]
        .filter((namespace) => !isPending(byJob, namespace) || keys(namespace).length > 0)
        .sort(compareText);
    },
    entries() {
      const all = new Map(base.entries().map((entry) => [`${entry.namespace}\0${entry.key}`, entry]));
      for (const pending of byJob.values()) {
        for (const changes of pending.values()) {
          for (const change of changes.values()) {
            const place = `${change.namespace}\0${change.key}`;
            const entry = entryOf(change, all.get(place));
            if (entry !== undefined) all.set(place, entry);
          }
        }
      }
      return [...all.values()].sort(
        (a, b) => compareText(a.namespace, b.namespace) || compareText(a.key, b.key),
      );
    },
    apply(changes) {
      let changed = 0;
      for (const change of changes) {
        const job = jobOf(change.namespace);
        if (job === undefined)
          throw new Error(`namespace ${change.namespace} belongs to no job: a hook cannot write it`);
        if (sameValue(get(change.namespace, change.key), change.value)) continue;
        const pending = byJob.get(job) ?? new Map<string, Map<string, KvChange>>();
        byJob.set(job, pending);
        const ofNamespace = pending.get(change.namespace) ?? new Map<string, KvChange>();
        pending.set(change.namespace, ofNamespace);
        ofNamespace.set(change.key, { ...change });
        changed += 1;
      }
      return changed;
    },
    checkpoint(job, now) {
      const pending = byJob.get(job);
      if (pending === undefined) return 0;
      const count = base.apply(
        [...pending.values()].flatMap((changes) => [...changes.values()]),
        now,
      );
      // Only once they are durable: a disk that refuses must not lose them for the readers of this run.
      byJob.delete(job);
      return count;
    },
    discard(job) {
      byJob.delete(job);
    },
    pending() {
      return [...byJob.keys()].sort(compareText);
    },
  };
}

function jobOf(namespace: string): string | undefined {
  const parsed = parseNamespace(namespace);
  return parsed !== undefined && "job" in parsed ? parsed.job : undefined;
}

function isPending(byJob: ReadonlyMap<string, Pending>, namespace: string): boolean {
  return [...byJob.values()].some((pending) => pending.has(namespace));
}

function shown(change: KvChange): string | Secret | undefined {
  if (change.value === undefined) return undefined;
  return isSecretKey(change.namespace, change.key) ? new Secret(change.value) : change.value;
}

function sameValue(current: string | Secret | undefined, value: string | undefined): boolean {
  return (current instanceof Secret ? current.reveal() : current) === value;
}

/** The entry as it will be after the checkpoint; undefined for a deletion of what was never there. */
function entryOf(change: KvChange, current: KvEntry | undefined): KvEntry | undefined {
  const deleted = change.value === undefined;
  if (deleted && (current === undefined || current.deleted)) return current;
  return {
    namespace: change.namespace,
    key: change.key,
    value: shown(change) ?? "",
    version: (current?.version ?? 0) + 1,
    deleted,
  };
}
