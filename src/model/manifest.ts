// What a manifest says, as values: defaults filled in, units converted, names canonical.

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
