// The workspace as it was read: bytes and names, nothing judged yet except what could not be read.

import type { Fault } from "../model/fault.ts";
import type { JobFile } from "./types.ts";

/** What lies below `workspace/`, and what stood in the way of reading it. */
export interface WorkspaceSource {
  /** `job_config_selector` of maand.conf. */
  jobConfigSelector: string;
  /** Files right below `workspace/`, by name: `workers.json`, `bucket.conf`, every `bucket.jobs*.conf`, ... */
  files: Map<string, Uint8Array>;
  /** Directories below `workspace/jobs/`, sorted by name. */
  jobs: SourceJob[];
  /** What could not be read, and entries that no job may have. */
  faults: Fault[];
}

export interface SourceJob {
  /** Directory name, not yet checked. */
  name: string;
  /** Every indexed entry, sorted by path; entries below `data/ logs/ bin/` are left out. */
  files: JobFile[];
}

/** The text of a file the user edits, without a byte order mark; a fault when it is not UTF-8. */
export function decodeText(path: string, bytes: Uint8Array, faults: Fault[]): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    faults.push({ path, what: "the file is not UTF-8 text", hint: "save it as UTF-8" });
    return undefined;
  }
}
