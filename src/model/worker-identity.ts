// What `worker.json` says: which bucket and worker this is, and which deploy was here last.

/** A deploy as a catalog counts it: its number, and the random id that tells two copies of a catalog apart. */
export interface DeployMark {
  updateSeq: number;
  /** Absent where an older maand wrote it, or nothing was deployed yet. */
  runId?: string;
}

export interface WorkerIdentity extends DeployMark {
  bucketId: string;
  workerId: string;
}

/** What was found where `worker.json` should be. */
export type FoundIdentity =
  | { kind: "none" }
  /** It does not say what a deploy writes there; `why` completes "its worker.json ...". */
  | { kind: "unreadable"; why: string }
  | { kind: "says"; identity: WorkerIdentity };

/** Reads the text of `worker.json`; undefined or blank where there is none. Never throws. */
export function readIdentity(text: string | undefined): FoundIdentity {
  if (text === undefined || text.trim() === "") return { kind: "none" };
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { kind: "unreadable", why: `is not JSON: ${shown(text)}` };
  }
  const said = (found ?? {}) as Record<string, unknown>;
  const { bucket_id: bucketId, worker_id: workerId, update_seq: updateSeq, run_id: runId } = said;
  if (typeof bucketId !== "string") return { kind: "unreadable", why: `has bucket_id ${shown(bucketId)}` };
  if (typeof workerId !== "string") return { kind: "unreadable", why: `has worker_id ${shown(workerId)}` };
  if (!Number.isSafeInteger(updateSeq))
    return { kind: "unreadable", why: `has update_seq ${shown(updateSeq)}` };
  if (runId !== undefined && typeof runId !== "string")
    return { kind: "unreadable", why: `has run_id ${shown(runId)}` };
  const mark = { updateSeq: updateSeq as number, ...(runId === undefined ? {} : { runId }) };
  return { kind: "says", identity: { bucketId, workerId, ...mark } };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}
