// maand build: read the workspace, plan, make certificates, and commit all of it in one transaction or nothing.

import { randomUUID } from "node:crypto";
import type { MaandConf } from "../bucket/conf.ts";
import { readStoredLeaves, writeStoredLeaves } from "../catalog/certificates.ts";
import { readDeployments } from "../catalog/deployments.ts";
import { rethrow } from "../catalog/failure.ts";
import { diffState, readState, writeState } from "../catalog/state.ts";
import { authorityStatus, readAuthority, requireLiveAuthority } from "../certs/authority.ts";
import { parseNamespace } from "../kv/namespaces.ts";
import { deletionsOf } from "../kv/retention.ts";
import { type Diagnostic, isError, warningAt } from "../model/diagnostic.ts";
import { MaandError } from "../model/error.ts";
import type { CatalogState } from "../model/state.ts";
import { isActive, runtimeStates } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { countOf } from "../support/plural.ts";
import { checkWorkspace } from "../workspace/check.ts";
import { piecesOf } from "../workspace/file-content.ts";
import { confPath } from "../workspace/paths.ts";
import { readStillWorkspace } from "../workspace/still.ts";
import type { JobFile, Workspace } from "../workspace/types.ts";
import type { CertificateChanges } from "./certificates.ts";
import { makeCertificates } from "./certificates.ts";
import { errorsBetween } from "./partial.ts";
import { type BuildPlan, diffKv, planBuild } from "./plan.ts";

export interface BuildOptions {
  /** Also delete `vars/job` and `secrets/job` of jobs that are allocated nowhere. */
  purgeSecretsKv: boolean;
}

export interface BuildSummary {
  changed: boolean;
  workers: number;
  jobs: number;
  allocations: number;
  added: number;
  removed: number;
  disabled: number;
  certificatesIssued: number;
  certificatesRenewed: number;
  /** Keys of `vars/job` and `secrets/job` that `purgeSecretsKv` deleted. */
  purged: number;
  /** Whether a job that is allocated has a hook for `post_build`. */
  hasPostBuild: boolean;
  warnings: Diagnostic[];
  durationMs: number;
}

/**
 * Builds. Until the one commit at the end nothing has been written.
 * @throws MaandError("workspace") with every error of the user's files; MaandError("local") when the CA is missing, damaged
 *   or expired, and when the workspace does not come to rest
 */
export async function runBuild(session: Session, options: BuildOptions): Promise<BuildSummary> {
  const started = performance.now();
  const { catalog, conf, kv, paths } = session;
  const now = session.now();
  const authority = await readAuthority(paths.secrets);
  if (authority === undefined) {
    throw new MaandError("local", "the bucket has no CA", {
      where: { file: "secrets/ca.crt" },
      hint: 'run "maand init" to make one, or restore secrets/ from a backup',
    });
  }
  requireLiveAuthority(authority.certPem, now);

  const source = await readStillWorkspace(paths.root, conf.jobConfigSelector, session.shutdown.graceful);
  const checked = checkWorkspace(source);
  if (!checked.ok) {
    const between = errorsBetween(checked.sound, checked.places, conf.jobConfigSelector);
    throw buildFailed([...checked.diagnostics, ...between]);
  }
  const workspace = checked.value;
  const previous = readState(catalog);
  const runtime = runtimeStates(readDeployments(catalog));
  const planned = planBuild({
    workspace,
    places: checked.places,
    previous,
    runtime,
    jobConfigSelector: conf.jobConfigSelector,
    caCert: authority.certPem,
    newWorkerId: () => randomUUID(),
  });
  if (!planned.ok) throw buildFailed(planned.diagnostics);
  const plan = planned.value;

  const certificates = await makeCertificates({
    next: plan.next,
    stored: readStoredLeaves(catalog),
    authority,
    kv,
    retained: plan.retained,
    ttlDays: conf.certsTtlDays,
    renewalBufferDays: conf.certsRenewalBufferDays,
    now,
  });
  const purges = options.purgeSecretsKv ? purgeable(session, plan.next) : [];
  const changed = commit(session, { workspace, previous, plan, certificates, purges, now });
  const warnings = [
    ...checked.diagnostics,
    ...planned.diagnostics,
    ...authorityWarnings(authority.certPem, now, conf.certsRenewalBufferDays),
    ...(certificates.kept + certificates.madeCount > 0 ? lifetimeWarnings(conf) : []),
  ];
  return {
    changed,
    ...countChanges(previous, plan.next),
    certificatesIssued: certificates.madeCount,
    certificatesRenewed: certificates.renewedCount,
    purged: purges.length,
    hasPostBuild: hasPostBuild(plan.next),
    warnings,
    durationMs: Math.round(performance.now() - started),
  };
}

interface Commit {
  workspace: Workspace;
  previous: CatalogState;
  plan: BuildPlan;
  certificates: CertificateChanges;
  purges: { namespace: string; key: string }[];
  now: number;
}

/**
 * Writes the difference between what is there and what was planned; returns whether there was any.
 * @throws MaandError("catalog") when the disk refuses: then nothing of it is written
 */
function commit(session: Session, build: Commit): boolean {
  const { catalog, kv, blobs } = session;
  const { previous, plan, certificates } = build;
  const difference = diffState(previous, plan.next);
  const puts = new Map(plan.kv);
  for (const { namespace, key, value } of certificates.puts) {
    const keys = new Map(puts.get(namespace));
    puts.set(namespace, keys.set(key, value));
  }
  const keyDifference = diffKv(
    { kv: puts, retained: plan.retained },
    kv.entries(),
    certificates.keep,
    difference.length > 0,
  );
  const changes = [...keyDifference.deletes, ...build.purges, ...keyDifference.puts];
  const touchesLeaves = certificates.issued.length + certificates.dropped.length > 0;
  const contents = newContents(build, blobs.missing());
  if (difference.length === 0 && changes.length === 0 && contents.length === 0 && !touchesLeaves)
    return false;

  const write = catalog.transaction(() => {
    for (const { sha256, content } of contents)
      blobs.put(sha256, content instanceof Uint8Array ? content : piecesOf(content, sha256), false);
    writeState(catalog, difference);
    // What is stale goes first: an allocation that came back may have a new certificate in the same place.
    writeStoredLeaves(catalog, certificates.issued, [...certificates.stale, ...certificates.dropped]);
    kv.apply(changes, build.now);
  });
  try {
    write.immediate();
  } catch (error) {
    rethrow(error, session.paths.catalog);
  }
  return true;
}

/** Files whose content the catalog does not have: those that no earlier build saw, and those that it lost. */
function newContents(
  { workspace, previous }: Commit,
  lost: readonly string[],
): Extract<JobFile, { kind: "file" }>[] {
  const known = new Set<string>();
  for (const files of previous.files.values()) {
    for (const file of files) if (file.kind === "file") known.add(file.sha256);
  }
  for (const sha256 of lost) known.delete(sha256);
  return workspace.jobs.flatMap((job) =>
    job.files.filter((file) => file.kind === "file").filter((file) => !known.has(file.sha256)),
  );
}

/** Keys that `--purge-secrets-kv` deletes: of jobs without a non-removed allocation. */
function purgeable(session: Session, next: CatalogState): { namespace: string; key: string }[] {
  const allocated = new Set(next.allocations.filter((a) => !a.removed).map((a) => a.job));
  return session.kv.namespaces().flatMap((namespace) => {
    const parsed = parseNamespace(namespace);
    if (parsed?.kind !== "job_vars" && parsed?.kind !== "job_secrets") return [];
    if (allocated.has(parsed.job)) return [];
    return deletionsOf(session.kv, [namespace]);
  });
}

function hasPostBuild(next: CatalogState): boolean {
  const allocated = new Set(next.allocations.filter((a) => !a.removed).map((a) => a.job));
  return next.jobs.some(
    (job) =>
      allocated.has(job.name) && job.manifest.hooks.some((hook) => hook.executedOn.includes("post_build")),
  );
}

function countChanges(
  previous: CatalogState,
  next: CatalogState,
): Pick<BuildSummary, "workers" | "jobs" | "allocations" | "added" | "removed" | "disabled"> {
  const live = (state: CatalogState) => state.allocations.filter((a) => !a.removed);
  const before = new Set(live(previous).map((a) => a.allocId));
  const after = live(next);
  const kept = after.filter((a) => before.has(a.allocId)).length;
  return {
    workers: next.workers.length,
    jobs: next.jobs.filter((job) => !job.removed).length,
    allocations: after.length,
    added: after.length - kept,
    removed: before.size - kept,
    disabled: after.filter((a) => !isActive(a)).length,
  };
}

function authorityWarnings(certPem: string, now: number, bufferDays: number): Diagnostic[] {
  const { status, daysLeft } = authorityStatus(certPem, now, bufferDays);
  if (status !== "expiring") return [];
  const message = `the bucket's CA expires in ${daysLeft} days; once it has, build fails`;
  const hint =
    "plan its replacement: move secrets/ca.crt and ca.key away and run maand init, build and deploy";
  return [warningAt({ file: "secrets/ca.crt" }, message, hint)];
}

/** Certificates that are renewed more often than not: every renewal rolls their jobs out. */
function lifetimeWarnings({ certsTtlDays: ttl, certsRenewalBufferDays: buffer }: MaandConf): Diagnostic[] {
  if (buffer * 2 <= ttl) return [];
  const every = countOf(ttl - buffer, "day");
  const message = `certs_renewal_buffer (${buffer} days) is more than half of certs_ttl (${ttl} days): every certificate is made again after ${every}, and its job rolled out for it`;
  return [warningAt({ file: confPath }, message, "use a buffer of a third of certs_ttl or less")];
}

/** @param found what was found, warnings among it: they are left for a build that gets that far */
function buildFailed(found: readonly Diagnostic[]): MaandError {
  const diagnostics = found.filter(isError);
  const count = countOf(diagnostics.length, "problem");
  return new MaandError("workspace", `build failed: ${count}`, { diagnostics });
}
