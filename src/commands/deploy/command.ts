// maand deploy, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";
import { jobsFlag } from "../flags.ts";

const flags = {
  build: { kind: "boolean", letter: "b", brief: "build first" },
  jobs: jobsFlag,
  dryRun: { kind: "boolean", letter: "n", brief: "print the plan and do nothing" },
  diff: { kind: "boolean", brief: "with --dry-run: show what changes in each file, secrets masked" },
  runHooks: {
    kind: "boolean",
    brief: "with --dry-run: run pre_deploy hooks, forget what they write, and plan with it",
  },
  force: { kind: "boolean", brief: "treat every allocation as changed" },
  syncOnly: { kind: "boolean", brief: "push files, run no lifecycle target" },
} as const satisfies Flags;
export type DeployFlags = FlagValues<typeof flags>;

export const deploy = defineCommand({
  name: "deploy",
  group: "the main loop",
  brief: "push files to workers and roll jobs out",
  description:
    "Brings the workers to what the catalog says: stops what was removed or disabled, then goes wave by wave, in batches,\nwith a health gate after each. What is up to date is left alone. After a failure or Ctrl-C, run it again: it goes on.",
  examples: [
    ["maand deploy --dry-run", "show what would happen; contacts no worker"],
    ["maand deploy --dry-run --diff", "and what would change in which file"],
    ["maand deploy -b", "build first, then deploy"],
    ["maand deploy --jobs api,db", "only these jobs"],
    ["maand deploy --force --jobs api", "restart although nothing changed"],
  ],
  flags,
  access: (given) => (given.dryRun && !given.build && !given.runHooks ? "read" : "write"),
  recorded: true,
  graceful: true,
  acts: (given) => !given.dryRun,
  load: async () => (await import("./run.ts")).deployCommand,
});
