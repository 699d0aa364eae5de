// The workspace as one validated value: what build plans from. Nothing after this sees the user's files.

import type { FilePlace } from "../model/diagnostic.ts";
import type { Bounds, Manifest } from "../model/manifest.ts";
import type { FileContent } from "./file-content.ts";

/** One row of `workers.json`; the array is sorted by position. */
export interface WorkspaceWorker {
  host: string;
  hostname?: string;
  /** Canonical (trimmed, lower case), unique, sorted, `worker` always among them. */
  labels: string[];
  memoryMb?: number;
  cpuMhz?: number;
  tags: Record<string, string>;
  position: number;
  /** Place in the array of `workers.json`, from 0: where messages point. */
  index: number;
}

/** `disabled.json`: a whole job, some of its allocations, or whole workers. */
export interface Disabled {
  /** Job name to the worker hosts on which it is disabled, or "all". */
  jobs: Map<string, "all" | string[]>;
  workers: string[];
}

/** One entry below a job directory; `path` uses `/`, is relative to the job directory and never leaves it. */
export type JobFile =
  | { kind: "file"; path: string; mode: number; sha256: string; content: FileContent }
  | { kind: "dir"; path: string; mode: number }
  | { kind: "link"; path: string; target: string };

export interface WorkspaceJob {
  name: string;
  manifest: Manifest;
  /** Every entry of the job directory that is kept in the catalog, sorted by path. */
  files: JobFile[];
  /** `vars.conf`, values as text. */
  vars: Record<string, string>;
}

/** One table of `bucket.jobs*.conf`. */
export interface JobReservation {
  memoryMb?: number;
  cpuMhz?: number;
  /** Every key of the table as text, `memory` and `cpu` included. */
  vars: Record<string, string>;
}

export interface Workspace {
  workers: WorkspaceWorker[];
  disabled: Disabled;
  /** Inclusive pool for `{}` ports; absent when bucket.conf names none. */
  portRange?: Bounds;
  /** Every key of bucket.conf as text. */
  bucketVars: Record<string, string>;
  reservations: Map<string, JobReservation>;
  /** Sorted by name. */
  jobs: WorkspaceJob[];
}

/** Where a value stands in the user's file: lets the build plan point at a line for what only it can find. */
export interface WorkspacePlaces {
  /**
   * Line and column of a value, by file (relative to the bucket root) and JSON/TOML path, such as
   * `place("workspace/jobs/api/manifest.json", ["resources", "memory"])`. A path that is not in the file
   * gives the place of its nearest existing ancestor.
   */
  place(file: string, path: readonly (string | number)[]): FilePlace;
}
