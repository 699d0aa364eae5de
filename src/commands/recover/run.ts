// maand recover: what was found on the workers, and what the catalog says of it from now on.

import { endingOf } from "../../cli/exit-codes.ts";
import type { BucketInvocation, Outcome } from "../../cli/invocation.ts";
import { errorJson, failureLines } from "../../cli/output/errors.ts";
import type { RecoveredAllocation, RecoveredWorker } from "../../recover/plan.ts";
import type { RecoverOutcome } from "../../recover/run.ts";
import { recover } from "../../recover/run.ts";

export async function recoverCommand({ session }: BucketInvocation): Promise<Outcome> {
  const outcome = await recover(session);
  const { plan, unreached } = outcome;
  const failed = unreached.length > 0 || plan.workers.some(({ kind }) => kind === "other");
  return {
    text: outcomeText(outcome),
    json: {
      update_seq: plan.updateSeq,
      update_seq_before: outcome.before,
      workers: plan.workers.map(workerJson),
      allocations: plan.allocations.map(({ row, status }) => ({
        job: row.job,
        worker_ip: row.workerIp,
        status,
      })),
      not_in_catalog: plan.strays.map(({ job, workerIp }) => ({ job, worker_ip: workerIp })),
      unreached: unreached.map(({ workerIp, error }) => ({ worker_ip: workerIp, error: errorJson(error) })),
    },
    ending: endingOf({ interrupted: false, failed }),
  };
}

function outcomeText({ plan, before, unreached }: RecoverOutcome): string {
  const lines = plan.workers.map(workerLine);
  const names = (status: RecoveredAllocation["status"]): string =>
    plan.allocations
      .filter((entry) => entry.status === status)
      .map(({ row }) => `${row.job}@${row.workerIp}`)
      .join(", ");
  const kept = names("kept");
  const unknown = names("unknown");
  if (kept !== "") lines.push(`promoted: ${kept}: there as this catalog would deploy it`);
  if (unknown !== "") lines.push(`unknown: ${unknown}: the next deploy acts on it`);
  if (plan.strays.length > 0) {
    const strays = plan.strays.map(({ job, workerIp }) => `${job}@${workerIp}`).join(", ");
    lines.push(`not in this catalog: ${strays}: left alone; build the job again, or delete it there by hand`);
  }
  const failures = unreached.map(({ workerIp, error }) => failureLines(workerIp, error)).join("");
  if (unreached.length > 0)
    lines.push(
      "what is known of a worker that was not reached counts as unknown; recover again when it is back",
    );
  lines.push(
    `recover: the last deploy counts as ${plan.updateSeq} (it was ${before}); see maand deploy --dry-run, then run maand deploy`,
  );
  return `${failures}${lines.join("\n")}\n`;
}

function workerLine(worker: RecoveredWorker): string {
  switch (worker.kind) {
    case "known": {
      const { found } = worker;
      const said =
        found.kind === "says" ? `deploy ${found.identity.updateSeq}` : "no deploy that can be read";
      return `found: ${worker.workerIp}: ${said}`;
    }
    case "adopted":
      return `found: ${worker.workerIp}: it knows itself as worker ${worker.workerId}, and so does this catalog now`;
    case "other":
      return `refused: ${worker.workerIp}: its worker.json is of worker ${worker.workerId}, which is another one; correct workspace/workers.json`;
  }
}

function workerJson(worker: RecoveredWorker): Record<string, unknown> {
  const found = worker.kind === "known" && worker.found.kind === "says" ? worker.found.identity : undefined;
  return {
    worker_ip: worker.workerIp,
    status: worker.kind,
    ...(worker.kind === "known" ? {} : { worker_id: worker.workerId }),
    ...(found === undefined ? {} : { update_seq: found.updateSeq, run_id: found.runId ?? null }),
  };
}
