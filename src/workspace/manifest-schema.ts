// The schema of manifest.json: structure, ranges and names; rules between fields are in manifest-rules.ts.

import { z } from "zod";
import { isAlternativeName } from "../certs/alternative-names.ts";
import { subjectFields } from "../certs/subject.ts";
import { hookEvents } from "../model/manifest.ts";
import {
  cpu,
  fields,
  flag,
  label,
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

const portName = text(/^[a-z][a-z0-9_]{0,199}$/, "use a lower-case letter and then letters, digits and _");
const portNumber = whole(1, 65535);
const port = z.union([portNumber, fields({})], {
  error: "use {} for a port of the pool, or a whole number from 1 to 65535",
});

const bounds = <S extends z.ZodType>(quantity: S) =>
  fields({
    min: quantity.optional().describe("least reservation allowed; 0 when absent"),
    max: quantity.optional().describe("the reservation; min when absent"),
  });

const versionBound = z.union([whole(0), text(versionText, versionUse)], {
  error: 'use a whole number or text such as "1.2.3"',
});

const demand = fields({
  job: text(/^(?:[a-z0-9][a-z0-9_-]{0,62})?$/, "use the name of a job").optional(),
  hook: text(
    /^(?:hook_[a-z0-9_]{1,58})?$/,
    "use the name of a hook of that job, such as hook_init",
  ).optional(),
  config: z
    .looseObject(
      { min_version: versionBound.optional(), max_version: versionBound.optional() },
      { error: "use an object: {...}" },
    )
    .optional()
    .describe("your own keys; min_version and max_version bound the other job's version, inclusive"),
});

const hook = fields({
  executed_on: list(oneOf(...hookEvents), "events")
    .min(1, { error: "list the events on which the hook runs" })
    .describe("events on which the hook runs"),
  demands: demand.optional().describe("the job that must be deployed in an earlier wave"),
  isolation: oneOf("thread", "process")
    .optional()
    .describe("process: run the script in a process of its own, for hooks that block or spawn"),
});

const probePort = text(/^[a-z][a-z0-9_]{0,199}$/, "use the name of a port of resources.ports");
const probe = z.discriminatedUnion(
  "type",
  [
    fields({ type: z.literal("tcp"), port: probePort }),
    fields({
      type: z.literal("http"),
      port: probePort,
      path: text(/^\/[^\s\p{Cc}]*$/u, "use a path that begins with /, without spaces").default("/"),
      expect_status: whole(100, 599).default(200),
      scheme: oneOf("http", "https").default("http"),
      insecure: flag().default(false).describe("https without checking the certificate"),
    }),
    fields({
      type: z.literal("ssh"),
      command: text(/^[^\0]*[^\s\0][^\0]*$/, "use a shell command that is run on the worker"),
    }),
  ],
  {
    error: (issue) =>
      issue.code === "invalid_union"
        ? 'use "tcp", "http" or "ssh"'
        : 'use an object: {"type": "tcp", "port": "<name>"}',
  },
);

const healthCheck = fields({
  checks: list(probe, "probes").default([]),
  timeout_seconds: seconds(0.1).default(5).describe("bounds one probe"),
  wait: fields({
    attempts: whole(1).default(30),
    interval_seconds: seconds(0).default(1),
  }).prefault({}),
});

const subjectText = z.string({ error: "use text in double quotes" });
/** What each field may hold is `subjectFaults`' matter: the certificate room knows the format's limits. */
const subject = fields(
  {
    ...Object.fromEntries(subjectFields.map((field) => [field, subjectText.optional()])),
    common_name: z.string({ error: "use the name that the certificate stands for, as text" }),
  },
  'use an object: {"common_name": "..."}',
);

const alternativeUse = "use a DNS name or address, such as api.example.com or *.example.com";
const cert = fields({
  subject,
  one: flag().default(false).describe("one pair for all allocations instead of one each"),
  pkcs8: flag().default(false).describe("write the key as PKCS#8"),
  key: oneOf("rsa-2048", "rsa-4096", "ecdsa-p256").default("rsa-2048"),
  dns: list(
    z.string({ error: alternativeUse }).refine(isAlternativeName, { error: alternativeUse }),
    "DNS names",
  ).default([]),
});

export const manifestSchema = fields(
  {
    $schema: schemaField().optional(),
    version: text(versionText, versionUse)
      .default("0.0.0")
      .describe("version of the job; needed by every job that demands or is demanded"),
    selectors: list(label(), "labels")
      .optional()
      .describe("labels that a worker must carry; the job's name when absent or empty"),
    max_concurrent_starts: whole(0).default(0).describe("batch width of first starts; 0 is all at once"),
    max_concurrent_upgrades: whole(1).default(1).describe("batch width of restart and reload"),
    min_allocations_count: whole(0).default(0).describe("fewer allocations fail the build"),
    restart_policy: oneOf("always", "reload", "never").default("always"),
    restart_globs: list(
      text(
        /^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}]{1,1024}$/u,
        "use a glob relative to the job directory, without .. and without / in front",
      ),
      "globs",
    )
      .default([])
      .describe("changed files that force a restart, with restart_policy reload"),
    resources: fields({
      memory: bounds(memory()).optional().describe("MB, or text with mb, gb, tb"),
      cpu: bounds(cpu()).optional().describe("MHz, or text with mhz, ghz, thz"),
      ports: named(portName, port).default({}).describe("{} takes a number from the pool"),
    }).prefault({}),
    hooks: named(name("hook"), hook).default({}),
    health_check: healthCheck.optional(),
    lifecycle_timeout: whole(1)
      .optional()
      .describe("seconds for one Makefile target; command_timeout of maand.conf when absent"),
    certs: named(name("cert"), cert).default({}),
  },
  "write an object: {...}",
).meta({ title: "maand manifest.json", description: "What a job is and how it is rolled out" });

export type ManifestInput = z.output<typeof manifestSchema>;
