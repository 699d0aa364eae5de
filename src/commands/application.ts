// The command table: every command with its flags, examples and how it uses the bucket.

import { buildApplication } from "@stricli/core";
import { defineCommand, defineGroup, type ParseContext } from "../cli/define.ts";
import { usageText } from "../cli/usage-text.ts";
import { version } from "../version.ts";
import { cat } from "./cat/command.ts";
import { jobsFlag } from "./flags.ts";
import { job } from "./job/command.ts";
import { logs } from "./logs/command.ts";
import { collect, runCommand } from "./run-command/command.ts";

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
  load: async () => (await import("./init/run.ts")).initCommand,
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
  load: async () => (await import("./build/run.ts")).buildCommand,
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
  load: async () => (await import("./deploy/run.ts")).deployCommand,
});

const healthCheck = defineCommand({
  name: "health_check",
  spellings: ["health-check"],
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
  load: async () => (await import("./health-check/run.ts")).healthCheckCommand,
});

const hooks = defineCommand({
  name: "hooks",
  spellings: ["hook"],
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
  load: async () => (await import("./hooks/run.ts")).hooksCommand,
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
  load: async () => (await import("./gc/run.ts")).gcCommand,
});

const info = defineCommand({
  name: "info",
  brief: "bucket id, update sequence and counts",
  examples: [["maand info", "what this bucket holds"]],
  flags: {},
  access: "read",
  load: async () => (await import("./info/run.ts")).infoCommand,
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
  load: async () => (await import("./render/run.ts")).renderCommand,
});

const schema = defineCommand({
  name: "schema",
  brief: "print the JSON Schema of a workspace file",
  examples: [["maand schema manifest > manifest.schema.json", "for an editor"]],
  flags: {},
  positional: ["file"],
  access: "none",
  load: async () => (await import("./schema/run.ts")).schemaFileCommand,
});

const root = defineGroup({
  name: "",
  brief: "agentless orchestrator for a fixed pool of Linux workers",
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
});

export const application = buildApplication<ParseContext>(root, {
  name: "maand",
  versionInfo: { currentVersion: version },
  localization: { text: usageText },
  scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
  documentation: { caseStyle: "convert-camel-to-kebab", disableAnsiColor: true },
});
