// Rows of the command table: maand job.

import { defineCommand, defineGroup } from "../../cli/define.ts";

const allocationsFlag = {
  kind: "list",
  brief: "only the allocations on these workers",
  placeholder: "ip,..",
} as const;
const thenCheckFlag = { kind: "boolean", brief: "run the job's health checks afterwards" } as const;

const jobAction = (target: "start" | "stop" | "restart", brief: string) =>
  defineCommand({
    name: `job ${target}`,
    brief,
    examples: [
      [`maand job ${target} api`, "on every active allocation"],
      [`maand job ${target} api --allocations 10.0.0.1`, "on one worker"],
    ],
    flags: { allocations: allocationsFlag, health_check: thenCheckFlag },
    positional: ["job"],
    access: "write",
    recorded: true,
    graceful: true,
    load: async () => {
      const { jobCommand } = await import("./run.ts");
      return (invocation, flags, args) => jobCommand(invocation, { target, ...flags }, args[0]!);
    },
  });

const jobStatus = defineCommand({
  name: "job status",
  brief: "run the status target of a job and show its output",
  examples: [["maand job status api", "one row per allocation"]],
  flags: { allocations: allocationsFlag },
  positional: ["job"],
  access: "write",
  recorded: true,
  graceful: true,
  load: async () => {
    const { jobCommand } = await import("./run.ts");
    return (invocation, flags, args) =>
      jobCommand(invocation, { target: "status", ...flags, health_check: false }, args[0]!);
  },
});

const jobRun = defineCommand({
  name: "job run",
  brief: "run any Makefile target of a job",
  examples: [["maand job run db --target backup", "on every active allocation of db"]],
  flags: {
    target: { kind: "text", brief: "the Makefile target", placeholder: "target", required: true },
    allocations: allocationsFlag,
    health_check: thenCheckFlag,
  },
  positional: ["job"],
  access: "write",
  recorded: true,
  graceful: true,
  load: async () => {
    const { jobCommand } = await import("./run.ts");
    return (invocation, flags, args) => jobCommand(invocation, flags, args[0]!);
  },
});

const jobCreate = defineCommand({
  name: "job create",
  brief: "write the files of a new job",
  description:
    "Writes a manifest, a Makefile with every lifecycle target and a README into workspace/jobs/<job>; never overwrites.\nWith --runtime the lifecycle works as it is: containers (compose), a service (systemd) or a background process.",
  examples: [
    ["maand job create api --selectors web", "for all workers with the label web"],
    ["maand job create api --runtime process --hooks ts", "a background process, and an example hook"],
  ],
  flags: {
    selectors: {
      kind: "list",
      brief: "labels that a worker must carry (default worker)",
      placeholder: "a,b",
    },
    runtime: { kind: "text", brief: "compose, systemd or process", placeholder: "name" },
    hooks: { kind: "text", brief: "also write an example hook: py or ts", placeholder: "py|ts" },
  },
  positional: ["job"],
  access: "write",
  load: async () => (await import("./create.ts")).jobCreateCommand,
});

export const job = defineGroup({
  name: "job",
  brief: "make a job, and its manual lifecycle",
  routes: {
    create: jobCreate,
    start: jobAction("start", "run the start target of a job"),
    stop: jobAction("stop", "stop a job and keep it stopped"),
    restart: jobAction("restart", "run the restart target of a job"),
    status: jobStatus,
    run: jobRun,
  },
});
