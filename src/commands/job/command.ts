// maand job, as it is declared.

import {
  type Command,
  defineCommand,
  type Flags,
  type FlagValues,
  type ParentCommand,
} from "../../cli/declaration.ts";

const allocations = {
  kind: "list",
  of: "worker",
  brief: "only the allocations on these workers",
  placeholder: "ip,..",
} as const;
const thenCheck = { kind: "boolean", brief: "run the job's health checks afterwards" } as const;

const createFlags = {
  selectors: {
    kind: "list",
    of: "label",
    brief: "labels that a worker must carry (default worker)",
    placeholder: "a,b",
  },
  runtime: {
    kind: "text",
    of: ["compose", "systemd", "process"],
    brief: "compose, systemd or process",
    placeholder: "name",
  },
  hooks: {
    kind: "text",
    of: ["py", "ts"],
    brief: "also write an example hook: py or ts",
    placeholder: "py|ts",
  },
} as const satisfies Flags;
export type JobCreateFlags = FlagValues<typeof createFlags>;

const create = defineCommand({
  name: "job create",
  group: "set up",
  brief: "write the files of a new job",
  description:
    "Writes a manifest, a Makefile with every lifecycle target and a README into workspace/jobs/<job>; never overwrites.\nWith --runtime the lifecycle works as it is: containers (compose), a service (systemd) or a background process.",
  examples: [
    ["maand job create api --selectors web", "for all workers with the label web"],
    ["maand job create api --runtime process --hooks ts", "a background process, and an example hook"],
  ],
  flags: createFlags,
  // Not the name of a job that there is.
  positional: { job: {} },
  access: "write",
  load: async () => (await import("./create.ts")).jobCreateCommand,
});

/** What commands that run a Makefile target have in common. */
const onAllocations = {
  group: "operate",
  positional: { job: { of: "job" } },
  access: "write",
  recorded: true,
  graceful: true,
} as const;

const lifecycle = (target: "start" | "stop" | "restart", brief: string): Command =>
  defineCommand({
    ...onAllocations,
    name: `job ${target}`,
    brief,
    examples: [
      [`maand job ${target} api`, "on every active allocation"],
      [`maand job ${target} api --allocations 10.0.0.1`, "on one worker"],
    ],
    flags: { allocations, health_check: thenCheck },
    load: async () => {
      const { jobCommand } = await import("./run.ts");
      return (invocation, flags, args) => jobCommand(invocation, { target, ...flags }, args);
    },
  });

const status = defineCommand({
  ...onAllocations,
  name: "job status",
  acts: false,
  brief: "run the status target and show its output",
  examples: [["maand job status api", "one row per allocation"]],
  flags: { allocations },
  load: async () => {
    const { jobCommand } = await import("./run.ts");
    return (invocation, flags, args) =>
      jobCommand(invocation, { target: "status", ...flags, health_check: false }, args);
  },
});

const runTarget = defineCommand({
  ...onAllocations,
  name: "job run",
  brief: "run any Makefile target of a job",
  examples: [["maand job run db --target backup", "on every active allocation of db"]],
  flags: {
    target: {
      kind: "text",
      of: "target",
      brief: "the Makefile target",
      placeholder: "target",
      required: true,
    },
    allocations,
    health_check: thenCheck,
  },
  load: async () => (await import("./run.ts")).jobCommand,
});

export const job: ParentCommand = {
  name: "job",
  brief: "make a job, and its manual lifecycle",
  subcommands: [
    create,
    lifecycle("start", "run the start target of a job"),
    lifecycle("stop", "stop a job and keep it stopped"),
    lifecycle("restart", "run the restart target of a job"),
    status,
    runTarget,
  ],
};
