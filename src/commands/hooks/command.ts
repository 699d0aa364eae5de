// maand hooks, as it is declared.

import {
  type ArgumentValues,
  defineCommand,
  type Flags,
  type FlagValues,
  type Positionals,
} from "../../cli/declaration.ts";

const flags = {
  verbose: { kind: "boolean", brief: "tell each request to the runtime API" },
  watch: { kind: "boolean", brief: "run again when the script is saved, until Ctrl-C" },
} as const satisfies Flags;
const positional = {
  hook: { of: "hook" },
  job: { of: "job", optional: true },
} as const satisfies Positionals;
export type HooksFlags = FlagValues<typeof flags>;
export type HooksArguments = ArgumentValues<typeof positional>;

export const hooks = defineCommand({
  name: "hooks",
  spellings: ["hook"],
  group: "operate",
  brief: "run a hook of a job with the event cli",
  description:
    "Runs the hook of one job, or of every job that declares it for cli, once per non-removed allocation. What a job's\nhooks write to the KV is kept when all of them succeed.",
  examples: [
    ["maand hooks hook_status db", "the hook of one job"],
    ["maand hooks hook_backup", "of every job that declares it"],
    ["maand hooks hook_status db --watch", "again at every save of its script"],
  ],
  flags,
  positional,
  access: "write",
  graceful: true,
  // A watch has no end but its operator's.
  acts: (given) => !given.watch,
  load: async () => (await import("./run.ts")).hooksCommand,
});
