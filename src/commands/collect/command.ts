// maand collect, as it is declared.

import { defineCommand, type Flags, type FlagValues, type ParentCommand } from "../../cli/declaration.ts";
import { whichWorkers } from "../flags.ts";

const flags = {
  ...whichWorkers,
  generateWorkers: { kind: "boolean", brief: "print a complete workers.json" },
  write: { kind: "boolean", brief: "update workspace/workers.json in place" },
} as const satisfies Flags;
export type CollectFlags = FlagValues<typeof flags>;

const facts = defineCommand({
  name: "collect facts",
  group: "set up",
  brief: "ask workers for their memory and CPU",
  description:
    "Prints what workers have, or the workers.json that says so: memory and cpu as probed, every other field kept.\nA worker that cannot be asked keeps its last known values, with a warning and exit code 1.",
  examples: [
    ["maand collect facts -w 10.0.0.1,10.0.0.2", "what two workers have"],
    ["maand collect facts --write", "update workspace/workers.json in place"],
    ["maand collect facts --generate-workers > workspace/workers.json", "the same through the shell"],
  ],
  flags,
  access: "write",
  graceful: true,
  acts: (given) => given.write,
  load: async () => (await import("./run.ts")).collectFactsCommand,
});

export const collect: ParentCommand = {
  name: "collect",
  brief: "ask workers about themselves",
  subcommands: [facts],
};
