// maand cat workers, jobs, allocations, ports, hooks and certs: the build's part of the catalog as tables.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readState } from "../../catalog/state.ts";
import { certRows, type HeldCertificate } from "../../certs/status.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { allocationNamespace } from "../../kv/namespaces.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";
import { type CatFilters, createFilter, tableOutcome } from "./table.ts";

export async function catWorkers({ session, terminal }: BucketInvocation): Promise<Outcome> {
  const rows = readState(session.catalog).workers.map((worker) => ({
    worker_id: worker.workerId,
    worker_ip: worker.host,
    zone: worker.tags.zone ?? null,
    position: worker.position,
    memory_mb: worker.memoryMb ?? null,
    cpu_mhz: worker.cpuMhz ?? null,
    labels: worker.labels,
  }));
  const columns = [
    "worker_id",
    "worker_ip",
    "zone",
    { name: "position", align: "right" },
    { name: "memory_mb", align: "right" },
    { name: "cpu_mhz", align: "right" },
    "labels",
  ] as const;
  return tableOutcome(terminal, "workers", columns, rows);
}

/** Jobs of the workspace; one that has left it shows only in its removed allocations. */
export async function catJobs({ session, terminal }: BucketInvocation): Promise<Outcome> {
  const state = readState(session.catalog);
  const counts = new Map<string, number>();
  for (const { job, removed } of state.allocations) if (!removed) counts.set(job, (counts.get(job) ?? 0) + 1);
  const rows = state.jobs
    .filter((job) => !job.removed)
    .map((job) => ({
      job_id: job.jobId,
      name: job.name,
      version: job.version,
      disabled: job.disabled,
      deployment_seq: job.deploymentSeq,
      selectors: job.manifest.selectors,
      allocations: counts.get(job.name) ?? 0,
    }));
  const columns = [
    "job_id",
    "name",
    "version",
    "disabled",
    { name: "deployment_seq", align: "right" },
    "selectors",
    { name: "allocations", align: "right" },
  ] as const;
  return tableOutcome(terminal, "jobs", columns, rows);
}

export async function catAllocations(
  { session, terminal }: BucketInvocation,
  flags: CatFilters,
): Promise<Outcome> {
  const state = readState(session.catalog);
  const passes = createFilter(state, flags);
  const sequence = new Map(state.jobs.map((job) => [job.name, job.deploymentSeq]));
  const rows = state.allocations.filter(passes).map((allocation) => ({
    alloc_id: allocation.allocId,
    worker_ip: allocation.workerIp,
    zone: allocation.zone ?? null,
    job: allocation.job,
    disabled: allocation.disabled,
    removed: allocation.removed,
    deployment_seq: sequence.get(allocation.job) ?? null,
  }));
  const columns = [
    "alloc_id",
    "worker_ip",
    "zone",
    "job",
    "disabled",
    "removed",
    { name: "deployment_seq", align: "right" },
  ] as const;
  return tableOutcome(terminal, "allocations", columns, rows);
}

export async function catPorts(
  { session, terminal }: BucketInvocation,
  flags: Pick<CatFilters, "jobs">,
): Promise<Outcome> {
  const state = readState(session.catalog);
  const passes = createFilter(state, { jobs: flags.jobs });
  const rows = state.ports
    .filter(passes)
    .map(({ job, name, number, source }) => ({ job, name, port: number, source }));
  return tableOutcome(terminal, "ports", ["job", "name", { name: "port", align: "right" }, "source"], rows);
}

export async function catHooks(
  { session, terminal }: BucketInvocation,
  flags: Pick<CatFilters, "jobs">,
): Promise<Outcome> {
  const state = readState(session.catalog);
  const passes = createFilter(state, { jobs: flags.jobs });
  const rows = state.jobs
    .filter((job) => !job.removed && passes({ job: job.name }))
    .flatMap((job) =>
      job.manifest.hooks.map((hook) => ({
        job: job.name,
        hook: hook.name,
        executed_on: hook.executedOn,
        demand_job: hook.demand?.job ?? null,
        demand_hook: hook.demand?.hook ?? null,
        demand_config: hook.demand?.config ?? null,
      })),
    );
  const columns = ["job", "hook", "executed_on", "demand_job", "demand_hook", "demand_config"] as const;
  return tableOutcome(terminal, "hooks", columns, rows);
}

/** The CA is listed too, unless a filter asks for certain jobs or workers. */
export async function catCerts({ session, terminal }: BucketInvocation, flags: CatFilters): Promise<Outcome> {
  const state = readState(session.catalog);
  const passes = createFilter(state, flags);
  const unfiltered = flags.jobs === undefined && flags.workers === undefined;
  const found = certRows({
    ...(unfiltered ? { authority: readAuthorityPem(session) } : {}),
    held: heldCertificates(session, state, passes),
    now: session.now(),
    bufferDays: session.conf.certsRenewalBufferDays,
  });
  const rows = found.map((row) => ({
    ...row,
    job: row.job || null,
    worker: row.worker || null,
    common_name: row.common_name || null,
    not_after: row.not_after || null,
  }));
  const columns = [
    "scope",
    "job",
    "worker",
    "cert",
    "common_name",
    "not_after",
    { name: "days_left", align: "right" },
    "status",
  ] as const;
  return tableOutcome(terminal, "certs", columns, rows);
}

/** What the manifests ask for on allocations that are not removed, with what the KV holds of it. */
function heldCertificates(
  session: Session,
  state: CatalogState,
  passes: ReturnType<typeof createFilter>,
): HeldCertificate[] {
  const jobs = new Map(state.jobs.map((job) => [job.name, job]));
  return state.allocations
    .filter((allocation) => !allocation.removed && passes(allocation))
    .flatMap(({ job, workerIp }) =>
      (jobs.get(job)?.manifest.certs ?? []).map(({ name, one }) => {
        const pem = session.kv.get(allocationNamespace(job, workerIp), `certs/${name}.crt`);
        return {
          job,
          worker: workerIp,
          cert: name,
          one,
          ...(typeof pem === "string" ? { certPem: pem } : {}),
        };
      }),
    );
}

function readAuthorityPem(session: Session): string {
  const path = join(session.paths.secrets, "ca.crt");
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "missing";
    throw new MaandError("local", "cannot read the CA certificate", {
      where: { file: path },
      why: reasonOf(error),
      hint: "make it a file that you own with mode 0600",
      cause: error,
    });
  }
}
