// The checks of a job: whether it has any, and the probes that its manifest asks for, one allocation at a time.

import type { HookHost } from "../hooks/host.ts";
import { workersNamespace } from "../kv/namespaces.ts";
import type { CatalogState, JobRow } from "../model/state.ts";
import type { Session } from "../session/session.ts";
import { remoteDirectory } from "../session/session.ts";
import type { Connection } from "../ssh/connect/connection.ts";
import type { Check, Wait } from "./gate.ts";
import { defaultWait } from "./gate.ts";
import { probeName, runProbe } from "./probe.ts";

/** Whether there is anything that the job's health could be told by: a probe of its manifest, or a hook. */
export function isChecked(hooks: Pick<HookHost, "hasHooks">, job: JobRow): boolean {
  const probes = job.manifest.healthCheck?.checks ?? [];
  return probes.length > 0 || hooks.hasHooks(job.name, "health_check");
}

/** How long this job's gate waits. */
export function waitOf(job: JobRow): Wait {
  return job.manifest.healthCheck?.wait ?? defaultWait;
}

/** The manifest's probes of one allocation, ready to run. */
export function allocationChecks(
  session: Session,
  state: CatalogState,
  job: JobRow,
  workerIp: string,
  connect: () => Promise<Connection>,
): Check[] {
  const health = job.manifest.healthCheck;
  if (health === undefined) return [];
  const caCert = session.kv.get(workersNamespace, "certs/ca.crt");
  const target = {
    workerIp,
    portNumber: (name: string) =>
      state.ports.find((port) => port.job === job.name && port.name === name)?.number,
    caCert: typeof caCert === "string" ? caCert : "",
    jobDirectory: `${remoteDirectory(session)}/jobs/${job.name}`,
    useSudo: session.conf.useSudo,
    connect,
    timeoutSeconds: health.timeoutSeconds,
  };
  return health.checks.map((probe) => ({
    job: job.name,
    workerIp,
    name: probeName(probe),
    run: () => runProbe(probe, target),
  }));
}
