// Decides which leaf certificates are made, kept or dropped. Data in, data out.

import { createHash } from "node:crypto";
import type { CertDeclaration } from "../model/manifest.ts";
import { compareText } from "../support/order.ts";
import { type AlternativeName, alternativeNames } from "./alternative-names.ts";
import type { KeyKind } from "./keys.ts";
import { isRenewalDue, type Validity } from "./lifetime.ts";
import { subjectParts } from "./subject.ts";

/** One job with the hosts of its non-removed allocations, disabled ones included. */
export interface CertJob {
  job: string;
  certs: readonly CertDeclaration[];
  workers: readonly string[];
}

/** What the catalog remembers of a stored leaf. A `one: true` pair is stored once per allocation. */
export interface StoredLeaf {
  job: string;
  worker: string;
  cert: string;
  /** `LeafRequest.inputHash` of the request that it was made from. */
  inputHash: string;
  /** Fingerprint of the CA certificate that signed it. */
  authority: string;
  /** Milliseconds since 1970. */
  notBefore: number;
  notAfter: number;
}

export interface CertPlanInput {
  jobs: readonly CertJob[];
  stored: readonly StoredLeaf[];
  /** The bucket's CA: `describeCertificate(certPem)` gives both. */
  authority: { fingerprint: string; notAfter: number };
  /** Milliseconds since 1970. */
  now: number;
  /** `certs_ttl` of maand.conf, days. */
  ttlDays: number;
  /** `certs_renewal_buffer` of maand.conf, days. */
  renewalBufferDays: number;
}

/** Why a leaf is made: the first reason that holds. */
export type IssueReason =
  | "missing"
  | "authority_changed"
  | "inputs_changed"
  /** It begins in the future: this host's clock was ahead when it was made, and nobody takes it now. */
  | "not_yet_valid"
  | "due";

/** One key pair and certificate to make. */
export interface LeafRequest {
  job: string;
  cert: string;
  /** Hosts that get this pair: one, or with `one: true` all of the job; sorted. */
  workers: string[];
  subject: Record<string, string>;
  names: AlternativeName[];
  key: KeyKind;
  pkcs8: boolean;
  ttlDays: number;
  /** SHA-256 over all of the above that ends up in the pair (not the lifetime), lower-case hex. */
  inputHash: string;
  /** Fingerprint of the CA certificate that signs it. */
  authority: string;
  reason: IssueReason;
}

/** A stored pair that stays, byte for byte. `from` differs from `worker` only where one copy of a shared pair was lost. */
export interface LeafReuse {
  job: string;
  cert: string;
  worker: string;
  from: string;
}

/** A stored pair that has no place any more. */
export interface LeafDrop {
  job: string;
  cert: string;
  worker: string;
  /** Whether the manifest no longer has the entry, or the job no longer has the allocation. */
  reason: "entry_gone" | "allocation_gone";
}

/** Every list is sorted by job, certificate and worker. */
export interface CertPlan {
  issue: LeafRequest[];
  reuse: LeafReuse[];
  drop: LeafDrop[];
}

/** The plan of one build. The order of jobs, entries, workers and stored leaves in the input does not matter. */
export function planCertificates(input: CertPlanInput): CertPlan {
  const stored = new Map(input.stored.map((leaf) => [keyOf(leaf.job, leaf.cert, leaf.worker), leaf]));
  const issue: LeafRequest[] = [];
  const reuse: LeafReuse[] = [];
  const kept = new Set<string>();
  for (const { job, certs, workers } of input.jobs) {
    const hosts = [...new Set(workers)].sort();
    for (const entry of certs) {
      const cert = entry.name;
      for (const group of entry.one ? [hosts] : hosts.map((host) => [host])) {
        if (group.length === 0) continue;
        const copies = group.map((worker) => stored.get(keyOf(job, cert, worker)));
        for (const worker of group) kept.add(keyOf(job, cert, worker));
        const request = requestFor(job, entry, group, input);
        const reason = reasonToIssue(copies, request, input);
        if (reason !== "none") {
          issue.push({ ...request, reason });
          continue;
        }
        const source = copies.find((copy) => copy !== undefined)!.worker;
        group.forEach((worker, i) => {
          reuse.push({ job, cert, worker, from: copies[i]?.worker ?? source });
        });
      }
    }
  }
  const entries = new Map(input.jobs.map(({ job, certs }) => [job, new Set(certs.map(({ name }) => name))]));
  const drop = input.stored
    .filter(({ job, cert, worker }) => !kept.has(keyOf(job, cert, worker)))
    .map(({ job, cert, worker }): LeafDrop => {
      return { job, cert, worker, reason: entries.get(job)?.has(cert) ? "allocation_gone" : "entry_gone" };
    });
  issue.sort((a, b) => compareText(keyOf(a.job, a.cert, a.workers[0]!), keyOf(b.job, b.cert, b.workers[0]!)));
  reuse.sort(compareLeaves);
  drop.sort(compareLeaves);
  return { issue, reuse, drop };
}

/** The rows that the catalog keeps after `request` was carried out; its life is that of the issued leaf. */
export function storedLeaves(request: LeafRequest, { notBefore, notAfter }: Validity): StoredLeaf[] {
  const { job, cert, inputHash, authority } = request;
  return request.workers.map((worker) => ({
    job,
    worker,
    cert,
    inputHash,
    authority,
    notBefore,
    notAfter,
  }));
}

function requestFor(
  job: string,
  entry: CertDeclaration,
  workers: string[],
  input: CertPlanInput,
): Omit<LeafRequest, "reason"> {
  const { name: cert, subject, key, pkcs8, one } = entry;
  const names = alternativeNames(workers, entry.dns);
  // A change of this form makes every certificate anew: do it only when leaves themselves must change.
  const made = JSON.stringify(["leaf 1", subjectParts(subject), names, key, pkcs8, one]);
  const inputHash = createHash("sha256").update(made, "utf8").digest("hex");
  const authority = input.authority.fingerprint;
  return { job, cert, workers, subject, names, key, pkcs8, ttlDays: input.ttlDays, inputHash, authority };
}

function reasonToIssue(
  copies: readonly (StoredLeaf | undefined)[],
  request: Omit<LeafRequest, "reason">,
  input: CertPlanInput,
): IssueReason | "none" {
  const present = copies.filter((copy) => copy !== undefined);
  const first = present[0];
  if (first === undefined) return "missing";
  if (present.some((copy) => copy.authority !== request.authority)) return "authority_changed";
  // Copies of a shared pair that end at different times are not copies of one pair.
  if (present.some((copy) => copy.inputHash !== request.inputHash || copy.notAfter !== first.notAfter))
    return "inputs_changed";
  if (present.some((copy) => copy.notBefore > input.now)) return "not_yet_valid";
  if (!isRenewalDue(first.notAfter, input.now, input.renewalBufferDays)) return "none";
  // A leaf that already lasts as long as its CA gains nothing: it would be made again at every build,
  // and every job restarted for it, until the CA ends.
  return first.notAfter < input.authority.notAfter ? "due" : "none";
}

function keyOf(job: string, cert: string, worker: string): string {
  // Names hold no control characters, so nothing else can give the same key.
  return `${job}\0${cert}\0${worker}`;
}

function compareLeaves(a: LeafReuse | LeafDrop, b: LeafReuse | LeafDrop): number {
  return compareText(keyOf(a.job, a.cert, a.worker), keyOf(b.job, b.cert, b.worker));
}
