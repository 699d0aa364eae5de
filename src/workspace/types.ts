// The workspace as one validated value: what build plans from. Nothing after this sees the user's files.

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

export type RestartPolicy = "always" | "reload" | "never";

export const hookEvents = [
  "post_build",
  "pre_deploy",
  "job_control",
  "after_allocation_started",
  "after_allocation_stopped",
  "health_check",
  "post_deploy",
  "cli",
] as const;
export type HookEvent = (typeof hookEvents)[number];

export interface HookDemand {
  job: string;
  hook: string;
  /** The user's own keys, `min_version` and `max_version` among them, as parsed JSON. */
  config: Record<string, unknown>;
}

export interface HookDeclaration {
  name: string;
  executedOn: HookEvent[];
  demand?: HookDemand;
  isolation?: "thread" | "process";
  /** File name inside `_hooks/`, such as `hook_a.ts`. */
  file: string;
}

export type Probe =
  | { type: "tcp"; port: string }
  | {
      type: "http";
      port: string;
      path: string;
      expectStatus: number;
      scheme: "http" | "https";
      insecure: boolean;
    }
  | { type: "ssh"; command: string };

export interface HealthCheck {
  checks: Probe[];
  /** Seconds that bound one probe. */
  timeoutSeconds: number;
  wait: { attempts: number; intervalSeconds: number };
}

export interface Bounds {
  min: number;
  max: number;
}

export interface CertDeclaration {
  name: string;
  /** Distinguished-name fields as written, `common_name` among them. */
  subject: Record<string, string>;
  /** One pair for all allocations instead of one each. */
  one: boolean;
  pkcs8: boolean;
  key: "rsa-2048" | "rsa-4096" | "ecdsa-p256";
  dns: string[];
}

/** A manifest with every default filled in and every unit converted. */
export interface Manifest {
  /** Normalised (`v2.1` is `2.1.0`). */
  version: string;
  /** Whether the manifest names a version at all: a job that demands or is demanded must. */
  versionDeclared: boolean;
  /** Canonical labels, unique, in the order written. */
  selectors: string[];
  /** 0 is all at once. */
  maxConcurrentStarts: number;
  maxConcurrentUpgrades: number;
  minAllocationsCount: number;
  restartPolicy: RestartPolicy;
  restartGlobs: string[];
  /** MB. */
  memory?: Bounds;
  /** MHz. */
  cpu?: Bounds;
  /** Port name to its fixed number, or "pool". Sorted by name. */
  ports: Record<string, number | "pool">;
  /** Sorted by name. */
  hooks: HookDeclaration[];
  healthCheck?: HealthCheck;
  /** Seconds for one Makefile target; absent means `command_timeout` of maand.conf. */
  lifecycleTimeout?: number;
  /** Sorted by name. */
  certs: CertDeclaration[];
}

/** One entry below a job directory; `path` uses `/`, is relative to the job directory and never leaves it. */
export type JobFile =
  | { kind: "file"; path: string; mode: number; sha256: string; content: Uint8Array }
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

/** Where a value stands in the user's file: lets the build plan point at a line for faults found later. */
export interface WorkspacePlaces {
  /**
   * Line and column of a value, by file (relative to the bucket root) and JSON/TOML path, such as
   * `place("workspace/jobs/api/manifest.json", ["resources", "memory"])`. A path that is not in the file
   * gives the place of its nearest existing ancestor.
   */
  place(file: string, path: readonly (string | number)[]): { path: string; line?: number; column?: number };
}
