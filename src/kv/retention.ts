// Which namespaces outlive their job, worker or allocation, and until when.

import type { AllocationRow, RuntimeState, WorkerRow } from "../model/state.ts";
import { hasFiles } from "../model/state.ts";
import {
  allocationNamespace,
  isBuildOwned,
  jobConfigNamespace,
  jobNamespace,
  parseNamespace,
  workerNamespace,
  workerTagsNamespace,
} from "./namespaces.ts";
import type { KvStore } from "./store.ts";

/** Namespaces that one allocation's hooks and templates read of their own. */
function namespacesOf(allocation: AllocationRow): string[] {
  return [
    jobNamespace(allocation.job),
    jobConfigNamespace(allocation.job),
    allocationNamespace(allocation.job, allocation.workerIp),
    workerNamespace(allocation.workerIp),
    workerTagsNamespace(allocation.workerIp),
  ];
}

/**
 * Namespaces that are kept as they are because a removed allocation of theirs is still to be stopped.
 * @param written namespaces that the build writes itself: those are not kept, they are current
 */
export function retainedNamespaces(
  allocations: readonly AllocationRow[],
  runtime: ReadonlyMap<string, RuntimeState>,
  written: { has(namespace: string): boolean },
): Set<string> {
  const waiting = allocations.filter(
    (allocation) => allocation.removed && hasFiles(runtime.get(allocation.allocId) ?? "absent"),
  );
  return new Set(waiting.flatMap(namespacesOf).filter((namespace) => !written.has(namespace)));
}

/** Namespaces that build owns and that nothing in the catalog needs any more, of those given. */
export function orphanedNamespaces(
  namespaces: readonly string[],
  workers: readonly WorkerRow[],
  allocations: readonly AllocationRow[],
  runtime: ReadonlyMap<string, RuntimeState>,
): string[] {
  const live = new Set(allocations.filter((allocation) => !allocation.removed).flatMap(namespacesOf));
  for (const worker of workers) {
    live.add(workerNamespace(worker.host));
    live.add(workerTagsNamespace(worker.host));
  }
  const retained = retainedNamespaces(allocations, runtime, live);
  return namespaces.filter((namespace) => {
    const parsed = parseNamespace(namespace);
    const belongsToOne = parsed !== undefined && ("job" in parsed || "ip" in parsed);
    return belongsToOne && isBuildOwned(namespace) && !live.has(namespace) && !retained.has(namespace);
  });
}

/** Every live key of the namespaces, as something to delete. */
export function deletionsOf(
  kv: Pick<KvStore, "keys">,
  namespaces: Iterable<string>,
): { namespace: string; key: string }[] {
  return [...namespaces].flatMap((namespace) => kv.keys(namespace).map((key) => ({ namespace, key })));
}
