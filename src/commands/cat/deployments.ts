// maand cat deployments: what is promoted on each allocation, and what the next deploy would make of it.

import type { Flags } from "../../cli/declaration.ts";
import { defineTable, rowFilters, type TableInput } from "./define-table.ts";

const flags = {
  ...rowFilters,
  active: { kind: "boolean", brief: "only active allocations" },
} as const satisfies Flags;
export type DeploymentsTable = TableInput<typeof flags>;

export const deployments = defineTable({
  name: "deployments",
  brief: "what is promoted, and what the next deploy would do",
  examples: [["maand cat deployments --active", "without removed and disabled allocations"]],
  flags,
  columns: [
    "job",
    "worker_ip",
    "current_version",
    "new_version",
    "current_hash",
    "previous_hash",
    "post_deploy_status",
    "rollout",
  ],
  rows: async (input) => (await import("./deployment-rows.ts")).deploymentRows(input),
});
