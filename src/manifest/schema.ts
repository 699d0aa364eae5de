// The one definition of every manifest field: from it come the type, the check with its hint, the value that the code
// works with, the JSON Schema for editors and the table in `maand help workspace`. Rules between fields are in
// workspace/manifest-rules.ts.

import { z } from "zod";
import { globText } from "../model/glob.ts";
import { noVersion } from "../model/version.ts";
import { compareText } from "../support/order.ts";
import { certificate } from "./certificate.ts";
import { camelKeys, converted, listed, snakeKeys } from "./convert.ts";
import {
  about,
  cpu,
  fields,
  labels,
  list,
  memory,
  name,
  named,
  oneOf,
  schemaField,
  text,
  whole,
} from "./fields.ts";
import { healthCheck } from "./health-check.ts";
import { hook } from "./hook.ts";
import { version } from "./version.ts";

/** Names of the fields that older maand had. */
export const renamedManifestFields = {
  commands: "hooks",
  deploy_parallel_count: "max_concurrent_starts",
  update_parallel_count: "max_concurrent_upgrades",
  command: "hook",
} as const;

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
      min: about(quantity.optional(), "least reservation allowed; 0 when absent", examples[0]),
      max: about(quantity.optional(), "the reservation; min when absent", examples[1]),
    }),
    ({ min, max = min }) => (max === undefined ? undefined : { min: min ?? 0, max }),
    (value) => value ?? {},
  );

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => compareText(a, b)));
}

const resources = fields({
  memory: about(
    bounds(memory(), ["512 mb", "2 gb"]).optional(),
    "bounds of the reservation: MB, or text with mb, gb, tb",
    { min: "512 mb" },
  ),
  cpu: about(
    bounds(cpu(), ["500 mhz", "2 ghz"]).optional(),
    "bounds of the reservation: MHz, or text with mhz, ghz, thz",
    { max: 1000 },
  ),
  ports: about(ports.default({}), "ports by name: {} takes a number from the pool, a number is fixed", {
    http: {},
    admin: 9000,
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
    selectors: about(
      labels().optional(),
      "labels that a worker must carry, all of them; the job's name when absent or empty",
      ["web"],
    ),
    max_concurrent_starts: about(whole(0).default(0), "batch width of first starts; 0 is all at once", 2),
    max_concurrent_upgrades: about(whole(1).default(1), "batch width of restart and reload", 2),
    min_allocations_count: about(whole(0).default(0), "fewer allocations fail the build", 3),
    restart_policy: about(
      oneOf("always", "reload", "never").default("always"),
      "what changed files lead to: a restart, a reload or nothing",
      "reload",
    ),
    restart_globs: about(
      list(
        text(globText, "use a pattern as in .gitignore, without .. and relative to the job directory"),
        "globs",
      ).default([]),
      "changed files that force a restart, with restart_policy reload; patterns as in .gitignore",
      ["*.ini", "conf/", "/server.conf"],
    ),
    resources: about(resources.prefault({}), "what one allocation takes of its worker", {
      memory: { max: "1 gb" },
      ports: { http: {} },
    }),
    hooks: about(
      listed(named(name("hook"), hook)).prefault({}),
      "scripts of _hooks/ by name (maand help hooks)",
      { hook_init: { executed_on: ["post_deploy"] } },
    ),
    health_check: about(
      healthCheck.optional(),
      "what must pass after a start; timeout and wait hold for health_check hooks too",
      { checks: [{ type: "tcp", port: "http" }] },
    ),
    lifecycle_timeout: about(
      whole(1).optional(),
      "seconds for one Makefile target; command_timeout of maand.conf when absent",
      120,
    ),
    certs: about(
      listed(named(name("cert"), certificate)).prefault({}),
      "certificates by name (maand help certs)",
      {
        tls: { subject: { common_name: "api" } },
      },
    ),
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
