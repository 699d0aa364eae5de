// Rows of the command table: maand logs.

import { defineCommand, defineGroup } from "../../cli/define.ts";

export const logs = defineGroup({
  name: "logs",
  brief: "the structured logs",
  routes: {
    show: defineCommand({
      name: "logs show",
      brief: "read the structured logs",
      examples: [
        ["maand logs show --job api --format human", "what was done to a job, grouped by command"],
        ["maand logs show --worker 10.0.0.3 --tail 50", "the last lines of one worker"],
      ],
      flags: {
        worker: { kind: "list", brief: "only these workers (- is the bucket)", placeholder: "host,.." },
        run: { kind: "list", brief: "only these runs (a beginning of the id will do)", placeholder: "id,.." },
        job: { kind: "list", brief: "only these jobs" },
        phase: { kind: "list", brief: "only these phases" },
        event: { kind: "list", brief: "only these events" },
        tail: { kind: "number", brief: "only the last N lines" },
        runDir: { kind: "text", brief: "read one run's own directory", placeholder: "id or path" },
        format: { kind: "text", brief: "raw (default) or human", placeholder: "raw|human" },
        follow: { kind: "boolean", brief: "go on with new lines until Ctrl-C" },
      },
      access: "read",
      graceful: true,
      load: async () => (await import("./run.ts")).logsShowCommand,
    }),
  },
});
