// The certificates of a build: which to make, which to keep, and the KV entries that follow.

import { availableParallelism } from "node:os";
import type { RecordedLeaf } from "../catalog/certificates.ts";
import type { Authority } from "../certs/authority.ts";
import { describeCertificate, parseCertificate } from "../certs/describe.ts";
import type { StoredLeaf } from "../certs/plan.ts";
import { planCertificates, storedLeaves } from "../certs/plan.ts";
import { allocationNamespace } from "../kv/namespaces.ts";
import type { KvStore } from "../kv/store.ts";
import { MaandError } from "../model/error.ts";
import { Secret } from "../model/secret.ts";
import type { CatalogState } from "../model/state.ts";

export interface CertificateInput {
  next: CatalogState;
  stored: readonly RecordedLeaf[];
  authority: Authority;
  kv: KvStore;
  /** Namespaces that stay as they are until deploy has stopped what they belong to. */
  retained: ReadonlySet<string>;
  ttlDays: number;
  renewalBufferDays: number;
  now: number;
}

export interface CertificateChanges {
  puts: { namespace: string; key: string; value: string }[];
  /** Keys whose stored value stays. */
  keep(namespace: string, key: string): boolean;
  issued: StoredLeaf[];
  dropped: Pick<StoredLeaf, "job" | "worker" | "cert">[];
  /** Records whose PEM went before them (with an allocation that deploy cleaned up): worth no commit of their own. */
  stale: Pick<StoredLeaf, "job" | "worker" | "cert">[];
  /** Pairs that were made, renewals among them. */
  madeCount: number;
  renewedCount: number;
  /** Stored pairs that stay, counted once for each worker. */
  kept: number;
}

const keysOf = (cert: string): [string, string] => [`certs/${cert}.crt`, `certs/${cert}.key`];

/** Makes what is due, in parallel; touches neither KV nor catalog. */
export async function makeCertificates(input: CertificateInput): Promise<CertificateChanges> {
  const { next, kv } = input;
  const authority = describeCertificate(input.authority.certPem);
  if (authority === undefined) throw new MaandError("local", "secrets/ca.crt is not a certificate");
  const live = next.allocations.filter((allocation) => !allocation.removed);
  const hostsByJob = Map.groupBy(live, (allocation) => allocation.job);
  // A record without its PEM is as good as no record.
  const [held, lost] = partition(input.stored, ({ job, worker, cert }) =>
    keysOf(cert).every((key) => kv.get(allocationNamespace(job, worker), key) !== undefined),
  );
  const plan = planCertificates({
    jobs: next.jobs
      .filter((job) => !job.removed)
      .map((job) => ({
        job: job.name,
        certs: job.manifest.certs,
        workers: (hostsByJob.get(job.name) ?? []).map((allocation) => allocation.workerIp),
      })),
    stored: held.map((leaf) => ({ ...leaf, notBefore: leaf.notBefore ?? beginOf(kv, leaf) })),
    authority: { fingerprint: authority.fingerprint, notAfter: authority.notAfter },
    now: input.now,
    ttlDays: input.ttlDays,
    renewalBufferDays: input.renewalBufferDays,
  });

  const puts: CertificateChanges["puts"] = [];
  const kept = new Set<string>();
  const keep = (namespace: string, cert: string): void => {
    for (const key of keysOf(cert)) kept.add(`${namespace}\n${key}`);
  };
  for (const { job, cert, worker, from } of plan.reuse) {
    const namespace = allocationNamespace(job, worker);
    if (from === worker) keep(namespace, cert);
    else for (const key of keysOf(cert)) puts.push({ namespace, key, value: textOf(kv, job, from, key) });
  }
  const waiting = plan.drop.filter(({ job, worker }) => input.retained.has(allocationNamespace(job, worker)));
  for (const { job, worker, cert } of waiting) keep(allocationNamespace(job, worker), cert);

  const issued: StoredLeaf[] = [];
  let renewedCount = 0;
  if (plan.issue.length > 0) {
    const { issueAll } = await import("../certs/leaf.ts");
    const leaves = await issueAll(plan.issue, input.authority, input.now, availableParallelism());
    plan.issue.forEach((request, i) => {
      const leaf = leaves[i]!;
      if (request.reason === "due" || request.reason === "not_yet_valid") renewedCount++;
      issued.push(...storedLeaves(request, leaf));
      const [crt, key] = keysOf(request.cert);
      for (const worker of request.workers) {
        const namespace = allocationNamespace(request.job, worker);
        puts.push({ namespace, key: crt, value: leaf.certPem });
        puts.push({ namespace, key, value: leaf.keyPem.reveal() });
      }
    });
  }
  return {
    puts,
    keep: (namespace, key) => kept.has(`${namespace}\n${key}`),
    issued,
    dropped: plan.drop.filter((leaf) => !waiting.includes(leaf)),
    stale: lost,
    madeCount: plan.issue.length,
    renewedCount,
    kept: plan.reuse.length,
  };
}

/** When a leaf begins, as its PEM says; 0 where that cannot be read. */
function beginOf(kv: KvStore, { job, worker, cert }: RecordedLeaf): number {
  const certificate = parseCertificate(textOf(kv, job, worker, keysOf(cert)[0]));
  return certificate === undefined ? 0 : Date.parse(certificate.validFrom);
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = [];
  const no: T[] = [];
  for (const item of items) (belongs(item) ? yes : no).push(item);
  return [yes, no];
}

function textOf(kv: KvStore, job: string, worker: string, key: string): string {
  const value = kv.get(allocationNamespace(job, worker), key);
  return value instanceof Secret ? value.reveal() : (value ?? "");
}
