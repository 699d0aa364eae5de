// maand cat allocations.

import { defineTable, numbers, rowFilters } from "./define-table.ts";

export const allocations = defineTable({
  name: "allocations",
  brief: "which job is on which worker",
  examples: [["maand cat allocations --jobs api", "the allocations of one job"]],
  flags: rowFilters,
  columns: ["alloc_id", "worker_ip", "zone", "job", "disabled", "removed", numbers("deployment_seq")],
  rows({ state, passes }) {
    const sequence = new Map(state.jobs.map((job) => [job.name, job.deploymentSeq]));
    return state.allocations.filter(passes).map((allocation) => ({
      alloc_id: allocation.allocId,
      worker_ip: allocation.workerIp,
      zone: allocation.zone ?? null,
      job: allocation.job,
      disabled: allocation.disabled,
      removed: allocation.removed,
      deployment_seq: sequence.get(allocation.job) ?? null,
    }));
  },
});
