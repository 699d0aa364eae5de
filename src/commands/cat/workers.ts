// maand cat workers.

import { defineTable, numbers } from "./define-table.ts";

export const workers = defineTable({
  name: "workers",
  brief: "workers of the catalog",
  examples: [["maand cat workers", "one row per worker"]],
  flags: {},
  columns: [
    "worker_id",
    "worker_ip",
    "zone",
    numbers("position"),
    numbers("memory_mb"),
    numbers("cpu_mhz"),
    "labels",
  ],
  rows: ({ state }) =>
    state.workers.map((worker) => ({
      worker_id: worker.workerId,
      worker_ip: worker.host,
      zone: worker.tags.zone ?? null,
      position: worker.position,
      memory_mb: worker.memoryMb ?? null,
      cpu_mhz: worker.cpuMhz ?? null,
      labels: worker.labels,
    })),
});
