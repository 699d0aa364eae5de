// What hooks have written and not yet made durable: seen by all readers at once, kept or dropped per writer.

import { Secret } from "../model/secret.ts";
import { compareText } from "../support/order.ts";
import { isSecretKey, parseNamespace } from "./namespaces.ts";
import type { KvChange, KvEntry, KvStore } from "./store.ts";

/**
 * On whose behalf something is written: an allocation id for what lives with that allocation's promotion, else a name
 * that one run of hooks has for itself.
 */
export type Writer = string;

/**
 * A KV that shows pending writes to every reader at once. Of several writers of one key the one who wrote last counts,
 * among those that were not dropped, in whatever order they are settled.
 */
export interface KvOverlay extends Omit<KvStore, "apply"> {
  /** Keeps changes in memory until their writer is settled. Returns how many keys read differently now. */
  write(writer: Writer, changes: readonly KvChange[]): number;
  /**
   * Writes what these writers have pending to the catalog, in one transaction or inside the caller's. They stay pending
   * until `committed` is called, once it is durable: a disk that refuses must not lose them for the readers of this run.
   */
  store(writers: Iterable<Writer>, now: number): { changed: number; committed(): void };
  /** Forgets what these writers have pending; what others wrote to the same keys before or since shows again. */
  discard(writers: Iterable<Writer>): void;
  /** Writers with something pending, sorted. */
  pending(): Writer[];
}

interface Write {
  writer: Writer;
  change: KvChange;
  /** Rises with every write of the overlay. */
  moment: number;
}

/** By namespace and key: each writer's last write, the latest last. Never an empty list or map. */
type Pending = Map<string, Map<string, Write[]>>;

/** An overlay over `base`, which is touched by nothing but `store`. Only namespaces of a job can be written. */
export function overlayKv(base: KvStore): KvOverlay {
  const places: Pending = new Map();
  let moment = 0;

  const latest = (namespace: string, key: string): Write | undefined =>
    places.get(namespace)?.get(key)?.at(-1);
  const get = (namespace: string, key: string): string | Secret | undefined => {
    const write = latest(namespace, key);
    return write === undefined ? base.get(namespace, key) : shown(write.change);
  };
  const keys = (namespace: string): string[] => {
    const all = new Set(base.keys(namespace));
    for (const [key, writes] of places.get(namespace) ?? []) {
      if (writes.at(-1)!.change.value === undefined) all.delete(key);
      else all.add(key);
    }
    return [...all].sort(compareText);
  };
  const allWrites = (): Write[] =>
    [...places.values()].flatMap((ofNamespace) => [...ofNamespace.values()].flat());

  return {
    get,
    keys,
    namespaces() {
      const all = new Set([...base.namespaces(), ...places.keys()]);
      return [...all]
        .filter((namespace) => !places.has(namespace) || keys(namespace).length > 0)
        .sort(compareText);
    },
    entries() {
      const all = new Map(base.entries().map((entry) => [`${entry.namespace}\0${entry.key}`, entry]));
      for (const [namespace, ofNamespace] of places) {
        for (const [key, writes] of ofNamespace) {
          const place = `${namespace}\0${key}`;
          const entry = entryOf(writes.at(-1)!.change, all.get(place));
          if (entry !== undefined) all.set(place, entry);
        }
      }
      return [...all.values()].sort(
        (a, b) => compareText(a.namespace, b.namespace) || compareText(a.key, b.key),
      );
    },
    write(writer, changes) {
      let changed = 0;
      for (const change of changes) {
        const { namespace, key } = change;
        if (!isOfJob(namespace))
          throw new Error(`namespace ${namespace} belongs to no job: a hook cannot write it`);
        const isSame = sameValue(get(namespace, key), change.value);
        const last = latest(namespace, key);
        // The same value as another's is noted all the same: it must be there when the other's is dropped.
        if (isSame && (last === undefined || last.writer === writer)) continue;
        const others = (places.get(namespace)?.get(key) ?? []).filter((write) => write.writer !== writer);
        moment += 1;
        put(places, namespace, key, [...others, { writer, change: { ...change }, moment }]);
        if (!isSame) changed += 1;
      }
      return changed;
    },
    store(writers, now) {
      const wanted = new Set(writers);
      const byPlace = Map.groupBy(
        allWrites().filter((write) => wanted.has(write.writer)),
        ({ change }) => `${change.namespace}\0${change.key}`,
      );
      const last = [...byPlace.values()].map((writes) => writes.at(-1)!);
      last.sort((a, b) => a.moment - b.moment);
      const changed =
        last.length === 0
          ? 0
          : base.apply(
              last.map(({ change }) => change),
              now,
            );
      return {
        changed,
        // What somebody else wrote there earlier has been overwritten, whatever becomes of it.
        committed() {
          for (const { change, moment: stored } of last)
            keepOnly(places, change.namespace, change.key, (write) => write.moment > stored);
        },
      };
    },
    discard(writers) {
      const unwanted = new Set(writers);
      for (const { writer, change } of allWrites())
        if (unwanted.has(writer))
          keepOnly(places, change.namespace, change.key, (write) => write.writer !== writer);
    },
    pending() {
      return [...new Set(allWrites().map(({ writer }) => writer))].sort(compareText);
    },
  };
}

function put(places: Pending, namespace: string, key: string, writes: Write[]): void {
  const ofNamespace = places.get(namespace) ?? new Map<string, Write[]>();
  if (writes.length > 0) ofNamespace.set(key, writes);
  else ofNamespace.delete(key);
  if (ofNamespace.size > 0) places.set(namespace, ofNamespace);
  else places.delete(namespace);
}

function keepOnly(places: Pending, namespace: string, key: string, wanted: (write: Write) => boolean): void {
  put(places, namespace, key, (places.get(namespace)?.get(key) ?? []).filter(wanted));
}

function isOfJob(namespace: string): boolean {
  const parsed = parseNamespace(namespace);
  return parsed !== undefined && "job" in parsed;
}

function shown(change: KvChange): string | Secret | undefined {
  if (change.value === undefined) return undefined;
  return isSecretKey(change.namespace, change.key) ? new Secret(change.value) : change.value;
}

function sameValue(current: string | Secret | undefined, value: string | undefined): boolean {
  return (current instanceof Secret ? current.reveal() : current) === value;
}

/** The entry as it will be once it is stored; undefined for a deletion of what was never there. */
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
