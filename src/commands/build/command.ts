// maand build, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";

const flags = {
  purgeSecretsKv: {
    kind: "boolean",
    brief: "also delete vars/job and secrets/job of jobs that are allocated nowhere",
  },
} as const satisfies Flags;
export type BuildFlags = FlagValues<typeof flags>;

export const build = defineCommand({
  name: "build",
  group: "the main loop",
  brief: "workspace → catalog, KV and certificates; contacts no worker",
  description:
    "Reads the workspace, checks all of it, and commits the next catalog in one transaction. Contacts no worker.\nIf anything is wrong, every problem is listed and the catalog stays as it was.",
  examples: [
    ["maand build", "after any edit of the workspace"],
    ["maand build --json", "the summary as one JSON document"],
  ],
  flags,
  access: "write",
  graceful: true,
  load: async () => (await import("./run.ts")).buildCommand,
});
