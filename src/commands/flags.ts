// Flags that several commands share.

export const jobsFlag = { kind: "list", of: "job", brief: "only these jobs", placeholder: "a,b" } as const;
export const workersFlag = {
  kind: "list",
  of: "worker",
  brief: "only these workers",
  placeholder: "host,..",
} as const;

/** For commands that are not about a job: on which workers, and on how many at a time. */
export const whichWorkers = {
  workers: { ...workersFlag, letter: "w" },
  labels: {
    kind: "list",
    of: "label",
    letter: "l",
    brief: "only workers with any of these labels",
    placeholder: "a,b",
  },
  concurrency: {
    kind: "number",
    letter: "c",
    brief: "workers at a time (default max_parallel_workers)",
  },
} as const;
