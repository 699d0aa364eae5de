// The workspace as it was read: bytes and names, nothing judged yet except what could not be read.

import { type Checked, checked, type Diagnostic, refused } from "../model/diagnostic.ts";
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
  diagnostics: Diagnostic[];
}

export interface SourceJob {
  /** Directory name, not yet checked. */
  name: string;
  /** Every indexed entry, sorted by path; entries below `data/ logs/ bin/` are left out. */
  files: JobFile[];
}

/** The text of a file the user edits, without a byte order mark; refused when it is not UTF-8. */
export function textOfFile(path: string, bytes: Uint8Array): Checked<string> {
  try {
    return checked(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refused({ file: path }, "the file is not UTF-8 text", "save it as UTF-8");
  }
}
