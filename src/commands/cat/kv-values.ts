// Values of the KV: the rows of cat kv, and one value or one namespace by name. Secrets stay hidden unless asked for.

import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { mayRead, type Reader } from "../../kv/read-rules.ts";
import type { KvEntry, KvStore } from "../../kv/store.ts";
import { MaandError } from "../../model/error.ts";
import { Secret } from "../../model/secret.ts";
import { type CatalogState, demandsOf } from "../../model/state.ts";
import { suggestName } from "../../support/nearest.ts";
import { visible } from "../../support/visible.ts";
import type { KvGetArguments, KvGetFlags, KvTable } from "./kv.ts";
import { createFilter, tableOutcome } from "./show-table.ts";

/**
 * One row per key.
 * @throws MaandError("usage") for flags that exclude each other, and for a job that is not in the catalog.
 */
export function kvRows(table: KvTable) {
  const { flags, session } = table;
  if (flags.active && flags.deleted)
    throw new MaandError("usage", "--active and --deleted exclude each other", {
      hint: "leave both out to see live and deleted keys together",
    });
  const readers = flags.jobs === undefined ? undefined : readersOf(table.state, flags.jobs);
  return session.kv
    .entries()
    .filter((entry) => !(flags.active && entry.deleted) && !(flags.deleted && !entry.deleted))
    .filter((entry) => readers?.some((reader) => mayRead(reader, entry.namespace)) !== false)
    .map((entry) => rowOf(entry, false));
}

/**
 * The named jobs as readers of the KV.
 * @throws MaandError("usage") for a job that is not in the catalog.
 */
function readersOf(state: CatalogState, jobs: readonly string[]): Reader[] {
  createFilter(state, { jobs });
  return state.jobs
    .filter((job) => jobs.includes(job.name))
    .map((job) => ({ job: job.name, demands: demandsOf(job) }));
}

function rowOf(entry: KvEntry, reveal: boolean) {
  const { namespace, key, version, deleted, value } = entry;
  return { namespace, key, value: value instanceof Secret ? shown(value, reveal) : value, version, deleted };
}

function shown(value: string | Secret, reveal: boolean): string {
  if (typeof value === "string") return value;
  return reveal ? value.reveal() : String(value);
}

/** One value, bare; or the keys of a namespace. */
export async function catKvGet(
  { session, terminal }: BucketInvocation,
  flags: KvGetFlags,
  { ns: namespace, key }: KvGetArguments,
): Promise<Outcome> {
  const found = findValue(session.kv, namespace, key);
  if (found !== undefined) {
    const { value } = found;
    const text = shown(value, flags.reveal);
    const hidden = value instanceof Secret && !flags.reveal;
    if (hidden && !terminal.json) terminal.stderr.write("this is a secret: add --reveal to see it\n");
    if (terminal.json) return { json: { namespace: found.namespace, key: found.key, value: text, hidden } };
    return { text: `${terminal.stdout.isTty ? safeLines(text) : text}\n` };
  }
  const whole = `${namespace}/${key}`;
  const rows = session.kv
    .entries()
    .filter((entry) => entry.namespace === whole && !entry.deleted)
    .map((entry) => rowOf(entry, flags.reveal));
  if (rows.length === 0) throw missing(session.kv, namespace, key);
  if (terminal.json) return { json: { kv: rows } };
  return tableOutcome(terminal, "kv", ["key", "value"], rows);
}

/**
 * The value at `<namespace>/<key>`, wherever the line between the two was drawn: `maand/worker/10.0.0.1 tags/zone`
 * and `maand/worker/10.0.0.1/tags zone` are the same. The line as it was typed goes first.
 */
function findValue(
  kv: KvStore,
  namespace: string,
  key: string,
): { namespace: string; key: string; value: string | Secret } | undefined {
  const typed = kv.get(namespace, key);
  if (typed !== undefined) return { namespace, key, value: typed };
  const whole = `${namespace}/${key}`;
  for (let slash = whole.indexOf("/"); slash >= 0; slash = whole.indexOf("/", slash + 1)) {
    const [left, right] = [whole.slice(0, slash), whole.slice(slash + 1)];
    const value = kv.get(left, right);
    if (value !== undefined) return { namespace: left, key: right, value };
  }
  return undefined;
}

function missing(kv: KvStore, namespace: string, key: string): MaandError {
  const entries = kv.entries();
  const deleted = entries.find((entry) => entry.namespace === namespace && entry.key === key);
  if (deleted !== undefined)
    return new MaandError("not_found", `key "${key}" of ${namespace} was deleted`, {
      why: `its version ${deleted.version} is a deletion`,
      hint: "maand cat kv --deleted lists deleted keys",
    });
  const live = kv.namespaces();
  if (live.includes(namespace))
    return new MaandError("not_found", `${namespace} has no key "${key}"`, {
      hint: suggestName(key, kv.keys(namespace)),
    });
  return new MaandError("not_found", `there is no namespace "${namespace}"`, {
    hint: live.length === 0 ? 'the KV is empty: run "maand build" first' : suggestName(namespace, live),
  });
}

/** The lines of a value as a terminal may show them. */
function safeLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}
