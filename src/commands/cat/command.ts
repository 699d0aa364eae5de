// Rows of the command table: maand cat.

import { defineCommand, defineGroup } from "../../cli/define.ts";
import { jobsFlag, workersFlag } from "../flags.ts";

const catFilters = { jobs: jobsFlag, workers: workersFlag } as const;

export const cat = defineGroup({
  name: "cat",
  brief: "inspect the catalog",
  routes: {
    workers: defineCommand({
      name: "cat workers",
      brief: "workers of the catalog",
      examples: [["maand cat workers", "one row per worker"]],
      flags: {},
      access: "read",
      load: async () => (await import("./catalog.ts")).catWorkers,
    }),
    jobs: defineCommand({
      name: "cat jobs",
      brief: "jobs of the catalog",
      examples: [["maand cat jobs --json", "for a script"]],
      flags: {},
      access: "read",
      load: async () => (await import("./catalog.ts")).catJobs,
    }),
    allocations: defineCommand({
      name: "cat allocations",
      brief: "which job is on which worker",
      examples: [["maand cat allocations --jobs api", "the allocations of one job"]],
      flags: catFilters,
      access: "read",
      load: async () => (await import("./catalog.ts")).catAllocations,
    }),
    deployments: defineCommand({
      name: "cat deployments",
      brief: "what is promoted, and what the next deploy would do",
      examples: [["maand cat deployments --active", "without removed and disabled allocations"]],
      flags: { ...catFilters, active: { kind: "boolean", brief: "only active allocations" } },
      access: "read",
      load: async () => (await import("./deployments.ts")).catDeployments,
    }),
    ports: defineCommand({
      name: "cat ports",
      brief: "port numbers of jobs",
      examples: [["maand cat ports", "fixed ones and those from the pool"]],
      flags: { jobs: jobsFlag },
      access: "read",
      load: async () => (await import("./catalog.ts")).catPorts,
    }),
    hooks: defineCommand({
      name: "cat hooks",
      brief: "hooks of jobs, their events and demands",
      examples: [["maand cat hooks --jobs api", "the hooks of one job"]],
      flags: { jobs: jobsFlag },
      access: "read",
      load: async () => (await import("./catalog.ts")).catHooks,
    }),
    certs: defineCommand({
      name: "cat certs",
      brief: "certificates and when they end",
      examples: [
        ["maand cat certs", "the CA and every certificate"],
        ["maand cat certs --workers 10.0.0.1 --json", "those of one worker, for a script"],
      ],
      flags: catFilters,
      access: "read",
      load: async () => (await import("./catalog.ts")).catCerts,
    }),
    kv: defineGroup({
      name: "cat kv",
      brief: "the KV",
      routes: {
        list: defineCommand({
          name: "cat kv",
          brief: "keys of the KV with their values, long ones cut",
          examples: [["maand cat kv --jobs api", "exactly what hooks and templates of api may read"]],
          flags: {
            jobs: jobsFlag,
            active: { kind: "boolean", brief: "only keys that are not deleted" },
            deleted: { kind: "boolean", brief: "only deleted keys" },
          },
          access: "read",
          load: async () => (await import("./kv.ts")).catKv,
        }),
        get: defineCommand({
          name: "cat kv get",
          brief: "one value, bare; or all of a namespace",
          examples: [
            ["maand cat kv get maand/job/api port_http", "one value"],
            ["maand cat kv get maand/worker 10.0.0.1", "all keys of maand/worker/10.0.0.1"],
          ],
          flags: { reveal: { kind: "boolean", brief: "show a secret" } },
          positional: ["namespace", "key"],
          access: "read",
          load: async () => (await import("./kv.ts")).catKvGet,
        }),
      },
      defaultCommand: "list",
    }),
  },
});
