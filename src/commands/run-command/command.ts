// maand run_command, as it is declared.

import { defineCommand, type Flags, type FlagValues } from "../../cli/declaration.ts";
import { whichWorkers } from "../flags.ts";

const flags = {
  ...whichWorkers,
  health_check: { kind: "boolean", brief: "run all health checks after each batch" },
} as const satisfies Flags;
export type RunCommandFlags = FlagValues<typeof flags>;

export const runCommand = defineCommand({
  name: "run_command",
  spellings: ["run-command"],
  group: "operate",
  brief: "run a shell command on workers",
  description:
    "Runs it under bash as the ssh user, in the bucket's directory on the worker when there is one, with BUCKET_ID and\nWORKER_IP set. Standard input, when it is not a terminal, is sent to every worker.",
  examples: [
    ['maand run_command "uptime"', "on all workers"],
    ['maand run_command "df -h /" -l db -c 4', "on workers with the label db, four at a time"],
  ],
  flags,
  positional: { shell: {} },
  access: "write",
  graceful: true,
  load: async () => (await import("./run.ts")).runCommandCommand,
});
