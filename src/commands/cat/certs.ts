// maand cat certs: the CA and every certificate, with what is left of it.

import { join } from "node:path";
import type { HeldCertificate } from "../../certs/status.ts";
import { allocationNamespace } from "../../kv/namespaces.ts";
import { MaandError, reasonOf } from "../../model/error.ts";
import type { CatalogState } from "../../model/state.ts";
import type { Session } from "../../session/session.ts";
import { defineTable, numbers, type RowFilter, rowFilters } from "./define-table.ts";

export const certs = defineTable({
  name: "certs",
  brief: "certificates and when they end",
  examples: [
    ["maand cat certs", "the CA and every certificate"],
    ["maand cat certs --workers 10.0.0.1 --json", "those of one worker, for a script"],
  ],
  flags: rowFilters,
  columns: ["scope", "job", "worker", "cert", "common_name", "not_after", numbers("days_left"), "status"],
  async rows({ flags, passes, session, state }) {
    const { certRows } = await import("../../certs/status.ts");
    // The CA belongs to no job and no worker.
    const unfiltered = flags.jobs === undefined && flags.workers === undefined;
    const found = certRows({
      ...(unfiltered ? { authority: await readAuthorityPem(session) } : {}),
      held: heldCertificates(session, state, passes),
      now: session.now(),
      bufferDays: session.conf.certsRenewalBufferDays,
    });
    return found.map((row) => ({
      ...row,
      job: row.job || null,
      worker: row.worker || null,
      common_name: row.common_name || null,
      not_after: row.not_after || null,
    }));
  },
});

/** What the manifests ask for on allocations that are not removed, with what the KV holds of it. */
function heldCertificates(session: Session, state: CatalogState, passes: RowFilter): HeldCertificate[] {
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

async function readAuthorityPem(session: Session): Promise<string> {
  const { readRegular } = await import("../../bucket/regular-file.ts");
  const path = join(session.paths.secrets, "ca.crt");
  try {
    return readRegular(path).toString("utf8");
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
