// The KV as the templates of one job may read it.

import { mayRead } from "../kv/read-rules.ts";
import type { KvStore } from "../kv/store.ts";
import { MaandError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import type { CatalogState, JobRow } from "../model/state.ts";
import type { TemplateStore } from "../templates/environment.ts";

/** A store that refuses what the read rules forbid, and tells whether a secret was read through it. */
export interface GuardedStore extends TemplateStore {
  readonly sawSecret: boolean;
}

/** The jobs that a job's own hooks demand. */
export function demandsOf(job: JobRow): string[] {
  return [
    ...new Set(job.manifest.hooks.flatMap((hook) => (hook.demand === undefined ? [] : [hook.demand.job]))),
  ];
}

/** The store for one render. */
export function guardStore(
  kv: Pick<KvStore, "get" | "keys">,
  state: CatalogState,
  job: JobRow,
): GuardedStore {
  const reader = { job: job.name, demands: demandsOf(job) };
  let sawSecret = false;
  const require = (namespace: string): void => {
    if (mayRead(reader, namespace)) return;
    throw new MaandError("render", `job "${job.name}" may not read ${namespace}`, {
      hint: 'see "maand help kv" for what a job may read; a demand on another job opens its namespaces',
    });
  };
  return {
    get sawSecret() {
      return sawSecret;
    },
    get(namespace, key) {
      require(namespace);
      const value = kv.get(namespace, key);
      if (value instanceof Secret) sawSecret = true;
      return value;
    },
    keys(namespace) {
      require(namespace);
      return kv.keys(namespace);
    },
    exists: (name) => state.jobs.some((candidate) => candidate.name === name && !candidate.removed),
    ambiguous(key) {
      const users = state.ports.filter((port) => port.name === key).map((port) => port.job);
      return users.length > 1 ? users : [];
    },
  };
}
