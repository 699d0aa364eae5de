// The schemas of workers.json and disabled.json, and the JSON Schema of every JSON file for editors.

import { z } from "zod";
import { present } from "../manifest/convert.ts";
import {
  cpu,
  fields,
  label,
  labels,
  list,
  memory,
  name,
  named,
  schemaField,
  text,
  whole,
} from "../manifest/fields.ts";
import { manifestSchema } from "../manifest/schema.ts";
import { hostKind } from "../model/names.ts";

const hostUse = "use an IPv4 address without leading zeros, an IPv6 address or a DNS name";
const host = z.string({ error: hostUse }).refine(isHost, { error: hostUse });

/** Leading zeros in an IPv4 address are octal for some programs and decimal for others. */
function isHost(value: string): boolean {
  const kind = hostKind(value);
  return kind !== undefined && !(kind === "ipv4" && /(?:^|\.)0\d/.test(value));
}

const worker = fields({
  host: host.describe("address for SSH: IPv4, IPv6 or DNS name; unique"),
  hostname: text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, "use letters, digits, . _ and -")
    .optional()
    .describe("name of the worker, for templates"),
  labels: labels().optional().describe('jobs match these; "worker" is always among them'),
  memory: memory().optional().describe("capacity: MB, or text with mb, gb, tb"),
  cpu: cpu().optional().describe("capacity: MHz, or text with mhz, ghz, thz"),
  tags: named(label(), text(/^[^\p{Cc}]{0,4096}$/u, "use one line of text in double quotes"))
    .optional()
    .describe("text by name; zone is shown in tables"),
  position: whole(0).optional().describe("place in the rollout order; the index in this list when absent"),
});

export const workersSchema = z
  .array(worker, { error: 'write a list of workers: [{"host": "10.0.0.1"}]' })
  .meta({ title: "maand workers.json", description: "The workers of this bucket, in rollout order" });

export type WorkerInput = z.output<typeof worker>;

export const disabledSchema = fields(
  {
    $schema: schemaField().optional(),
    jobs: named(
      name("job"),
      fields({
        allocations: list(text(/\S/, "use the host of a worker"), "hosts")
          .optional()
          .describe("hosts on which the job is disabled; all when absent"),
      }),
    ).default({}),
    workers: list(text(/\S/, "use the host of a worker"), "hosts")
      .default([])
      .describe("hosts on which every job is disabled"),
  },
  'write an object: {"jobs": {}, "workers": []}',
).meta({ title: "maand disabled.json", description: "What is drained for maintenance" });

const schemas = { manifest: manifestSchema, workers: workersSchema, disabled: disabledSchema } as const;

export type SchemaName = keyof typeof schemas;

export const schemaNames = Object.keys(schemas) as SchemaName[];

/**
 * The JSON Schema (draft 7, which every editor knows) of what the user writes, made from the same definitions
 * that the build checks with. Rules between fields are not in it.
 */
export function jsonSchema(schemaName: SchemaName): Record<string, unknown> {
  return {
    ...z.toJSONSchema(schemas[schemaName], {
      target: "draft-7",
      io: "input",
      // The library takes examples and defaults of a converted field for values after the conversion and drops them;
      // ours are what the file would say.
      override: ({ zodSchema, jsonSchema }) => {
        const { examples, default: absent } = z.globalRegistry.get(zodSchema) ?? {};
        Object.assign(jsonSchema, present<unknown>({ examples, default: absent }));
      },
    }),
  };
}
