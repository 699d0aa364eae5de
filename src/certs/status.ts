// The rows of `cat certs`: every certificate of the bucket with its end and its state.

import { compareText } from "../support/order.ts";
import { describeCertificate } from "./describe.ts";
import { type ExpiryStatus, expiryOf } from "./lifetime.ts";

/** The columns of `cat certs`, in order; the keys are the column names. */
export interface CertRow {
  /** `ca` for the bucket's CA, `job` for a pair that a job's allocations share, `allocation` for one's own. */
  scope: "ca" | "job" | "allocation";
  /** "" where it does not apply. */
  job: string;
  /** Host; "" for the CA and for a shared pair. */
  worker: string;
  /** Name of the manifest entry; `ca` for the CA. */
  cert: string;
  common_name: string;
  /** UTC, such as `2026-01-31T12:00:00Z`; "" when there is no readable certificate. */
  not_after: string;
  /** See `Expiry.daysLeft`; null when there is no readable certificate. */
  days_left: number | null;
  status: ExpiryStatus | "missing" | "damaged";
}

/** A certificate that ought to be there, with the PEM that the catalog holds for it, if any. */
export interface HeldCertificate {
  job: string;
  worker: string;
  cert: string;
  /** Whether the entry is `one: true`. */
  one: boolean;
  certPem?: string;
}

export interface CertStatusInput {
  /** PEM of the CA, or "missing"; leave it out where a filter hides it. */
  authority?: string;
  held: readonly HeldCertificate[];
  /** Milliseconds since 1970. */
  now: number;
  /** Days; `certs_renewal_buffer`. */
  bufferDays: number;
}

/**
 * The CA first, then by job and certificate; workers stay in the order given. A shared pair is one row, once for
 * each state that its copies are in.
 */
export function certRows(input: CertStatusInput): CertRow[] {
  const rows: CertRow[] = [];
  const { now, bufferDays, authority } = input;
  if (authority !== undefined) {
    const pem = authority === "missing" ? undefined : authority;
    rows.push({ scope: "ca", job: "", worker: "", cert: "ca", ...stateOf(pem, now, bufferDays) });
  }
  const shown = new Set<string>();
  const sorted = input.held.toSorted((a, b) => compareText(a.job, b.job) || compareText(a.cert, b.cert));
  for (const { job, worker, cert, one, certPem } of sorted) {
    const shared = `${job}\0${cert}\0${certPem ?? ""}`;
    if (one && shown.has(shared)) continue;
    shown.add(shared);
    const scope = one ? "job" : "allocation";
    rows.push({ scope, job, worker: one ? "" : worker, cert, ...stateOf(certPem, now, bufferDays) });
  }
  return rows;
}

function stateOf(
  certPem: string | undefined,
  now: number,
  bufferDays: number,
): Pick<CertRow, "common_name" | "not_after" | "days_left" | "status"> {
  const facts = certPem === undefined ? undefined : describeCertificate(certPem);
  if (facts === undefined)
    return {
      common_name: "",
      not_after: "",
      days_left: null,
      status: certPem === undefined ? "missing" : "damaged",
    };
  const { status, daysLeft } = expiryOf(facts, now, bufferDays);
  const notAfter = new Date(facts.notAfter).toISOString().replace(/\.\d+Z$/, "Z");
  return { common_name: facts.commonName, not_after: notAfter, days_left: daysLeft, status };
}
