// Rows of the command table that work on workers rather than on jobs: maand run_command and maand collect.

import { defineCommand, defineGroup } from "../../cli/define.ts";
import { whichAliases, whichWorkers } from "../flags.ts";

export const runCommand = defineCommand({
  name: "run_command",
  spellings: ["run-command"],
  brief: "run a shell command on workers",
  description:
    "Runs it under bash as the ssh user, in the bucket's directory on the worker when there is one, with BUCKET_ID and\nWORKER_IP set. Standard input, when it is not a terminal, is sent to every worker.",
  examples: [
    ['maand run_command "uptime"', "on all workers"],
    ['maand run_command "df -h /" -l db -c 4', "on workers with the label db, four at a time"],
  ],
  flags: {
    ...whichWorkers,
    health_check: { kind: "boolean", brief: "run all health checks after each batch" },
  },
  aliases: whichAliases,
  positional: ["shell"],
  access: "write",
  graceful: true,
  load: async () => (await import("./run.ts")).runCommandCommand,
});

export const collect = defineGroup({
  name: "collect",
  brief: "ask workers about themselves",
  routes: {
    facts: defineCommand({
      name: "collect facts",
      brief: "ask workers for their memory and CPU",
      description:
        "Prints what workers have, or the workers.json that says so: memory and cpu as probed, every other field kept.\nA worker that cannot be asked keeps its last known values, with a warning and exit code 1.",
      examples: [
        ["maand collect facts -w 10.0.0.1,10.0.0.2", "what two workers have"],
        ["maand collect facts --write", "update workspace/workers.json in place"],
        ["maand collect facts --generate-workers > workspace/workers.json", "the same through the shell"],
      ],
      flags: {
        ...whichWorkers,
        generateWorkers: { kind: "boolean", brief: "print a complete workers.json" },
        write: { kind: "boolean", brief: "update workspace/workers.json in place" },
      },
      aliases: whichAliases,
      access: "write",
      graceful: true,
      load: async () => (await import("../collect/run.ts")).collectFactsCommand,
    }),
  },
});
