// Who may read which namespace: one pure rule for hooks, templates and `cat kv --jobs`.

import { assertNever } from "../model/result.ts";
import { parseNamespace } from "./namespaces.ts";

/** The reader: a job, and the jobs that its own hooks demand. */
export interface Reader {
  job: string;
  demands: readonly string[];
}

/** Whether a hook or template of the reader's job may read the namespace. */
export function mayRead(reader: Reader, namespace: string): boolean {
  const parsed = parseNamespace(namespace);
  if (parsed === undefined) return false;
  switch (parsed.kind) {
    case "bucket":
    case "bucket_vars":
    case "workers":
    case "worker":
    case "worker_tags":
      return true;
    case "prometheus":
      return false;
    case "job":
    case "allocation":
    case "job_config":
    case "job_vars":
    case "job_secrets":
      return parsed.job === reader.job || reader.demands.includes(parsed.job);
    default:
      return assertNever(parsed, "kind of namespace");
  }
}
