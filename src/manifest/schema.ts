// The one definition of every manifest field: from it come the type, the check with its hint, the value that the code
// works with, the JSON Schema for editors and the table in `maand help workspace`. Rules between fields are in
// workspace/manifest-rules.ts.

import { z } from "zod";
import { isAlternativeName } from "../certs/alternative-names.ts";
import { subjectFields } from "../certs/subject.ts";
import { hookEvents } from "../model/manifest.ts";
import { formatVersion, noVersion, parseVersion } from "../model/version.ts";
import { compareText } from "../support/order.ts";
import { camelCased, camelKeys, converted, listed, present, snakeKeys } from "./convert.ts";
import {
  cpu,
  fields,
  flag,
  labels,
  list,
  memory,
  name,
  named,
  oneOf,
  schemaField,
  seconds,
  text,
  whole,
} from "./fields.ts";

/** Names of the fields that older maand had. */
export const renamedManifestFields = {
  commands: "hooks",
  deploy_parallel_count: "max_concurrent_starts",
  update_parallel_count: "max_concurrent_upgrades",
  command: "hook",
} as const;

/** The same texts that `parseVersion` accepts, for editors; a property test holds the two together. */
const versionText = /^\s*v?\d{1,15}(?:\.\d{1,15}){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\s*$/;
const versionUse = 'use text such as "1", "1.2", "v1.2.3" or "1.2.3-rc.1"';

/** Normalised: `v2.1` is `2.1.0`. */
const version = converted(
  text(versionText, versionUse),
  (written) => formatVersion(parseVersion(written)!),
  (normal) => normal,
);

const portName = text(/^[a-z][a-z0-9_]{0,199}$/, "use a lower-case letter and then letters, digits and _");
const port = converted(
  z.union([whole(1, 65535), fields({})], {
    error: "use {} for a port of the pool, or a whole number from 1 to 65535",
  }),
  (written) => (typeof written === "number" ? written : ("pool" as const)),
  (number) => (number === "pool" ? {} : number),
);
/** Sorted by name, both ways. */
const ports = converted(
  named(portName, port),
  (written) => sorted(written),
  (values) => sorted(values),
);

/** `max` defaults to `min`; a lone `max` leaves the lower bound at 0. Neither is no bounds at all. */
const bounds = (quantity: ReturnType<typeof memory>, examples: [string, string]) =>
  converted(
    fields({
      min: quantity
        .optional()
        .meta({ description: "least reservation allowed; 0 when absent", examples: [examples[0]] }),
      max: quantity
        .optional()
        .meta({ description: "the reservation; min when absent", examples: [examples[1]] }),
    }),
    ({ min, max = min }) => (max === undefined ? undefined : { min: min ?? 0, max }),
    (value) => value ?? {},
  );

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => compareText(a, b)));
}

const versionBound = z.union([whole(0), text(versionText, versionUse)], {
  error: 'use a whole number or text such as "1.2.3"',
});

/** All parts empty is no demand. */
const demand = converted(
  fields({
    job: text(/^(?:[a-z0-9][a-z0-9_-]{0,62})?$/, "use the name of a job")
      .optional()
      .meta({ description: "the job that must be deployed in an earlier wave", examples: ["db"] }),
    hook: text(/^(?:hook_[a-z0-9_]{1,58})?$/, "use the name of a hook of that job, such as hook_init")
      .optional()
      .meta({ description: "the hook of that job that is demanded", examples: ["hook_init"] }),
    config: z
      .looseObject(
        {
          min_version: versionBound
            .optional()
            .meta({ description: "least version of the other job, inclusive", examples: ["1.2"] }),
          max_version: versionBound
            .optional()
            .meta({ description: "highest version of the other job, inclusive", examples: [2] }),
        },
        { error: "use an object: {...}" },
      )
      .optional()
      .meta({
        description: "your own keys, for the hook to read",
        examples: [{ min_version: "1.2", replicas: 3 }],
      }),
  }),
  ({ job, hook, config }) => (job && hook ? { job, hook, config: config ?? {} } : undefined),
  (value) => value ?? {},
);

const hook = converted(
  fields({
    executed_on: list(oneOf(...hookEvents), "events")
      .min(1, { error: "list the events on which the hook runs" })
      .meta({
        description: "events on which the hook runs (maand help hooks)",
        examples: [["pre_deploy", "cli"]],
      }),
    demands: demand.optional().meta({
      description: "what must be deployed in an earlier wave",
      examples: [{ job: "db", hook: "hook_init" }],
    }),
    isolation: oneOf("thread", "process")
      .optional()
      .meta({
        description: "process runs the script in a process of its own: for hooks that block or spawn",
        examples: ["process"],
      }),
  }),
  ({ demands, executed_on, ...rest }) => ({
    ...camelKeys({ ...rest, demand: demands }),
    executedOn: [...new Set(executed_on)],
  }),
  ({ demand: demands, executedOn, ...rest }) => ({
    ...snakeKeys<Omit<typeof rest, never>>(rest),
    demands,
    executed_on: executedOn,
  }),
);

const probePort = text(/^[a-z][a-z0-9_]{0,199}$/, "use the name of a port of resources.ports").meta({
  description: "name of a port of resources.ports",
  examples: ["http"],
});
const probe = z.discriminatedUnion(
  "type",
  [
    fields({
      type: z
        .literal("tcp")
        .meta({ description: "passes when the port takes a connection", examples: ["tcp"] }),
      port: probePort,
    }),
    camelCased(
      fields({
        type: z.literal("http").meta({ description: "passes when a GET has the status", examples: ["http"] }),
        port: probePort,
        path: text(/^\/[^\s\p{Cc}]*$/u, "use a path that begins with /, without spaces")
          .default("/")
          .meta({ description: "path that is asked for", examples: ["/health"] }),
        expect_status: whole(100, 599)
          .default(200)
          .meta({ description: "status that passes", examples: [204] }),
        scheme: oneOf("http", "https")
          .default("http")
          .meta({ description: "http or https", examples: ["https"] }),
        insecure: flag()
          .default(false)
          .meta({ description: "https without checking the certificate", examples: [true] }),
      }),
    ),
    fields({
      type: z.literal("ssh").meta({ description: "passes when the command exits with 0", examples: ["ssh"] }),
      command: text(/^[^\0]*[^\s\0][^\0]*$/, "use a shell command that is run on the worker").meta({
        description: "shell command that is run on the worker",
        examples: ["pg_isready"],
      }),
    }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? 'use "tcp", "http" or "ssh"'
        : 'use an object: {"type": "tcp", "port": "<name>"}',
  },
);

const healthCheck = camelCased(
  fields({
    checks: list(probe, "probes")
      .default([])
      .meta({ description: "probes that must all pass", examples: [[{ type: "tcp", port: "http" }]] }),
    timeout_seconds: seconds(0.1)
      .default(5)
      .meta({ description: "seconds that bound one probe", examples: [2.5] }),
    wait: camelCased(
      fields({
        attempts: whole(1)
          .default(30)
          .meta({ description: "how often the checks are tried", examples: [60] }),
        interval_seconds: seconds(0)
          .default(1)
          .meta({ description: "seconds between two tries", examples: [0.5] }),
      }),
    )
      .prefault({})
      .meta({ description: "how long a deploy waits for them", examples: [{ attempts: 60 }] }),
  }),
);

const subjectText = z.string({ error: "use text in double quotes" });
/** What each field may hold is `subjectProblems`' matter: the certificate room knows the format's limits. */
const subject = converted(
  fields(
    {
      ...Object.fromEntries(
        subjectFields.map((field) => [
          field,
          subjectText
            .optional()
            .meta({ description: subjectWords(field), examples: [field === "country" ? "DE" : "Example"] }),
        ]),
      ),
      common_name: z
        .string({ error: "use the name that the certificate stands for, as text" })
        .meta({ description: "the name that the certificate stands for", examples: ["api.example.com"] }),
    },
    'use an object: {"common_name": "..."}',
  ),
  (written): Record<string, string> => present(written),
  (parts) => parts as { common_name: string },
);

function subjectWords(field: string): string {
  return `${field.replaceAll("_", " ")} in the subject`;
}

const alternativeUse = "use a DNS name or address, such as api.example.com or *.example.com";
const cert = camelCased(
  fields({
    subject: subject.meta({
      description: "who the certificate stands for",
      examples: [{ common_name: "api" }],
    }),
    one: flag()
      .default(false)
      .meta({ description: "one pair for all allocations instead of one each", examples: [true] }),
    pkcs8: flag()
      .default(false)
      .meta({ description: "write the key as PKCS#8", examples: [true] }),
    key: oneOf("rsa-2048", "rsa-4096", "ecdsa-p256")
      .default("rsa-2048")
      .meta({ description: "kind of the key", examples: ["ecdsa-p256"] }),
    dns: list(
      z.string({ error: alternativeUse }).refine(isAlternativeName, { error: alternativeUse }),
      "DNS names",
    )
      .default([])
      .meta({ description: "more names and addresses that it stands for", examples: [["*.example.com"]] }),
  }),
);

const resources = fields({
  memory: bounds(memory(), ["512 mb", "2 gb"])
    .optional()
    .meta({
      description: "bounds of the reservation: MB, or text with mb, gb, tb",
      examples: [{ min: "512 mb" }],
    }),
  cpu: bounds(cpu(), ["500 mhz", "2 ghz"])
    .optional()
    .meta({
      description: "bounds of the reservation: MHz, or text with mhz, ghz, thz",
      examples: [{ max: 1000 }],
    }),
  ports: ports.default({}).meta({
    description: "ports by name: {} takes a number from the pool, a number is fixed",
    examples: [{ http: {}, admin: 9000 }],
  }),
});

const manifestFields = fields(
  {
    $schema: schemaField().optional(),
    version: version.optional().meta({
      default: noVersion,
      description: "version of the job; needed by every job that demands or is demanded",
      examples: ["1.2.3", "v2.1", "1.2.3-rc.1"],
    }),
    selectors: labels()
      .optional()
      .meta({
        description: "labels that a worker must carry, all of them; the job's name when absent or empty",
        examples: [["web"]],
      }),
    max_concurrent_starts: whole(0)
      .default(0)
      .meta({ description: "batch width of first starts; 0 is all at once", examples: [2] }),
    max_concurrent_upgrades: whole(1)
      .default(1)
      .meta({ description: "batch width of restart and reload", examples: [2] }),
    min_allocations_count: whole(0)
      .default(0)
      .meta({ description: "fewer allocations fail the build", examples: [3] }),
    restart_policy: oneOf("always", "reload", "never")
      .default("always")
      .meta({
        description: "what changed files lead to: a restart, a reload or nothing",
        examples: ["reload"],
      }),
    restart_globs: list(
      text(
        /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}]{1,1024}$/u,
        "use a glob relative to the job directory, without .. and without / in front",
      ),
      "globs",
    )
      .default([])
      .meta({
        description: "changed files that force a restart, with restart_policy reload (* ? **)",
        examples: [["conf/**"]],
      }),
    resources: resources.prefault({}).meta({
      description: "what one allocation takes of its worker",
      examples: [{ memory: { max: "1 gb" }, ports: { http: {} } }],
    }),
    hooks: listed(named(name("hook"), hook))
      .prefault({})
      .meta({
        description: "scripts of _hooks/ by name (maand help hooks)",
        examples: [{ hook_init: { executed_on: ["post_deploy"] } }],
      }),
    health_check: healthCheck.optional().meta({
      description: "what must pass after a start; timeout and wait hold for health_check hooks too",
      examples: [{ checks: [{ type: "tcp", port: "http" }] }],
    }),
    lifecycle_timeout: whole(1)
      .optional()
      .meta({
        description: "seconds for one Makefile target; command_timeout of maand.conf when absent",
        examples: [120],
      }),
    certs: listed(named(name("cert"), cert))
      .prefault({})
      .meta({
        description: "certificates by name (maand help certs)",
        examples: [{ tls: { subject: { common_name: "api" } } }],
      }),
  },
  "write an object: {...}",
);

export const manifestSchema = converted(
  manifestFields,
  ({ $schema: _, version: written, resources: { memory, cpu, ports }, ...rest }) => ({
    version: written ?? noVersion,
    // A job that demands or is demanded must name one.
    versionDeclared: written !== undefined,
    ...camelKeys({ ...rest, memory, cpu, ports }),
  }),
  ({ version, versionDeclared, memory, cpu, ports, ...rest }) => ({
    ...snakeKeys<Omit<z.output<typeof manifestFields>, "$schema" | "version" | "resources">>(rest),
    ...(versionDeclared ? { version } : {}),
    resources: { memory, cpu, ports },
  }),
).meta({ title: "maand manifest.json", description: "What a job is and how it is rolled out" });
