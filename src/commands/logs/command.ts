// maand logs, as it is declared.

import { defineCommand, type Flags, type FlagValues, type ParentCommand } from "../../cli/declaration.ts";
import { phases } from "../../events/event.ts";
import { logEvents } from "../../events/log-fields.ts";

const flags = {
  worker: {
    kind: "list",
    of: "worker",
    brief: "only these workers (- is the bucket)",
    placeholder: "host,..",
  },
  run: {
    kind: "list",
    of: "run",
    brief: "only these runs: ids, beginnings of them, or last",
    placeholder: "id,..",
  },
  job: { kind: "list", of: "job", brief: "only these jobs" },
  phase: { kind: "list", of: phases, brief: "only these phases" },
  event: { kind: "list", of: logEvents, brief: "only these events" },
  tail: { kind: "number", brief: "only the last N lines" },
  runDir: { kind: "text", of: "run", brief: "read one run's own directory", placeholder: "id or path" },
  format: { kind: "text", of: ["raw", "human"], brief: "raw (default) or human", placeholder: "raw|human" },
  follow: { kind: "boolean", brief: "go on with new lines until Ctrl-C" },
} as const satisfies Flags;
export type LogsShowFlags = FlagValues<typeof flags>;

const show = defineCommand({
  name: "logs show",
  group: "look",
  brief: "read the structured logs",
  examples: [
    ["maand logs show --job api --format human", "what was done to a job, grouped by command"],
    ["maand logs show --worker 10.0.0.3 --tail 50", "the last lines of one worker"],
  ],
  flags,
  access: "read",
  graceful: true,
  load: async () => (await import("./run.ts")).logsShowCommand,
});

export const logs: ParentCommand = { name: "logs", brief: "the structured logs", subcommands: [show] };
