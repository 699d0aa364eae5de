// maand health_check, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";
import { jobsFlag } from "../flags.ts";

const flags = {
  jobs: jobsFlag,
  wait: { kind: "boolean", brief: "ask again until all pass" },
  verbose: { kind: "boolean", brief: "show passed checks too" },
} as const satisfies Flags;
export type HealthCheckFlags = FlagValues<typeof flags>;

export const healthCheck = defineCommand({
  name: "health_check",
  spellings: ["health-check"],
  group: "the main loop",
  brief: "check workers and the health of jobs",
  description: "Every worker must accept a connection; then all probes of all active allocations must pass.",
  examples: [
    ["maand health_check", "ask once"],
    ["maand health_check --wait --jobs api", "ask until it passes or the manifest's attempts are used up"],
  ],
  flags,
  access: "write",
  graceful: true,
  acts: false,
  load: async () => (await import("./run.ts")).healthCheckCommand,
});
