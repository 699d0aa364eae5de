// Flags that several commands share, as the command table declares them.

export const jobsFlag = { kind: "list", brief: "only these jobs", placeholder: "a,b" } as const;
export const workersFlag = { kind: "list", brief: "only these workers", placeholder: "host,.." } as const;

/** For commands that are not about a job: on which workers, and on how many at a time. */
export const whichWorkers = {
  workers: workersFlag,
  labels: { kind: "list", brief: "only workers with any of these labels", placeholder: "a,b" },
  concurrency: { kind: "number", brief: "workers at a time (default max_parallel_workers)" },
} as const;
export const whichAliases = { w: "workers", l: "labels", c: "concurrency" } as const;
