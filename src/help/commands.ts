// Every command in the order in which an operator meets it, for the overview; a test holds this against the command table.

export interface CommandGroup {
  title: string;
  /** Command line without flags, and what it does. */
  commands: readonly (readonly [string, string])[];
}

export const commandGroups: readonly CommandGroup[] = [
  {
    title: "set up",
    commands: [
      ["init", "create or upgrade a bucket in this directory"],
      ["job create <job>", "write the files of a new job"],
      ["collect facts", "ask workers for their memory and CPU"],
      ["schema <file>", "JSON Schema of manifest, workers or disabled"],
    ],
  },
  {
    title: "the main loop",
    commands: [
      ["build", "workspace → catalog, KV and certificates; contacts no worker"],
      ["deploy", "push files to workers and roll jobs out"],
      ["health_check", "check workers and the health of jobs"],
    ],
  },
  {
    title: "operate",
    commands: [
      ["job start <job>", "run the start target of a job"],
      ["job stop <job>", "stop a job and keep it stopped"],
      ["job restart <job>", "run the restart target of a job"],
      ["job status <job>", "run the status target and show its output"],
      ["job run <job>", "run any Makefile target of a job"],
      ["run_command <shell>", "run a shell command on workers"],
      ["hooks <hook>", "run a hook of a job with the event cli"],
      ["gc", "purge removed allocations and old history"],
    ],
  },
  {
    title: "look",
    commands: [
      ["info", "bucket id, update sequence, counts, last deploy"],
      ["cat workers", "workers of the catalog"],
      ["cat jobs", "jobs of the catalog"],
      ["cat allocations", "which job is on which worker"],
      ["cat deployments", "what is promoted, and what the next deploy would do"],
      ["cat hooks", "hooks of jobs, their events and demands"],
      ["cat ports", "port numbers of jobs"],
      ["cat certs", "certificates and when they end"],
      ["cat kv", "keys of the KV with their values"],
      ["cat kv get <ns> <key>", "one value, or all of a namespace"],
      ["render <job>", "what the templates of a job become"],
      ["logs show", "the structured logs"],
    ],
  },
];

/** The flags that every command takes. */
export const commonFlags: CommandGroup["commands"] = [
  ["--bucket DIR", "the bucket to work on (default: BUCKET_ROOT, else the nearest one upwards)"],
  ["--json", "print one JSON document on standard output"],
  ["--quiet", "no progress, only results, warnings and errors"],
  ["--no-color", "no colours (also NO_COLOR)"],
  ["--no-progress", "plain lines instead of live progress"],
  ["--lock-wait SECONDS", "wait for another maand on this bucket instead of giving up"],
];
