// maand cat ports.

import { jobsFlag } from "../flags.ts";
import { defineTable, numbers } from "./define-table.ts";

export const ports = defineTable({
  name: "ports",
  brief: "port numbers of jobs",
  examples: [["maand cat ports", "fixed ones and those from the pool"]],
  flags: { jobs: jobsFlag },
  columns: ["job", "name", numbers("port"), "source"],
  rows: ({ state, passes }) =>
    state.ports.filter(passes).map(({ job, name, number, source }) => ({ job, name, port: number, source })),
});
