// Certificates as values: what a manifest declares, and what a leaf of a test is made of.

import { alternativeNames } from "../../../src/certs/alternative-names.ts";
import type { LeafContent } from "../../../src/certs/leaf.ts";
import type { CertDeclaration } from "../../../src/model/manifest.ts";

/** When the tests of certificates take place. */
export const now = Date.parse("2026-03-01T10:20:30.400Z");

/** A certificate as a manifest declares it. */
export function declaration(change: Partial<CertDeclaration> = {}): CertDeclaration {
  return {
    name: "tls",
    subject: { common_name: "api" },
    one: false,
    pkcs8: false,
    key: "ecdsa-p256",
    dns: [],
    ...change,
  };
}

/** What a leaf of the job `api` says. */
export function content(change: Partial<LeafContent> = {}): LeafContent {
  const workers = change.workers ?? ["10.0.0.1"];
  return {
    job: "api",
    cert: "tls",
    workers,
    subject: { common_name: "api" },
    names: alternativeNames(workers, []),
    key: "ecdsa-p256",
    pkcs8: false,
    ttlDays: 60,
    ...change,
  };
}
