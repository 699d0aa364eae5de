// What a manifest says, as values: defaults filled in, units converted, names canonical. The fields are defined in
// manifest/schema.ts. Only its types are imported here: the module itself loads the schema library.

import type { z } from "zod";
import type { manifestSchema } from "../manifest/schema.ts";

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

/** The file alone, whatever job it belongs to. */
export type DeclaredManifest = z.output<typeof manifestSchema>;

/** The manifest of one job: it has at least one selector, and its hooks know their scripts. */
export type Manifest = Omit<DeclaredManifest, "selectors" | "hooks"> & {
  /** Canonical labels, unique, in the order written. */
  selectors: string[];
  /** Sorted by name. */
  hooks: HookDeclaration[];
};

export type HookDeclaration = DeclaredManifest["hooks"][number] & {
  /** File name inside `_hooks/`, such as `hook_a.ts`. */
  file: string;
};

export type HookDemand = NonNullable<HookDeclaration["demand"]>;
export type RestartPolicy = Manifest["restartPolicy"];
/** In MB or MHz. */
export type Bounds = NonNullable<Manifest["memory"]>;
export type CertDeclaration = Manifest["certs"][number];
export type HealthCheck = NonNullable<Manifest["healthCheck"]>;
export type Probe = HealthCheck["checks"][number];
