// maand cat jobs: those of the workspace; one that has left it shows only in its removed allocations.

import { defineTable, numbers } from "./define-table.ts";

export const jobs = defineTable({
  name: "jobs",
  brief: "jobs of the catalog",
  examples: [["maand cat jobs --json", "for a script"]],
  flags: {},
  columns: [
    "job_id",
    "name",
    "version",
    "disabled",
    numbers("deployment_seq"),
    "selectors",
    numbers("allocations"),
  ],
  rows({ state }) {
    const counts = new Map<string, number>();
    for (const { job, removed } of state.allocations)
      if (!removed) counts.set(job, (counts.get(job) ?? 0) + 1);
    return state.jobs
      .filter((job) => !job.removed)
      .map((job) => ({
        job_id: job.jobId,
        name: job.name,
        version: job.version,
        disabled: job.disabled,
        deployment_seq: job.deploymentSeq,
        selectors: job.manifest.selectors,
        allocations: counts.get(job.name) ?? 0,
      }));
  },
});
