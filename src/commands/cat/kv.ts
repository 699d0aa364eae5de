// maand cat kv: the keys as a table, and one value by name.

import type { ArgumentValues, Flags, FlagValues, ParentCommand, Positionals } from "../../cli/declaration.ts";
import { defineCommand } from "../../cli/declaration.ts";
import { jobsFlag } from "../flags.ts";
import { defineTable, numbers, type TableInput } from "./define-table.ts";

const tableFlags = {
  jobs: jobsFlag,
  active: { kind: "boolean", brief: "only keys that are not deleted" },
  deleted: { kind: "boolean", brief: "only deleted keys" },
} as const satisfies Flags;
export type KvTable = TableInput<typeof tableFlags>;

const table = defineTable({
  name: "kv",
  brief: "keys of the KV with their values",
  examples: [["maand cat kv --jobs api", "exactly what hooks and templates of api may read"]],
  flags: tableFlags,
  columns: ["namespace", "key", "value", numbers("version"), "deleted"],
  rows: async (input) => (await import("./kv-values.ts")).kvRows(input),
});

const getFlags = { reveal: { kind: "boolean", brief: "show a secret" } } as const satisfies Flags;
const getPlaces = { ns: { of: "namespace" }, key: { of: "key" } } as const satisfies Positionals;
export type KvGetFlags = FlagValues<typeof getFlags>;
export type KvGetArguments = ArgumentValues<typeof getPlaces>;

const get = defineCommand({
  name: "cat kv get",
  group: "look",
  brief: "one value, or all of a namespace",
  examples: [
    ["maand cat kv get maand/job/api port_http", "one value"],
    ["maand cat kv get maand/worker 10.0.0.1", "all keys of maand/worker/10.0.0.1"],
  ],
  flags: getFlags,
  positional: getPlaces,
  access: "read",
  load: async () => (await import("./kv-values.ts")).catKvGet,
});

export const kv: ParentCommand = {
  name: "cat kv",
  brief: "the KV",
  subcommands: [table, get],
  standIn: table,
};
