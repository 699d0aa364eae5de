// The command table: every command with its flags, examples and how it uses the bucket (02).

import { buildApplication, buildRouteMap } from "@stricli/core";
import { version } from "../version.ts";
import type { ParseContext } from "./define.ts";
import { defineCommand } from "./define.ts";

const jobsFlag = { kind: "list", brief: "only these jobs", placeholder: "a,b" } as const;
const workersFlag = { kind: "list", brief: "only these workers", placeholder: "host,.." } as const;

const init = defineCommand({
  name: "init",
  brief: "create or upgrade a bucket in this directory",
  description:
    "Creates a bucket: maand.conf, the catalog, the CA, the KV key and an empty workspace. What is already there is kept.\nOn a terminal it asks; with --yes, or without a terminal, it takes the defaults.",
  examples: [
    ["maand init", "asks for the ssh user, the key and the workers"],
    ["maand init --yes --ssh-key ~/.ssh/id_ed25519 --worker 10.0.0.1 --worker 10.0.0.2", "asks nothing"],
  ],
  flags: {
    yes: { kind: "boolean", brief: "take the defaults, ask nothing" },
    sshUser: { kind: "text", brief: "remote user (default agent)", placeholder: "user" },
    sshKey: { kind: "text", brief: "private key to copy to secrets/", placeholder: "path" },
    worker: {
      kind: "repeat",
      brief: "a worker to write into workers.json (repeatable)",
      placeholder: "host",
    },
  },
  access: "none",
  load: async () => (await import("./init.ts")).initCommand,
});

const build = defineCommand({
  name: "build",
  brief: "workspace → catalog, KV and certificates",
  description:
    "Reads the workspace, checks all of it, and commits the next catalog in one transaction. Contacts no worker.\nIf anything is wrong, every problem is listed and the catalog stays as it was.",
  examples: [
    ["maand build", "after any edit of the workspace"],
    ["maand build --json", "the summary as one JSON document"],
  ],
  flags: {
    purgeSecretsKv: {
      kind: "boolean",
      brief: "also delete vars/job and secrets/job of jobs that are allocated nowhere",
    },
  },
  access: "write",
  graceful: true,
  load: async () => (await import("./build.ts")).buildCommand,
});

const deploy = defineCommand({
  name: "deploy",
  brief: "push files to workers and roll jobs out",
  description:
    "Brings the workers to what the catalog says: stops what was removed or disabled, then goes wave by wave, in batches,\nwith a health gate after each. What is up to date is left alone. After a failure or Ctrl-C, run it again: it goes on.",
  examples: [
    ["maand deploy --dry-run", "show what would happen; contacts no worker"],
    ["maand deploy --dry-run --diff", "and what would change in which file"],
    ["maand deploy -b", "build first, then deploy"],
    ["maand deploy --jobs api,db", "only these jobs"],
    ["maand deploy --force --jobs api", "restart although nothing changed"],
  ],
  flags: {
    build: { kind: "boolean", brief: "build first" },
    jobs: jobsFlag,
    dryRun: { kind: "boolean", brief: "print the plan and do nothing" },
    diff: { kind: "boolean", brief: "with --dry-run: show what changes in each file, secrets masked" },
    runHooks: {
      kind: "boolean",
      brief: "with --dry-run: run pre_deploy hooks, forget what they write, and plan with it",
    },
    force: { kind: "boolean", brief: "treat every allocation as changed" },
    syncOnly: { kind: "boolean", brief: "push files, run no lifecycle target" },
  },
  aliases: { b: "build", n: "dryRun" },
  access: (flags) => (flags.dryRun && !flags.build && !flags.runHooks ? "read" : "write"),
  recorded: true,
  graceful: true,
  load: async () => (await import("./deploy.ts")).deployCommand,
});

const healthCheck = defineCommand({
  name: "health_check",
  brief: "check workers and the health of jobs",
  description: "Every worker must accept a connection; then all probes of all active allocations must pass.",
  examples: [
    ["maand health_check", "ask once"],
    ["maand health_check --wait --jobs api", "ask until it passes or the manifest's attempts are used up"],
  ],
  flags: {
    jobs: jobsFlag,
    wait: { kind: "boolean", brief: "ask again until all pass" },
    verbose: { kind: "boolean", brief: "show passed checks too" },
  },
  access: "write",
  graceful: true,
  load: async () => (await import("./health-check.ts")).healthCheckCommand,
});

const runCommand = defineCommand({
  name: "run_command",
  brief: "run a shell command on workers",
  description:
    "Runs it under bash as the ssh user, in the bucket's directory on the worker when there is one, with BUCKET_ID and\nWORKER_IP set. Standard input, when it is not a terminal, is sent to every worker.",
  examples: [
    ['maand run_command "uptime"', "on all workers"],
    ['maand run_command "df -h /" -l db -c 4', "on workers with the label db, four at a time"],
  ],
  flags: {
    workers: workersFlag,
    labels: { kind: "list", brief: "only workers with any of these labels", placeholder: "a,b" },
    concurrency: { kind: "number", brief: "workers at a time (default max_parallel_workers)" },
    health_check: { kind: "boolean", brief: "run all health checks after each batch" },
  },
  aliases: { w: "workers", l: "labels", c: "concurrency" },
  positional: ["shell"],
  access: "write",
  graceful: true,
  load: async () => (await import("./run-command.ts")).runCommandCommand,
});

const collect = buildRouteMap<string, ParseContext>({
  routes: {
    facts: defineCommand({
      name: "collect facts",
      brief: "ask workers for their memory and CPU",
      description:
        "Prints what workers have, or the workers.json that says so: memory and cpu as probed, every other field kept.\nA worker that cannot be asked keeps its last known values, with a warning and exit code 1.",
      examples: [
        ["maand collect facts -w 10.0.0.1,10.0.0.2", "what two workers have"],
        ["maand collect facts --write", "update workspace/workers.json in place"],
        ["maand collect facts --generate-workers > workspace/workers.json", "the same through the shell"],
      ],
      flags: {
        workers: workersFlag,
        labels: { kind: "list", brief: "only workers with any of these labels", placeholder: "a,b" },
        concurrency: { kind: "number", brief: "workers at a time (default max_parallel_workers)" },
        generateWorkers: { kind: "boolean", brief: "print a complete workers.json" },
        write: { kind: "boolean", brief: "update workspace/workers.json in place" },
      },
      aliases: { w: "workers", l: "labels", c: "concurrency" },
      access: "write",
      graceful: true,
      load: async () => (await import("./collect.ts")).collectFactsCommand,
    }),
  },
  docs: { brief: "ask workers about themselves" },
});

const hooks = defineCommand({
  name: "hooks",
  brief: "run a hook with the event cli",
  description:
    "Runs the hook of one job, or of every job that declares it for cli, once per non-removed allocation. What a job's\nhooks write to the KV is kept when all of them succeed.",
  examples: [
    ["maand hooks hook_status db", "the hook of one job"],
    ["maand hooks hook_backup", "of every job that declares it"],
    ["maand hooks hook_status db --watch", "again at every save of its script"],
  ],
  flags: {
    verbose: { kind: "boolean", brief: "tell each request to the runtime API" },
    watch: { kind: "boolean", brief: "run again when the script is saved, until Ctrl-C" },
  },
  positional: ["hook", "job?"],
  access: "write",
  graceful: true,
  load: async () => (await import("./hooks.ts")).hooksCommand,
});

const gc = defineCommand({
  name: "gc",
  brief: "purge removed allocations and old history",
  description:
    "Deletes what is left of removed allocations on workers and in the catalog, superseded KV history, unreferenced file\ncontent, old run logs and the staging tree. What still runs is stopped first.",
  examples: [
    ["maand gc", "after a deploy that removed something"],
    ["maand gc --retain-days 30", "keep deleted keys of the last 30 days"],
  ],
  flags: {
    retainDays: { kind: "number", brief: "keep deleted KV keys that are younger than this (default 0)" },
  },
  access: "write",
  recorded: true,
  graceful: true,
  load: async () => (await import("./gc.ts")).gcCommand,
});

const info = defineCommand({
  name: "info",
  brief: "bucket id, update sequence and counts",
  examples: [["maand info", "what this bucket holds"]],
  flags: {},
  access: "read",
  load: async () => (await import("./info.ts")).infoCommand,
});

const render = defineCommand({
  name: "render",
  brief: "print what a template becomes",
  description:
    "Renders from the catalog what the next deploy would put on a worker: all templates of a job, or the one whose own path\nor result is named. Secrets are *** unless --reveal is given.",
  examples: [
    ["maand render api app.conf", "for the job's first worker"],
    ["maand render api app.conf.tpl --worker 10.0.0.2 --reveal", "for one worker, secrets shown"],
  ],
  flags: {
    worker: { kind: "text", brief: "render for this worker (default: the job's first)", placeholder: "host" },
    reveal: { kind: "boolean", brief: "show secrets" },
  },
  positional: ["job", "path?"],
  access: "read",
  load: async () => (await import("./render.ts")).renderCommand,
});

const schema = defineCommand({
  name: "schema",
  brief: "print the JSON Schema of a workspace file",
  examples: [["maand schema manifest > manifest.schema.json", "for an editor"]],
  flags: {},
  positional: ["file"],
  access: "none",
  load: async () => (await import("./schema-command.ts")).schemaFileCommand,
});

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
      const { jobCommand } = await import("./job.ts");
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
    const { jobCommand } = await import("./job.ts");
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
    const { jobCommand } = await import("./job.ts");
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
  load: async () => (await import("./job-create.ts")).jobCreateCommand,
});

const job = buildRouteMap<string, ParseContext>({
  routes: {
    create: jobCreate,
    start: jobAction("start", "run the start target of a job"),
    stop: jobAction("stop", "stop a job and keep it stopped"),
    restart: jobAction("restart", "run the restart target of a job"),
    status: jobStatus,
    run: jobRun,
  },
  docs: { brief: "manual lifecycle of a job" },
});

const catFilters = { jobs: jobsFlag, workers: workersFlag } as const;

const cat = buildRouteMap<string, ParseContext>({
  routes: {
    workers: defineCommand({
      name: "cat workers",
      brief: "workers of the catalog",
      examples: [["maand cat workers", "one row per worker"]],
      flags: {},
      access: "read",
      load: async () => (await import("./cat.ts")).catWorkers,
    }),
    jobs: defineCommand({
      name: "cat jobs",
      brief: "jobs of the catalog",
      examples: [["maand cat jobs --json", "for a script"]],
      flags: {},
      access: "read",
      load: async () => (await import("./cat.ts")).catJobs,
    }),
    allocations: defineCommand({
      name: "cat allocations",
      brief: "which job is on which worker",
      examples: [["maand cat allocations --jobs api", "the allocations of one job"]],
      flags: catFilters,
      access: "read",
      load: async () => (await import("./cat.ts")).catAllocations,
    }),
    deployments: defineCommand({
      name: "cat deployments",
      brief: "what is promoted, and what the next deploy would do",
      examples: [["maand cat deployments --active", "without removed and disabled allocations"]],
      flags: { ...catFilters, active: { kind: "boolean", brief: "only active allocations" } },
      access: "read",
      load: async () => (await import("./cat-deployments.ts")).catDeployments,
    }),
    ports: defineCommand({
      name: "cat ports",
      brief: "port numbers of jobs",
      examples: [["maand cat ports", "fixed ones and those from the pool"]],
      flags: { jobs: jobsFlag },
      access: "read",
      load: async () => (await import("./cat.ts")).catPorts,
    }),
    hooks: defineCommand({
      name: "cat hooks",
      brief: "hooks of jobs, their events and demands",
      examples: [["maand cat hooks --jobs api", "the hooks of one job"]],
      flags: { jobs: jobsFlag },
      access: "read",
      load: async () => (await import("./cat.ts")).catHooks,
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
      load: async () => (await import("./cat.ts")).catCerts,
    }),
    kv: buildRouteMap<string, ParseContext>({
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
          load: async () => (await import("./cat-kv.ts")).catKv,
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
          load: async () => (await import("./cat-kv.ts")).catKvGet,
        }),
      },
      defaultCommand: "list",
      docs: { brief: "the KV" },
    }),
  },
  docs: { brief: "inspect the catalog" },
});

const logs = buildRouteMap<string, ParseContext>({
  routes: {
    show: defineCommand({
      name: "logs show",
      brief: "read the structured logs",
      examples: [
        ["maand logs show --job api --format human", "what was done to a job, grouped by command"],
        ["maand logs show --worker 10.0.0.3 --tail 50", "the last lines of one worker"],
      ],
      flags: {
        worker: { kind: "list", brief: "only these workers (- is the bucket)", placeholder: "host,.." },
        run: { kind: "list", brief: "only these runs (a beginning of the id will do)", placeholder: "id,.." },
        job: { kind: "list", brief: "only these jobs" },
        phase: { kind: "list", brief: "only these phases" },
        event: { kind: "list", brief: "only these events" },
        tail: { kind: "number", brief: "only the last N lines" },
        runDir: { kind: "text", brief: "read one run's own directory", placeholder: "id or path" },
        format: { kind: "text", brief: "raw (default) or human", placeholder: "raw|human" },
        follow: { kind: "boolean", brief: "go on with new lines until Ctrl-C" },
      },
      access: "read",
      graceful: true,
      load: async () => (await import("./logs-command.ts")).logsShowCommand,
    }),
  },
  docs: { brief: "the logs" },
});

const root = buildRouteMap<string, ParseContext>({
  routes: {
    init,
    build,
    deploy,
    health_check: healthCheck,
    job,
    run_command: runCommand,
    hooks,
    collect,
    gc,
    info,
    cat,
    logs,
    render,
    schema,
  },
  aliases: { "health-check": "health_check", "run-command": "run_command", hook: "hooks" },
  docs: { brief: "agentless orchestrator for a fixed pool of Linux workers" },
});

export const application = buildApplication<ParseContext>(root, {
  name: "maand",
  versionInfo: { currentVersion: version },
  scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
  documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
});
