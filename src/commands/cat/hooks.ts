// maand cat hooks.

import { jobsFlag } from "../flags.ts";
import { defineTable } from "./define-table.ts";

export const hooks = defineTable({
  name: "hooks",
  brief: "hooks of jobs, their events and demands",
  examples: [["maand cat hooks --jobs api", "the hooks of one job"]],
  flags: { jobs: jobsFlag },
  columns: ["job", "hook", "executed_on", "demand_job", "demand_hook", "demand_config"],
  rows: ({ state, passes }) =>
    state.jobs
      .filter((job) => !job.removed && passes({ job: job.name }))
      .flatMap((job) =>
        job.manifest.hooks.map((hook) => ({
          job: job.name,
          hook: hook.name,
          executed_on: hook.executedOn,
          demand_job: hook.demand?.job ?? null,
          demand_hook: hook.demand?.hook ?? null,
          demand_config: hook.demand?.config ?? null,
        })),
      ),
});
