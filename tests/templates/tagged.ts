// Test data as JSON with tags where JSON has no word for a Go type; scripts/golden.d/main.go reads the same.

import { pureFunctions } from "../../src/templates/functions.ts";
import { CallFault } from "../../src/templates/go/fault.ts";
import type { FunctionTable, TemplateFunction } from "../../src/templates/go/value.ts";
import {
  anyList,
  anyMap,
  type FunctionValue,
  stringList,
  stringMap,
  struct,
  type Value,
} from "../../src/templates/go/value.ts";

/** Whole numbers are int, others float64, arrays []any, objects map[string]any; `{"$float": 1}` and the like are the rest. */
export function taggedValue(data: unknown): Value {
  if (data === undefined || data === null) return null;
  if (typeof data === "number") return Number.isSafeInteger(data) ? BigInt(data) : data;
  if (typeof data === "string") return data;
  if (typeof data === "boolean") return data;
  if (Array.isArray(data)) return anyList(data.map(taggedValue));
  const entries = Object.entries(data as Record<string, unknown>);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const tagged = fromTag(first[0], first[1]);
    if (tagged !== undefined) return tagged;
  }
  return anyMap(entries.map(([key, value]) => [key, taggedValue(value)]));
}

function fromTag(tag: string, inner: unknown): Value {
  switch (tag) {
    case "$float":
      return inner as number;
    case "$strings":
      return stringList(inner as string[]);
    case "$stringMap":
      return stringMap(Object.entries(inner as Record<string, string>));
    case "$func":
      return dataFunctions[inner as string];
    case "$context": {
      const given = inner as Record<string, unknown>;
      return struct("main.Context", [
        ["Job", (given.Job as string | undefined) ?? ""],
        ["Index", BigInt((given.Index as number | undefined) ?? 0)],
        ["Ratio", (given.Ratio as number | undefined) ?? 0],
        ["Ready", (given.Ready as boolean | undefined) ?? false],
        ["Labels", stringList((given.Labels as string[] | undefined) ?? [])],
        ["Tags", stringMap(Object.entries((given.Tags as Record<string, string> | undefined) ?? {}))],
        ["Nothing", null],
      ]);
    }
    default:
      return undefined;
  }
}

function functionValue(typeName: string, target: TemplateFunction): FunctionValue {
  return { kind: "function", typeName, target };
}

// Numbers and JSON are ours alone; the judge has no such functions.
const withoutJudge = new Set([
  "add",
  "sub",
  "mul",
  "div",
  "min",
  "max",
  "int",
  "toJson",
  "fromJson",
  "default",
]);

const dataFunctions: Record<string, FunctionValue> = {
  upper: functionValue("func(string) string", pureFunctions.get("upper")!),
  sum: functionValue("func(int, int) int", {
    parameters: ["int", "int"],
    call: ([a, b]) => (a as bigint) + (b as bigint),
  }),
  greet: functionValue("func() string", { parameters: [], call: () => "hello" }),
  many: functionValue("func(...string) string", {
    parameters: [],
    rest: "string",
    call: (parts) => parts.join("+"),
  }),
};

/** The functions that the judge knows too; `sum` and `fail` exist for tests only. */
export const judgedFunctions: FunctionTable = new Map<string, TemplateFunction>([
  ...[...pureFunctions].filter(([name]) => !withoutJudge.has(name)),
  ["sum", { parameters: ["int", "int"], call: ([a, b]) => BigInt.asIntN(64, (a as bigint) + (b as bigint)) }],
  [
    "fail",
    {
      parameters: ["string"],
      call: ([text]) => {
        throw new CallFault(text as string, { quotesArguments: true });
      },
    },
  ],
]);
